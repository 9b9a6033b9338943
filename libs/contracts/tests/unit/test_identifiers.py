# SPDX-License-Identifier: EUPL-1.2
"""Identifiers against the vectors of the domain, all of them, and what a change of one character does."""

import json
import string
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import identifiers
from contracts.identifiers import IdentifierInvalid, LicenceId

TODAY = date(2026, 3, 2)
VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data/identifiers.json").read_text())["vectors"]
READERS: dict[str, Callable[[str], object]] = {
    "licenceId": identifiers.parse_licence_id,
    "uscc": identifiers.parse_uscc,
    "organisationCode": identifiers.parse_organisation_code,
    "citizenNumber": lambda text: identifiers.parse_citizen_number(text, today=TODAY),
}
GOOD = [vector for vector in VECTORS if vector["valid"]]
BAD = [vector for vector in VECTORS if not vector["valid"]]
MARRIAGE = "1.2.156.3005.2.119999000000000198001.119999000000000198.20250510000001.001.F"


def name(vector: dict[str, Any]) -> str:
    return f"{vector['kind']}: {vector['note']}"


def test_every_kind_of_vector_has_a_reader() -> None:
    assert {vector["kind"] for vector in VECTORS} == READERS.keys()
    assert len(VECTORS) == 139


@pytest.mark.parametrize("vector", GOOD, ids=name)
def test_a_valid_identifier_is_accepted(vector: dict[str, Any]) -> None:
    assert READERS[vector["kind"]](vector["value"])


@pytest.mark.parametrize("vector", BAD, ids=name)
def test_an_invalid_identifier_is_refused_without_being_repeated(vector: dict[str, Any]) -> None:
    with pytest.raises(IdentifierInvalid) as caught:
        READERS[vector["kind"]](vector["value"])
    assert caught.value.kind == vector["kind"]
    assert not vector["value"] or vector["value"] not in str(caught.value)


@pytest.mark.parametrize("vector", [v for v in GOOD if v["kind"] != "organisationCode"], ids=name)
def test_no_single_wrong_character_slips_through(vector: dict[str, Any]) -> None:
    """An organisation code by itself can't promise it: its check counts modulo 11 over 31 characters."""
    value, read = vector["value"], READERS[vector["kind"]]
    for place, right in enumerate(value):
        for wrong in string.digits + string.ascii_uppercase:
            if right in (wrong, "."):
                continue
            with pytest.raises(IdentifierInvalid):
                read(value[:place] + wrong + value[place + 1 :])


@pytest.mark.parametrize("vector", [vector for vector in GOOD if vector["kind"] == "licenceId"], ids=name)
def test_a_licence_id_is_written_as_it_was_read(vector: dict[str, Any]) -> None:
    assert str(identifiers.parse_licence_id(vector["value"])) == vector["value"]


def test_a_licence_id_is_minted_with_its_check() -> None:
    minted = identifiers.mint_licence_id(
        "119999000000000198001", "119999000000000198", identifiers.mint_serial(date(2025, 5, 10), 1)
    )
    assert str(minted) == MARRIAGE
    assert str(minted.amended()) == MARRIAGE.replace(".001.F", ".002.D")


@pytest.mark.parametrize(
    "parts",
    [
        ("119999000000000198001", "999900", "20250510000001", 1),  # an area code is never minted
        ("119999000000000198001", "119999000000000199", "20250510000001", 1),
        ("11999900000000019800A", "119999000000000198", "20250510000001", 1),
        ("119999000000000198001", "119999000000000198", "", 1),
        ("119999000000000198001", "119999000000000198", "a", 1),
        ("119999000000000198001", "119999000000000198", "1", 0),
        ("119999000000000198001", "119999000000000198", "1", 1000),
    ],
)
def test_a_wrong_part_is_never_minted(parts: tuple[str, str, str, int]) -> None:
    with pytest.raises(IdentifierInvalid):
        identifiers.mint_licence_id(*parts)


def test_version_999_is_the_last() -> None:
    with pytest.raises(IdentifierInvalid):
        LicenceId("119999000000000198001", "119999000000000198", "1", 999).amended()


@pytest.mark.parametrize("number", [0, 1_000_000, -1])
def test_a_day_has_999999_serials(number: int) -> None:
    with pytest.raises(ValueError, match="999999"):
        identifiers.mint_serial(date(2025, 5, 10), number)


def test_parts_of_a_code_can_be_read() -> None:
    code = identifiers.parse_uscc("1199990000000006XB")
    assert (code.department, code.area, code.organisation_code) == ("11", identifiers.TEST_AREA, "00000006X")


def test_a_citizen_number_tells_its_date_and_hides_itself() -> None:
    number = identifiers.parse_citizen_number("999900199602290752", today=TODAY)
    assert (number.area, number.born_on) == ("999900", date(1996, 2, 29))
    assert "9999" not in repr(number)


def test_somebody_born_today_has_a_number_and_nobody_born_tomorrow() -> None:
    number = "999900202503040269"
    assert identifiers.parse_citizen_number(number, today=date(2025, 3, 4)).text == number
    with pytest.raises(IdentifierInvalid, match="date"):
        identifiers.parse_citizen_number(number, today=date(2025, 3, 3))


@given(st.text(max_size=120))
def test_any_text_is_an_identifier_or_is_refused(text: str) -> None:
    for read in READERS.values():
        with suppress(IdentifierInvalid):
            read(text)
