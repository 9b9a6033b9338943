# SPDX-License-Identifier: EUPL-1.2
"""Identifiers of the domain: parsed strictly, never trimmed, never folded, ASCII only.

A wrong one raises IdentifierInvalid, which says in one word what is wrong and never repeats the value.
"""

from contracts.identifiers.citizen import CitizenNumber, parse_citizen_number
from contracts.identifiers.invalid import IdentifierInvalid
from contracts.identifiers.licence import (
    LicenceId,
    licence_check_character,
    mint_licence_id,
    mint_serial,
    parse_licence_id,
)
from contracts.identifiers.organisation import (
    TEST_AREA,
    Uscc,
    is_uscc,
    organisation_check_character,
    parse_organisation_code,
    parse_uscc,
    uscc_check_character,
)

__all__ = [
    "TEST_AREA",
    "CitizenNumber",
    "IdentifierInvalid",
    "LicenceId",
    "Uscc",
    "is_uscc",
    "licence_check_character",
    "mint_licence_id",
    "mint_serial",
    "organisation_check_character",
    "parse_citizen_number",
    "parse_licence_id",
    "parse_organisation_code",
    "parse_uscc",
    "uscc_check_character",
]
