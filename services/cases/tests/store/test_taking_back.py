# SPDX-License-Identifier: EUPL-1.2
"""What was done is taken back: the applicant withdraws, a promise was false, a decision came too late."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cases import domain, store
from cases.errors import CaseInputInvalid, CaseNotOpen, CaseUnknown, TaskNotOpen, TaskUnknown
from cases.service import write_moves
from contracts.cases import CompleteTask, RefuseTask
from contracts.envelopes import Task
from contracts.ids import uuid7

from .conftest import COOK, OWNER, House
from .shop import DESK, FIRE, HEALTH, HRSS, MARKET, SIGNS, TAX, Story
from .test_life_events import licensed, story

__all__ = ["story"]
NO = RefuseTask(code="NO", reason="No.")
Decision = Callable[[str, str], Awaitable[object]]


def refusing(story: Story) -> Decision:
    return lambda office, task_id: story.house.deciding.refuse(office, task_id, NO, story.idem(office))


def completing(story: Story) -> Decision:
    said = CompleteTask()
    return lambda office, task_id: story.house.deciding.complete(office, task_id, said, story.idem(office))


# --------------------------------------------------------------------------------------------------- withdrawal
async def test_a_withdrawn_case_is_closed_at_once_and_its_open_steps_with_it(story: Story) -> None:
    case_id = await licensed(story)
    view = await story.withdraw(case_id)
    assert (view.state, view.closed_at is not None) == ("withdrawn", True)
    assert await story.states(case_id) == {
        "r1": "done", "r3": "cancelled,cancelled", "r4": "cancelled", "r5": "cancelled", "r6": "cancelled",
        "r7": "skipped", "r8": "cancelled", "o1": "cancelled",
    }  # fmt: skip
    assert (await story.step(case_id, "r4")).reason == "I found another place."
    kinds = [kind for kind, _, _ in await story.house.events("cases.case.v1")]
    assert kinds == ["cases.case.opened.v1", "cases.case.closed.v1"]


async def test_offices_take_back_what_they_issued_where_the_rule_says_so(story: Story) -> None:
    case_id = await licensed(story)
    [tax] = await story.approve(TAX, "r3")
    [sign] = await story.approve(SIGNS, "r6")
    await story.withdraw(case_id)
    keyseq, undo = (await story.envelopes(TAX))[-1]
    assert (keyseq, undo.undo is not None, undo.input, undo.issues) == (2, True, {}, [])
    assert undo.undo is not None
    assert (undo.undo.task_id, undo.undo.certificate_ids) == (undo.task_id, [tax])
    assert [keyseq for keyseq, _ in await story.envelopes(SIGNS)] == [1]  # what it issued may be kept
    await story.end(TAX, "tax-registration", tax, "04")
    await story.end(SIGNS, "shop-sign", sign, "04")
    states = await story.states(case_id)
    assert (states["r3"], states["r6"], states["r1"]) == ("undone,cancelled", "done", "done")


@pytest.mark.parametrize("decide", [refusing, completing])
async def test_a_decision_for_a_withdrawn_case_changes_nothing(
    story: Story, decide: Callable[[Story], Decision]
) -> None:
    case_id = await licensed(story)
    task = await story.task(MARKET, "r4")
    await story.withdraw(case_id)
    before = await story.house.view(case_id)
    with pytest.raises(TaskNotOpen):
        await decide(story)(MARKET, task.task_id)
    assert await story.house.view(case_id) == before


async def test_a_certificate_that_comes_after_the_withdrawal_is_taken_back(story: Story) -> None:
    case_id = await licensed(story)
    await story.withdraw(case_id)
    [late] = await story.approve(MARKET, "r4")
    assert (await story.states(case_id))["r4"] == "cancelled"
    newest = (await story.envelopes(MARKET))[-1][1]
    assert newest.undo is not None
    assert newest.undo.certificate_ids == [late]


async def test_only_the_applicant_withdraws_and_only_once(story: Story) -> None:
    case_id = await licensed(story)
    for who, unknown in ((COOK, case_id), (OWNER, str(uuid7()))):
        with pytest.raises(CaseUnknown):
            await story.withdraw(unknown, who)
    await story.withdraw(case_id)
    with pytest.raises(CaseNotOpen):
        await story.withdraw(case_id)


async def test_nothing_is_asked_for_a_withdrawn_case(story: Story) -> None:
    case_id = await story.open()
    await story.house.gathering.prepare_steps()
    await story.withdraw(case_id)
    assert story.house.bus.asks == {}


# --------------------------------------------------------------------------------------------------- promises
async def test_a_false_promise_undoes_what_rested_on_it_and_bars_who_gave_it(story: Story) -> None:
    case_id = await licensed(story)
    [check] = await story.approve(FIRE, "r5", provisional=True)
    await story.approve(MARKET, "r4")
    [pack] = await story.approve(DESK, "r8")
    await story.end(FIRE, "fire-check", check, "03", provisional=True)
    assert (await story.step(case_id, "r5")).code == "COMMITMENT_FALSE"
    told = (await story.envelopes(DESK))[-1][1]
    assert told.undo is not None
    assert told.undo.certificate_ids == [pack]
    await story.end(DESK, "result-pack", pack, "04")
    states = await story.states(case_id)
    assert (states["r4"], states["r5"], states["r8"]) == ("done", "undone", "undone")
    with pytest.raises(CaseInputInvalid) as refused:
        await story.open()
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/input/promise", "COMMITMENT_BARRED")]
    story.house.now += timedelta(days=731)
    assert await story.open()


async def test_what_waits_for_a_false_promise_is_cancelled(story: Story) -> None:
    case_id = await licensed(story)
    [check] = await story.approve(FIRE, "r5", provisional=True)
    await story.end(FIRE, "fire-check", check, "03", provisional=True)
    states = await story.states(case_id)
    assert (states["r5"], states["r8"], states["r4"]) == ("undone", "cancelled", "tasked")


async def test_a_certificate_that_ends_without_fault_bars_nobody(story: Story) -> None:
    case_id = await licensed(story)
    [check] = await story.approve(FIRE, "r5", provisional=True)
    await story.end(FIRE, "fire-check", check, "04")
    assert (await story.states(case_id))["r5"] == "done"
    assert await story.open()


async def test_a_promise_counts_nowhere_where_the_risk_is_high(house: House) -> None:
    story = Story(house)
    read = [
        entry.model_copy(update={"risk": "high"}) if getattr(entry, "step", "") == "open-shop/r5" else entry
        for entry in house.catalogue.entries
    ]
    house.catalogue = type(house.catalogue)(9, read)
    with pytest.raises(CaseInputInvalid) as refused:
        await story.open()
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/input/promise", "COMMITMENT_EXCLUDED")]


# --------------------------------------------------------------------------------------------------- decisions
async def test_a_decision_by_an_office_that_is_not_on_the_step_finds_no_task(story: Story) -> None:
    await licensed(story)
    task = await story.task(TAX, "r3")
    for office in (HRSS, FIRE):
        for decide in (refusing(story), completing(story)):
            with pytest.raises(TaskUnknown):
                await decide(office, task.task_id)


async def test_a_second_decision_is_refused_whatever_the_first_was(story: Story) -> None:
    case_id = await licensed(story)
    await story.take(case_id, "o1", accept=True)
    advice = await story.task(HEALTH, "o1")
    await completing(story)(HEALTH, advice.task_id)
    for decide in (refusing(story), completing(story)):
        with pytest.raises(TaskNotOpen):
            await decide(HEALTH, advice.task_id)
    await story.refuse(SIGNS, "r6")
    with pytest.raises(TaskNotOpen):
        await refusing(story)(SIGNS, (await story.task(SIGNS, "r6")).task_id)


async def test_a_certificate_after_a_refusal_is_taken_back(story: Story) -> None:
    case_id = await licensed(story)
    await story.refuse(SIGNS, "r6")
    await story.approve(SIGNS, "r6")
    assert (await story.states(case_id))["r6"] == "refused"
    assert (await story.envelopes(SIGNS))[-1][1].undo is not None


async def deem(story: Story, office: str, step: str) -> Task:
    """Let a step pass by silence; gives the task as it comes again."""
    task = await story.task(office, step)
    async with story.house.db.transaction() as tx:
        case = await store.lock_case(tx, task.case_id)
        held = await store.step_of_task(tx, task.task_id)
        assert case is not None
        assert held is not None
        await write_moves(tx, case, [replace(held, state="done", deemed=True, again="deemed")], story.house.now)
    await story.run()
    return await story.task(office, step)


async def test_what_passed_by_silence_is_due_from_the_silent_office_and_is_no_longer_its_decision(story: Story) -> None:
    case_id = await licensed(story)
    first = await story.task(SIGNS, "r6")
    again = await deem(story, SIGNS, "r6")
    assert (again.task_id, again.deemed, [i.type for i in again.issues]) == (first.task_id, True, ["shop-sign"])
    proof = story.proof(again.case_proof)
    assert (proof.needs, [i.type for i in proof.issues]) == ([], ["shop-sign"])
    assert [keyseq for keyseq, _ in await story.envelopes(SIGNS)] == [1, 2]
    with pytest.raises(TaskNotOpen):
        await refusing(story)(SIGNS, first.task_id)
    step = await story.step(case_id, "r6")
    assert (step.state, step.deemed, step.accountable, step.certificate_id) == ("done", True, SIGNS, None)
    [sign] = await story.approve(SIGNS, "r6")
    assert (await story.step(case_id, "r6")).certificate_id == sign
    assert (await story.house.view(case_id)).report.deemed_steps == 1


async def test_a_founding_for_another_organisation_than_the_case_is_about_counts_for_nothing(story: Story) -> None:
    case_id = await licensed(story)
    await story.approve(TAX, "r3", organisation="1199990000000006XB")
    assert (await story.states(case_id))["r3"] == "tasked,tasked"


async def test_a_new_version_counts_only_where_one_was_asked_for(story: Story) -> None:
    case_id = await licensed(story)
    task = await story.task(SIGNS, "r6")
    await story.house.hear(story.fact(SIGNS, task, "shop-sign", version=2), "amended")
    assert (await story.states(case_id))["r6"] == "tasked"


async def test_a_step_of_a_case_that_is_over_stays_as_it_is(story: Story) -> None:
    case_id = await licensed(story)
    await story.withdraw(case_id)
    async with story.house.db.read() as tx:
        steps = await store.steps_of_case(tx, case_id)
    assert all(step.state in domain.FINAL_STEPS and step.accountable for step in steps)
    assert await story.house.gathering.prepare_steps() == 0
