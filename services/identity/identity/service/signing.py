# SPDX-License-Identifier: EUPL-1.2
"""Access tokens as they leave (RFC 9068): five minutes at most, bound to a key, for one audience."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from contracts import signing
from contracts.roles import Role
from identity.domain import session_end
from kit import tokens
from kit.clock import Clock
from kit.jose import PrivateKey
from kit.window import Window

LIFE_S: Final = 300


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token and the seconds it has to live."""

    token: str
    expires_in: int


class TokenSigner:
    """Signs access tokens in our name. platform: the `aud` of tokens for the platform."""

    life_s = LIFE_S

    def __init__(self, key: PrivateKey, issuer: str, platform: str, clock: Clock) -> None:
        self._key = key
        self._issuer = issuer
        self._platform = platform
        self._clock = clock

    def for_system(self, system_id: str, office: str, audience: str, jkt: str) -> SignedToken:
        """Sign a token of an office's system."""
        return self._sign(
            {"sub": system_id, "client_id": system_id, "aud": audience, "office": office, "role": Role.OFFICE}, jkt
        )

    def for_citizen(self, pseudonym: str, session: UUID, jkt: str) -> SignedToken:
        """Sign a citizen's token for the platform."""
        return self._sign({"sub": pseudonym, "aud": self._platform, "role": "citizen", "sid": str(session)}, jkt)

    def for_window(self, pseudonym: str, session: UUID, jkt: str, by: Window) -> SignedToken:
        """Sign a token by which a clerk acts for a citizen: her name, and who says it (RFC 8693, section 4.1)."""
        claims = {"sub": pseudonym, "aud": self._platform, "role": "citizen", "sid": str(session)}
        return self._sign({**claims, "client_id": by.system, "act": by.claim()}, jkt)

    def exchanged(self, pseudonym: str, sid: str, audience: str, scope: str, jkt: str, until: datetime) -> SignedToken:
        """Sign a citizen's token for one office. It ends with the session: only its purpose is new, not its time."""
        claims = {"sub": pseudonym, "aud": audience, "role": "citizen", "sid": sid, "scope": scope}
        return self._sign(claims, jkt, until)

    def _sign(self, claims: dict[str, Any], jkt: str, until: datetime | None = None) -> SignedToken:
        now = self._clock()
        exp = session_end(now, LIFE_S, until)
        own = {"iss": self._issuer, "exp": exp, "cnf": {"jkt": jkt}}
        token = tokens.sign(signing.ACCESS_TOKEN, {**claims, **own}, self._key, now=now)
        return SignedToken(token, max(0, exp - int(now.timestamp())))
