# SPDX-License-Identifier: EUPL-1.2
"""SQL of exchange-bus: one function a query, the transaction first; no rules."""
