# SPDX-License-Identifier: EUPL-1.2
"""How any Tongban service does it: problems, settings, database, outbox, Kafka, HTTP, tokens."""
