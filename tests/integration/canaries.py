# SPDX-License-Identifier: EUPL-1.2
"""Personal values that exist once in the world, and a search for them in any bytes and any dress."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import randrange

AREA = "999900"


@dataclass(frozen=True)
class Canary:
    """One value. homes: deployments whose database may hold it."""

    name: str
    value: str
    homes: frozenset[str]


@dataclass
class Cage:
    """Makes canaries and remembers where each may live."""

    canaries: list[Canary] = field(default_factory=list)

    def text(self, name: str, *homes: str, before: str = "", after: str = "") -> str:
        """Make a text."""
        return self.keep(name, f"{before}{secrets.token_hex(6)}{after}", *homes)

    def number(self, name: str) -> str:
        """Make a citizen's number. It has no home: even identity keeps it sealed, and finds it by a keyed hash."""
        birthday = f"19{randrange(60, 99)}0{randrange(1, 10)}1{randrange(10)}"
        return self.keep(name, number_of(birthday, randrange(1, 1000)))

    def keep(self, name: str, value: str, *homes: str) -> str:
        """Remember a value that something else made."""
        self.canaries.append(Canary(name, value, frozenset(homes)))
        return value


def number_of(birthday: str, order: int) -> str:
    """Make a citizen's number of the fictional area. Source: GB 11643, ISO 7064 MOD 11-2."""
    digits = f"{AREA}{birthday}{order:03d}"
    weighted = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(digits))
    return digits + "10X98765432"[weighted % 11]


def dresses(value: str) -> set[bytes]:
    """Give every form in which *value* might stand in bytes.

    As it is, reversed, in UTF-16, in hexadecimal, as JSON escapes it, in base64 (which begins at any of three places
    inside a longer text), and as a plain hash: whoever knows all numbers can look that up.
    """
    raw = value.encode()
    found = {raw, raw[::-1], value.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode()}
    found.add(json.dumps(value)[1:-1].encode())
    found |= _base64_inside(raw)
    for name in ("sha256", "sha1", "md5"):
        digest = hashlib.new(name, raw, usedforsecurity=False).digest()
        found |= {digest, digest.hex().encode()} | _both_alphabets(base64.b64encode(digest).rstrip(b"="))
    return found


def _base64_inside(raw: bytes) -> set[bytes]:
    found: set[bytes] = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw)
        first = (before * 8 + 5) // 6  # characters that also carry bits of what stands before
        last = (before + len(raw)) * 8 // 6
        found |= _both_alphabets(text[first:last])
    return found


def _both_alphabets(text: bytes) -> set[bytes]:
    return {text, text.replace(b"+", b"-").replace(b"/", b"_")}


class Search:
    """Looks for all canaries of a cage."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._dressed = [(canary, dresses(canary.value)) for canary in canaries]

    def hits(self, data: bytes, *, home: str | None = None) -> list[str]:
        """Name the canaries in *data*. home: whose data it is; canaries that may live there don't count."""
        return [
            canary.name
            for canary, forms in self._dressed
            if home not in canary.homes and any(form in data for form in forms)
        ]
