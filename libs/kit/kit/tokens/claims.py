# SPDX-License-Identifier: EUPL-1.2
"""What a verified token says, and how a refusal looks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kit.errors import TokenInvalid
from kit.jose import PublicKey

KeyOf = Callable[[str, str], PublicKey | None]
"""(iss, kid) -> the key, or None when that issuer has no such key in force. Never fetches anything."""


class TokenRefused(TokenInvalid):
    """401 TOKEN_INVALID. Callers hear only that; `reason` says in one fixed word which check failed, for our logs."""

    challenge = 'DPoP error="invalid_token", algs="ES256"'
    """The `WWW-Authenticate` header, with RFC 6750's word."""

    def __init__(self, reason: str) -> None:
        super().__init__(challenge=self.challenge)
        self.reason = reason


class DpopRefused(TokenRefused):
    """401 TOKEN_INVALID: the DPoP proof, or the binding of the token to its key, failed (RFC 9449 section 7.1)."""

    challenge = 'DPoP error="invalid_dpop_proof", algs="ES256"'


@dataclass(frozen=True, slots=True)
class Claims:
    """A token that was verified. Times are seconds since the epoch; absent claims are None.

    data: all claims as they came, the kind's own among them.
    """

    iss: str
    kid: str
    iat: int
    sub: str | None
    aud: str | None
    exp: int | None
    nbf: int | None
    jti: str | None
    data: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        """Give the claim *name* if it is a text of at most 1024 characters."""
        value = self.data.get(name)
        return value if isinstance(value, str) and len(value) <= 1024 else None
