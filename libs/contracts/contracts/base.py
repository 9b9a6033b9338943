# SPDX-License-Identifier: EUPL-1.2
"""The one base of every model that crosses a border, and the field types that all share."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Model(BaseModel):
    """Strict and closed: no coercion between types, no undeclared members, camelCase on the wire.

    Members that are None are left out on the wire (`wire`), so that absent and null never differ.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        ser_json_inf_nan="null",
    )

    def wire(self) -> dict[str, Any]:
        """Give the JSON object as it travels: camelCase names, None left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def wire_bytes(self) -> bytes:
        """Give the JSON text as it travels, UTF-8."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()


def rfc3339(moment: datetime) -> str:
    """Write *moment* (aware) in UTC with milliseconds and `Z` (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs a zone")
        return value
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        raise ValueError("not an RFC 3339 time with a zone")
    return datetime.fromisoformat(value).astimezone(UTC)


def _day(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("not an RFC 3339 full-date")
    return date.fromisoformat(value)


Id = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", max_length=36)
]
"""A UUID in lower case, as text."""
Timestamp = Annotated[datetime, BeforeValidator(_moment), PlainSerializer(rfc3339, when_used="json")]
"""An instant; RFC 3339 with a zone on the wire."""
Day = Annotated[date, BeforeValidator(_day)]
"""A calendar day; RFC 3339 full-date on the wire."""
OfficeCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")]
"""Unified social credit code of an office or organisation (GB 32100). Its checks are `contracts.identifiers`."""
SystemId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A name out of the catalogue: a type, a purpose, a service, an entry."""
Kid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""The id of a key: its RFC 7638 thumbprint, which may begin with `-` or `_`."""
StepRef = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}/[a-z0-9-]{1,20}$")]
"""`{lifeEvent}/{id}`."""
Digest = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""SHA-256, 32 bytes in base64url without padding."""
_PART = "[A-Za-z0-9_-]+"
Jws = Annotated[str, StringConstraints(pattern=rf"^{_PART}\.{_PART}\.{_PART}$", max_length=16384)]
"""A compact JWS (RFC 7515)."""
Jwe = Annotated[
    str, StringConstraints(pattern=rf"^{_PART}\.[A-Za-z0-9_-]*\.{_PART}\.{_PART}\.{_PART}$", max_length=262144)
]
"""A compact JWE (RFC 7516)."""
Envelope = Annotated[
    str, StringConstraints(pattern=rf"^{_PART}\.[A-Za-z0-9_-]*\.{_PART}\.{_PART}\.{_PART}$", max_length=655360)
]
"""A compact JWE that carries a body, files included."""
Pseudonym = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""What one party calls a person: 32 bytes in base64url. Known to that party and to identity alone."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Jwk = Annotated[dict[str, str], Field(max_length=12)]
"""A public JSON Web Key (RFC 7517): P-256, with `kid`, `use`-less."""
