# SPDX-License-Identifier: EUPL-1.2
"""SD-JWT VC, Internet draft revision 26: a certificate as something that anybody can check offline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeGuard

from contracts.certificates.formats import jws_rfc7515 as jws
from contracts.certificates.formats import sdjwt_rfc9901 as sd
from contracts.certificates.formats.jws_rfc7515 import FormatRefused, KeyOf, Signer

TYP: Final = "dc+sd-jwt"
MAX_CHARS: Final = 64 * 1024
SKEW: Final = timedelta(seconds=10)
KB_LIFE: Final = timedelta(minutes=5)
HolderKey = Callable[[Mapping[str, Any]], Callable[[bytes, bytes], bool]]
"""Public JWK -> a function (signed bytes, raw signature) -> whether that key made it. ValueError for a bad key."""

_NEVER_HIDDEN: Final = frozenset({"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"})
_OURS: Final = frozenset({"iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "aud"})
RESERVED: Final = _OURS | _NEVER_HIDDEN | {"jti", "sub"}
"""Names that no field may have: a reader would take them for the format's own (RFC 7519, the draft)."""
_HEADER: Final = frozenset({"alg", "typ", "kid", "x5c"})
_KB_HEADER: Final = frozenset({"alg", "typ", "kid"})


@dataclass(frozen=True, slots=True)
class Verified:
    """A credential that holds.

    claims: the certificate's own, as far as they are disclosed. status: the `status` claim, for whoever looks it up.
    holder: the public JWK that it is bound to. bound: whether the presenter proved to have that key, just now.
    """

    issuer: str
    kid: str
    vct: str
    claims: dict[str, Any]
    issued_at: datetime
    expires_at: datetime | None
    audience: str | None
    status: Mapping[str, Any] | None
    holder: Mapping[str, Any] | None
    bound: bool


def issue(
    claims: Mapping[str, Any],
    disclosable: sd.Names,
    *,
    issuer: str,
    vct: str,
    now: datetime,
    expires_at: datetime | None,
    signer: Signer,
    not_before: datetime | None = None,
    elements: sd.Names = (),
    decoys: int = 0,
    audience: str | None = None,
    holder: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    vct_integrity: str | None = None,
    x5c: list[str] | None = None,
) -> str:
    """Issue a credential with all its disclosures; `present` takes some away.

    claims: the certificate's. disclosable: names of those to be disclosed one by one. elements: names of arrays whose
    elements are disclosed one by one. audience: the one office that it is made for. holder: public JWK to bind it to.
    x5c: certificate chain without the anchor (base64), in place of `kid`.
    Raises ValueError when *claims* take a name that the format needs, or *disclosable* one that may not be hidden.
    """
    if _OURS & claims.keys() or _NEVER_HIDDEN & set(disclosable):
        raise ValueError("a claim has a name that the format keeps for itself")
    hour = now.replace(minute=0, second=0, microsecond=0)  # to the hour: a second would link two copies
    registered = {
        "iss": issuer,
        "vct": vct,
        "iat": int(hour.timestamp()),
        "nbf": int((not_before or hour).timestamp()),
        "exp": None if expires_at is None else int(expires_at.timestamp()),
        "vct#integrity": vct_integrity,
        "aud": audience,
        "cnf": None if holder is None else {"jwk": dict(holder)},
        "status": None if status is None else dict(status),
    }
    concealed = sd.conceal(claims, disclosable, elements=elements, decoys=decoys)
    payload = {**{name: value for name, value in registered.items() if value is not None}, **concealed.payload}
    header: dict[str, object] = {"typ": TYP, **({"kid": signer.kid} if x5c is None else {"x5c": x5c})}
    return sd.pack(jws.sign(header, payload, signer), concealed.disclosures)


def verify(
    text: str,
    *,
    key_of: KeyOf,
    now: datetime,
    audience: str | None = None,
    vct: str | None = None,
    nonce: str | None = None,
    holder_key: HolderKey | None = None,
) -> Verified:
    """Verify a credential or presentation; everything but its status, which needs a list.

    key_of: the configured keys of an issuer; nothing in the credential chooses a key by itself.
    audience: what `aud` must be where the credential has one, and what a KB-JWT must name. vct: the type expected.
    nonce, holder_key: given (both), a KB-JWT is demanded, by the key that the credential is bound to.
    Raises FormatRefused with the first check that fails: MALFORMED, TYPE_WRONG, ALGORITHM_REFUSED, KEY_UNKNOWN,
    SIGNATURE_INVALID, EXPIRED, NOT_YET_VALID, DISCLOSURE_INVALID, VCT_UNEXPECTED, AUDIENCE_WRONG,
    HOLDER_BINDING_MISSING, HOLDER_BINDING_INVALID.
    """
    if len(text) > MAX_CHARS or not text.isascii():
        raise FormatRefused("MALFORMED")
    parts = sd.unpack(text)
    token = jws.read(parts.jwt, TYP, _HEADER)
    kid = _check_signature(token, key_of)
    payload = token.payload
    _check_times(payload, now)
    claims = _reveal(parts, payload)
    if not isinstance(payload.get("vct"), str) or (vct is not None and payload["vct"] != vct):
        raise FormatRefused("VCT_UNEXPECTED")
    if "aud" in payload and payload["aud"] != audience:
        raise FormatRefused("AUDIENCE_WRONG")
    bound = _check_binding(parts, payload, audience, nonce, holder_key, now)
    return _verified(payload, claims, kid, bound=bound)


def bind(text: str, *, audience: str, nonce: str, now: datetime, signer: Signer) -> str:
    """Add a KB-JWT: the holder's proof, for one verifier and one nonce, over exactly what is presented."""
    parts = sd.unpack(text)
    claims = {"iat": int(now.timestamp()), "aud": audience, "nonce": nonce, "sd_hash": sd.sd_hash(text)}
    return sd.pack(parts.jwt, parts.disclosures, jws.sign({"typ": sd.KB_TYP}, claims, signer))


def _check_signature(token: jws.Token, key_of: KeyOf) -> str:
    iss, kid = token.payload.get("iss"), token.header.get("kid", "")
    if not isinstance(iss, str) or not isinstance(kid, str):
        raise FormatRefused("KEY_UNKNOWN")
    verifies = key_of(iss, kid)
    if verifies is None:
        raise FormatRefused("KEY_UNKNOWN")
    if not verifies(token.signed, token.signature):
        raise FormatRefused("SIGNATURE_INVALID")
    return kid


def _check_times(payload: Mapping[str, Any], now: datetime) -> None:
    moment, skew = now.timestamp(), SKEW.total_seconds()
    for name in ("exp", "nbf", "iat"):
        if name in payload and not _is_time(payload[name]):
            raise FormatRefused("MALFORMED")
    if "iat" not in payload:
        raise FormatRefused("MALFORMED")
    if "exp" in payload and payload["exp"] <= moment - skew:
        raise FormatRefused("EXPIRED")
    if max(payload["iat"], payload.get("nbf", 0)) > moment + skew:
        raise FormatRefused("NOT_YET_VALID")


def _is_time(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 253_402_300_800


def _reveal(parts: sd.Parts, payload: Mapping[str, Any]) -> dict[str, Any]:
    revealer = sd.Revealer(parts.disclosures)
    claims = revealer.reveal(payload)
    if any(path[0] in _NEVER_HIDDEN for path in revealer.paths.values()):
        raise FormatRefused("DISCLOSURE_INVALID")
    return {name: value for name, value in claims.items() if name not in _OURS}


def _verified(payload: Mapping[str, Any], claims: dict[str, Any], kid: str, *, bound: bool) -> Verified:
    cnf, status = payload.get("cnf"), payload.get("status")
    return Verified(
        issuer=payload["iss"],
        kid=kid,
        vct=payload["vct"],
        claims=claims,
        issued_at=datetime.fromtimestamp(payload["iat"], UTC),
        expires_at=datetime.fromtimestamp(payload["exp"], UTC) if "exp" in payload else None,
        audience=payload.get("aud"),
        status=status if isinstance(status, dict) else None,
        holder=cnf.get("jwk") if isinstance(cnf, dict) else None,
        bound=bound,
    )


def _check_binding(
    parts: sd.Parts,
    payload: Mapping[str, Any],
    audience: str | None,
    nonce: str | None,
    holder_key: HolderKey | None,
    now: datetime,
) -> bool:
    """Check the KB-JWT where one is demanded. Without a demand a KB-JWT is ignored: it proves nothing to us."""
    if nonce is None:
        return False
    if holder_key is None or audience is None:
        raise ValueError("a nonce without the audience and the holder's key can't be checked")
    cnf = payload.get("cnf")
    if not parts.key_binding or not isinstance(cnf, dict) or not isinstance(cnf.get("jwk"), dict):
        raise FormatRefused("HOLDER_BINDING_MISSING")
    try:
        token = jws.read(parts.key_binding, sd.KB_TYP, _KB_HEADER)
        good = holder_key(cnf["jwk"])(token.signed, token.signature)
    except ValueError as why:
        raise FormatRefused("HOLDER_BINDING_INVALID") from why
    said, issued = token.payload, token.payload.get("iat")
    expected = {"aud": audience, "nonce": nonce, "sd_hash": sd.sd_hash(parts.unbound)}
    if not good or any(said.get(name) != value for name, value in expected.items()):
        raise FormatRefused("HOLDER_BINDING_INVALID")
    if not _is_time(issued) or not -SKEW.total_seconds() <= now.timestamp() - issued <= KB_LIFE.total_seconds():
        raise FormatRefused("HOLDER_BINDING_INVALID")
    return True
