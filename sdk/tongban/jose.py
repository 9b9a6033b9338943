# SPDX-License-Identifier: EUPL-1.2
"""Keys, signatures and sealing, in the one profile that the platform speaks.

Signatures: compact JWS, ES256, header exactly `alg kid typ` (DPoP: `alg jwk typ`). Seals: compact JWE,
ECDH-ES+A256KW and A256GCM, header exactly `alg enc epk kid`. Keys: P-256; `kid` is the RFC 7638 thumbprint.
Everything else is refused before a key is touched. Built on joserfc; the profile check stands before it.
"""

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from tongban.problems import NotBelieved, NotConfigured

MAX_BYTES: Final = 1024 * 1024
_SIGN: Final = frozenset({"alg", "kid", "typ"})
_PROVE: Final = frozenset({"alg", "jwk", "typ"})
_SEAL: Final = frozenset({"alg", "enc", "epk", "kid"})
_POINT: Final = frozenset({"kty", "crv", "x", "y", "kid"})
_SEALING: Final = ["ECDH-ES+A256KW", "A256GCM"]
_B64U: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_ES256: Final = ec.ECDSA(hashes.SHA256())


def b64u(data: bytes) -> str:
    """Write bytes as base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64u_decode(text: str) -> bytes:
    """Read base64url without padding; one spelling only. Raises NotBelieved (`MALFORMED`)."""
    if not _B64U.fullmatch(text):
        raise NotBelieved("MALFORMED", "not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as why:
        raise NotBelieved("MALFORMED", "not base64url") from why
    if b64u(data) != text:
        raise NotBelieved("MALFORMED", "a second spelling of the same bytes")
    return data


def digest(data: bytes | str) -> str:
    """Give SHA-256 of *data* (text counts as its UTF-8) in base64url."""
    return b64u(hashlib.sha256(data.encode() if isinstance(data, str) else data).digest())


def json_object(data: bytes) -> dict[str, Any]:
    """Parse one JSON object without names that stand twice. Raises NotBelieved (`MALFORMED`)."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as why:
        raise NotBelieved("MALFORMED", "not one JSON object") from why
    if not isinstance(value, dict):
        raise NotBelieved("MALFORMED", "not one JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


class PublicKey:
    """A P-256 public key and its `kid`."""

    def __init__(self, jwk: Mapping[str, Any]) -> None:
        """Import a public JWK; a private or foreign one raises NotBelieved (`KEY_INVALID`)."""
        if not jwk.keys() <= _POINT or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
            raise NotBelieved("KEY_INVALID")
        try:
            self._key = ECKey.import_key(dict(jwk))
            self.raw = self._key.public_key
        except (JoseError, ValueError, TypeError, KeyError) as why:
            raise NotBelieved("KEY_INVALID") from why
        self.kid: str = str(jwk.get("kid") or self._key.thumbprint())

    def jwk(self) -> dict[str, str]:
        """Give the public JWK with its kid."""
        point = self._key.as_dict(private=False)
        return {name: str(point[name]) for name in ("kty", "crv", "x", "y")} | {"kid": self.kid}

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Tell whether *signature* (r then s, 64 bytes) is this key's ES256 signature over *data*."""
        if len(signature) != 64:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            self.raw.verify(encode_dss_signature(r, s), data, _ES256)
        except InvalidSignature:
            return False
        return True


class PrivateKey:
    """A P-256 private key: signs, or opens what was sealed to it. It never shows itself in a text."""

    def __init__(self, jwk: Mapping[str, Any]) -> None:
        """Import a private JWK. Raises NotBelieved (`KEY_INVALID`)."""
        if "d" not in jwk:
            raise NotBelieved("KEY_INVALID")
        self.public = PublicKey({name: value for name, value in jwk.items() if name in _POINT})
        try:
            self._key = ECKey.import_key(dict(jwk))
            private = self._key.private_key
        except (JoseError, ValueError, TypeError) as why:
            raise NotBelieved("KEY_INVALID") from why
        if private is None:
            raise NotBelieved("KEY_INVALID")
        self._private = private

    @classmethod
    def generate(cls) -> Self:
        """Make a new key."""
        key = ECKey.generate_key("P-256")
        return cls({**key.as_dict(private=True), "kid": key.thumbprint()})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a private JWK file. Raises NotConfigured (`KEY_FILE_UNREADABLE`)."""
        try:
            return cls(json_object(path.read_bytes()))
        except (OSError, NotBelieved) as why:
            raise NotConfigured("KEY_FILE_UNREADABLE", path.name) from why

    def save(self, path: Path) -> None:
        """Write the private JWK to a new file that nobody else can read. Raises FileExistsError."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({**self._key.as_dict(private=True), "kid": self.kid}, file)

    @property
    def kid(self) -> str:
        """The key's id, the same for both halves."""
        return self.public.kid

    def sign(self, data: bytes) -> bytes:
        """Sign with ES256: r then s, 64 bytes."""
        r, s = decode_dss_signature(self._private.sign(data, _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign_jws(self, payload: bytes, typ: str) -> str:
        """Sign *payload* as a compact JWS with the header `alg kid typ`."""
        return self._compact({"alg": "ES256", "kid": self.kid, "typ": typ}, payload)

    def prove_jws(self, payload: bytes, typ: str) -> str:
        """Sign *payload* under a header that carries the public key itself, as DPoP does."""
        jwk = self.public.jwk()
        del jwk["kid"]
        return self._compact({"alg": "ES256", "jwk": jwk, "typ": typ}, payload)

    def decrypt(self, token: str) -> bytes:
        """Open a JWE of our profile with this key. Raises NotBelieved (`CANNOT_OPEN`)."""
        try:
            return jwe.decrypt_compact(token, self._key, registry=_seal_registry()).plaintext or b""
        except (JoseError, ValueError, TypeError) as why:
            raise NotBelieved("CANNOT_OPEN") from why

    def _compact(self, header: dict[str, Any], payload: bytes) -> str:
        signed = f"{b64u(json.dumps(header, separators=(',', ':')).encode())}.{b64u(payload)}"
        return f"{signed}.{b64u(self.sign(signed.encode('ascii')))}"

    def __repr__(self) -> str:
        return f"PrivateKey({self.kid})"


# ------------------------------------------------------------------------------------------------ JWS
def jws_header(token: str) -> dict[str, Any]:
    """Give a JWS's header, unverified. Raises NotBelieved."""
    return json_object(b64u_decode(_parts(token, 3)[0]))


def verify_jws(token: str, key: PublicKey, typ: str) -> dict[str, Any]:
    """Give the claims of a compact JWS if *key* signed it as *typ*.

    Raises NotBelieved: MALFORMED, HEADER_NOT_ALLOWED, SIGNATURE_INVALID.
    """
    head, payload, signature = _parts(token, 3)
    header = json_object(b64u_decode(head))
    if header.keys() != _SIGN or header["alg"] != "ES256" or header["typ"] != typ or header["kid"] != key.kid:
        raise NotBelieved("HEADER_NOT_ALLOWED")
    if not key.verifies(f"{head}.{payload}".encode("ascii", "replace"), b64u_decode(signature)):
        raise NotBelieved("SIGNATURE_INVALID")
    return json_object(b64u_decode(payload))


def kid_of(token: str) -> str:
    """Give the `kid` of a JWS or JWE, unverified: to look a key up, for nothing else. Raises NotBelieved."""
    kid = json_object(b64u_decode(token.split(".", 1)[0])).get("kid")
    if not isinstance(kid, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", kid, re.ASCII):
        raise NotBelieved("HEADER_NOT_ALLOWED")
    return kid


# ------------------------------------------------------------------------------------------------ JWE
def seal(plaintext: bytes, key: PublicKey) -> str:
    """Seal *plaintext* to *key*."""
    header = {"alg": _SEALING[0], "enc": _SEALING[1], "kid": key.kid}
    return jwe.encrypt_compact(
        header, plaintext, ECKey.import_key(dict[str, str | list[str]](key.jwk())), registry=_seal_registry()
    )


def open_sealed(token: str, keys: Mapping[str, PrivateKey]) -> bytes:
    """Open a JWE with the one of *keys* (by kid) that it names. Raises NotBelieved (`CANNOT_OPEN`)."""
    header = json_object(b64u_decode(_parts(token, 5)[0]))
    if header.keys() != _SEAL or header["alg"] != _SEALING[0] or header["enc"] != _SEALING[1]:
        raise NotBelieved("HEADER_NOT_ALLOWED")
    key = keys.get(str(header["kid"]))
    if key is None:
        raise NotBelieved("CANNOT_OPEN", "sealed to another key")
    PublicKey({**header["epk"], "kid": "epk"} if isinstance(header["epk"], dict) else {})
    return key.decrypt(token)


def _parts(token: str, number: int) -> list[str]:
    parts = token.split(".", number) if len(token) <= MAX_BYTES else []
    if len(parts) != number:
        raise NotBelieved("MALFORMED")
    return parts


def _seal_registry() -> jwe.JWERegistry:
    registry = jwe.JWERegistry(algorithms=_SEALING)
    registry.max_ciphertext_length = MAX_BYTES  # the library's own limit is below our envelopes'
    return registry
