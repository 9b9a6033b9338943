# SPDX-License-Identifier: EUPL-1.2
"""Time passes: deadlines, deemed approval, the lead, and the sandbox's clock."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from cases.errors import ClockTooFar, TaskNotOpen
from cases.service.reckoning import reckoned_now
from contracts.cases import RefuseTask
from kit.db import Idem
from kit.errors import StillRunning, Unavailable
from local_stack.testing import FreshDatabase

from .town import DEADLINE, HOUR, LEAD, MARKET, NOW, SIGNS, Town, catalogue_of, open_town


@pytest.fixture
async def town(fresh_database: FreshDatabase) -> AsyncIterator[Town]:
    async with open_town(fresh_database) as made:
        yield made


async def test_silence_passes_with_the_end_of_day_five_and_not_a_moment_before(town: Town) -> None:
    task = await town.task()
    assert await town.deadline(task) == DEADLINE
    await town.live(DEADLINE - timedelta(microseconds=1))
    assert await town.clocks.judge_silence() == 0
    await town.live(DEADLINE)
    assert await town.clocks.judge_silence() == 1
    step = await town.step(task)
    assert (step.state, step.deemed, step.accountable, step.again) == ("done", True, SIGNS, "deemed")
    assert [(f["state"], f["deemed"], f["accountable"]) for f in await town.facts(task)] == [("done", True, SIGNS)]


async def test_silence_never_passes_where_people_could_come_to_harm(town: Town) -> None:
    town.catalogue = catalogue_of({"shop/signs": ("deemed", "high")})
    task = await town.task()
    await town.live(DEADLINE + 30 * 24 * HOUR)
    assert await town.clocks.judge_silence() == 1
    step = await town.step(task)
    assert (step.state, step.deemed) == ("tasked", False)


async def test_an_overdue_step_goes_to_the_lead_once_and_its_office_may_still_decide(town: Town) -> None:
    task = await town.task("food", MARKET)
    await town.live(DEADLINE)
    assert await town.clocks.judge_silence() == 1
    assert await town.clocks.judge_silence() == 0
    step = await town.step(task)
    assert (step.state, step.accountable, step.escalated_at) == ("tasked", LEAD, DEADLINE)
    assert [(f["state"], f["accountable"]) for f in await town.facts(task)] == [("tasked", LEAD)]
    await town.deciding.refuse(MARKET, task, RefuseTask(code="UNSAFE", reason="No exit"), Idem("s", "k", b"f"))
    assert (await town.step(task)).state == "refused"


async def test_two_processes_that_judge_at_once_pass_a_step_once(town: Town) -> None:
    tasks = [await town.task() for _ in range(20)]
    await town.live(DEADLINE)
    judged = await asyncio.gather(*(clocks.judge_silence() for clocks in (town.clocks, town.other) * 2))
    assert sum(judged) == len(tasks)
    assert [len(await town.facts(task)) for task in tasks] == [1] * len(tasks)


async def test_of_a_decision_and_a_silence_at_once_exactly_one_stands(town: Town) -> None:
    tasks = [await town.task() for _ in range(12)]
    await town.live(DEADLINE)
    said = RefuseTask(code="TOO_LARGE", reason="The sign is too large")

    async def refuse(task: str) -> None:
        """Refuse as any program does: a 503 of a busy house (no connection in time) is repeated with the same key."""
        while True:
            try:
                await town.deciding.refuse(SIGNS, task, said, Idem("s", task, b"f"))
            except (Unavailable, StillRunning):
                continue
            return

    refusals = [refuse(task) for task in tasks]
    results = await asyncio.gather(town.clocks.judge_silence(), *refusals, return_exceptions=True)
    for task, answer in zip(tasks, results[1:], strict=True):
        step, late = await town.step(task), isinstance(answer, TaskNotOpen)
        assert (step.state, step.deemed) == (("done", True) if late else ("refused", False))
        assert len(await town.facts(task)) == 1
        assert late or not isinstance(answer, BaseException)


async def test_the_moved_clock_stands_at_the_end_of_its_last_day_for_every_process(town: Town) -> None:
    task = await town.task()
    assert await town.move(5) == DEADLINE
    async with town.other_parts.db.read() as tx:
        assert await reckoned_now(town.other_parts, tx) == DEADLINE
    assert await town.other.judge_silence() == 1
    step = await town.step(task)
    assert (step.deemed, step.ended_at) == (True, NOW)  # what is written down carries real time


async def test_a_clock_that_was_moved_by_four_days_passes_no_silence_of_five(town: Town) -> None:
    task = await town.task()
    assert await town.move(4) == DEADLINE - 24 * HOUR
    assert await town.other.judge_silence() == 0
    await town.move(1)
    assert await town.other.judge_silence() == 1
    assert (await town.step(task)).deemed


async def test_a_moved_clock_goes_on_and_new_tasks_are_reckoned_by_it(town: Town) -> None:
    await town.move(5)
    town.now = NOW + HOUR
    async with town.db.read() as tx:
        assert await reckoned_now(town.parts, tx) == DEADLINE + HOUR
    task = await town.task()
    assert await town.deadline(task) == DEADLINE + 8 * 24 * HOUR  # Wednesday and five working days


async def test_moving_the_clock_is_no_outage(town: Town) -> None:
    task = await town.task()
    await town.move(20)
    async with town.db.read() as tx:
        assert await tx.fetchval("SELECT count(*) FROM outage") == 0
    assert await town.deadline(task) == DEADLINE


async def test_a_gap_under_a_moved_clock_moves_deadlines_of_that_clock(town: Town) -> None:
    await town.move(5)
    task = await town.task()
    before = await town.deadline(task)
    town.now = NOW + HOUR
    assert await town.clocks.beat()
    assert await town.deadline(task) == before + HOUR


async def test_outside_a_sandbox_no_clock_is_ahead(town: Town) -> None:
    await town.move(5)
    real = replace(town.parts, sandbox=False)
    async with town.db.read() as tx:
        assert await reckoned_now(real, tx) == NOW


async def test_a_clock_can_not_be_moved_for_ever(town: Town) -> None:
    with pytest.raises(ClockTooFar):  # noqa: PT012 - one of the moves goes too far, whichever
        for _ in range(18):
            await town.move(250)
