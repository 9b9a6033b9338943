# SPDX-License-Identifier: EUPL-1.2
"""What a release with many steps, promises, visits, organisations and versions must keep, rule by rule."""

import copy
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.catalogue.check import check

CATALOGUE = Path(__file__).parents[4] / "catalogue"
MARKET, LAND, FIRE, TAX = "1199990000000006XB", "11999900000000107N", "11999900000000078B", "119999000000000941"
RESTAURANT = "/lifeEvent/open-restaurant"
Entries = dict[str, dict[str, Any]]


def _load() -> list[dict[str, Any]]:
    entries = []
    for path in sorted(CATALOGUE.rglob("*.yaml")):
        entries += [entry for entry in yaml.safe_load(path.read_text()) if "kind" in entry]
    plain: list[dict[str, Any]] = json.loads(json.dumps(entries, default=date.isoformat))
    return plain


DEMO = _load()


def _faults(change: Callable[[Entries], object]) -> list[tuple[str, str]]:
    """Give pointer and code of each fault after *change* was made to the demo country."""
    entries = {f"{entry['kind']}/{entry['id']}": copy.deepcopy(entry) for entry in DEMO}
    change(entries)
    _good, faults = check(list(entries.values()), test_area=True)
    return [(fault.pointer, fault.code) for fault in faults]


def _event(entries: Entries, name: str = "open-restaurant") -> dict[str, Any]:
    return entries[f"lifeEvent/{name}"]


def _step(entries: Entries, name: str, event: str = "open-restaurant") -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in _event(entries, event)["steps"] if step["id"] == name)
    return found


def _twin(entries: Entries, name: str, **more: Any) -> dict[str, Any]:
    """Put an entry like *name* beside it."""
    twin = {**copy.deepcopy(entries[name]), **more}
    entries[f"{name}/twin"] = twin
    return twin


PROMISES: list[tuple[str, Callable[[Entries], object], str, str]] = [
    (
        "a promise where people could come to harm",
        lambda e: e["responsibility/RS-0251"].update(risk="high"),
        f"{RESTAURANT}/steps/4/mode",
        "COMMITMENT_HIGH_RISK",
    ),
    (
        "a promise that nobody checks",
        lambda e: e["responsibility/RS-0251"].pop("inspectWithin"),
        f"{RESTAURANT}/steps/4/mode",
        "INSPECTION_MISSING",
    ),
    (
        "a promise checked within no time",
        lambda e: e["responsibility/RS-0251"].update(inspectWithin={"workingDays": 0}),
        "/responsibility/RS-0251/inspectWithin/workingDays",
        "TIME_MISSING",
    ),
    (
        "a mode without its promise",
        lambda e: _step(e, "r5").pop("commitment"),
        f"{RESTAURANT}/steps/4/commitment",
        "COMMITMENT_MISSING",
    ),
    (
        "a promise that is no input",
        lambda e: _step(e, "r5").update(commitment="promise"),
        f"{RESTAURANT}/steps/4/commitment",
        "UNKNOWN_INPUT",
    ),
    (
        "a promise that is a text",
        lambda e: _step(e, "r5").update(commitment="signText"),
        f"{RESTAURANT}/steps/4/commitment",
        "NOT_A_BOOLEAN",
    ),
    (
        "a promise that the office doesn't see",
        lambda e: _step(e, "r5").update(input=["floorPlan"]),
        f"{RESTAURANT}/steps/4/commitment",
        "PROMISE_UNSEEN",
    ),
    (
        "silence that approves food",
        lambda e: e["responsibility/RS-0241"].update(onSilence="deemed"),
        "/responsibility/RS-0241/onSilence",
        "DEEMED_HIGH_RISK",
    ),
    (
        "two who answer for one step of one office",
        lambda e: _twin(e, "responsibility/RS-0251", id="RS-0252"),
        "/responsibility/RS-0252/accountable",
        "ACCOUNTABLE_TWICE",
    ),
]

GIVEN: list[tuple[str, Callable[[Entries], object], str, str]] = [
    (
        "a visit that isn't laid down",
        lambda e: _step(e, "r4").update(visit="kitchen"),
        f"{RESTAURANT}/steps/3/visit",
        "UNKNOWN_VISIT",
    ),
    (
        "a visit within no time",
        lambda e: _event(e)["visits"][0].update(within={"workingDays": 0}),
        f"{RESTAURANT}/visits/0/within/workingDays",
        "TIME_MISSING",
    ),
    (
        "a visit that stands twice",
        lambda e: _event(e)["visits"].append(_event(e)["visits"][0]),
        f"{RESTAURANT}/visits/1",
        "DUPLICATE",
    ),
    (
        "input for nothing",
        lambda e: _event(e)["input"].append({"id": "hobby", "type": "text"}),
        f"{RESTAURANT}/input/6",
        "INPUT_UNUSED",
    ),
    (
        "input that stands twice",
        lambda e: _event(e)["input"].append({"id": "scope", "type": "text"}),
        f"{RESTAURANT}/input/6",
        "DUPLICATE",
    ),
    (
        "a file that nobody can check",
        lambda e: _event(e)["input"][3].update(media=["text/html"]),
        f"{RESTAURANT}/input/3/media/0",
        "MEDIA_UNKNOWN",
    ),
    (
        "input that a register holds",
        lambda e: (
            _event(e)["input"].append({"id": "premisesRight", "type": "file"}),
            _step(e, "r4")["input"].append("premisesRight"),
        ),
        f"{RESTAURANT}/steps/3/input/2",
        "INPUT_HELD",
    ),
    (
        "an entry that asks the applicant for what an office holds",
        lambda e: e["proof/P-0245"].update(sources=[{"office": LAND, "type": "title"}]),
        "/proof/P-0245/route",
        "HELD_BY_OFFICE",
    ),
]

TWICE: list[tuple[str, Callable[[Entries], object], str, str]] = [
    (
        "one need twice in a step",
        lambda e: _step(e, "r5")["needs"].append({"type": "title", "of": "owner"}),
        f"{RESTAURANT}/steps/4/needs/3",
        "REPEATED",
    ),
    (
        "one need in two steps of one service",
        lambda e: (
            _step(e, "r8")["needs"].append({"type": "title", "of": "owner"})
            or _step(e, "r8").update(service="food-licence", tasks=[MARKET])
        ),
        f"{RESTAURANT}/steps/7/needs/2",
        "REPEATED",
    ),
    (
        "one fact asked of the applicant twice by one office",
        lambda e: e["proof/P-0245"].update(proves="trade-name"),
        "/proof/P-0245/proves",
        "REPEATED",
    ),
]

SUBJECTS: list[tuple[str, Callable[[Entries], object], str, str]] = [
    (
        "an organisation needed before anybody founds it",
        lambda e: _step(e, "r2").update(after=[]),
        f"{RESTAURANT}/steps/1/needs/0",
        "NOT_FOUNDED",
    ),
    (
        "an organisation founded by two steps",
        lambda e: _step(e, "r2").update(after=[], needs=[]),
        f"{RESTAURANT}/steps/1/issues/0",
        "FOUNDED_TWICE",
    ),
    (
        "an organisation founded by two offices",
        lambda e: _step(e, "r1")["tasks"].append(FIRE),
        f"{RESTAURANT}/steps/0/tasks/1",
        "FOUNDED_TWICE",
    ),
    (
        "a person's paper of a business",
        lambda e: _step(e, "r4")["needs"][1].update(of="business"),
        f"{RESTAURANT}/steps/3/needs/1",
        "HOLDER_DIFFERS",
    ),
    (
        "a business's paper for a person",
        lambda e: _step(e, "r6")["issues"][0].update(to="owner"),
        f"{RESTAURANT}/steps/5/issues/0",
        "HOLDER_DIFFERS",
    ),
    (
        "a certificate for a list",
        lambda e: _step(e, "r6")["issues"][0].update(to="staff"),
        f"{RESTAURANT}/steps/5/issues/0/to",
        "ONE_EXPECTED",
    ),
    (
        "alternatives about two subjects",
        lambda e: _step(e, "r5")["needs"][1]["anyOf"][1].update(of="business"),
        f"{RESTAURANT}/steps/4/needs/1/anyOf",
        "NEED_SHAPE",
    ),
]

SUPPLY: list[tuple[str, Callable[[Entries], object], str, str]] = [
    (
        "a demand that no entry lets the office make",
        lambda e: e.pop("proof/P-0253"),
        "/demand/DM-0253/steps/0",
        "NO_LEGAL_BASIS",
    ),
    (
        "a demand whose law is blank",
        lambda e: e["demand/DM-0253"].update(law="  "),
        "/demand/DM-0253/law",
        "LAW_MISSING",
    ),
    (
        "a type whose law is blank",
        lambda e: e["certificateType/lease"]["sharing"].update(law=" "),
        "/certificateType/lease/sharing/law",
        "LAW_MISSING",
    ),
    (
        "a demand by api for no step",
        lambda e: e["demand/DM-0253"].update(steps=[]),
        "/demand/DM-0253/steps",
        "STEPS_MISSING",
    ),
    (
        "a demand for a step of another service",
        lambda e: e["demand/DM-0211"].update(steps=["open-restaurant/r4"]),
        "/demand/DM-0211/steps/0",
        "SERVICE_DIFFERS",
    ),
    (
        "a grant that outlives the entry it rests on",
        lambda e: e["proof/P-0253"].update(to="2026-01-01"),
        "/grant/G-0253/steps/0",
        "GRANT_OUTLIVES_ENTRY",
    ),
    (
        "a grant that outlives its demand",
        lambda e: e["demand/DM-0253"].update(to="2026-01-01"),
        "/grant/G-0253/from",
        "GRANT_OUTLIVES_DEMAND",
    ),
    (
        "a grant wider than the demand's newer version",
        lambda e: _twin(e, "demand/DM-0253", version=2, fields=["number"], **{"from": "2026-12-01"}),
        "/grant/G-0253/fields/1",
        "GRANT_WIDER",
    ),
    (
        "two calendars at a time",
        lambda e: _twin(e, "calendar/working-days", id="feasts"),
        "/calendar/working-days/from",
        "CALENDAR_TWICE",
    ),
    (
        "a day that is a holiday and is worked",
        lambda e: e["calendar/working-days"]["workdays"].append("2026-10-01"),
        "/calendar/working-days/workdays/7",
        "DAY_DIFFERS",
    ),
    (
        "a holiday that stands twice",
        lambda e: e["calendar/working-days"]["holidays"].insert(0, "2026-10-01"),
        "/calendar/working-days/holidays/12",
        "DUPLICATE",
    ),
]
ALL = [*PROMISES, *GIVEN, *TWICE, *SUBJECTS, *SUPPLY]


@pytest.mark.parametrize(("what", "change", "pointer", "code"), ALL, ids=[rule[0] for rule in ALL])
def test_one_defect_is_named(what: str, change: Callable[[Entries], object], pointer: str, code: str) -> None:
    assert (pointer, code) in _faults(change)


SOUND: list[tuple[str, Callable[[Entries], object]]] = [
    (
        "a mandatory step may wait for an optional one",
        lambda e: _step(e, "r8").update(after=["r4", "r5", "r7"]),
    ),
    (
        "an organisation that no step founds exists already",
        lambda e: (
            _step(e, "r1").update(needs=[*_step(e, "r1")["needs"], {"type": "business-licence", "of": "business"}])
            or e.update(
                p=_like(e, "proof/P-0241", id="P-9", service="business-licence", step="open-restaurant/r1"),
            )
        ),
    ),
    (
        "calendars may follow each other",
        lambda e: (
            e["calendar/working-days"].update(to="2028-01-01"),
            _twin(e, "calendar/working-days", id="later", to=None, **{"from": "2028-01-01"}),
        ),
    ),
    (
        "a new version of a demand with a new version of its grant",
        lambda e: (
            _twin(e, "demand/DM-0253", version=2, fields=["number"], **{"from": "2026-12-01"}),
            _twin(e, "grant/G-0253", version=2, fields=["number"], **{"from": "2026-12-01"}),
        ),
    ),
    (
        "a newer version that ends gives way to the one before",
        lambda e: (
            _twin(e, "demand/DM-0253", version=2, to="2027-01-01", **{"from": "2026-12-01"}),
            _twin(e, "proof/P-0253", version=2, to="2027-01-01", **{"from": "2026-12-01"}),
        ),
    ),
    (
        "a list entry may be continued by its next version",
        lambda e: (
            e["proof/P-0253"].update(to="2026-12-01"),
            _twin(e, "proof/P-0253", version=2, to=None, **{"from": "2026-12-01"}),
        ),
    ),
    (
        "a newer version of a need is no circle: a register may be asked before it is changed",
        lambda e: (
            _step(e, "h3", "move-home")["needs"].append({"type": "settle-decision", "of": "mover"})
            or e["proof/P-0431"]["sources"].append({"office": "119999000000000273", "type": "settle-decision"})
        ),
    ),
]


def _like(entries: Entries, name: str, **more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(entries[name]), **more}


@pytest.mark.parametrize(("what", "change"), SOUND, ids=[rule[0] for rule in SOUND])
def test_it_is_no_defect(what: str, change: Callable[[Entries], object]) -> None:
    assert _faults(change) == []


def test_a_circle_through_three_offices_is_printed() -> None:
    entries = [*copy.deepcopy(DEMO)]
    entries.append(
        {"kind": "proof", "id": "P-9", "service": "fire-check", "askedBy": FIRE, "proves": "food-licence"}
        | {
            "route": "licence",
            "sources": [{"office": MARKET, "type": "food-licence"}],
            "law": "L",
            "from": "2025-09-01",
        }
    )
    entries.append(
        {"kind": "proof", "id": "P-8", "service": "food-licence", "askedBy": MARKET, "proves": "fire-check"}
        | {"route": "licence", "sources": [{"office": FIRE, "type": "fire-check"}], "law": "L", "from": "2025-09-01"}
    )
    _good, faults = check(entries, test_area=True)
    said = [str(fault) for fault in faults]
    assert said == ["/proof: CIRCULAR: fire-check needs food-licence needs fire-check"]


def test_a_circle_that_an_alternative_leads_out_of_is_none() -> None:
    entries = copy.deepcopy(DEMO)
    lease_too = next(entry for entry in entries if entry["id"] == "P-0262")
    lease_too["sources"].append({"office": "119999000000000866", "type": "shop-sign"})
    _good, faults = check(entries, test_area=True)
    assert faults == []
