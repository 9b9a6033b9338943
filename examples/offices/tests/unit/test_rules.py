# SPDX-License-Identifier: EUPL-1.2
"""Each office's rule: what it gives, in the fields that the catalogue names, and what it refuses with which code."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.envelopes import Task
from contracts.identifiers import parse_uscc
from example_offices import (
    civil_affairs,
    data_office,
    education,
    fire,
    health,
    hrss,
    licensing,
    medical_insurance,
    neighbour_police,
    provident_fund,
    public_security,
    tax,
    tobacco,
    urban,
    utilities,
)
from example_offices.rules import Refused, Rule, mint_uscc, numbered
from tongban import Facts

from .doubles import DAY, INPUT, evidence, facts, need, order, task

CATALOGUE = Path(__file__).parents[4] / "catalogue"
OFFICES: Mapping[str, Mapping[str, Rule]] = {
    "119999000000000198": civil_affairs.RULES, "119999000000002030": data_office.RULES,
    "1199990000000014XY": education.RULES, "11999900000000078B": fire.RULES, "11999900000000035X": health.RULES,
    "11999900000000051K": hrss.RULES, "1199990000000006XB": licensing.RULES,
    "11999900000000043Q": medical_insurance.RULES, "11999900000000238J": neighbour_police.RULES,
    "129999000000001239": provident_fund.RULES, "119999000000000273": public_security.RULES,
    "119999000000000941": tax.RULES, "119999000000001317": tobacco.RULES, "119999000000000866": urban.RULES,
    "91999900000000166H": utilities.RULES, "91999900000000174C": utilities.RULES,
    "919999000000001827": utilities.RULES,
}  # fmt: skip


def documents(folder: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for file in sorted((CATALOGUE / folder).glob("*.yaml")):
        found += yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


TYPES = {one["id"]: {field["name"] for field in one["fields"]} for one in documents("types")}
POWERS = {(one["office"], one["type"]) for one in documents("powers") if "type" in one}
STEPS = [
    (f"{event['id']}/{step['id']}", office, step)
    for event in documents("life-events")
    for step in event["steps"]
    for office in step["tasks"]
]


def granted(office: str, step: str) -> dict[str, set[str]]:
    """Give type -> fields that an office may see in a step."""
    return {
        one["type"]: set(one["fields"])
        for one in documents("grants")
        if one["consumer"] == office and step in one.get("steps", ())
    }


def first(needs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give one need for each, the first of alternatives."""
    return [one["anyOf"][0] if "anyOf" in one else one for one in needs]


def as_task(ref: str, office: str, step: dict[str, Any]) -> Task:
    issues = [
        order(one["type"], one["to"], amends=one.get("amends", False))
        for one in step.get("issues", ())
        if (office, one["type"]) in POWERS
    ]
    needs = [need(one["type"], one["of"]) for one in first(step.get("needs", []))]
    seen = {name: INPUT[name] for name in step.get("input", ())}
    return task(ref, issues, needs=needs, mode=step["mode"], input=seen)


@pytest.mark.parametrize(("ref", "office", "step"), STEPS, ids=[f"{ref}-{office}" for ref, office, _ in STEPS])
def test_every_step_has_a_rule_that_fits_what_the_lists_grant_and_ask(
    ref: str, office: str, step: dict[str, Any]
) -> None:
    fields = granted(office, ref)
    held = []
    for one in first(step.get("needs", [])):
        full = facts(one["type"]) if one["type"] != "marriage" or ref != "marriage/m2" else None
        if full is not None and one["type"] != "judgment":
            seen = {name: value for name, value in full.claims.items() if name in fields[one["type"]]}
            held.append((one["of"], Facts(full.office, full.type, seen, None, full.issued_at, None)))
    asked = as_task(ref, office, step)
    papers = OFFICES[office][ref](asked, evidence(*held), DAY)
    assert len(papers) == len(asked.issues)
    for paper, wanted in zip(papers, asked.issues, strict=True):
        named = set(paper.claims)
        assert named <= TYPES[wanted.type] if wanted.amends else named == TYPES[wanted.type]


TITLE, FIT, OWNER = facts("title"), facts("staff-health"), facts("citizen")
BUSINESS, OFFICER = facts("business-licence"), facts("food-safety-officer")


@pytest.mark.parametrize(
    ("rule", "held", "changes", "code"),
    [
        (licensing.food_licence, [], {"needs": [need("title", outcome="refused")]}, "EVIDENCE_MISSING"),
        (licensing.food_licence, [FIT], {}, "PREMISES_UNPROVEN"),
        (licensing.food_licence, [facts("title", use="dwelling"), FIT], {}, "PREMISES_UNFIT"),
        (licensing.food_licence, [TITLE, facts("staff-health", result="unfit")], {}, "STAFF_NOT_FIT"),
        (licensing.food_licence, [TITLE, facts("staff-health", examinedOn="2025-10-12")], {}, "STAFF_NOT_FIT"),
        (licensing.business_licence, [TITLE], {}, "OWNER_UNKNOWN"),
        (licensing.business_licence, [facts("citizen", alive="no"), TITLE], {}, "OWNER_UNFIT"),
        (licensing.business_licence, [facts("citizen", bornOn="2010-01-01"), TITLE], {}, "OWNER_UNFIT"),
        (licensing.business_licence, [OWNER, TITLE], {"input": {"tradeName": "Lotus"}}, "INPUT_MISSING"),
        (licensing.restaurant_licence, [BUSINESS, TITLE, FIT], {}, "NO_OFFICER"),
        (licensing.restaurant_licence, [BUSINESS, OFFICER, TITLE, FIT], {"input": {}}, "INPUT_MISSING"),
        (licensing.restaurant_licence, [OFFICER, TITLE, FIT], {}, "NO_BUSINESS_LICENCE"),
        (fire.fire_check, [], {"input": {"fireCommitment": False}}, "NO_COMMITMENT"),
        (fire.fire_check, [BUSINESS, TITLE], {}, "BUILDING_NOT_ACCEPTED"),
        (tax.registration, [BUSINESS], {"input": {}}, "INPUT_MISSING"),
        (urban.shop_sign, [TITLE], {"input": {}}, "INPUT_MISSING"),
        (tobacco.tobacco_licence, [BUSINESS], {"input": {}}, "INPUT_MISSING"),
        (public_security.seal, [], {}, "NO_BUSINESS_LICENCE"),
        (public_security.identities, [], {"input": {"presence": False}}, "NOT_PRESENT"),
        (public_security.identities, [facts("citizen", alive="no")], {}, "IDENTITY_UNPROVEN"),
        (public_security.settle, [TITLE], {}, "NO_TIE"),
        (public_security.settle, [TITLE, facts("employment")], {"input": {}}, "INPUT_MISSING"),
        (education.school_place, [facts("household")], {"input": {}}, "INPUT_MISSING"),
        (medical_insurance.moved, [], {}, "ADDRESS_UNPROVEN"),
        (civil_affairs.marriage, [], {"input": {}}, "NOT_SIGNED"),
        (civil_affairs.free_to_marry, [], {"input": {}}, "NOT_DECLARED"),
    ],
)
def test_a_rule_says_no_with_a_code(rule: Rule, held: list[Any], changes: dict[str, Any], code: str) -> None:
    asked = task("open-restaurant/r1", [order("food-licence")], **changes)
    with pytest.raises(Refused) as refused:
        rule(asked, evidence(*held), DAY)
    assert refused.value.code == code


def marrying(*unanswered: tuple[str, str, str]) -> Task:
    kinds = ("citizen", "marriage", "judgment")
    refused = {(kind, of): code for kind, of, code in unanswered}
    needs = [
        need(kind, of, *(("refused", refused[kind, of]) if (kind, of) in refused else ()))
        for kind in kinds
        for of in ("one", "other")
    ]
    return task("marriage/m2", needs=needs)


NONE = [(kind, of, "NOT_MATCHED") for kind in ("marriage", "judgment") for of in ("one", "other")]
BOTH = [("one", OWNER), ("other", OWNER)]


def test_nobody_knows_of_a_marriage_and_that_is_the_good_answer() -> None:
    assert civil_affairs.free_to_marry(marrying(*NONE), evidence(*BOTH), DAY) == []


def test_whoever_is_divorced_by_a_judgment_is_free() -> None:
    held = [*BOTH, ("one", facts("marriage")), ("one", facts("judgment"))]
    assert civil_affairs.free_to_marry(marrying(*NONE[1:2], *NONE[3:]), evidence(*held), DAY) == []


@pytest.mark.parametrize(
    ("asked", "held", "code"),
    [
        (marrying(*NONE), [*BOTH, ("other", facts("marriage"))], "NOT_FREE_TO_MARRY"),
        (marrying(*NONE), [*BOTH[:1], ("other", facts("citizen", bornOn="2012-05-05"))], "NOT_FREE_TO_MARRY"),
        (marrying(*NONE[1:], ("marriage", "one", "TIMED_OUT")), BOTH, "STATUS_UNKNOWN"),
        (marrying(*NONE, ("citizen", "one", "NOT_MATCHED")), BOTH[1:], "STATUS_UNKNOWN"),
    ],
)
def test_whoever_is_not_free_is_not_married(asked: Task, held: list[Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        civil_affairs.free_to_marry(asked, evidence(*held), DAY)
    assert refused.value.code == code


def test_a_lease_is_as_good_as_a_title_that_nobody_knows_of() -> None:
    needs = [need("title", outcome="refused", code="NOT_MATCHED"), need("lease"), need("staff-health", "staff")]
    asked = task("food-licence/f1", [order("food-licence")], needs=needs)
    [paper] = licensing.food_licence(asked, evidence(facts("lease"), FIT), DAY)
    assert paper.claims["place"] == "5 Canal Street"


def test_a_business_gets_a_valid_fictional_code_and_the_same_on_a_repeat() -> None:
    codes = {mint_uscc(one.task_id) for one in [task("a/b")] * 2 + [task("a/b") for _ in range(200)]}
    assert len(codes) == 201
    assert {parse_uscc(code).area for code in codes} == {"999900"}
    asked = task("open-restaurant/r1", [order("business-licence", organisation=None)])
    one, two = (licensing.business_licence(asked, evidence(OWNER, TITLE), DAY) for _ in range(2))
    assert one == two
    assert one[0].organisation == one[0].claims["number"] == mint_uscc(asked.task_id)


def test_a_licence_is_good_for_five_years_even_from_a_leap_day() -> None:
    asked = task("food-licence/f1", [order("food-licence")])
    fit = facts("staff-health", examinedOn="2028-02-01")
    [paper] = licensing.food_licence(asked, evidence(TITLE, fit), date(2028, 2, 29))
    assert paper.valid_to == date(2033, 2, 28)
    assert paper.claims["number"] == numbered("JY", asked)
