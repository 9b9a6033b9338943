# SPDX-License-Identifier: EUPL-1.2
"""The proof gate gives the right answer to every demand of the corpus, and to every other by the domain's table."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.catalogue import Catalogue
from contracts.catalogue.entries import parse_entry
from contracts.exchange_bus import DemandProof
from exchange_bus.errors import PROOF_REFUSALS
from kit.proof_gate import Demand, judge

Item = Mapping[str, Any]
CORPUS: Item = json.loads((Path(__file__).parents[1] / "data" / "proof_gate.json").read_text())
ON = date.fromisoformat(CORPUS["date"])


def catalogue(powers: Sequence[Item], proofs: Sequence[Item]) -> Catalogue:
    """A release of these lists, written as in the corpus."""
    power = {"kind": "power", "action": "decide", "law": "a law", "from": "2000-01-01"}
    proof = {"kind": "proof", "law": "a law"}
    listed = [{**power, "id": f"PW-{at}", **item} for at, item in enumerate(powers)]
    listed += [
        {**proof, "id": item["item"], **{name: said for name, said in item.items() if name != "item"}}
        for item in proofs
    ]
    return Catalogue(1, [parse_entry(dict(entry)) for entry in listed])


def read(demand: Item) -> Demand:
    """A demand of the corpus as it travels."""
    names = DemandProof.model_fields
    said = {info.alias or name: demand.get(info.alias or name) for name, info in names.items()}
    return Demand.of(DemandProof.model_validate({name: value for name, value in said.items() if value is not None}))


LISTS = catalogue(CORPUS["powers"], CORPUS["proofList"])


def judged(demand: Item, *, on: date = ON) -> str:
    return judge(LISTS, read(demand), on).code


def of_corpus(name: str) -> Item:
    found: Item = next(demand for demand in CORPUS["demands"] if demand["id"] == name)
    return found


@pytest.mark.parametrize("demand", CORPUS["demands"], ids=[d["id"] for d in CORPUS["demands"]])
def test_each_demand_of_the_corpus_gets_its_code(demand: Item) -> None:
    assert judged(demand) == demand["expected"]


def test_the_corpus_holds_forty_demands_of_which_twelve_are_lawful() -> None:
    codes = [demand["expected"] for demand in CORPUS["demands"]]
    assert (len(codes), codes.count("ACCEPTED")) == (40, 12)


def test_every_refusal_of_the_corpus_has_a_problem_of_its_own() -> None:
    codes = {outcome["code"] for outcome in CORPUS["outcomes"]} - {"ACCEPTED"}
    assert codes == PROOF_REFUSALS.keys()
    assert {PROOF_REFUSALS[code]().status for code in codes - {"NOT_IN_POWER_LIST"}} == {409}
    assert PROOF_REFUSALS["NOT_IN_POWER_LIST"]().status == 403


def test_a_demand_that_cites_an_unknown_entry_has_no_legal_basis() -> None:
    assert judged({**of_corpus("D15"), "cites": "P-9999"}) == "NO_LEGAL_BASIS"


def test_an_entry_of_another_step_gives_no_basis() -> None:
    assert judged({**of_corpus("D15"), "step": "newborn/n2"}) == "NO_LEGAL_BASIS"


def test_a_list_as_of_a_day_answers_what_held_then() -> None:
    booklet = of_corpus("D28")
    entry = next(item for item in CORPUS["proofList"] if item["item"] == booklet["cites"])
    last = date.fromisoformat(entry["to"]) - timedelta(days=1)
    assert judged(booklet, on=last) not in ("LIST_EXPIRED", "NO_LEGAL_BASIS")
    assert judged(booklet, on=last + timedelta(days=1)) == "LIST_EXPIRED"
    assert judged(booklet, on=date.fromisoformat(entry["from"]) - timedelta(days=1)) == "LIST_EXPIRED"


def test_a_new_version_of_an_entry_leaves_the_days_before_it_as_they_were() -> None:
    office = "1199990000000006XB"
    first = {
        "item": "P-1", "service": "s", "askedBy": office, "proves": "plan", "route": "applicant", "sources": [],
        "from": "2025-01-01",
    }  # fmt: skip
    later = {**first, "version": 2, "route": "commitment", "from": "2026-07-01"}
    lists = catalogue([{"office": office, "service": "s"}], [first, later])
    demand = Demand(asked_by=office, service="s", step=None, proves="plan", cites="P-1")
    assert judge(lists, demand, date(2026, 6, 30)).code == "ACCEPTED"
    assert judge(lists, demand, date(2026, 7, 1)).code == "USE_COMMITMENT"


# ------------------------------------------------------------------------------------------ the table, read again
OFFICES = ["1199990000000006XB", "11999900000000035X", "11999900000000107N"]
SERVICES, FACTS, STEPS = ["a", "b"], ["title", "health", "plan"], ["e/1", "e/2"]
DAYS = ["2025-01-01", "2025-06-01", "2025-12-01"]
ROUTES = ["register", "licence", "check", "other", "contract", "commitment", "applicant"]


def _in_force(item: Item, on: str) -> bool:
    return item["from"] <= on and (item.get("to") is None or on < item["to"])  # dates in ISO form sort as text


def _asks(item: Item, demand: Item) -> bool:
    wanted = (demand["askedBy"], demand["service"], demand["proves"])
    return (item["askedBy"], item["service"], item["proves"]) == wanted and item.get("step") in (None, demand["step"])


def _deciding(demand: Item, items: Sequence[Item], on: str) -> Item:
    held = sorted((i for i in items if _in_force(i, on) and _asks(i, demand)), key=lambda i: str(i["item"]))
    return next((i for i in held if i["item"] == demand["cites"]), held[0] if held else {})


Row = tuple[str, Callable[[Item, Sequence[Item], Sequence[Item], str], bool]]
TABLE: Sequence[Row] = [
    (
        "NOT_IN_POWER_LIST",
        lambda d, _items, powers, _on: {"office": d["askedBy"], "service": d["service"]} not in powers,
    ),
    (
        "LIST_EXPIRED",
        lambda d, items, _powers, on: any(i["item"] == d["cites"] and not _in_force(i, on) for i in items),
    ),
    ("NO_LEGAL_BASIS", lambda d, items, _powers, on: not _deciding(d, items, on)),
    (
        "NO_LEGAL_BASIS",
        lambda d, items, _powers, on: (
            _deciding(d, items, on)["route"] == "applicant" and _deciding(d, items, on)["item"] != d["cites"]
        ),
    ),
    ("REPEATED_IN_CASE", lambda d, *_: d["proves"] in d["caseHas"]),
    ("CIRCULAR", lambda d, *_: d["service"] in d["paperNeeds"]),
    (
        "ISSUER_CANNOT_KNOW",
        lambda d, items, _powers, on: (
            d["demandedFrom"] is not None
            and all(s["office"] != d["demandedFrom"] for s in _deciding(d, items, on)["sources"])
        ),
    ),
    *(
        (code, lambda d, items, _powers, on, route=route: _deciding(d, items, on)["route"] == route)
        for route, code in zip(
            ROUTES,
            ["HELD_BY_OFFICE", "COVERED_BY_LICENCE", "VERIFY_ONLINE", "COVERED_BY_OTHER", "USE_CONTRACT",
             "USE_COMMITMENT", "ACCEPTED"],
            strict=True,
        )
    ),
]  # fmt: skip
"""The domain's table as it stands there: code, when. The first row that holds gives the code."""

PAIRS = [(office, service) for office in OFFICES[:2] for service in SERVICES]
POWERS = st.sets(st.sampled_from(PAIRS), max_size=2).map(
    lambda without: [
        {"office": office, "service": service} for office, service in PAIRS if (office, service) not in without
    ]
)
ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "askedBy": st.sampled_from(OFFICES[:2]),
            "service": st.sampled_from(SERVICES),
            "proves": st.sampled_from(FACTS),
            "route": st.sampled_from(ROUTES),
            "sources": st.lists(
                st.fixed_dictionaries({"office": st.sampled_from(OFFICES), "type": st.sampled_from(FACTS)}), max_size=2
            ),
            "from": st.sampled_from(DAYS[:2]),
        },
        optional={"step": st.sampled_from(STEPS), "to": st.just(DAYS[2])},
    ),
    min_size=1,
    max_size=8,
).map(lambda items: [{**item, "item": f"P-{at}"} for at, item in enumerate(items)])
AIMED = st.fixed_dictionaries(
    {
        "at": st.integers(0, 7),
        "cites": st.sampled_from(["own", "own", None, *(f"P-{at}" for at in range(9))]),
        "demandedFrom": st.sampled_from([None, None, None, "a neighbour", *OFFICES]),
        "paperNeeds": st.sampled_from([[], [], [], ["c"], ["a"], ["b", "c"]]),
        "caseHas": st.sampled_from([[], [], [], ["x"], [FACTS[0]], FACTS[1:]]),
    },
    optional={
        "askedBy": st.sampled_from(OFFICES[:2]),
        "service": st.sampled_from(SERVICES),
        "proves": st.sampled_from(FACTS),
        "step": st.sampled_from([None, *STEPS]),
    },
)
"""A demand aimed at one entry of the list; what is drawn beside that may miss it."""


def aimed(items: Sequence[Item], drawn: Item) -> Item:
    """The demand that was drawn."""
    entry = items[drawn["at"] % len(items)]
    about = {name: entry.get(name) for name in ("askedBy", "service", "proves", "step")}
    return {**about, **drawn, "cites": entry["item"] if drawn["cites"] == "own" else drawn["cites"]}


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    powers=POWERS,
    items=ITEMS,
    drawn=st.lists(AIMED, min_size=20, max_size=20),
    on=st.sampled_from(["2025-01-01", "2025-08-01", "2025-11-30", "2026-01-01"]),
)
def test_ten_thousand_demands_are_judged_as_the_table_has_it(
    powers: list[Item], items: list[Item], drawn: list[Item], on: str
) -> None:
    lists = catalogue(powers, items)
    for demand in (aimed(items, one) for one in drawn):
        expected = next(code for code, holds in TABLE if holds(demand, items, powers, on))
        assert judge(lists, read(demand), date.fromisoformat(on)).code == expected
