# SPDX-License-Identifier: EUPL-1.2
"""The laptop runner: PostgreSQL, Kafka and every service, each gated on real readiness."""
