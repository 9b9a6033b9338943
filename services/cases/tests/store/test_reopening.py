# SPDX-License-Identifier: EUPL-1.2
"""A step is done again: what it was decided on has changed while what rests on it is still open."""

import json
from typing import Any

import pytest

from cases.errors import StepHasIssued, StepNotReopenable, StepUnknown, TaskNotOpen, TaskUnknown
from contracts.cases import CompleteTask, DemandOnApplicant, RefuseTask, ReopenStep, TaskDone
from contracts.envelopes import Task
from contracts.http import Exchange
from contracts.ids import uuid7
from kit import aliases

from .conftest import COOK, OWNER, House
from .shop import HEALTH, MARKET, TAX, Story
from .test_life_events import licensed
from .test_more_life_events import CIVIL, MARRIAGE, POLICE, DemoStory

AGAIN = "A judgment came."
MARRIAGE_STEPS = {"m1": "done", "m2": "done", "m3": "tasked", "m4": "waiting"}


@pytest.fixture
def story(house: House) -> DemoStory:
    return DemoStory(house)


async def signing(story: DemoStory) -> str:
    """Give a case in which both are about to sign: m3 is with the clerk."""
    case_id = await story.open(**MARRIAGE, subjects={"other": [story.house.handle(COOK)]})
    await story.run()
    await story.complete(POLICE, "m1")
    await story.complete(CIVIL, "m2")
    return case_id


async def reopen(story: Story, task: Task, step: str = "m2", office: str = CIVIL, key: str = "") -> TaskDone:
    said = ReopenStep(step=step, reason=AGAIN)
    idem = story.idem(office)
    if key:
        idem = type(idem)(office, key, b"f")
    answer = await story.house.deciding.reopen(office, task.task_id, said, idem)
    assert answer.status == 201
    return TaskDone.model_validate_json(answer.body)


async def first(story: DemoStory, case_id: str) -> dict[str, str]:
    states = await story.states(case_id)
    return {name: states[name] for name in MARRIAGE_STEPS}


async def test_what_changed_is_asked_anew_and_decided_anew(story: DemoStory) -> None:
    case_id = await signing(story)
    old = await story.task(CIVIL, "m3")
    asked = len(story.asks())
    assert await first(story, case_id) == MARRIAGE_STEPS
    assert (await reopen(story, old)).state == "waiting"
    assert await first(story, case_id) == {**MARRIAGE_STEPS, "m2": "waiting", "m3": "waiting"}
    again = await story.step(case_id, "m2")
    assert (again.code, again.reason, again.accountable) == ("REOPENED", AGAIN, CIVIL)
    story.refusing = lambda ask: "NOT_MATCHED" if ask.type == "marriage" else None  # now there is a judgment
    await story.run()
    assert await first(story, case_id) == {**MARRIAGE_STEPS, "m2": "tasked", "m3": "waiting"}
    [(_, before), (keyseq, task)] = [(n, t) for n, t in await story.envelopes(CIVIL) if t.step == "marriage/m2"]
    assert (keyseq, task.task_id != before.task_id, len(story.asks()) - asked) == (1, True, len(before.needs))
    assert [need.outcome for need in before.needs if need.type == "judgment"] == ["refused", "refused"]
    assert [need.outcome for need in task.needs if need.type == "judgment"] == ["answered", "answered"]
    assert not {need.request_id for need in task.needs} & {need.request_id for need in before.needs}
    await story.complete(CIVIL, "m2")
    new = await story.task(CIVIL, "m3")
    assert new.task_id != old.task_id
    assert await first(story, case_id) == MARRIAGE_STEPS
    story.refusing = lambda _: None
    await story.approve(CIVIL, "m3")
    await story.amended(POLICE, "m4")
    assert (await story.states(case_id))["m4"] == "done"


async def test_a_task_of_before_decides_nothing_any_more(story: DemoStory) -> None:
    await signing(story)
    old = [await story.task(CIVIL, step) for step in ("m2", "m3")]
    await reopen(story, old[1])
    for task in old:  # before there are new tasks
        await nothing_is_decided(story, task)
    await story.run()
    await story.complete(CIVIL, "m2")
    assert (await story.task(CIVIL, "m3")).task_id != old[1].task_id
    for task in old:  # and after
        await nothing_is_decided(story, task)


async def nothing_is_decided(story: DemoStory, task: Task) -> None:
    deciding, idem = story.house.deciding, story.idem
    with pytest.raises(TaskNotOpen):
        await deciding.complete(CIVIL, task.task_id, CompleteTask(), idem(CIVIL))
    with pytest.raises(TaskNotOpen):
        await deciding.refuse(CIVIL, task.task_id, RefuseTask(code="NO", reason="No."), idem(CIVIL))
    with pytest.raises(TaskNotOpen):
        await reopen(story, task)
    wish = DemandOnApplicant(proves="signatures-of-both")
    with pytest.raises(TaskNotOpen):
        await deciding.demand(CIVIL, task.task_id, wish, idem(CIVIL), Exchange.new())
    with pytest.raises(TaskUnknown):
        await deciding.refuse(POLICE, task.task_id, RefuseTask(code="NO", reason="No."), idem(POLICE))


async def test_one_office_answers_for_the_case_throughout_and_every_move_is_said(story: DemoStory) -> None:
    case_id = await signing(story)
    await reopen(story, await story.task(CIVIL, "m3"))
    await story.run()
    await story.complete(CIVIL, "m2")
    facts = [json.loads(payload) for _, _, payload in await story.house.events("cases.step.v1")]
    assert all(fact["accountable"] for fact in facts)
    moves = {name: [f["state"] for f in facts if f["step"] == f"marriage/{name}"] for name in ("m2", "m3", "m4")}
    assert moves == {
        "m2": ["gathering", "tasked", "done", "waiting", "gathering", "tasked", "done"],
        "m3": ["gathering", "tasked", "waiting", "gathering", "tasked"],
        "m4": [],
    }
    view = await story.house.view(case_id)
    assert (view.lead, view.state, view.report.uploads) == (CIVIL, "open", 0)


async def test_what_a_case_shows_is_what_was_answered_this_time_and_the_report_counts_all(story: DemoStory) -> None:
    case_id = await signing(story)
    await reopen(story, await story.task(CIVIL, "m3"))
    await story.house.gathering.prepare_steps()
    await story.house.gathering.send_asks()
    assert len([ask_id for ask_id in story.house.bus.asks if ask_id not in story._answered]) == 6
    step, view = await story.step(case_id, "m2"), await story.house.view(case_id)
    assert (step.needs, step.answered, step.state) == (6, 0, "gathering")
    await story.run()
    step = await story.step(case_id, "m2")
    assert (step.needs, step.answered, step.state) == (6, 2, "tasked")
    after = (await story.house.view(case_id)).report.documents_not_asked
    assert after == view.report.documents_not_asked + 2


async def test_an_answer_that_comes_after_the_step_went_back_counts_for_the_report_alone(house: House) -> None:
    shop = Story(house, RENEWED)
    case_id = await shop.open(subjects={}, input={}, lifeEvent="renew")
    await shop.run()
    await done(shop, MARKET, "a", run=False)
    for work in (house.gathering.prepare_steps, house.gathering.send_asks, house.sealing.seal_tasks):
        await work()
    assert (await shop.states(case_id))["c"] == "gathering"
    await reopen(shop, await task_of(shop, MARKET, "b"), "a", MARKET)
    [asked] = house.bus.asks
    assert await shop.answer() == 1
    view = await house.view(case_id)
    assert view.report.documents_not_asked == 1
    assert [(s.state, s.answered) for s in view.steps if s.step == "renew/c"] == [("waiting", 0)]
    await shop.run()
    await done(shop, MARKET, "a")
    [need] = (await task_of(shop, TAX, "c")).needs
    assert need.outcome == "answered"
    assert len(house.bus.asks) == 2
    assert need.request_id != house.bus.state(asked, "answered", None).request_id


async def test_a_step_that_led_to_a_certificate_is_not_simply_done_again(house: House) -> None:
    case_id = await licensed(Story(house))
    shop = Story(house)
    shop._keys = 900
    task = await shop.task(MARKET, "r4")
    with pytest.raises(StepHasIssued):  # the licence stands: first it would have to be taken back
        await reopen(shop, task, "r1", MARKET)
    assert (await shop.states(case_id))["r1"] == "done"


async def reopen_is_refused(story: DemoStory, task: Task, why: type[Exception], step: str = "m2", **more: Any) -> None:
    with pytest.raises(why):
        await reopen(story, task, step, **more)


async def test_bad_reopenings_change_nothing(story: DemoStory) -> None:
    case_id = await signing(story)
    m2, m3 = [await story.task(CIVIL, step) for step in ("m2", "m3")]
    foreign = m3.model_copy(update={"task_id": str(uuid7())})
    await reopen_is_refused(story, foreign, TaskUnknown)
    await reopen_is_refused(story, m3, TaskUnknown, office=POLICE)
    await reopen_is_refused(story, m3, StepUnknown, "m9")
    await reopen_is_refused(story, m3, StepNotReopenable, "m1")  # another office's
    await reopen_is_refused(story, m3, StepNotReopenable, "m3")  # itself
    await reopen_is_refused(story, m3, StepNotReopenable, "m4")  # behind it
    await reopen_is_refused(story, m2, TaskNotOpen, "m1")  # decided already
    assert await first(story, case_id) == MARRIAGE_STEPS
    assert [t.task_id for _, t in await story.envelopes(CIVIL)] == [m2.task_id, m3.task_id]


async def test_a_reopening_that_is_repeated_happens_once(story: DemoStory) -> None:
    case_id = await signing(story)
    m3 = await story.task(CIVIL, "m3")
    said = [await reopen(story, m3, key="again") for _ in range(2)]
    assert said[0] == said[1]
    await reopen_is_refused(story, m3, TaskNotOpen)
    await story.run()
    assert len([t for _, t in await story.envelopes(CIVIL) if t.step == "marriage/m2"]) == 2
    assert (await story.step(case_id, "m2")).state == "tasked"


async def test_nothing_is_reopened_after_the_decision_or_the_withdrawal(story: DemoStory) -> None:
    await signing(story)
    story.refusing = lambda _: None
    await story.approve(CIVIL, "m3")
    await reopen_is_refused(story, await story.task(CIVIL, "m3"), TaskNotOpen)
    other = await signing(story)
    await story.withdraw(other)
    await reopen_is_refused(story, await story.task(CIVIL, "m3"), TaskNotOpen)


async def test_one_of_two_certificates_is_enough_to_bar_it(story: DemoStory) -> None:
    await signing(story)
    m3 = await story.task(CIVIL, "m3")
    await story.house.hear(story.fact(CIVIL, m3, "marriage"))
    await reopen_is_refused(story, m3, StepHasIssued)


@pytest.mark.parametrize("retasked", [False, True])
async def test_a_decision_that_crossed_the_reopening_stands(story: DemoStory, retasked: bool) -> None:
    """The office had issued when its other system did the step again: the facts come later than that."""
    case_id = await signing(story)
    m3 = await story.task(CIVIL, "m3")
    await reopen(story, m3)
    if retasked:
        await story.run()
        await story.complete(CIVIL, "m2")
    for _ in range(2):
        await story.house.hear(story.fact(CIVIL, m3, "marriage"))
    await story.run()
    if not retasked:
        await story.complete(CIVIL, "m2")
    assert (await story.states(case_id))["m3"] == "done"


async def test_what_crossed_it_is_taken_back_where_the_case_ends_otherwise(story: DemoStory) -> None:
    await signing(story)
    m3 = await story.task(CIVIL, "m3")
    await reopen(story, m3)
    crossed = [story.fact(CIVIL, m3, "marriage") for _ in range(2)]
    for fact in crossed:
        await story.house.hear(fact)
    await story.run()
    m2 = await story.task(CIVIL, "m2")
    await story.house.deciding.refuse(CIVIL, m2.task_id, RefuseTask(code="NO", reason="No."), story.idem(CIVIL))
    await story.run()
    keyseq, undo = (await story.envelopes(CIVIL))[-1]
    assert (keyseq, undo.task_id) == (2, m3.task_id)
    assert undo.undo is not None
    assert sorted(undo.undo.certificate_ids) == sorted(fact.certificate_id for fact in crossed)


async def test_the_office_knows_again_whom_it_is_to_register(story: DemoStory) -> None:
    await signing(story)
    house, m3 = story.house, await story.task(CIVIL, "m3")
    inbox = house.keys.private(CIVIL, "inbox")
    found = [aliases.open_alias({inbox.kid: inbox}, CIVIL, order.subject or "") for order in m3.issues]
    assert len(set(found)) == 2
    assert found[0] == aliases.open_alias({inbox.kid: inbox}, CIVIL, m3.subject)


async def test_a_yes_to_an_offer_is_not_asked_for_again(house: House) -> None:
    """Offers that were open are made anew; what was taken is not asked of the citizen a second time."""
    shop = Story(house, RENEWED)
    case_id = await shop.open(subjects={}, input={}, lifeEvent="renew")
    await shop.run()
    await done(shop, MARKET, "a")
    await shop.take(case_id, "taken", accept=True, who=OWNER)
    under_way = {"a": "done", "b": "tasked", "c": "tasked", "taken": "tasked", "open": "offered"}
    assert await shop.states(case_id) == under_way
    await reopen(shop, await task_of(shop, MARKET, "b"), "a", MARKET)
    assert set((await shop.states(case_id)).values()) == {"waiting"}
    await shop.run()
    await done(shop, MARKET, "a")
    assert await shop.states(case_id) == under_way


async def test_what_another_office_did_without_a_certificate_is_done_again_too(house: House) -> None:
    shop = Story(house, RENEWED)
    case_id = await shop.open(subjects={}, input={}, lifeEvent="renew")
    await shop.run()
    for office, step in ((MARKET, "a"), (TAX, "c")):
        await done(shop, office, step)
    await reopen(shop, await task_of(shop, MARKET, "b"), "a", MARKET)
    assert (await shop.states(case_id))["c"] == "waiting"


async def task_of(story: Story, office: str, step: str) -> Task:
    return [t for _, t in await story.envelopes(office) if t.step == f"renew/{step}"][-1]


async def done(story: Story, office: str, step: str, *, run: bool = True) -> None:
    task = await task_of(story, office, step)
    await story.house.deciding.complete(office, task.task_id, CompleteTask(), story.idem(office))
    if run:
        await story.run()


def _step(name: str, office: str, mode: str = "review", after: tuple[str, ...] = ("a",)) -> dict[str, Any]:
    return {"id": name, "tasks": [office], "service": f"do-{name}", "mode": mode, "after": list(after)}


RENEWED: dict[str, Any] = {
    "kind": "lifeEvent", "id": "renew", "lead": MARKET, "title": {"zh-CN": "A", "en": "Renew"},
    "subjects": {"owner": "person"}, "from": "2025-09-01",
    "steps": [
        _step("a", MARKET, after=()), _step("b", MARKET),
        _step("c", TAX) | {"needs": [{"type": "citizen", "of": "owner"}]},
        _step("taken", HEALTH, "offer"), _step("open", HEALTH, "offer"),
    ],
}  # fmt: skip
