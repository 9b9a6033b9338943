# SPDX-License-Identifier: EUPL-1.2
"""The citizen number (GB 11643). Only identity keeps one; it is never a key, header, topic, URL or log field."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from contracts.identifiers.invalid import IdentifierInvalid

_NUMBER: Final = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"


@dataclass(frozen=True, slots=True)
class CitizenNumber:
    """A citizen number that is right in itself. Its text stays out of representations."""

    text: str = field(repr=False)

    @property
    def area(self) -> str:
        """Area code, 6 digits."""
        return self.text[:6]

    @property
    def born_on(self) -> date:
        """Date of birth."""
        return _birth(self.text)


def parse_citizen_number(text: str, *, today: date) -> CitizenNumber:
    """Read a citizen number: 18 characters, capital X, an existing date not after *today*, the check right.

    Raises IdentifierInvalid. Source: GB 11643.
    """
    if not _NUMBER.fullmatch(text):  # before any int(): that takes full-width digits too
        raise IdentifierInvalid("citizenNumber", "form")
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _WEIGHTS, strict=True))
    if _CHECKS[total % 11] != text[17]:
        raise IdentifierInvalid("citizenNumber", "check")
    try:
        born_on = _birth(text)
    except ValueError as why:
        raise IdentifierInvalid("citizenNumber", "date") from why
    if born_on > today:
        raise IdentifierInvalid("citizenNumber", "date")
    return CitizenNumber(text)


def _birth(text: str) -> date:
    return date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
