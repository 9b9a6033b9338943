# SPDX-License-Identifier: EUPL-1.2
"""Registers become certificates once, whatever runs twice."""

from datetime import date
from typing import Any

import pytest

from contracts.certificates.api import Issued
from contracts.identifiers import parse_citizen_number
from contracts.ids import uuid7
from example_offices import health, land, program
from example_offices.registering import register
from tongban import Problem

TODAY = date(2026, 11, 24)


class FakeOffice:
    def __init__(self, unknown: str = "") -> None:
        self.unknown = unknown
        self.keys: list[str] = []

    async def resolve(self, numbers: list[str]) -> list[str | None]:
        return [None if number == self.unknown else f"{number:A>43}" for number in numbers]

    async def issue(self, _type: str, _holder: Any, _claims: Any, *, key: str, **_validity: Any) -> Issued:
        if key in self.keys:
            raise Problem("TRANSITION_NOT_ALLOWED", 409)
        self.keys.append(key)
        return Issued(certificate_id=str(uuid7()), version=1, licence_id="1.2.3", status="01")


def the_entries() -> list[Any]:
    return [
        *health.entries(program.REGISTERS / "health.yaml", TODAY),
        *land.entries(program.REGISTERS / "land.yaml"),
    ]


def test_everybody_in_the_registers_is_fictional() -> None:
    for entry in the_entries():
        parse_citizen_number(entry.number, today=TODAY)  # raises where a check digit is wrong
        assert entry.number.startswith("999900")


@pytest.mark.parametrize(("today", "examined"), [(TODAY, "2026-10-12"), (date(2027, 1, 5), "2026-10-12")])
def test_the_newest_examination_counts_until_the_day_before_the_next(today: date, examined: str) -> None:
    (entry, _) = health.entries(program.REGISTERS / "health.yaml", today)
    assert entry.claims["examinedOn"] == examined
    assert entry.valid_to == date(2027, 10, 11)


async def test_a_second_run_issues_nothing() -> None:
    office, said = FakeOffice(), list[str]()
    assert await register(office, "title", the_entries(), said.append) == 3  # type: ignore[arg-type]
    assert await register(office, "title", the_entries(), said.append) == 3  # type: ignore[arg-type]
    assert len(office.keys) == 3


async def test_a_number_of_nobody_is_told_and_left_out() -> None:
    office, said = FakeOffice(unknown="999900199302180578"), list[str]()
    assert await register(office, "title", the_entries(), said.append) == 2  # type: ignore[arg-type]
    assert any("nobody" in line for line in said)
    assert "999900199302180578" not in " ".join(said)
