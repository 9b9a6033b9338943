# SPDX-License-Identifier: EUPL-1.2
"""What an applicant gives anew: each field is looked at, and every fault is named at once. No I/O."""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any, Final

from contracts.catalogue.entries import InputField
from kit.errors import FieldError
from kit.strictjson import dumps

INPUT_BYTES: Final = 300 * 1024
"""Most bytes of an application's input as JSON: it travels in a task's envelope, which is bounded."""
NAME_CHARS: Final = 200
_MAGIC: Final[Mapping[str, bytes]] = {
    "application/pdf": b"%PDF-",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
}
"""How files of each media type begin. Of a type that isn't here nobody can tell, so it is refused."""


def input_errors(fields: Mapping[str, InputField], due: Collection[str], given: Mapping[str, Any]) -> list[FieldError]:
    """Name every fault of *given*. due: the fields that the steps taken need; others may be left out."""
    errors = [FieldError(f"/input/{name}", "UNKNOWN_FIELD") for name in given if name not in fields]
    if len(dumps(dict(given))) > INPUT_BYTES:
        errors.append(FieldError("/input", "TOO_LONG"))
    for name, field in fields.items():
        value = given.get(name)
        if value is None:
            errors += [FieldError(f"/input/{name}", "MISSING")] if name in due else []
        else:
            errors += _faults(field, value)
    return errors


def _faults(field: InputField, value: Any) -> Iterator[FieldError]:
    at = f"/input/{field.id}"
    match field.type:
        case "boolean":
            if not isinstance(value, bool):
                yield FieldError(at, "NOT_A_BOOLEAN")
        case "date":
            if not _is_day(value):
                yield FieldError(at, "NOT_A_DATE")
        case "text":
            if not isinstance(value, str) or not value:
                yield FieldError(at, "NOT_A_TEXT")
            elif len(value) > field.max_length:
                yield FieldError(at, "TOO_LONG")
        case "file":
            yield from _file_faults(field, value, at)


def _file_faults(field: InputField, value: Any, at: str) -> Iterator[FieldError]:
    """A file is {name, media, content: base64}: of a type that the field takes, and truly of that type."""
    if not isinstance(value, dict) or value.keys() != {"name", "media", "content"}:
        yield FieldError(at, "NOT_A_FILE")
        return
    name, media, content = value["name"], value["media"], value["content"]
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS:
        yield FieldError(f"{at}/name", "NOT_A_TEXT")
    if not isinstance(media, str) or media not in field.media or media not in _MAGIC:
        yield FieldError(f"{at}/media", "MEDIA_NOT_ALLOWED")
        return
    held = _decoded(content)
    if held is None:
        yield FieldError(f"{at}/content", "NOT_BASE64")
    elif len(held) > field.max_bytes:
        yield FieldError(f"{at}/content", "TOO_LARGE")
    elif not held.startswith(_MAGIC[media]):
        yield FieldError(f"{at}/content", "FILE_TYPE_WRONG")


def _decoded(content: Any) -> bytes | None:
    if not isinstance(content, str):
        return None
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
