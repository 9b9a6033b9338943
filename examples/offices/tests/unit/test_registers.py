# SPDX-License-Identifier: EUPL-1.2
"""Registers become certificates once, whatever runs twice."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from contracts.certificates.api import Issued
from contracts.identifiers import parse_citizen_number
from contracts.ids import uuid7
from example_offices import (
    court,
    health,
    housing,
    hrss,
    land,
    licensing,
    medical_insurance,
    neighbour_police,
    program,
    provident_fund,
    public_security,
    tax,
    utilities,
)
from example_offices.registering import Book, Entry, lines, open_book, register
from tongban import Problem

TODAY = date(2026, 11, 24)
CATALOGUE = Path(__file__).parents[4] / "catalogue"
OWNER = "999900199302180578"
MODULES = (
    court, health, housing, hrss, land, licensing, medical_insurance, neighbour_police, provident_fund,
    public_security, tax,
)  # fmt: skip
BOOKS: list[Book] = [book for module in MODULES for book in module.BOOKS] + [
    utilities.book(which) for which in utilities.OFFICES
]


class FakeOffice:
    office = "119999000000000273"

    def __init__(self, unknown: str = "", *, powerless: bool = False) -> None:
        self.unknown = unknown
        self.keys: list[str] = []
        power = None if powerless else object()
        self.directory = SimpleNamespace(catalogue=SimpleNamespace(may_issue=lambda *_: power))

    async def resolve(self, numbers: list[str]) -> list[str | None]:
        return [None if number == self.unknown else f"{number:A>43}" for number in numbers]

    async def issue(self, _type: str, _holder: Any, _claims: Any, *, key: str, **_validity: Any) -> Issued:
        if key in self.keys:
            raise Problem("TRANSITION_NOT_ALLOWED", 409)
        self.keys.append(key)
        return Issued(certificate_id=str(uuid7()), version=1, licence_id="1.2.3", status="01")


def entries(book: Book) -> list[Entry]:
    return list(book.entries(program.REGISTERS / book.file, TODAY))


def the_entries() -> list[Entry]:
    return [entry for book in BOOKS if book.type in ("title", "staff-health") for entry in entries(book)]


def types() -> dict[str, dict[str, Any]]:
    files = sorted((CATALOGUE / "types").glob("*.yaml"))
    return {one["id"]: one for file in files for one in yaml.safe_load(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.file)
def test_everybody_in_a_register_is_fictional_and_has_what_the_catalogue_asks(book: Book) -> None:
    listed = types()[book.type]
    for entry in entries(book):
        parse_citizen_number(entry.number, today=TODAY)  # raises where a check digit is wrong
        assert entry.number.startswith("999900")
        assert set(entry.claims) == {field["name"] for field in listed["fields"]}
        assert entry.key == entry.claims[listed["key"]]
        assert entry.valid_from <= TODAY


def test_every_register_is_read_by_a_program() -> None:
    assert {book.file for book in BOOKS} == {file.name for file in program.REGISTERS.glob("*.yaml")}


def test_every_person_of_the_sandbox_is_a_citizen() -> None:
    personas = yaml.safe_load((CATALOGUE / "personas.yaml").read_text(encoding="utf-8"))
    known = {entry.number for book in BOOKS if book.type == "citizen" for entry in entries(book)}
    assert {one["number"] for one in personas} == known


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
    office, said = FakeOffice(unknown=OWNER), list[str]()
    assert await register(office, "title", the_entries(), said.append) == 2  # type: ignore[arg-type]
    assert any("nobody" in line for line in said)
    assert OWNER not in " ".join(said)


async def test_a_register_without_a_power_in_the_lists_stays_closed() -> None:
    office, said = FakeOffice(powerless=True), list[str]()
    book = Book("title", "land.yaml", lines("number"))
    await open_book(office, book, program.REGISTERS, TODAY, said.append)  # type: ignore[arg-type]
    assert (len(said), office.keys) == (1, [])
    open_office = FakeOffice()
    await open_book(open_office, book, program.REGISTERS, TODAY, said.append)  # type: ignore[arg-type]
    assert said[-1] == "title: 1 entries stand on the platform"
