# SPDX-License-Identifier: EUPL-1.2
"""Headers that carry an exchange's context between callers, gateway and services."""

import secrets
from dataclasses import dataclass

from contracts.ids import uuid7

CASE = "Tongban-Case"
STEP = "Tongban-Step"
PURPOSE = "Tongban-Purpose"
LEGAL_BASIS = "Tongban-Legal-Basis"
OFFICER = "Tongban-Officer"
CONSENT = "Tongban-Consent"
CASE_PROOF = "Tongban-Case-Proof"
DEADLINE = "Tongban-Deadline"
"""Milliseconds left for the whole call."""
HOP = "Tongban-Hop"
"""JWS hop+jwt by the gateway: the token beside it was checked, and how its binding was."""
EXCHANGE = "Tongban-Exchange"
"""`{exchangeId}.{salt}`, made by the gateway or by cases; valid only beside a hop or an assertion."""
IDEMPOTENCY_KEY = "Idempotency-Key"
API_VERSION = "API-Version"
REQUEST_ID = "Request-Id"

CONTEXT = (CASE, STEP, PURPOSE, LEGAL_BASIS)
"""These must equal the body's fields where both are there (400 CONTEXT_MISMATCH)."""
GATEWAY_ONLY = (HOP, EXCHANGE)
"""Dropped by the gateway on arrival: nobody outside may set them."""


@dataclass(frozen=True)
class Exchange:
    """One exchange of personal data: its id joins the receipts of all sides, its salt blinds the body hashes."""

    exchange_id: str
    salt: str

    @classmethod
    def new(cls) -> "Exchange":
        """Start an exchange: UUIDv7 and 128 random bits."""
        return cls(str(uuid7()), secrets.token_urlsafe(16))

    def header(self) -> str:
        """Give the header's value."""
        return f"{self.exchange_id}.{self.salt}"
