# SPDX-License-Identifier: EUPL-1.2
"""Who is calling. Every service verifies for itself, from its replica of the public keys.

Two kinds of credential, and no third:
- `Authorization: DPoP <at+jwt>` with `Tongban-Hop` beside it: an office system or a citizen, through the gateway,
  which has checked that the token's holder sent it. Without the hop a bound token counts for nothing here. A citizen's
  may say that a clerk acts for her: then it opens only doors that let a window in.
- `Authorization: Bearer <assertion+jwt>`: one of our own services, signed by itself for this system, 60 s;
  or `iss: bootstrap`, under the trust file's key, to seed an empty house.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from fastapi import Request

from contracts import http as headers_of
from contracts import signing
from contracts.roles import Role
from kit import tokens
from kit.clock import Clock
from kit.errors import Forbidden, TokenInvalid, WindowNotHere
from kit.jose import PublicKey, digest
from kit.registry import Registry
from kit.settings import ServiceSettings
from kit.telemetry import note
from kit.tokens import Claims, KeyOf, TokenRefused
from kit.trust import Trust
from kit.window import Window, window_of

CallerKind = Literal["system", "citizen", "service", "bootstrap"]

BOOTSTRAP: Final = "bootstrap"
_SERVICES: Final = tuple(role for role in Role if role is not Role.OFFICE)
_CACHED: Final = 4096
_CACHED_S: Final = 60


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, verified.

    system: id of the calling system; a citizen's is the one that she logged in with, where the token says so.
    office: the office (USCC) that a `system` acts for. offices: all that the system may act for.
    subject: a citizen, by the pseudonym of the party that this service belongs to.
    client_key_owner: whose Idempotency-Keys these are. window: the clerk who acts for the citizen, if one does.
    jkt: thumbprint (RFC 7638) of the key that the caller's token is bound to.
    """

    kind: CallerKind
    system: str | None
    role: Role | None
    office: str | None
    subject: str | None
    offices: frozenset[str]
    client_key_owner: str
    window: Window | None = None
    jkt: str | None = None


class SettingsOfAuth(Protocol):
    """What the authenticator needs to know of this deployment."""

    @property
    def system(self) -> str:
        """This deployment's system id."""
        ...

    @property
    def platform_audience(self) -> str:
        """`aud` of tokens for the platform."""
        ...


class Authenticator:
    """Turns a request's credential into a Caller.

    audience: `aud` that access tokens must have: the platform's by default; a certificates deployment says its own
    system id.
    """

    def __init__(
        self,
        settings: ServiceSettings | SettingsOfAuth,
        registry: Registry,
        trust: Trust,
        clock: Clock,
        *,
        audience: str | None = None,
    ) -> None:
        self._system = settings.system
        self._audience = audience or settings.platform_audience
        self._registry = registry
        self._clock = clock
        self._token_key = registry.key_of(Role.IDENTITY, use="token")
        self._hop_key = registry.key_of(Role.GATEWAY)
        self._assertion_key = _with_bootstrap(registry.key_of(*_SERVICES), trust.bootstrap)
        self._seen = _Seen()

    def authenticate(self, request: Request) -> Caller:
        """Give the caller. Raises TokenInvalid (`TOKEN_INVALID`) for every credential that doesn't hold, or none."""
        scheme, token = _credential(request)
        try:
            if scheme == "dpop":
                caller = self._holder(token, _single(request, headers_of.HOP))
            elif scheme == "bearer":
                caller = self._service(token)
            else:
                raise TokenInvalid
        except TokenRefused as why:
            note(reason=why.reason)
            raise
        note(caller_kind=caller.kind, caller_system=caller.system, office=caller.office)
        return caller

    def _holder(self, token: str, hop: str) -> Caller:
        now = self._clock()
        passed = self._verified(hop, signing.HOP, self._hop_key, self._system, now)
        if passed.text("ath") != digest(token):  # a hop made for another token
            raise TokenRefused("hop")
        claims = self._verified(token, signing.ACCESS_TOKEN, self._token_key, self._audience, now)
        if claims.sub is None:
            raise TokenRefused("sub")
        return self._of_office(claims, claims.sub) if "office" in claims.data else self._of_citizen(claims, claims.sub)

    def _of_office(self, claims: Claims, system_id: str) -> Caller:
        """A system of an office: its record must stand and hold the office now, whatever the token says."""
        record = self._registry.system(system_id)
        office = claims.text("office")
        if record is None or office is None or office not in record.offices:
            raise TokenRefused("system")
        return Caller(
            kind="system",
            system=system_id,
            role=Role(record.role),
            office=office,
            subject=None,
            offices=frozenset(record.offices),
            client_key_owner=f"system:{system_id}",
            jkt=_jkt(claims),
        )

    def _of_citizen(self, claims: Claims, subject: str) -> Caller:
        client = claims.text("client_id")
        if client is not None and self._registry.system(client) is None:  # the portal that she used was revoked
            raise TokenRefused("system")
        window = window_of(claims, self._registry)
        # Keys of a window are its system's: nobody gets at the answer of a call that she made herself by its key.
        owner = f"window:{window.system}:{digest(subject)}" if window else f"citizen:{digest(subject)}"
        return Caller("citizen", client, None, None, subject, frozenset(), owner, window, _jkt(claims))

    def _service(self, token: str) -> Caller:
        claims = self._verified(token, signing.ASSERTION, self._assertion_key, self._system, self._clock())
        if claims.iss == BOOTSTRAP:
            return Caller("bootstrap", None, None, None, None, frozenset(), BOOTSTRAP)
        record = self._registry.system(claims.iss)
        if record is None:
            raise TokenRefused("system")
        offices = frozenset(record.offices)
        return Caller("service", claims.iss, Role(record.role), None, None, offices, f"service:{claims.iss}")

    def _verified(self, token: str, kind: str, key_of: KeyOf, audience: str, now: datetime) -> Claims:
        """Verify, or recognise what was verified before. Expiry and key are looked at anew every time."""
        claims = self._seen.get(token, kind, audience, now)
        if claims is not None and key_of(claims.iss, claims.kid) is not None:
            return claims
        claims = tokens.verify(token, kind, key_of=key_of, audience=audience, now=now)
        self._seen.put(token, kind, audience, claims, now)
        return claims


class _Seen:
    """Tokens verified in the last minute, the newest 4096: a hit costs a hash instead of a signature check."""

    def __init__(self) -> None:
        self._claims: OrderedDict[tuple[str, str, str], tuple[float, Claims]] = OrderedDict()

    def get(self, token: str, kind: str, audience: str, now: datetime) -> Claims | None:
        until, claims = self._claims.get((kind, audience, token), (0.0, None))
        return claims if now.timestamp() < until else None

    def put(self, token: str, kind: str, audience: str, claims: Claims, now: datetime) -> None:
        until = min(float(claims.exp or 0), now.timestamp() + _CACHED_S)
        self._claims[kind, audience, token] = until, claims
        if len(self._claims) > _CACHED:
            self._claims.popitem(last=False)


def _with_bootstrap(key_of: KeyOf, bootstrap: PublicKey) -> KeyOf:
    def look_up(iss: str, kid: str) -> PublicKey | None:
        if iss == BOOTSTRAP:  # no system can have this id: its key is pinned in the trust file alone
            return bootstrap if kid == bootstrap.kid else None
        return key_of(iss, kid)

    return look_up


def _jkt(claims: Claims) -> str | None:
    bound = claims.data.get("cnf")
    jkt = bound.get("jkt") if isinstance(bound, dict) else None
    return jkt if isinstance(jkt, str) else None


def _credential(request: Request) -> tuple[str, str]:
    scheme, _, token = _single(request, "authorization").partition(" ")
    return scheme.lower(), token


def _single(request: Request, name: str) -> str:
    values = request.headers.getlist(name)
    if len(values) != 1:
        raise TokenInvalid
    return values[0]


def caller(*allowed: CallerKind | Role, window: bool = False) -> Callable[[Request], Awaitable[Caller]]:
    """Make the dependency that lets in only callers of the given kinds, or services of the given roles.

    `Annotated[Caller, Depends(caller("system"))]`, `caller("citizen")`, `caller(Role.CASES)`, `caller("bootstrap")`.
    window: a clerk may come in for a citizen. Raises TokenInvalid (`TOKEN_INVALID`) where there is no valid credential,
    WindowNotHere (`WINDOW_NOT_HERE`), Forbidden (`FORBIDDEN`) for others.
    """

    async def dependency(request: Request) -> Caller:
        authenticator: Any = request.app.state.authenticator
        found: Caller = authenticator.authenticate(request)
        if found.window is not None and not window:
            raise WindowNotHere
        if found.kind in allowed or (found.kind == "service" and found.role in allowed):
            return found
        raise Forbidden

    return dependency
