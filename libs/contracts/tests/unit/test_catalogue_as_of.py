# SPDX-License-Identifier: EUPL-1.2
"""What held on a day: a question about the past gets the past's answer, whatever came later."""

from datetime import date
from typing import Any

import pytest

from contracts.catalogue import Catalogue, Grant, Proof, Responsibility, parse_entry

MARKET, LAND, CITY = "1199990000000006XB", "11999900000000107N", "119999000000000866"


def _deadline(version: int, days: int, since: str, silence: str = "deemed", until: str | None = None) -> dict[str, Any]:
    return {
        "kind": "responsibility", "id": "RS-1", "version": version, "step": "open-restaurant/r6", "accountable": CITY,
        "within": {"workingDays": days}, "onSilence": silence, "risk": "low", "law": "A rule", "from": since,
        "to": until,
    }  # fmt: skip


def _grant(version: int, fields: list[str], since: str) -> dict[str, Any]:
    return {
        "kind": "grant", "id": "G-1", "version": version, "demand": "DM-1", "consumer": MARKET, "provider": LAND,
        "type": "title", "fields": fields, "mode": "onRequest", "purpose": "premises-check", "basis": "request",
        "steps": ["open-restaurant/r1"], "law": "A law", "from": since,
    }  # fmt: skip


CATALOGUE = Catalogue(
    9,
    [
        parse_entry(raw)
        for raw in (
            _deadline(1, 20, "2024-01-01", "escalate"),
            _deadline(2, 5, "2025-09-01"),
            _deadline(3, 3, "2027-01-01", until="2027-07-01"),
            _grant(1, ["holder", "place", "use"], "2024-01-01"),
            _grant(2, ["place"], "2026-06-01"),
            {
                "kind": "proof", "id": "P-1", "service": "status-check", "askedBy": MARKET, "proves": "household-place",
                "route": "applicant", "law": "An older law", "from": "2020-01-01", "to": "2025-05-10",
            },
        )
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("day", "days", "silence"),
    [
        ("2024-01-01", 20, "escalate"),
        ("2025-08-31", 20, "escalate"),
        ("2025-09-01", 5, "deemed"),
        ("2026-12-31", 5, "deemed"),
        ("2027-01-01", 3, "deemed"),
        ("2027-07-01", 5, "deemed"),
    ],
)
def test_a_deadline_is_the_one_of_its_day(day: str, days: int, silence: str) -> None:
    held = CATALOGUE.responsibility("open-restaurant/r6", CITY, date.fromisoformat(day))
    assert held is not None
    assert (held.within["workingDays"], held.on_silence) == (days, silence)


def test_before_the_first_version_nobody_answered() -> None:
    assert CATALOGUE.responsibility("open-restaurant/r6", CITY, date(2023, 12, 31)) is None


@pytest.mark.parametrize(
    ("day", "fields"),
    [("2026-05-31", ["holder", "place", "use"]), ("2026-06-01", ["place"]), ("2030-01-01", ["place"])],
)
def test_a_grant_gives_the_fields_of_its_day_and_of_one_version_only(day: str, fields: list[str]) -> None:
    found = CATALOGUE.grants(date.fromisoformat(day), mode="onRequest", type_name="title", consumer=MARKET)
    assert [grant.fields for grant in found] == [fields]


def test_an_entry_that_ended_was_in_force_before_and_is_known_after() -> None:
    last, first_without = date(2025, 5, 9), date(2025, 5, 10)
    assert CATALOGUE.get(Proof, "P-1", last) is not None
    assert CATALOGUE.get(Proof, "P-1", first_without) is None
    assert CATALOGUE.known(Proof, "P-1")


def test_the_order_of_questions_does_not_change_an_answer() -> None:
    days = [date(2024 + nth % 4, 1 + nth % 12, 1) for nth in range(48)]  # more days than an index keeps
    asked = [CATALOGUE.get(Grant, "G-1", day) for day in days]
    assert [CATALOGUE.get(Grant, "G-1", day) for day in reversed(days)] == asked[::-1]
    once = {day: CATALOGUE.responsibility("open-restaurant/r6", CITY, day) for day in days}
    again = {day: CATALOGUE.responsibility("open-restaurant/r6", CITY, day) for day in reversed(days)}
    assert once == again
    assert any(isinstance(held, Responsibility) for held in once.values())
