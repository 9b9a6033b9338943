# SPDX-License-Identifier: EUPL-1.2
"""The proof gate gives the right answer to every demand of the corpus."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from exchange_bus.domain.proofs import Demand, ListEntry, judge
from exchange_bus.errors import PROOF_REFUSALS

CORPUS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "proof_gate.json").read_text())
ON = date.fromisoformat(CORPUS["date"])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


ENTRIES = [
    ListEntry(
        id=item["item"],
        service=item["service"],
        step=item["step"],
        asked_by=item["askedBy"],
        proves=item["proves"],
        route=item["route"],
        sources=tuple((source["office"], source["type"]) for source in item["sources"]),
        law="a law",
        from_=date.fromisoformat(item["from"]),
        to=_day(item["to"]),
    )
    for item in CORPUS["proofList"]
]


def _judged(demand: dict[str, Any]) -> str:
    has_power = {"office": demand["askedBy"], "service": demand["service"]} in CORPUS["powers"]
    read = Demand(
        asked_by=demand["askedBy"],
        service=demand["service"],
        step=demand["step"],
        proves=demand["proves"],
        cites=demand["cites"],
        demanded_from=demand.get("demandedFrom"),
        paper_needs=tuple(demand.get("paperNeeds", ())),
        case_has=tuple(demand.get("caseHas", ())),
    )
    return judge(read, ENTRIES, has_power=has_power, on=ON).code


@pytest.mark.parametrize("demand", CORPUS["demands"], ids=[d["id"] for d in CORPUS["demands"]])
def test_each_demand_of_the_corpus_gets_its_code(demand: dict[str, Any]) -> None:
    assert _judged(demand) == demand["expected"]


def test_the_corpus_holds_forty_demands_of_which_twelve_are_lawful() -> None:
    codes = [demand["expected"] for demand in CORPUS["demands"]]
    assert (len(codes), codes.count("ACCEPTED")) == (40, 12)


def test_every_refusal_of_the_corpus_has_a_problem_of_its_own() -> None:
    codes = {outcome["code"] for outcome in CORPUS["outcomes"]} - {"ACCEPTED"}
    assert codes == PROOF_REFUSALS.keys()
    assert {PROOF_REFUSALS[code]().status for code in codes - {"NOT_IN_POWER_LIST"}} == {409}
    assert PROOF_REFUSALS["NOT_IN_POWER_LIST"]().status == 403


def test_a_demand_that_cites_an_unknown_entry_has_no_legal_basis() -> None:
    lawful = next(demand for demand in CORPUS["demands"] if demand["id"] == "D15")
    assert _judged({**lawful, "cites": "P-9999"}) == "NO_LEGAL_BASIS"


def test_an_entry_of_another_step_gives_no_basis() -> None:
    lawful = next(demand for demand in CORPUS["demands"] if demand["id"] == "D15")
    assert _judged({**lawful, "step": "newborn/n2"}) == "NO_LEGAL_BASIS"
