# SPDX-License-Identifier: EUPL-1.2
"""DPoP (RFC 9449): proof that the caller holds the key its token is bound to."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from contracts import signing
from kit import jose
from kit.jose import JoseError, PrivateKey, PublicKey
from kit.tokens.claims import DpopRefused

WINDOW_S: Final = 60
"""A proof counts this long before and after its `iat` (seconds); its jti must be remembered for twice that."""
_HEADER: Final = frozenset({"alg", "jwk", "typ"})
_JTI: Final = re.compile(r"[!-~]{8,128}", re.ASCII)
_METHOD: Final = re.compile(r"[A-Z]{1,16}", re.ASCII)
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class DpopProof:
    """A proof that holds. The caller still has to see that (jkt, jti) is new and that jkt is the token's `cnf.jkt`."""

    jkt: str
    jti: str
    iat: int


def ath(token: str) -> str:
    """Give the hash of an access token, as DPoP proofs and hops name it (RFC 9449 section 4.2)."""
    return jose.digest(token)


def verify_dpop(proof: str, *, method: str, url: str, token: str | None, now: datetime) -> DpopProof:
    """Check a DPoP proof for one request.

    url: built from the configured public address and the request's path, never from its Host header; query ignored.
    token: the access token beside the proof, which `ath` must hash; None at the token endpoint.
    Raises DpopRefused (`TOKEN_INVALID`). Source: RFC 9449 section 4.3.
    """
    try:
        jws = jose.read_jws(proof, signing.DPOP_PROOF, allowed=_HEADER)
        key = _own_key(jws.header.get("jwk"))
        claims = jose.json_object(jose.verify_jws(jws, key), "claims")
        _matches(claims, method, url, token)
        return DpopProof(key.thumbprint, _jti(claims.get("jti")), _fresh(claims.get("iat"), now))
    except JoseError as why:
        raise DpopRefused(why.reason) from why


def dpop_proof(key: PrivateKey, *, method: str, url: str, token: str | None, now: datetime) -> str:
    """Make a proof for one request, as a client does."""
    claims: dict[str, Any] = {"jti": str(uuid4()), "htm": method, "htu": url, "iat": int(now.timestamp())}
    if token is not None:
        claims["ath"] = ath(token)
    jwk = key.public.jwk()
    del jwk["kid"]
    return jose.sign_jws_with(orjson.dumps(claims), key, {"typ": signing.DPOP_PROOF, "jwk": jwk})


def _own_key(jwk: object) -> PublicKey:
    if not isinstance(jwk, dict):
        raise JoseError("key")
    if jwk.get("alg", "ES256") != "ES256" or jwk.get("use", "sig") != "sig":
        raise JoseError("key")
    return PublicKey.from_jwk(jwk)


def _matches(claims: dict[str, Any], method: str, url: str, token: str | None) -> None:
    htm = claims.get("htm")
    if not isinstance(htm, str) or not _METHOD.fullmatch(htm) or htm != method:
        raise JoseError("htm")
    if _target(claims.get("htu")) != _target(url):
        raise JoseError("htu")
    if token is not None and claims.get("ath") != ath(token):
        raise JoseError("ath")


def _target(url: object) -> tuple[str, str, int | None, str]:
    """Reduce an address to scheme, host, port and path: query and fragment don't count (RFC 9449 section 4.3)."""
    if not isinstance(url, str) or len(url) > 8192 or not url.isascii() or not url.isprintable():
        raise JoseError("htu")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as why:
        raise JoseError("htu") from why
    if parts.scheme not in _PORTS or host is None or "@" in parts.netloc:
        raise JoseError("htu")
    return parts.scheme, host, port or _PORTS[parts.scheme], parts.path or "/"


def _jti(value: object) -> str:
    if not isinstance(value, str) or not _JTI.fullmatch(value):
        raise JoseError("jti")
    return value


def _fresh(iat: object, now: datetime) -> int:
    if not isinstance(iat, int) or isinstance(iat, bool) or abs(now.timestamp() - iat) > WINDOW_S:
        raise JoseError("iat")
    return iat
