# SPDX-License-Identifier: EUPL-1.2
"""A life event with everything in it, walked to its end."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cases.domain.clocks import Pulse
from cases.errors import CaseInputInvalid, CaseUnknown, LifeEventUnknown, OfferNotOpen, Refused, StepUnknown
from cases.service import Clocks, Viewing
from contracts.cases import DemandOnApplicant, MoveClock
from contracts.exchange_bus import AskEvidence
from contracts.http import Exchange
from kit import aliases
from kit.db import Idem
from kit.errors import Kind, UpstreamError

from .conftest import COOK, NOW, OWNER, House
from .shop import DESK, FIRE, HEALTH, HRSS, MARKET, NOODLES, PLAN, POLICE, SHOP, SIGNS, TAX, Story


@pytest.fixture
def story(house: House) -> Story:
    return Story(house)


async def licensed(story: Story, **wish: object) -> str:
    """Give a case whose business is founded."""
    case_id = await story.open(**wish)
    await story.run()
    await story.approve(MARKET, "r1")
    return case_id


async def test_a_shop_opens_through_all_its_offices_with_one_form(story: Story) -> None:
    case_id = await licensed(story)
    assert await story.states(case_id) == {
        "r1": "done", "r3": "tasked,tasked", "r4": "tasked", "r5": "tasked", "r6": "tasked", "r7": "skipped",
        "r8": "waiting", "o1": "offered",
    }  # fmt: skip
    for office, step in ((TAX, "r3"), (HRSS, "r3"), (MARKET, "r4"), (FIRE, "r5"), (SIGNS, "r6")):
        await story.approve(office, step)
    await story.take(case_id, "o1", accept=False)
    await story.approve(DESK, "r8")
    view = await story.house.view(case_id)
    assert (view.state, view.lead, view.organisations) == ("completed", MARKET, {"business": NOODLES})
    assert set((await story.states(case_id)).values()) == {"done", "done,done", "skipped"}
    report = view.report
    assert (report.steps, report.longest_chain, report.visits, report.uploads) == (7, 3, 1, 1)
    assert (report.commitments, report.deemed_steps, report.demands_refused) == (1, 0, 0)
    assert report.documents_not_asked == len(story.house.bus.asks)
    assert report.offices == 9  # six with tasks, and three more that only answer


async def test_nothing_is_asked_twice_and_each_ask_has_one_receipt(story: Story) -> None:
    await licensed(story)
    asks = [AskEvidence.model_validate_json(body) for body, _ in story.house.bus.asks.values()]
    assert len({(a.step, a.asker, a.type) for a in asks}) == len(asks)
    pending = [leaf for leaf in await story.house.receipts() if leaf["decision"] == "pending"]
    assert len(pending) == len(asks)


async def test_a_founding_task_has_no_holder_and_those_after_it_name_the_organisation(story: Story) -> None:
    await licensed(story)
    founding, [order] = await story.task(MARKET, "r1"), (await story.task(MARKET, "r1")).issues
    assert (order.holder, order.organisation, order.to) == (None, None, "business")
    assert [issue.holder for issue in story.proof(founding.case_proof).issues] == [None]
    later = await story.task(MARKET, "r4")
    assert later.issues[0].organisation == NOODLES
    assert [i.holder for i in story.proof(later.case_proof).issues] == [aliases.digest(NOODLES)]


async def test_evidence_about_an_organisation_names_it_and_nobody_else(story: Story) -> None:
    await licensed(story)
    bodies = [AskEvidence.model_validate_json(body) for body, _ in story.house.bus.asks.values()]
    [ask] = [a for a in bodies if (a.type, a.step) == ("business-licence", "open-shop/r6")]
    assert (ask.subject.organisation, ask.subject.person) == (NOODLES, None)
    [need] = story.proof(ask.case_proof).needs
    assert (need.platform, need.holders) == (aliases.digest(NOODLES), {MARKET: aliases.digest(NOODLES)})
    leaves = [leaf for leaf in await story.house.receipts() if leaf.get("type") == "business-licence"]
    assert leaves
    assert not any("subjectCommit" in leaf for leaf in leaves)


async def test_where_one_holder_has_nothing_the_next_alternative_is_asked_once(story: Story) -> None:
    story.refusing = lambda ask: "NOT_MATCHED" if ask.type == "title" else None
    case_id = await licensed(story)
    needs = (await story.task(MARKET, "r1")).needs
    assert [(n.type, n.outcome) for n in needs] == [("citizen", "answered"), ("lease", "answered")]
    asked = [AskEvidence.model_validate_json(b) for b, _ in story.house.bus.asks.values()]
    assert [a.type for a in asked if a.step == "open-shop/r1"].count("lease") == 1
    step = await story.step(case_id, "r1")
    assert (step.needs, step.answered) == (2, 2)


@pytest.mark.parametrize(("lease", "expected"), [("NO_HOLDER", "NO_HOLDER"), ("EVIDENCE_TIMEOUT", "EVIDENCE_TIMEOUT")])
async def test_only_when_all_alternatives_failed_is_the_need_refused(story: Story, lease: str, expected: str) -> None:
    story.refusing = lambda ask: {"title": "NOT_MATCHED", "lease": lease}.get(ask.type)
    await story.open()
    await story.run()
    needs = (await story.task(MARKET, "r1")).needs
    assert [(n.type, n.outcome, n.code) for n in needs][1] == ("lease", "refused", expected)


async def test_a_holder_that_is_away_is_no_reason_to_ask_another(story: Story) -> None:
    story.refusing = lambda ask: "EVIDENCE_TIMEOUT" if ask.type == "title" else None
    await story.open()
    await story.run()
    assert "lease" not in {n.type for n in (await story.task(MARKET, "r1")).needs}


async def test_where_several_offices_hold_a_type_the_ask_may_go_to_each(story: Story) -> None:
    story.publish(SHOP, citizen=[POLICE, HEALTH])
    await story.open()
    await story.run()
    asks = {a.type: a for a in (AskEvidence.model_validate_json(b) for b, _ in story.house.bus.asks.values())}
    person = asks["citizen"].subject.person
    assert person is not None
    assert person.holders.keys() == {POLICE, HEALTH}
    [need] = [n for n in story.proof(asks["citizen"].case_proof).needs if n.type == "citizen"]
    assert need.holders == {office: aliases.digest(alias) for office, alias in person.holders.items()}


async def test_each_office_of_a_step_is_told_only_what_it_may_issue_and_see(story: Story) -> None:
    await licensed(story)
    assert [i.type for i in (await story.task(TAX, "r3")).issues] == ["tax-registration"]
    assert [i.type for i in (await story.task(HRSS, "r3")).issues] == ["employer-registration"]
    assert (await story.task(TAX, "r3")).input == {}
    assert (await story.task(MARKET, "r4")).input == {"floorPlan": PLAN}
    assert (await story.task(FIRE, "r5")).input == {"floorPlan": PLAN, "promise": True}


async def test_a_joint_visit_has_one_date_set_when_the_first_step_needs_it(story: Story) -> None:
    case_id = await licensed(story)
    visits = {(await story.task(MARKET, "r4")).visit, (await story.task(FIRE, "r5")).visit}
    [visit] = visits
    assert visit is not None
    assert (visit.id, visit.on) == ("site", date(2026, 11, 27))
    assert (await story.step(case_id, "r4")).visit == visit


async def test_a_promise_gives_a_provisional_order_to_be_checked_by_a_day(story: Story) -> None:
    await licensed(story)
    assert (await story.task(FIRE, "r5")).issues[0].provisional == date(2026, 12, 22)
    assert (await story.task(MARKET, "r4")).issues[0].provisional is None


async def test_deadlines_are_working_days_from_the_task(story: Story) -> None:
    case_id = await licensed(story)
    deadline = (await story.step(case_id, "r4")).deadline
    assert deadline is not None
    assert deadline.isoformat() == "2026-12-02T00:00:00+00:00"  # the end of the fifth working day


async def test_an_offer_waits_for_a_yes_and_asks_nobody_before(story: Story) -> None:
    case_id = await licensed(story)
    assert (await story.states(case_id))["o1"] == "offered"
    assert await story.envelopes(HEALTH) == []
    await story.take(case_id, "o1", accept=True)
    assert (await story.states(case_id))["o1"] == "tasked"
    for step, refusal in (("o1", OfferNotOpen), ("r1", OfferNotOpen), ("r99", StepUnknown)):
        with pytest.raises(refusal):
            await story.take(case_id, step, accept=True)
    with pytest.raises(CaseUnknown):
        await story.take(case_id, "o1", accept=True, who=COOK)


async def test_a_refusals_reason_reaches_the_applicant_and_what_rests_on_it(story: Story) -> None:
    case_id = await licensed(story)
    await story.refuse(MARKET, "r4")
    refused, lost = await story.step(case_id, "r4"), await story.step(case_id, "r8")
    assert (refused.state, refused.code, refused.reason) == (
        "refused", "KITCHEN_TOO_SMALL", "Ten square metres are due.",
    )  # fmt: skip
    assert (lost.state, lost.reason) == ("cancelled", "Ten square metres are due.")
    assert (await story.states(case_id))["r5"] == "tasked"
    assert (await story.house.view(case_id)).state == "open"


async def test_a_refusal_may_take_all_that_is_not_over_with_it(house: House) -> None:
    steps = [{**s, "onRefusal": "all"} if s["id"] == "r4" else s for s in SHOP["steps"]]
    story = Story(house, {**SHOP, "steps": steps})
    case_id = await licensed(story)
    await story.approve(SIGNS, "r6")
    await story.refuse(MARKET, "r4")
    assert await story.states(case_id) == {
        "r1": "done", "r3": "cancelled,cancelled", "r4": "refused", "r5": "cancelled", "r6": "done", "r7": "skipped",
        "r8": "cancelled", "o1": "cancelled",
    }  # fmt: skip
    assert (await house.view(case_id)).state == "refused"


async def test_an_existing_business_is_not_founded_again(story: Story) -> None:
    case_id = await story.open(organisations={"business": NOODLES})
    await story.run()
    states = await story.states(case_id)
    assert (states["r1"], states["r4"]) == ("skipped", "tasked")
    assert (await story.task(MARKET, "r4")).issues[0].organisation == NOODLES


async def test_chosen_services_alone_are_done_and_an_optional_one_when_it_is_chosen(story: Story) -> None:
    case_id = await story.open(services=["business-licence", "tobacco-licence"], input={"tradeName": "Noodles"})
    await story.run()
    await story.approve(MARKET, "r1")
    states = await story.states(case_id)
    assert {name for name, state in states.items() if "skipped" not in state} == {"r1", "r7"}


async def test_every_fault_of_a_form_is_named_at_once(story: Story) -> None:
    given = {
        "tradeName": "x" * 61, "promise": "yes", "colour": "red",
        "floorPlan": {"name": "plan.pdf", "media": "application/pdf", "content": "bm90IGEgcGRm"},
    }  # fmt: skip
    wish = story.wish(
        subjects={"staff": ["a.b.c.d.e"]}, services=["opening-notice", "casino"], input=given,
        organisations={"cat": NOODLES, "business": "9" * 18},
    )  # fmt: skip
    with pytest.raises(CaseInputInvalid) as refused:
        await story.house.opening.open(OWNER, wish, story.idem())
    found = {(e.pointer, e.code) for e in refused.value.errors}
    assert found == {
        ("/services/1", "UNKNOWN_SERVICE"), ("/services", "PREREQUISITE_MISSING"), ("/input/tradeName", "TOO_LONG"),
        ("/input/promise", "NOT_A_BOOLEAN"), ("/input/colour", "UNKNOWN_FIELD"),
        ("/input/floorPlan/content", "FILE_TYPE_WRONG"), ("/subjects/staff/0", "HANDLE_INVALID"),
        ("/organisations/cat", "UNKNOWN_SUBJECT"), ("/organisations/business", "CODE_INVALID"),
    }  # fmt: skip
    named = {e.detail for e in refused.value.errors if e.code == "PREREQUISITE_MISSING"}
    assert any("open-shop/r8 waits for open-shop/r4" in detail for detail in named)


@pytest.mark.parametrize(
    ("file", "pointer", "code"),
    [
        ("plan.pdf", "", "NOT_A_FILE"),
        ({**PLAN, "size": 3}, "", "NOT_A_FILE"),
        ({**PLAN, "name": ""}, "/name", "NOT_A_TEXT"),
        ({**PLAN, "media": "image/png"}, "/media", "MEDIA_NOT_ALLOWED"),
        ({**PLAN, "content": "%%%"}, "/content", "NOT_BASE64"),
        ({**PLAN, "content": 7}, "/content", "NOT_BASE64"),
        ({**PLAN, "content": "A" * 4000}, "/content", "TOO_LARGE"),
        ({**PLAN, "content": "AAAA"}, "/content", "FILE_TYPE_WRONG"),
        (None, "", "MISSING"),
    ],
)
async def test_a_file_is_what_it_says_and_no_more_than_it_may_be(
    story: Story, file: object, pointer: str, code: str
) -> None:
    given = {"tradeName": "Noodles", "promise": True, **({} if file is None else {"floorPlan": file})}
    with pytest.raises(CaseInputInvalid) as refused:
        await story.open(input=given)
    assert [(e.pointer, e.code) for e in refused.value.errors] == [(f"/input/floorPlan{pointer}", code)]


async def test_a_promise_is_given_or_the_case_is_not_opened(story: Story) -> None:
    with pytest.raises(CaseInputInvalid) as refused:
        await story.open(input={"tradeName": "Noodles", "floorPlan": PLAN, "promise": False})
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/input/promise", "COMMITMENT_DUE")]


async def test_a_refused_demand_counts_once_in_the_report(story: Story) -> None:
    case_id = await licensed(story)
    task = await story.task(MARKET, "r4")
    refusal = UpstreamError(Kind.CONFLICT, "HELD_BY_OFFICE", {"code": "HELD_BY_OFFICE"})
    story.house.bus.refusal = Refused(refusal)
    for _ in range(2):
        with pytest.raises(Refused):
            await story.house.deciding.demand(
                MARKET, task.task_id, DemandOnApplicant(proves="title"), Idem("s", "k", b"f"), Exchange.new()
            )
    assert (await story.house.view(case_id)).report.demands_refused == 1


async def test_a_new_life_event_is_open_to_all_with_its_release(story: Story) -> None:
    with pytest.raises(LifeEventUnknown):
        await story.open(lifeEvent="open-kiosk")
    story.publish({**SHOP, "id": "open-kiosk", "steps": SHOP["steps"][:1], "input": SHOP["input"][:1]})
    case_id = await story.open(lifeEvent="open-kiosk", input={"tradeName": "Noodles"})
    await story.run()
    assert await story.states(case_id) == {"r1": "tasked"}


async def test_a_later_release_of_the_life_event_takes_no_step_from_a_case_under_way(story: Story) -> None:
    case_id = await story.open()
    fewer = [s for s in SHOP["steps"] if s["id"] in ("r1", "r6")]
    steps = [{**s, "needs": []} if s["id"] == "r6" else s for s in fewer]
    story.publish({**SHOP, "steps": steps, "input": SHOP["input"][:1]})
    await story.run()
    await story.approve(MARKET, "r1")
    states = await story.states(case_id)
    assert states["r4"] == "tasked"  # nobody may be asked for it any more; the office decides what that means
    assert {n.outcome for n in (await story.task(SIGNS, "r6")).needs} == {"refused"}


async def test_a_long_case_reports_its_working_days(story: Story) -> None:
    case_id = await licensed(story)
    story.house.now = NOW + timedelta(days=7)
    assert (await story.house.view(case_id)).report.elapsed_working_days == 5


async def test_a_case_reports_the_days_of_the_clock_that_its_deadlines_follow(story: Story) -> None:
    house = story.house
    house.parts = replace(house.parts, sandbox=True)
    house.viewing, clocks = Viewing(house.parts), Clocks(house.parts, _answers, Pulse(timedelta(hours=1), timedelta()))
    case_id = await licensed(story)
    house.now = NOW + timedelta(hours=1)
    for days in (2, 2):  # each to the end of its last day
        await clocks.move(MoveClock(working_days=days), story.idem())
    house.now = NOW + timedelta(hours=2)
    later = await story.open()
    assert (await house.view(case_id)).report.elapsed_working_days == 5
    await story.withdraw(case_id)
    house.now = NOW + timedelta(hours=3)
    await clocks.move(MoveClock(working_days=20), story.idem())
    house.now = NOW + timedelta(days=30)
    assert (await house.view(case_id)).report.elapsed_working_days == 5  # it was over before
    assert (await house.view(later)).report.elapsed_working_days > 20


async def _answers() -> bool:
    return True
