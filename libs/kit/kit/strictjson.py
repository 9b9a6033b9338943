# SPDX-License-Identifier: EUPL-1.2
"""One reading of JSON everywhere: I-JSON (RFC 7493) in, plain JSON or RFC 8785 out.

What a lenient parser lets through is an attack here: of two equal member names one reader takes the first and the
next the last; NaN and 1e400 are no JSON; deep nesting exhausts the stack. So it is settled before any model reads.
"""

import json
import re
from math import isfinite
from typing import Any, Final

import orjson
import rfc8785
from pydantic import BaseModel

from kit.errors import InvalidJson

JSON = Any
"""A JSON value as Python reads it: dict, list, str, int, float, bool or None."""

MAX_DEPTH: Final = 32
MAX_INTEGER: Final = 2**53 - 1  # RFC 7493, section 2.2: what every reader keeps exactly

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_NUL = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u0000"
)  # an even number of backslashes before it: an escape, not a text about one
_LONG_NUMBER = re.compile(rb"\d{16}")


def loads(data: bytes) -> JSON:
    """Read exactly one I-JSON value.

    Raises InvalidJson (`INVALID_JSON`) for anything that isn't JSON, bytes after the value, bad UTF-8, lone
    surrogates, equal member names, NaN and infinities, integers beyond 2**53 - 1 and nesting deeper than 32.
    Also for U+0000 in a text: databases and C programs end a text there, so two readers would read two texts.
    """
    _check_depth(data)
    if _NUL.search(data):
        raise InvalidJson("A text holds U+0000")
    try:
        value = orjson.loads(data)  # fast, and strict about everything but names, depth and integers
    except orjson.JSONDecodeError:
        raise InvalidJson("The body is not JSON") from None
    if isinstance(value, dict | list):
        return json.loads(data, object_pairs_hook=_object, parse_int=_integer_reader(data))
    if isinstance(value, float) and not isfinite(value):
        raise InvalidJson("A number is out of range")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise InvalidJson("An integer is out of range")
    return value


def dumps(value: object) -> bytes:
    """Write *value* as JSON; models by their wire names, None members of models left out."""
    if isinstance(value, BaseModel):
        return value.model_dump_json(by_alias=True, exclude_none=True).encode()
    return orjson.dumps(value, default=_model)


def canonical(value: JSON) -> bytes:
    """Write *value* in the one form that is signed and hashed (RFC 8785)."""
    return rfc8785.dumps(value)


def _model(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidJson("Two members of one object have the same name")
    return members


def _integer_reader(data: bytes) -> Any:
    """Give the hook that bounds integers, or None (the parser's fast path) where none can be too long."""
    return _bounded if _LONG_NUMBER.search(data) else None


def _bounded(text: str) -> int:
    if len(text) > 17 or abs(number := int(text)) > MAX_INTEGER:
        raise InvalidJson("An integer is out of range")
    return number


def _check_depth(data: bytes) -> None:
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _STRUCTURE.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidJson("The body is nested too deeply")
        elif first in b"]}":
            depth -= 1
