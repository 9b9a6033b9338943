# SPDX-License-Identifier: EUPL-1.2
"""What a citizen is told before she applies."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from cases import planner
from cases.domain import Step, Subject, Wanted
from cases.errors import CaseInputInvalid, LifeEventUnknown
from cases.service.planning import Question
from cases.service.planning import plan as ask
from cases.service.plans import Planning
from contracts.cases import Plan, PlanWish
from contracts.catalogue import Catalogue, LifeEvent
from contracts.catalogue.check import check
from tongban.catalogue_files import load_entries

ROOT = Path(__file__).parents[4]
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MARKET, LAND, HOUSING = "1199990000000006XB", "11999900000000107N", "11999900000000115H"
TAX, SOCIAL = "119999000000000941", "11999900000000051K"
BUSINESS = "91999900000000166H"


def demo() -> Catalogue:
    entries, faults = check(load_entries(ROOT / "catalogue"), test_area=True)
    assert not faults
    return Catalogue(3, entries)


DEMO = demo()


def plan(services: list[str] | None = None, event: str = "open-restaurant", **more: Any) -> Plan:
    wish = PlanWish.model_validate({"life_event": event, "services": services, **more})
    return Planning(lambda: DEMO, lambda: NOW).plan(wish)


def faults(**wish: Any) -> Mapping[str, str]:
    with pytest.raises(CaseInputInvalid) as refused:
        plan(**wish)
    return {error.pointer: error.code for error in refused.value.errors}


def steps(found: Plan) -> list[str]:
    return [step.step.partition("/")[2] for step in found.steps]


def test_a_restaurant_is_planned_with_all_that_is_not_optional() -> None:
    found = plan()
    assert steps(found) == ["r1", "r2", "r3", "r4", "r5", "r6", "r8"]
    assert (found.missing, found.visits, found.fees, found.release) == ([], 1, 5000, 3)
    assert found.longest_chain == ["open-restaurant/r1", "open-restaurant/r4", "open-restaurant/r8"]
    assert found.input == ["tradeName", "scope", "bankAccount", "floorPlan", "signText", "fireCommitment"]


def test_steps_side_by_side_dont_add_to_the_time() -> None:
    found = plan()
    times = {step.step.partition("/")[2]: (step.starts, step.ends) for step in found.steps}
    assert times["r1"] == (0, 3)
    assert times["r4"] == (3, 13)
    assert times["r6"] == (3, 8)
    assert times["r8"] == (13, 14)
    assert found.working_days == 14 < sum(step.working_days for step in found.steps)


def test_each_need_names_who_is_asked_in_which_order() -> None:
    food = next(step for step in plan(people={"staff": 3}).steps if step.step == "open-restaurant/r4")
    needs = {(need.of, need.alternatives[0].type): need for need in food.needs}
    premises = needs["owner", "title"]
    assert [(one.type, one.holder) for one in premises.alternatives] == [("title", LAND), ("lease", HOUSING)]
    assert premises.legal_basis == "request"
    assert (needs["staff", "staff-health"].persons, needs["staff", "staff-health"].legal_basis) == (3, "law")
    assert needs["business", "business-licence"].persons == 1


def test_each_need_says_whether_she_may_look_first() -> None:
    food = next(step for step in plan().steps if step.step == "open-restaurant/r4")
    looks = {(need.of, need.alternatives[0].type): need.preview for need in food.needs}
    assert (looks["owner", "title"], looks["staff", "staff-health"]) == ("offered", "none")
    assert looks["business", "business-licence"] == "none"


def test_the_entry_of_the_first_alternative_says_so_and_of_an_organisation_nobody_looks() -> None:
    required = ("P-0244", "P-0241")
    changed = [e.model_copy(update={"preview": "required"}) if e.id in required else e for e in DEMO.entries]
    wish = PlanWish(life_event="open-restaurant", services=["business-licence", "food-licence"])
    food = Planning(lambda: Catalogue(4, changed), lambda: NOW).plan(wish).steps[1]
    looks = {(need.of, need.alternatives[0].type): need.preview for need in food.needs}
    assert (looks["owner", "title"], looks["business", "business-licence"]) == ("required", "none")


def test_fees_are_those_of_all_offices_of_the_chosen_steps() -> None:
    signs = ["business-licence", "shop-sign"]
    assert [step.fee for step in plan(signs).steps] == [0, 5000]
    assert plan(["business-licence", "food-licence"]).fees == 0
    dear = [
        e.model_copy(update={"fee": 100}) if e.kind == "responsibility" and e.step.endswith("/r3") else e
        for e in DEMO.entries
    ]
    wish = PlanWish(life_event="open-restaurant", services=[*signs, "employer-and-tax"])
    found = Planning(lambda: Catalogue(4, dear), lambda: NOW).plan(wish)
    assert ([step.fee for step in found.steps], found.fees) == ([0, 200, 5000], 5200)


def test_two_offices_of_one_step_are_asked_for_apart() -> None:
    both = next(step for step in plan(["business-licence", "employer-and-tax"]).steps if step.step.endswith("r3"))
    assert both.offices == [TAX, SOCIAL]
    assert [need.alternatives[0].holder for need in both.needs] == [MARKET, MARKET]


def test_each_person_of_a_list_is_a_document_that_nobody_has_to_bring() -> None:
    assert plan(people={"staff": 5}).documents_not_asked == plan().documents_not_asked + 4


def test_new_input_is_asked_once_and_only_where_a_chosen_step_sees_it() -> None:
    assert plan(["business-licence", "seal-filing"]).input == ["tradeName", "scope"]
    assert plan(["business-licence", "food-licence"]).input == ["tradeName", "scope", "floorPlan"]


def test_a_service_that_waits_for_others_names_all_of_them() -> None:
    found = plan(["opening-notice"])
    assert (found.steps, found.input, found.working_days, found.longest_chain) == ([], [], 0, [])
    assert {gap.service for gap in found.missing} == {"food-licence", "fire-check", "business-licence"}
    first = found.missing[0]
    assert (first.step, first.waits_for) == ("open-restaurant/r8", "open-restaurant/r4")
    whole = plan(["opening-notice", *{gap.service for gap in found.missing}])
    assert steps(whole) == ["r1", "r4", "r5", "r8"]


def test_every_choice_of_services_of_every_life_event_has_a_plan_or_names_what_is_missing() -> None:
    events = [entry for entry in DEMO.entries if entry.kind == "lifeEvent"]
    for event in events:
        services = list(dict.fromkeys(step.service for step in event.steps))
        for size in range(1, len(services) + 1):
            for chosen in combinations(services, size):
                found = plan(list(chosen), event.id)
                assert bool(found.steps) != bool(found.missing)
                if found.missing:
                    more = dict.fromkeys([*chosen, *(gap.service for gap in found.missing)])
                    assert plan(list(more), event.id).missing == []


def test_a_business_that_exists_needs_no_founding() -> None:
    found = plan(["food-licence"], organisations={"business": BUSINESS})
    assert (steps(found), found.missing) == (["r4"], [])
    assert (found.steps[0].after, found.steps[0].starts) == ([], 0)
    assert "r1" not in steps(plan(organisations={"business": BUSINESS}))
    assert {gap.service for gap in plan(["food-licence"]).missing} == {"business-licence"}
    still = plan(["opening-notice"], organisations={"business": BUSINESS})
    assert {gap.service for gap in still.missing} == {"food-licence", "fire-check"}


def test_a_life_event_about_a_business_that_exists_founds_none_and_wants_its_code() -> None:
    event = DEMO.life_event("open-restaurant", NOW.date())
    assert event is not None
    sign = next(step for step in event.steps if step.id == "r6").model_copy(update={"after": []})
    about = event.model_copy(update={"id": "new-sign", "steps": [sign]})
    assert planner.founders(about, "business") == []
    assert planner.unknown_organisations(about, ["r6"]) == ["business"]
    assert planner.choose(about, None, {"business": BUSINESS}).steps == ("r6",)


def test_an_optional_step_comes_with_its_service() -> None:
    assert "r7" in steps(plan(["business-licence", "tobacco-licence"]))
    assert "r7" not in steps(plan())


def test_an_event_that_nobody_knows_is_not_found() -> None:
    with pytest.raises(LifeEventUnknown):
        plan(event="become-king")


def test_every_word_that_the_event_does_not_know_is_named_at_once() -> None:
    found = faults(
        services=["food-licence", "coffee", "food-licence"],
        people={"staff": 2, "owner": 2, "guests": 9},
        organisations={"owner": BUSINESS, "business": "1" * 18, "shop": BUSINESS},
    )
    assert found == {
        "/services/1": "UNKNOWN_SERVICE",
        "/services/2": "STATED_TWICE",
        "/people/owner": "NOT_A_LIST",
        "/people/guests": "UNKNOWN_SUBJECT",
        "/organisations/owner": "UNKNOWN_SUBJECT",
        "/organisations/business": "CODE_INVALID",
        "/organisations/shop": "UNKNOWN_SUBJECT",
    }


def test_a_plan_shows_what_nobody_may_be_asked_for_and_why() -> None:
    cut = [e for e in DEMO.entries if e.id not in ("G-0243", "P-0242", "G-0242")]
    wish = PlanWish(life_event="open-restaurant", services=["business-licence", "food-licence"])
    found = Planning(lambda: Catalogue(4, cut), lambda: NOW).plan(wish)
    silent = {need.of: need.code for need in found.steps[1].needs if not need.alternatives}
    assert silent == {"owner": "NO_LEGAL_BASIS", "staff": "NO_GRANT"}


def test_a_plan_goes_by_the_lists_of_its_day() -> None:
    before = Planning(lambda: DEMO, lambda: datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(LifeEventUnknown):
        before.plan(PlanWish(life_event="open-restaurant"))
    assert date(2020, 1, 1) < NOW.date()


def test_of_alternatives_the_one_with_the_fewest_fields_is_asked_first() -> None:
    leaner = [
        entry.model_copy(update={"fields": ["place"]}) if entry.id == "G-0244-2" else entry for entry in DEMO.entries
    ]
    wish = PlanWish(life_event="open-restaurant", services=["business-licence", "food-licence"])
    lists = Catalogue(4, leaner)
    food = Planning(lambda: lists, lambda: NOW).plan(wish).steps[1]
    assert [(one.type, one.holder) for one in food.needs[-1].alternatives] == [("lease", HOUSING), ("title", LAND)]
    step = Step(
        step_id="s", case_id="c", step="open-restaurant/r4", office=MARKET, service="food-licence", mode="review",
        after=(), issues=(),
    )  # fmt: skip
    owner = Subject("owner", 0, "p")
    [asked] = ask(lists, step, [Wanted((("title", owner), ("lease", owner)))], NOW.date())
    assert isinstance(asked, Question)
    assert (asked.type.id, [other.type for other in asked.left]) == ("lease", ["title"])


def test_a_step_about_a_business_waits_for_its_founding_whether_it_says_so_or_not() -> None:
    event = next(entry for entry in DEMO.entries if entry.id == "open-restaurant")
    assert isinstance(event, LifeEvent)
    steps = [step.model_copy(update={"after": []}) if step.id == "r2" else step for step in event.steps]
    lists = Catalogue(
        4, [entry for entry in DEMO.entries if entry is not event] + [event.model_copy(update={"steps": steps})]
    )
    wish = PlanWish(life_event="open-restaurant", services=["business-licence", "seal-filing"])
    seal = Planning(lambda: lists, lambda: NOW).plan(wish).steps[1]
    assert (seal.after, seal.starts) == (["r1"], 3)
