# SPDX-License-Identifier: EUPL-1.2
"""Keys, signatures and sealing: the one JOSE profile of the house, and nothing else.

- Keys are P-256, for signing (ES256, RFC 7518 section 3.4) or for sealing (ECDH, section 4.6).
- A signature is a compact JWS with the header members `alg kid typ`; callers may allow `jwk` or `x5c` by name.
- A seal is a compact JWE, `ECDH-ES+A256KW` and `A256GCM`, with the header members `alg enc epk kid`.

Written on the primitives of `cryptography` because a general library costs twice the time on the hot path
and takes more than we want to let in: other algorithms, compression, key derivation rounds, key addresses.
Everything that is refused is refused as JoseError with one word of reason; the reason names no value.
"""

import base64
import binascii
import functools
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Self

import orjson
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from kit import strictjson
from kit.errors import ServiceError

JWS_MAX_BYTES: Final = 8 * 1024
JWE_MAX_BYTES: Final = 1024 * 1024
_HEADER_MAX_CHARS: Final = 2 * 1024
_KID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_B64U: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_ES256: Final = ec.ECDSA(hashes.SHA256())
_CURVE: Final = ec.SECP256R1()
_ECDH: Final = ec.ECDH()
_PLAIN_HEADER: Final = frozenset({"alg", "kid", "typ"})
_SEAL_HEADER: Final = frozenset({"alg", "enc", "epk", "kid"})
_POINT_MEMBERS: Final = frozenset({"kty", "crv", "x", "y"})
_NOTE_MEMBERS: Final = frozenset({"kid", "use", "alg"})
# Concat KDF, NIST SP 800-56A as RFC 7518 section 4.6.2 fills it in: one round gives the 256 bits of the wrapping key.
_KDF_ROUND: Final = (1).to_bytes(4, "big")
_KDF_TAIL: Final = (14).to_bytes(4, "big") + b"ECDH-ES+A256KW" + bytes(8) + (256).to_bytes(4, "big")


class JoseError(ValueError):
    """A key, signature or seal that isn't ours to accept. `reason` is one fixed word or two, never a value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _refuse(reason: str, cause: BaseException | None = None) -> NoReturn:
    raise JoseError(reason) from cause


# ------------------------------------------------------------------------------------------------ base64url, JSON
def b64u(data: bytes) -> str:
    """Write bytes as base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64u_decode(text: str) -> bytes:
    """Read base64url without padding; the only spelling of these bytes is accepted. Raises JoseError."""
    if not _B64U.fullmatch(text) or len(text) % 4 == 1:
        _refuse("base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as why:
        _refuse("base64url", why)
    if len(text) % 4 and b64u(data[-(len(data) % 3) :]) != text[-(len(text) % 4) :]:
        _refuse("base64url")  # unused bits set: a second spelling would give one token two hashes
    return data


def digest(data: bytes | str) -> str:
    """Give SHA-256 of *data* (text counts as its UTF-8) in base64url, as every hash in the contracts is written."""
    return b64u(hashlib.sha256(data.encode() if isinstance(data, str) else data).digest())


def json_object(data: bytes, reason: str) -> dict[str, Any]:
    """Parse one strict JSON object, or raise JoseError with *reason*."""
    try:
        value = strictjson.loads(data)
    except ServiceError as why:
        _refuse(reason, why)
    if not isinstance(value, dict):
        _refuse(reason)
    return value


def _compact(value: Mapping[str, object]) -> bytes:
    return orjson.dumps(value)


# ------------------------------------------------------------------------------------------------ keys
def thumbprint(jwk: Mapping[str, object]) -> str:
    """Give the RFC 7638 thumbprint of a P-256 key: the `kid` of every key in the house, and DPoP's `jkt`."""
    return digest(_compact({"crv": jwk["crv"], "kty": jwk["kty"], "x": jwk["x"], "y": jwk["y"]}))


def _point(jwk: Mapping[str, object], *, private: bool) -> tuple[int, int]:
    """Give the coordinates of a P-256 JWK. Symmetric keys, other curves and unknown members are refused."""
    allowed = _POINT_MEMBERS | _NOTE_MEMBERS | ({"d"} if private else frozenset())
    if not allowed >= jwk.keys() or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        _refuse("key")
    return _coordinate(jwk.get("x")), _coordinate(jwk.get("y"))


def _coordinate(value: object) -> int:
    if not isinstance(value, str) or len(value) != 43:
        _refuse("key")
    return int.from_bytes(b64u_decode(value), "big")


def _kid_of(jwk: Mapping[str, object]) -> str:
    kid = jwk.get("kid", None)
    if kid is None:
        return thumbprint(jwk)
    return check_kid(kid)


def check_kid(kid: object) -> str:
    """Give *kid* back if it is fit for a look-up: `[A-Za-z0-9._-]{1,64}`. Raises JoseError."""
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        _refuse("kid")
    return kid


class PublicKey:
    """A P-256 public key with its `kid`. Two keys are equal when their points are."""

    __slots__ = ("_key", "_xy", "kid")

    def __init__(self, key: ec.EllipticCurvePublicKey, kid: str | None = None) -> None:
        numbers = key.public_numbers()
        self._key = key
        self._xy = b64u(numbers.x.to_bytes(32, "big")), b64u(numbers.y.to_bytes(32, "big"))
        self.kid = kid or self.thumbprint

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Import a public JWK. Private or symmetric material, another curve or a point off the curve: JoseError."""
        x, y = _point(jwk, private=False)
        try:
            key = ec.EllipticCurvePublicNumbers(x, y, _CURVE).public_key()
        except ValueError as why:
            _refuse("key", why)
        return cls(key, _kid_of(jwk))

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint."""
        return thumbprint({"crv": "P-256", "kty": "EC", "x": self._xy[0], "y": self._xy[1]})

    @property
    def raw(self) -> ec.EllipticCurvePublicKey:
        """The key as `cryptography` knows it."""
        return self._key

    def jwk(self) -> dict[str, str]:
        """Give the public JWK with its kid."""
        return {"kty": "EC", "crv": "P-256", "x": self._xy[0], "y": self._xy[1], "kid": self.kid}

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Tell whether *signature* (r and s, 32 bytes each) is this key's ES256 signature over *data*."""
        if len(signature) != 64:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            self._key.verify(encode_dss_signature(r, s), data, _ES256)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._xy == other._xy

    def __hash__(self) -> int:
        return hash(self._xy)

    def __repr__(self) -> str:
        return f"PublicKey({self.kid})"


class PrivateKey:
    """A P-256 private key: signs (ES256) or opens what was sealed to it. It never shows itself in a text."""

    __slots__ = ("_jws_heads", "_key", "public")

    def __init__(self, key: ec.EllipticCurvePrivateKey, kid: str | None = None) -> None:
        self._key = key
        self.public = PublicKey(key.public_key(), kid)
        self._jws_heads: dict[str, str] = {}

    @classmethod
    def generate(cls) -> Self:
        """Make a new key; its kid is its thumbprint."""
        return cls(ec.generate_private_key(_CURVE))

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Import a private JWK; the public half must belong to it. Raises JoseError."""
        x, y = _point(jwk, private=True)
        public = ec.EllipticCurvePublicNumbers(x, y, _CURVE)
        try:
            key = ec.EllipticCurvePrivateNumbers(_coordinate(jwk.get("d")), public).private_key()
        except ValueError as why:
            _refuse("key", why)
        return cls(key, _kid_of(jwk))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a private JWK file. Raises OSError when it can't be read, JoseError when it is no such key."""
        return cls.from_jwk(json_object(path.read_bytes(), "key"))

    @property
    def kid(self) -> str:
        """The key's id, the same for both halves."""
        return self.public.kid

    def jwk(self) -> dict[str, str]:
        """Give the *private* JWK, for a key file and nothing else."""
        return {**self.public.jwk(), "d": b64u(self._key.private_numbers().private_value.to_bytes(32, "big"))}

    def sign(self, data: bytes) -> bytes:
        """Sign with ES256: r and s, 32 bytes each."""
        r, s = decode_dss_signature(self._key.sign(data, _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def agree(self, other: ec.EllipticCurvePublicKey) -> bytes:
        """Give the ECDH shared secret with *other* (32 bytes)."""
        return self._key.exchange(_ECDH, other)

    def jws_head(self, typ: str) -> str:
        """Give the encoded plain header for *typ*; made once, as it is the same for every token of a kind."""
        head = self._jws_heads.get(typ)
        if head is None:
            head = self._jws_heads[typ] = b64u(_compact({"alg": "ES256", "kid": self.kid, "typ": typ}))
        return head

    def __repr__(self) -> str:
        return f"PrivateKey({self.kid})"


# ------------------------------------------------------------------------------------------------ JWS
@dataclass(frozen=True, slots=True)
class Unverified:
    """A JWS that has the right form and that nobody has verified yet."""

    header: Mapping[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes

    @property
    def kid(self) -> str:
        """The header's kid, fit for a look-up in the issuer's own key map."""
        return check_kid(self.header.get("kid"))


def sign_jws(payload: bytes, key: PrivateKey, typ: str) -> str:
    """Sign *payload* as a compact JWS with the header `alg kid typ` and no other member."""
    return sign_with_head(payload, key, key.jws_head(typ))


def sign_jws_with(payload: bytes, key: PrivateKey, header: Mapping[str, object]) -> str:
    """Sign under a header of the caller's own; `alg` is set here. For DPoP (`jwk`) and credentials (`x5c`)."""
    return sign_with_head(payload, key, b64u(_compact({**header, "alg": "ES256"})))


def sign_with_head(payload: bytes, key: PrivateKey, head: str) -> str:
    """Sign *payload* under an encoded header."""
    signed = f"{head}.{b64u(payload)}"
    return f"{signed}.{b64u(key.sign(signed.encode('ascii')))}"


def read_jws(
    token: str, typ: str, *, allowed: frozenset[str] = _PLAIN_HEADER, max_bytes: int = JWS_MAX_BYTES
) -> Unverified:
    """Take a compact JWS apart without trusting it: size, three parts, header members, `alg`, `typ`.

    allowed: every member that the header may have; all are required but `kid`, which `Unverified.kid` demands.
    Raises JoseError.
    """
    if len(token) > max_bytes:  # before anything is decoded
        _refuse("size")
    parts = token.split(".", 3)
    if len(parts) != 3 or (len(parts[0]) > _HEADER_MAX_CHARS and "x5c" not in allowed):
        _refuse("parts")
    header = _jws_header(parts[0]) if len(parts[0]) <= 256 else json_object(b64u_decode(parts[0]), "header")
    if not allowed >= header.keys():
        _refuse("header member")
    if header.get("alg") != "ES256":
        _refuse("alg")
    if header.get("typ") != typ:
        _refuse("typ")
    signature = b64u_decode(parts[2])
    signed = token[: len(parts[0]) + 1 + len(parts[1])].encode("ascii", "replace")
    return Unverified(header, b64u_decode(parts[1]), signed, signature)


@functools.lru_cache(maxsize=1024)
def _jws_header(text: str) -> Mapping[str, Any]:
    """Parse a short header; issuers use the same one for every token, so most are found here."""
    return json_object(b64u_decode(text), "header")


def verify_jws(jws: Unverified, key: PublicKey) -> bytes:
    """Give the payload if *key* signed it. Raises JoseError."""
    if not key.verifies(jws.signed, jws.signature):
        _refuse("signature")
    return jws.payload


# ------------------------------------------------------------------------------------------------ JWE
def _wrapping_key(shared: bytes) -> bytes:
    return hashlib.sha256(_KDF_ROUND + shared + _KDF_TAIL).digest()


def seal(plaintext: bytes, key: PublicKey) -> str:
    """Seal *plaintext* to *key*: compact JWE, ECDH-ES+A256KW with a fresh key pair, A256GCM with a fresh key."""
    ephemeral = PrivateKey.generate()
    content_key, nonce = os.urandom(32), os.urandom(12)
    wrapped = aes_key_wrap(_wrapping_key(ephemeral.agree(key.raw)), content_key)
    epk = ephemeral.public.jwk()
    del epk["kid"]
    head = b64u(_compact({"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": epk, "kid": key.kid}))
    sealed = AESGCM(content_key).encrypt(nonce, plaintext, head.encode("ascii"))
    return f"{head}.{b64u(wrapped)}.{b64u(nonce)}.{b64u(sealed[:-16])}.{b64u(sealed[-16:])}"


def sealed_to(token: str, *, max_bytes: int = JWE_MAX_BYTES) -> str:
    """Give the `kid` of the key that *token* is sealed to, without opening it. Raises JoseError."""
    head, _rest = _jwe_parts(token, max_bytes)
    return check_kid(_jwe_header(head)["kid"])


def open_sealed(token: str, keys: Mapping[str, PrivateKey], *, max_bytes: int = JWE_MAX_BYTES) -> bytes:
    """Open a compact JWE with the one of *keys* (by kid) that it names.

    Only our own header shape is read: no compression, no password-based or RSA keys, so nothing in a token can
    make us work longer than one key agreement. Raises JoseError, `unknown key` when none of ours is named.
    """
    head, rest = _jwe_parts(token, max_bytes)
    header = _jwe_header(head)
    key = keys.get(check_kid(header["kid"]))
    if key is None:
        _refuse("unknown key")
    wrapped, nonce, ciphertext, tag = (b64u_decode(part) for part in rest)
    if len(wrapped) != 40 or len(nonce) != 12 or len(tag) != 16 or not isinstance(header["epk"], dict):
        _refuse("seal")
    ephemeral = PublicKey.from_jwk({**header["epk"], "kid": "epk"})
    try:
        content_key = aes_key_unwrap(_wrapping_key(key.agree(ephemeral.raw)), wrapped)
        return AESGCM(content_key).decrypt(nonce, ciphertext + tag, head.encode("ascii"))
    except (InvalidUnwrap, InvalidTag, ValueError) as why:
        _refuse("seal", why)


def _jwe_parts(token: str, max_bytes: int) -> tuple[str, list[str]]:
    if len(token) > max_bytes:
        _refuse("size")
    head, *rest = token.split(".", 5)
    if len(rest) != 4 or len(head) > _HEADER_MAX_CHARS:
        _refuse("parts")
    return head, rest


def _jwe_header(head: str) -> dict[str, Any]:
    header = json_object(b64u_decode(head), "header")
    if header.keys() != _SEAL_HEADER:
        _refuse("header member")
    if header["alg"] != "ECDH-ES+A256KW" or header["enc"] != "A256GCM":
        _refuse("alg")
    return header
