# SPDX-License-Identifier: EUPL-1.2
"""The check of a catalogue: the demo country is sound, and each single defect is named with its path."""

import copy
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.catalogue.check import check
from contracts.catalogue.schema import schemas

CATALOGUE = Path(__file__).parents[4] / "catalogue"
MARKET, HEALTH, LAND, TAX = "1199990000000006XB", "11999900000000035X", "11999900000000107N", "119999000000000941"
NOBODY = "919999000000009999"
Entries = dict[str, dict[str, Any]]


def _load() -> list[dict[str, Any]]:
    entries = []
    for path in sorted(CATALOGUE.rglob("*.yaml")):
        entries += [entry for entry in yaml.safe_load(path.read_text()) if "kind" in entry]
    plain: list[dict[str, Any]] = json.loads(json.dumps(entries, default=date.isoformat))
    return plain


DEMO = _load()


def _faults(change: Callable[[Entries], object], *, test_area: bool = True) -> list[tuple[str, str]]:
    """Give pointer and code of each fault after *change* was made to the demo country."""
    entries = {f"{entry['kind']}/{entry['id']}": copy.deepcopy(entry) for entry in DEMO}
    change(entries)
    _good, faults = check(list(entries.values()), test_area=test_area)
    return [(fault.pointer, fault.code) for fault in faults]


def _step(entries: Entries) -> dict[str, Any]:
    step: dict[str, Any] = entries["lifeEvent/food-licence"]["steps"][0]
    return step


def _second_step(entries: Entries, **more: Any) -> dict[str, Any]:
    """Give the life event a second step, for which somebody answers."""
    step = {"id": "f2", "tasks": [MARKET], "service": "food-licence", "mode": "auto", "after": ["f1"], **more}
    entries["lifeEvent/food-licence"]["steps"].append(step)
    twin = {**entries["responsibility/RS-0204"], "id": "RS-2", "step": "food-licence/f2"}
    entries["responsibility/RS-2"] = twin
    return step


def test_the_demo_country_has_no_fault() -> None:
    assert _faults(lambda _entries: None) == []


def test_a_production_catalogue_refuses_the_test_area() -> None:
    assert set(_faults(lambda _e: None, test_area=False)) == {
        (f"/office/{entry['id']}/id", "TEST_AREA") for entry in DEMO if entry["kind"] == "office"
    }


UNKNOWN: list[tuple[str, tuple[str | int, ...], object, str, str]] = [
    ("certificateType/title", ("source",), NOBODY, "/certificateType/title/source", "UNKNOWN_OFFICE"),
    ("power/PW-0902", ("office",), NOBODY, "/power/PW-0902/office", "UNKNOWN_OFFICE"),
    ("responsibility/RS-0204", ("step",), "food-licence/f9", "/responsibility/RS-0204/step", "UNKNOWN_STEP"),
    ("proof/P-0901", ("step",), "food-licence/f9", "/proof/P-0901/step", "UNKNOWN_STEP"),
    (
        "proof/P-0901",
        ("sources", 0, "office"),
        NOBODY,
        "/proof/P-0901/sources/0/office",
        "UNKNOWN_OFFICE",
    ),
    ("proof/P-0901", ("sources", 0, "type"), "passport", "/proof/P-0901/sources/0/type", "UNKNOWN_TYPE"),
    ("proof/P-0901", ("service",), "shop-sign", "/proof/P-0901/service", "POWER_MISSING"),
    ("demand/DM-0902", ("fields", 1), "colour", "/demand/DM-0902/fields/1", "UNKNOWN_FIELD"),
    ("demand/DM-0902", ("service",), "shop-sign", "/demand/DM-0902/service", "POWER_MISSING"),
    ("demand/DM-0205", ("steps", 0), "food-licence/f9", "/demand/DM-0205/steps/0", "UNKNOWN_STEP"),
    ("grant/G-0902", ("demand",), "DM-9", "/grant/G-0902/demand", "UNKNOWN_DEMAND"),
    ("lifeEvent/food-licence", ("lead",), NOBODY, "/lifeEvent/food-licence/lead", "UNKNOWN_OFFICE"),
    (
        "lifeEvent/food-licence",
        ("steps", 0, "needs", 0, "of"),
        "landlord",
        "/lifeEvent/food-licence/steps/0/needs/0/of",
        "UNKNOWN_SUBJECT",
    ),
    (
        "lifeEvent/food-licence",
        ("steps", 0, "input", 0),
        "floorPlan",
        "/lifeEvent/food-licence/steps/0/input/0",
        "UNKNOWN_INPUT",
    ),
    (
        "lifeEvent/food-licence",
        ("steps", 0, "after"),
        ["f9"],
        "/lifeEvent/food-licence/steps/0/after/0",
        "UNKNOWN_STEP",
    ),
]


@pytest.mark.parametrize(("entry", "path", "value", "pointer", "code"), UNKNOWN)
def test_a_reference_to_nothing_is_named_with_its_path(
    entry: str, path: tuple[str | int, ...], value: object, pointer: str, code: str
) -> None:
    def change(entries: Entries) -> None:
        place: Any = entries[entry]
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    assert (pointer, code) in _faults(change)


RULES: list[tuple[str, Callable[[Entries], object], str, str]] = [
    (
        "a grant wider than its demand",
        lambda e: e["grant/G-0205"]["fields"].append("holder"),
        "/grant/G-0205/fields/2",
        "GRANT_WIDER",
    ),
    (
        "a grant for a step its demand is not for",
        lambda e: (_second_step(e), e["grant/G-0205"]["steps"].append("food-licence/f2")),
        "/grant/G-0205/steps/1",
        "GRANT_WIDER",
    ),
    (
        "a grant for another purpose",
        lambda e: e["grant/G-0205"].update(purpose="curiosity"),
        "/grant/G-0205/purpose",
        "GRANT_DIFFERS",
    ),
    (
        "a grant by event without via",
        lambda e: e["grant/G-0205"].update(mode="onEvent"),
        "/grant/G-0205/mode",
        "WAY_NOT_ALLOWED",
    ),
    (
        "a grant on request without steps",
        lambda e: e["grant/G-0205"].update(steps=[]),
        "/grant/G-0205/steps",
        "STEPS_MISSING",
    ),
    (
        "a grant on another basis than the list says",
        lambda e: e["grant/G-0205"].update(basis="request"),
        "/grant/G-0205/steps/0",
        "PROOF_MISSING",
    ),
    (
        "a grant that begins before its demand",
        lambda e: e["grant/G-0205"].update({"from": "2025-08-01"}),
        "/grant/G-0205/from",
        "GRANT_OUTLIVES_DEMAND",
    ),
    (
        "a demand by a way the type does not offer",
        lambda e: (
            e["demand/DM-0205"]["via"].append("event")
            if "via" in e["demand/DM-0205"]
            else e["demand/DM-0205"].update(via=["api", "event"])
        ),
        "/demand/DM-0205/via/1",
        "WAY_NOT_OFFERED",
    ),
    (
        "a demand on what is not shared",
        lambda e: e["certificateType/title"]["sharing"].update({"class": "notShared"}),
        "/demand/DM-0204/type",
        "NOT_SHARED",
    ),
    (
        "a demand on an office that cannot know",
        lambda e: e["demand/DM-0204"].update(provider=HEALTH),
        "/demand/DM-0204/provider",
        "SOURCE_CANNOT_KNOW",
    ),
    ("a demand without law", lambda e: e["demand/DM-0204"].pop("law"), "/demand/DM-0204/law", "MISSING"),
    (
        "silence that approves a high risk",
        lambda e: e["responsibility/RS-0204"].update(onSilence="deemed"),
        "/responsibility/RS-0204/onSilence",
        "DEEMED_HIGH_RISK",
    ),
    (
        "somebody accountable without a task",
        lambda e: e["responsibility/RS-0204"].update(accountable=TAX),
        "/responsibility/RS-0204/accountable",
        "NO_TASK",
    ),
    (
        "a step nobody answers for",
        lambda e: e.pop("responsibility/RS-0204"),
        "/lifeEvent/food-licence/steps/0/tasks/0",
        "RESPONSIBILITY_MISSING",
    ),
    (
        "a source that cannot know",
        lambda e: e["proof/P-0205"]["sources"].append({"office": TAX, "type": "staff-health"}),
        "/proof/P-0205/sources/1",
        "SOURCE_CANNOT_KNOW",
    ),
    (
        "a register without a holder",
        lambda e: e["proof/P-0901"].update(sources=[]),
        "/proof/P-0901/sources",
        "SOURCES_MISSING",
    ),
    (
        "a key that is no field",
        lambda e: e["certificateType/title"].update(key="colour"),
        "/certificateType/title/key",
        "UNKNOWN_FIELD",
    ),
    (
        "one type code for two types",
        lambda e: e["certificateType/title"].update(typeCode=e["certificateType/staff-health"]["typeCode"]),
        "/certificateType/title/typeCode",
        "DUPLICATE",
    ),
    (
        "a power to issue nothing",
        lambda e: e["power/PW-0902"].update(action="issue"),
        "/power/PW-0902/type",
        "TYPE_MISSING",
    ),
    (
        "a field that stands twice",
        lambda e: e["demand/DM-0902"]["fields"].append("place"),
        "/demand/DM-0902/fields/2",
        "DUPLICATE",
    ),
    (
        "an entry that stands twice",
        lambda e: e.update(twin=copy.deepcopy(e["grant/G-0205"])),
        "/grant/G-0205@1",
        "DUPLICATE",
    ),
    (
        "a period that is empty",
        lambda e: e["power/PW-0902"].update(to="2025-09-01"),
        "/power/PW-0902/to",
        "PERIOD_EMPTY",
    ),
    (
        "a step that waits for itself",
        lambda e: (_second_step(e), _step(e).update(after=["f2"])),
        "/lifeEvent/food-licence/steps",
        "CYCLE",
    ),
    (
        "a need that a later step issues",
        lambda e: (
            _second_step(e, issues=[{"type": "food-licence", "to": "owner"}]),
            _step(e)["needs"][0].update(type="food-licence"),
        ),
        "/lifeEvent/food-licence/steps/0/needs/0",
        "UNREACHABLE",
    ),
    (
        "a list that is needed once only",
        lambda e: _step(e)["needs"][1].pop("each"),
        "/lifeEvent/food-licence/steps/0/needs/1/each",
        "EACH_MISMATCH",
    ),
    (
        "a need that no list entry lets the office ask for",
        lambda e: e.pop("proof/P-0205"),
        "/lifeEvent/food-licence/steps/0/needs/1/type",
        "PROOF_MISSING",
    ),
    (
        "a need of nothing",
        lambda e: _step(e)["needs"][0].pop("type"),
        "/lifeEvent/food-licence/steps/0/needs/0",
        "NEED_SHAPE",
    ),
    (
        "an office that may not issue what its step issues",
        lambda e: _step(e)["issues"][0].update(type="staff-health"),
        "/lifeEvent/food-licence/steps/0/issues/0/type",
        "POWER_MISSING",
    ),
    (
        "an event without an applicant",
        lambda e: e["lifeEvent/food-licence"]["subjects"].update(owner="organisation"),
        "/lifeEvent/food-licence/subjects",
        "APPLICANT_MISSING",
    ),
    (
        "a title in one language",
        lambda e: e["lifeEvent/food-licence"]["title"].pop("en"),
        "/lifeEvent/food-licence/title/en",
        "WORDS_MISSING",
    ),
    (
        "an office whose code fails its check",
        lambda e: e["office/119999000000002030"].update(id="119999000000002031"),
        "/office/119999000000002031/id",
        "CODE_INVALID",
    ),
    (
        "a code that YAML made a number of",
        lambda e: e["power/PW-0902"].update(office=119999000000000941),
        "/power/PW-0902/office",
        "STRING_TYPE",
    ),
    (
        "a member nobody knows",
        lambda e: e["power/PW-0902"].update(since="1"),
        "/power/PW-0902/since",
        "EXTRA_FORBIDDEN",
    ),
]


@pytest.mark.parametrize(("what", "change", "pointer", "code"), RULES, ids=[rule[0] for rule in RULES])
def test_one_defect_is_named(what: str, change: Callable[[Entries], object], pointer: str, code: str) -> None:
    assert (pointer, code) in _faults(change)


def test_a_circle_of_proofs_is_printed() -> None:
    entries = [*DEMO]
    entries += [
        {**_find("proof", "P-0204"), "id": "P-9", "service": "land-register", "askedBy": LAND, "step": None}
        | {"sources": [{"office": MARKET, "type": "food-licence"}]}
    ]
    _good, faults = check(entries, test_area=True)
    assert [str(fault) for fault in faults] == ["/proof: CIRCULAR: food-licence needs title needs food-licence"]


def test_the_circle_of_steps_is_printed() -> None:
    entries = {f"{entry['kind']}/{entry['id']}": copy.deepcopy(entry) for entry in DEMO}
    _second_step(entries)
    _step(entries)["after"] = ["f2"]
    _good, faults = check(list(entries.values()), test_area=True)
    assert "f1 waits for f2 waits for f1" in [fault.detail for fault in faults]


def test_all_faults_come_at_once() -> None:
    def change(entries: Entries) -> None:
        for _what, single, _pointer, _code in (RULES[0], RULES[11], RULES[16]):
            single(entries)

    assert len(_faults(change)) >= 3


def test_an_entry_without_a_readable_kind_is_named_by_its_place() -> None:
    _good, faults = check([{"kind": "nothing", "id": "x"}, {"id": "y"}], test_area=True)
    assert [fault.pointer.split("/")[1:3] for fault in faults] == [["entries", "0"], ["entries", "1"]]


@pytest.mark.parametrize(("name", "text"), schemas().items())
def test_the_schemas_in_the_folder_are_those_of_the_models(name: str, text: str) -> None:
    assert (CATALOGUE / "schema" / name).read_text(encoding="utf-8") == text


def _find(kind: str, name: str) -> dict[str, Any]:
    return next(copy.deepcopy(entry) for entry in DEMO if (entry["kind"], entry["id"]) == (kind, name))
