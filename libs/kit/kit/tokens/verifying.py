# SPDX-License-Identifier: EUPL-1.2
"""One function that decides whether a signed token may be believed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kit import jose
from kit.jose import JoseError
from kit.tokens.claims import Claims, KeyOf, TokenRefused
from kit.tokens.kinds import RULES, SKEW_S, Rule

_TIMES = ("iat", "nbf", "exp")
_TEXTS = ("iss", "sub", "aud", "jti")
_YEAR_9999 = 253_402_300_799


def verify(token: str, kind: str, *, key_of: KeyOf, audience: str | None, now: datetime) -> Claims:
    """Verify a token of *kind* (a `typ` of contracts.signing) and give its claims.

    key_of: the issuer's own keys; it must answer None for a system that is revoked or may not sign this kind.
    audience: what `aud` must equal to the character; None only for kinds that have no `aud`.
    now: the moment to judge by; the clock, or for a case proof the time at which its request was recorded.
    Raises TokenRefused (`TOKEN_INVALID`) for everything else.
    """
    rule = RULES[kind]
    try:
        jws = jose.read_jws(token, kind, max_bytes=rule.max_bytes)
        claims = _claims(jose.json_object(jws.payload, "claims"), jws.kid, rule)
        key = key_of(claims.iss, claims.kid)
        if key is None:
            raise JoseError("unknown key")
        jose.verify_jws(jws, key)
    except JoseError as why:
        raise TokenRefused(why.reason) from why
    _judge(claims, rule, audience, now)
    return claims


def peek_issuer(token: str, kind: str) -> str:
    """Give `iss` of a token that nobody has verified: to choose where to look for keys, for nothing else."""
    try:
        jws = jose.read_jws(token, kind, max_bytes=RULES[kind].max_bytes)
        return _claims(jose.json_object(jws.payload, "claims"), jws.kid, RULES[kind]).iss
    except JoseError as why:
        raise TokenRefused(why.reason) from why


def _claims(data: Mapping[str, Any], kid: str, rule: Rule) -> Claims:
    """Check presence and type of the registered claims; nothing is believed yet."""
    if not data.keys() >= rule.required:
        raise JoseError("claim missing")
    for name in _TEXTS:
        if name in data and not _is_word(data[name]):
            raise JoseError("claim type")
    for name in _TIMES:
        if name in data and not _is_time(data[name]):
            raise JoseError("claim type")
    return Claims(
        data["iss"],
        kid,
        data["iat"],
        data.get("sub"),
        data.get("aud"),
        data.get("exp"),
        data.get("nbf"),
        data.get("jti"),
        data,
    )


def _is_word(value: object) -> bool:
    """Names are printable ASCII: look-alike letters of other scripts can't even be said."""
    return isinstance(value, str) and 0 < len(value) <= 256 and value.isascii() and value.isprintable()


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _YEAR_9999


def _judge(claims: Claims, rule: Rule, audience: str | None, now: datetime) -> None:
    """Compare the claims of a token with a good signature with what we demand."""
    moment = now.timestamp()
    if (audience is not None or "aud" in rule.required) and claims.aud != audience:
        raise TokenRefused("audience")
    if rule.self_issued and claims.sub != claims.iss:
        raise TokenRefused("subject")
    if max(claims.iat, claims.nbf or 0) > moment + SKEW_S:
        raise TokenRefused("not yet valid")
    if claims.exp is None:
        return
    if claims.exp <= moment - SKEW_S:
        raise TokenRefused("expired")
    if claims.exp <= claims.iat or (rule.life_s is not None and claims.exp - claims.iat > rule.life_s):
        raise TokenRefused("life")
