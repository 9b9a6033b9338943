# SPDX-License-Identifier: EUPL-1.2
"""Stage 2: whose token is it, and does the caller hold its key (RFC 9449)?

A verified token is remembered for a minute at most; the caller's proof and the system's status are checked every time.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Protocol

from contracts import signing
from contracts.roles import Role
from gateway.domain import Asked, Clerk, Principal
from gateway.errors import SystemNotActive
from kit import jose, tokens
from kit.clock import Clock
from kit.errors import TokenInvalid
from kit.jose import JoseError, digest
from kit.registry import Registry
from kit.tokens import Claims, TokenRefused
from kit.window import window_of

_REMEMBERED: Final = 10_000
_REMEMBERED_S: Final = 60
_PROOF_WINDOW_S: Final = 120
"""Longer than a proof may be old plus both clocks' skew: a guard that ended sooner would let it in twice."""


class Replays(Protocol):
    """Remembers proofs, for all processes of the gateway."""

    async def claim(self, name: str, until: float) -> bool:
        """Note *name* until that moment (seconds since the epoch); False if it was noted before."""
        ...


@dataclass(frozen=True)
class _Known:
    claims: Claims
    until: float


class Authenticate:
    """Checks `Authorization: DPoP` and its proof."""

    def __init__(self, registry: Registry, public_url: str, replays: Replays, clock: Clock) -> None:
        self._registry = registry
        self._public_url = public_url.rstrip("/")
        self._replays = replays
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def principal(self, asked: Asked) -> Principal:
        """Give who asks; whether the token's `aud` may come this way is the next stage's. Raises TokenInvalid (401)."""
        scheme, _, token = (asked.header("authorization") or "").partition(" ")
        if scheme.lower() != "dpop" or not token:
            raise TokenInvalid("A DPoP-bound access token is needed")
        claims = self._claims(token)
        await self._check_binding(asked, token, claims)
        return self._read(token, claims)

    def _claims(self, token: str) -> Claims:
        name, now = digest(token), self._clock()
        known = self._known.get(name)
        if known is not None and now.timestamp() < known.until:
            key = self._registry.key(known.claims.iss, known.claims.kid, "token")
            if key is not None:  # the issuer's key may have been revoked meanwhile
                return known.claims
        claims = tokens.verify(
            token,
            signing.ACCESS_TOKEN,
            key_of=self._registry.key_of(Role.IDENTITY, use="token"),
            audience=_stated_audience(token),  # whether it may come this way, `Authorize` asks of the verified token
            now=now,
        )
        until = min(float(claims.exp or 0), now.timestamp() + _REMEMBERED_S)
        self._known[name] = _Known(claims, until)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return claims

    async def _check_binding(self, asked: Asked, token: str, claims: Claims) -> None:
        """Demand a fresh proof by the key that the token is bound to; it is checked before the database is asked."""
        proof = asked.header("dpop")
        if proof is None:
            raise TokenInvalid("Exactly one DPoP proof is needed")
        now = self._clock()
        checked = tokens.verify_dpop(
            proof, method=asked.method, url=self._public_url + asked.path, token=token, now=now
        )
        bound = claims.data.get("cnf")
        if not isinstance(bound, dict) or bound.get("jkt") != checked.jkt:
            raise TokenRefused("binding")
        if not await self._replays.claim(digest(f"{checked.jkt}.{checked.jti}"), now.timestamp() + _PROOF_WINDOW_S):
            raise TokenRefused("replay")

    def _read(self, token: str, claims: Claims) -> Principal:
        audience, subject = claims.data.get("aud"), claims.data.get("sub")
        if not isinstance(audience, str) or not isinstance(subject, str):
            raise TokenRefused("claims")
        client = str(claims.data.get("client_id", subject))
        if claims.data.get("role") == "citizen":
            return Principal(token, client, audience, subject=subject, clerk=self._clerk(claims))
        system = self._registry.system(subject)
        office = claims.data.get("office")
        if system is None or Role(system.role) not in (Role.OFFICE, Role.PORTAL) or office not in system.offices:
            raise SystemNotActive
        return Principal(token, client, audience, system=subject, office=office)

    def _clerk(self, claims: Claims) -> Clerk | None:
        window = window_of(claims, self._registry)
        return Clerk(window.office, window.system, window.clerk) if window is not None else None


def _stated_audience(token: str) -> str:
    """Give `aud` of a token that nobody has verified yet. Raises TokenRefused."""
    try:
        stated = jose.json_object(jose.read_jws(token, signing.ACCESS_TOKEN).payload, "claims").get("aud")
    except JoseError as why:
        raise TokenRefused(why.reason) from why
    if not isinstance(stated, str):
        raise TokenRefused("audience")
    return stated
