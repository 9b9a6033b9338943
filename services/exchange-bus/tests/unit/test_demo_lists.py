# SPDX-License-Identifier: EUPL-1.2
"""The demo country's own lists answer the absurd demands of the press, and let through what is lawful."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts.catalogue import Catalogue
from contracts.catalogue.check import check
from kit.proof_gate import Demand, judge
from tongban.catalogue_files import load_entries

ROOT = Path(__file__).parents[4]
CORPUS: list[dict[str, Any]] = json.loads((ROOT / "services/exchange-bus/tests/data/proof_gate.json").read_text())[
    "demands"
]
ON = date(2026, 11, 24)
HERE = {event.stem for event in (ROOT / "catalogue/life-events").glob("*.yaml")}
MARKET, FIRE, SIGNS, CIVIL = (
    "1199990000000006XB", "11999900000000078B", "119999000000000866", "119999000000000198"
)  # fmt: skip


def _demo() -> Catalogue:
    entries, faults = check(load_entries(ROOT / "catalogue"), test_area=True)
    assert faults == []
    return Catalogue(1, entries)


DEMO = _demo()


def _code(asked_by: str, service: str, step: str | None, proves: str, **more: Any) -> str:
    demand = Demand(asked_by=asked_by, service=service, step=step, proves=proves, **more)
    return judge(DEMO, demand, ON).code


def _is_here(demand: dict[str, Any]) -> bool:
    """The demo country has the life event, and lists it under the corpus's own numbers (the restaurant has its own)."""
    event = (demand["step"] or "/").split("/")[0]
    return not event or (event in HERE and event != "open-restaurant")


SAME = [demand for demand in CORPUS if _is_here(demand)]


@pytest.mark.parametrize("demand", SAME, ids=[demand["id"] for demand in SAME])
def test_the_lists_of_the_demo_country_say_what_the_corpus_says(demand: dict[str, Any]) -> None:
    said = _code(
        demand["askedBy"], demand["service"], demand["step"], demand["proves"],
        cites=demand["cites"], demanded_from=demand.get("demandedFrom"),
        paper_needs=tuple(demand.get("paperNeeds", ())), case_has=tuple(demand.get("caseHas", ())),
    )  # fmt: skip
    assert said == demand["expected"]


def test_most_of_the_press_is_there() -> None:
    assert len(SAME) >= 20


RESTAURANT = [
    ("the floor plan of the kitchen", MARKET, "food-licence", "r4", "floor-plan", "P-0245", "ACCEPTED"),
    ("a copy of the business licence", MARKET, "food-licence", "r4", "business-exists", "P-0241", "COVERED_BY_LICENCE"),
    ("the title of the premises", MARKET, "food-licence", "r4", "premises-right", None, "HELD_BY_OFFICE"),
    ("the staff's health cards", MARKET, "food-licence", "r4", "staff-fit-for-food", None, "HELD_BY_OFFICE"),
    (
        "the kitchen's floor plan, for the sign",
        SIGNS,
        "food-licence",
        "r4",
        "floor-plan",
        "P-0245",
        "NOT_IN_POWER_LIST",
    ),
    ("the floor plan, for the sign", SIGNS, "shop-sign", "r6", "floor-plan", None, "NO_LEGAL_BASIS"),
    ("the promise of the fire check", FIRE, "fire-check", "r5", "fire-commitment", "P-0254", "ACCEPTED"),
    ("the building's acceptance", FIRE, "fire-check", "r5", "building-accepted", None, "HELD_BY_OFFICE"),
    ("the text of the sign", SIGNS, "shop-sign", "r6", "sign-text", "P-0263", "ACCEPTED"),
    ("the text of the sign, citing nothing", SIGNS, "shop-sign", "r6", "sign-text", None, "NO_LEGAL_BASIS"),
]


@pytest.mark.parametrize(("what", "office", "service", "step", "fact", "cites", "code"), RESTAURANT)
def test_a_restaurant_is_asked_for_new_things_only(
    what: str, office: str, service: str, step: str, fact: str, cites: str | None, code: str
) -> None:
    assert _code(office, service, f"open-restaurant/{step}", fact, cites=cites) == code, what


@pytest.mark.parametrize("fact", ["identity-of-both", "marital-status"])
def test_household_booklet_and_never_married_are_held_by_offices_whatever_is_cited(fact: str) -> None:
    for cites in (None, "P-0303", "P-0306", "P-0302"):
        assert _code(CIVIL, "status-check", "marriage/m2", fact, cites=cites) == "HELD_BY_OFFICE"


def test_the_booklet_could_be_asked_for_until_the_law_changed() -> None:
    demand = Demand(
        asked_by=CIVIL, service="status-check", step="marriage/m2", proves="household-place", cites="P-0305"
    )
    assert judge(DEMO, demand, ON).code == "LIST_EXPIRED"
