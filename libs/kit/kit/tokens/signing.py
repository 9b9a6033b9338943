# SPDX-License-Identifier: EUPL-1.2
"""Making tokens: one function for all kinds, and the two makers that every call between services uses."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import orjson

from contracts import signing
from contracts.ids import uuid7
from kit import jose
from kit.clock import Clock
from kit.jose import PrivateKey, digest
from kit.tokens.kinds import RULES

_LIFE_S: Final = 60
_REUSE_S: Final = 30
_KEPT: Final = 4096

Bound = Literal["dpop", "mtls"]


def sign(
    kind: str, claims: Mapping[str, Any], key: PrivateKey, *, now: datetime | None = None, life_s: int | None = None
) -> str:
    """Sign *claims* as a token of *kind* (a `typ` of contracts.signing).

    now: given, it fills `iat`, and where the kind calls for them `nbf`, `jti` and `exp`.
    life_s: seconds until `exp`; the kind's longest life when absent. Claims of the caller win.
    """
    filled = {**_filled(kind, now, life_s), **claims} if now is not None else claims
    return jose.sign_jws(orjson.dumps(filled), key, kind)


def _filled(kind: str, now: datetime, life_s: int | None) -> dict[str, Any]:
    rule, moment = RULES[kind], int(now.timestamp())
    filled: dict[str, Any] = {"iat": moment}
    if "nbf" in rule.required:
        filled["nbf"] = moment
    if "jti" in rule.required:
        filled["jti"] = str(uuid7())
    life = life_s or rule.life_s
    if "exp" in rule.required and life is not None:
        filled["exp"] = moment + life
    return filled


class AssertionSigner:
    """Makes the assertion with which one of our systems calls another: 60 s of life, reused for half of that."""

    def __init__(self, system: str, key: PrivateKey, clock: Clock) -> None:
        self.system = system
        self._key = key
        self._made = _Recent(clock)

    def assertion(self, audience: str) -> str:
        """Give an assertion for the system *audience* (its system id), with at least 30 s left to live."""
        return self._made.get((audience,), lambda now: self._sign(audience, now))

    def _sign(self, audience: str, now: datetime) -> str:
        claims = {"iss": self.system, "sub": self.system, "aud": audience}
        return sign(signing.ASSERTION, claims, self._key, now=now, life_s=_LIFE_S)


class HopSigner:
    """Makes the gateway's word that a caller's token was checked together with its binding."""

    def __init__(self, system: str, key: PrivateKey, clock: Clock) -> None:
        self.system = system
        self._key = key
        self._made = _Recent(clock)

    def hop(self, audience: str, token: str, bound: Bound = "dpop") -> str:
        """Give a hop for *token* to the system *audience* (its system id); reused per token and service for 30 s."""
        token_hash = digest(token)
        return self._made.get((audience, token_hash, bound), lambda now: self._sign(audience, token_hash, bound, now))

    def _sign(self, audience: str, token_hash: str, bound: Bound, now: datetime) -> str:
        claims = {"iss": self.system, "sub": self.system, "aud": audience, "ath": token_hash, "bound": bound}
        return sign(signing.HOP, claims, self._key, now=now, life_s=_LIFE_S)


class _Recent:
    """The tokens made in the last 30 s, the newest 4096 of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: OrderedDict[tuple[str, ...], tuple[float, str]] = OrderedDict()

    def get(self, name: tuple[str, ...], make: Callable[[datetime], str]) -> str:
        now = self._clock()
        moment = now.timestamp()
        made_at, token = self._made.get(name, (0.0, ""))
        if 0 <= moment - made_at < _REUSE_S:
            return token
        token = make(now)
        self._made[name] = moment, token
        self._made.move_to_end(name)
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return token
