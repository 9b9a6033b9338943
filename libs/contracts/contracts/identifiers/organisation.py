# SPDX-License-Identifier: EUPL-1.2
"""Organisations: the unified social credit code (GB 32100) and the organisation code inside it (GB 11714)."""

import re
from dataclasses import dataclass
from typing import Final

from contracts.identifiers.invalid import IdentifierInvalid

TEST_AREA: Final = "999900"
"""Assigned to nobody: every fictional office and person has it. A production catalogue refuses it."""

_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_CODE_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_USCC: Final = re.compile(rf"[{_ALPHABET}]{{2}}[0-9]{{6}}[{_ALPHABET}]{{10}}", re.ASCII)
_CODE: Final = re.compile(rf"[{_ALPHABET}]{{8}}[0-9X]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Uscc:
    """A unified social credit code by its parts."""

    text: str

    @property
    def department(self) -> str:
        """Registering department (1 character) and class (1 character)."""
        return self.text[:2]

    @property
    def area(self) -> str:
        """Area code of the registering department, 6 digits."""
        return self.text[2:8]

    @property
    def organisation_code(self) -> str:
        """The 9 characters of the organisation code."""
        return self.text[8:17]


def parse_uscc(text: str) -> Uscc:
    """Read a unified social credit code: 18 characters, both checks. Raises IdentifierInvalid. Source: GB 32100."""
    if not _USCC.fullmatch(text):
        raise IdentifierInvalid("uscc", "form")
    if uscc_check_character(text[:17]) != text[17]:
        raise IdentifierInvalid("uscc", "check")
    try:
        parse_organisation_code(text[8:17])
    except IdentifierInvalid as why:
        raise IdentifierInvalid("uscc", "part") from why
    return Uscc(text)


def is_uscc(text: str) -> bool:
    """Tell whether *text* is a valid unified social credit code."""
    try:
        parse_uscc(text)
    except IdentifierInvalid:
        return False
    return True


def uscc_check_character(first: str) -> str:
    """Compute the check character of the first 17: weights 3^i mod 31, in the code's own alphabet of 31."""
    total = sum(_VALUES[character] * weight for character, weight in zip(first, _WEIGHTS, strict=True))
    return _ALPHABET[(31 - total % 31) % 31]


def parse_organisation_code(text: str) -> str:
    """Read an organisation code, 9 characters without hyphen. Raises IdentifierInvalid. Source: GB 11714."""
    if not _CODE.fullmatch(text):
        raise IdentifierInvalid("organisationCode", "form")
    if organisation_check_character(text[:8]) != text[8]:
        raise IdentifierInvalid("organisationCode", "check")
    return text


def organisation_check_character(first: str) -> str:
    """Compute the check character of the first 8; letters count 10 to 35, 10 is written X and 11 is written 0."""
    total = sum(int(character, 36) * weight for character, weight in zip(first, _CODE_WEIGHTS, strict=True))
    check = 11 - total % 11
    return "X" if check == 10 else str(check % 11)
