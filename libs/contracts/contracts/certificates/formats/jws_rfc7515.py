# SPDX-License-Identifier: EUPL-1.2
"""The little of JWS (RFC 7515, ES256) and of strict JSON that credential formats need: standard library alone."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NoReturn, Protocol

MAX_DEPTH: Final = 16
_B64U: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*"')

KeyOf = Callable[[str, str], Callable[[bytes, bytes], bool] | None]
"""(iss, kid) -> a function (signed bytes, raw signature r and s) -> whether that key made it; None: no such key."""


class FormatRefused(ValueError):
    """A credential that doesn't hold. code: stable, UPPER_SNAKE; the first check that failed. Never a value."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Signer(Protocol):
    """Whoever signs: a key in memory, or one in a device."""

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Give the ES256 signature: r and s, 32 bytes each."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """A JWS of the right form that nobody has verified yet."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes


def encode(data: bytes) -> str:
    """Write base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Read base64url without padding, in its only spelling. Raises FormatRefused (`MALFORMED`)."""
    if not _B64U.fullmatch(text) or len(text) % 4 == 1:
        raise FormatRefused("MALFORMED")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as why:
        raise FormatRefused("MALFORMED") from why
    if encode(data) != text:
        raise FormatRefused("MALFORMED")
    return data


def compact_json(value: object) -> bytes:
    """Write JSON without spaces, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def strict_json(data: bytes) -> Any:
    """Read one JSON value: no name twice in an object, no NaN, at most 16 deep. Raises FormatRefused (`MALFORMED`)."""
    try:
        text = data.decode("utf-8")
        _check_depth(text)
        return json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as why:
        raise FormatRefused("MALFORMED") from why


def digest(text: str) -> str:
    """Give SHA-256 of an ASCII text, base64url."""
    return encode(sha256(text.encode("ascii")).digest())


def sign(header: Mapping[str, object], payload: Mapping[str, object], signer: Signer) -> str:
    """Make a compact JWS, ES256."""
    signed = f"{encode(compact_json({'alg': 'ES256', **header}))}.{encode(compact_json(payload))}"
    return f"{signed}.{encode(signer.sign(signed.encode('ascii')))}"


def read(text: str, typ: str, allowed: frozenset[str]) -> Token:
    """Take a compact JWS apart: form, then typ, then algorithm.

    Raises FormatRefused: MALFORMED, TYPE_WRONG, ALGORITHM_REFUSED.
    """
    parts = text.split(".")
    if len(parts) != 3:
        raise FormatRefused("MALFORMED")
    header, payload = strict_json(decode(parts[0])), strict_json(decode(parts[1]))
    if not isinstance(header, dict) or not isinstance(payload, dict) or not allowed >= header.keys():
        raise FormatRefused("MALFORMED")
    if header.get("typ") != typ:
        raise FormatRefused("TYPE_WRONG")
    if header.get("alg") != "ES256":
        raise FormatRefused("ALGORITHM_REFUSED")
    return Token(header, payload, f"{parts[0]}.{parts[1]}".encode("ascii"), decode(parts[2]))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("two members of one name")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _check_depth(text: str) -> None:
    """Count nesting before parsing, so that a deep text costs no stack."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for character in _STRINGS.sub("", text):
        if character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError("too deep")
        elif character in "]}":
            depth -= 1
