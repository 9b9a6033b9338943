# SPDX-License-Identifier: EUPL-1.2
"""What an office owes once silence has passed its step: the rest of what was ordered; past a day the lead answers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cases.domain.clocks import Pulse
from cases.service import Clocks, Sealing, Viewing
from contracts.cases import MoveClock, RecordOutage, StepView
from contracts.catalogue.calendar import add_working_days

from .conftest import NOW, House
from .shop import MARKET, SHOP, SIGNS, Story
from .test_life_events import licensed

PULSE = Pulse(timedelta(minutes=1), timedelta())
STEPS = [
    {**step, "issues": [{"type": kind, "to": "business"} for kind in ("shop-sign", "sign-permit")]}
    if step["id"] == "r6" else step
    for step in SHOP["steps"] if step["id"] in ("r1", "r6")
]  # fmt: skip
EVENT = {**SHOP, "steps": STEPS, "input": SHOP["input"][:1]}
GIVEN = {"tradeName": "Noodles"}


class Street:
    """Cases whose shop signs pass by silence, and the clock of deadlines."""

    def __init__(self, house: House) -> None:
        house.parts = replace(house.parts, sandbox=True)
        house.viewing, house.sealing = Viewing(house.parts), Sealing(house.parts)

        self.story = Story(house, None)
        self.story.publish(EVENT, **{"sign-permit": [SIGNS]})
        self.clocks = Clocks(house.parts, self._answers, PULSE)

    async def _answers(self) -> bool:
        return True

    async def sign(self) -> str:
        """Give a case in which the sign's office has its task."""
        return await licensed(self.story, input=GIVEN)

    async def issue(self, kind: str) -> None:
        """Let the office issue one of its orders."""
        task = await self.story.task(SIGNS, "r6")
        await self.story.house.hear(self.story.fact(SIGNS, task, kind, organisation=None))

    async def days_pass(self, days: int) -> int:
        """Let working days pass while we live; gives how many were judged."""
        async with self.story.house.db.transaction() as tx:
            await tx.execute("DELETE FROM outbox_todo")  # the bus has it all
        await self.clocks.move(MoveClock(working_days=days), self.story.idem())
        assert await self.clocks.beat()
        return await self.clocks.judge_silence()

    async def step(self, case_id: str) -> StepView:
        return await self.story.step(case_id, "r6")


@pytest.fixture
def street(house: House) -> Street:
    return Street(house)


async def _silent(street: Street, *issued: str) -> str:
    """Give a case whose sign passed by silence after some of its papers were issued."""
    case_id = await street.sign()
    for kind in issued:
        await street.issue(kind)
    assert await street.days_pass(5) == 1
    return case_id


async def test_only_what_is_still_owed_is_ordered_again(street: Street) -> None:
    case_id = await _silent(street, "shop-sign")
    assert (await street.step(case_id)).certificate_id is None
    assert await street.story.house.sealing.seal_tasks() == 1
    task = await street.story.task(SIGNS, "r6")
    assert (task.deemed, [order.type for order in task.issues]) == (True, ["sign-permit"])
    assert [issue.type for issue in street.story.proof(task.case_proof).issues] == ["sign-permit"]
    await street.issue("sign-permit")
    assert (await street.step(case_id)).certificate_id is not None


async def test_what_came_before_the_order_could_go_again_is_not_ordered(street: Street) -> None:
    await _silent(street, "shop-sign")
    before = len(await street.story.envelopes(SIGNS))
    await street.issue("sign-permit")
    await street.story.run()
    assert len(await street.story.envelopes(SIGNS)) == before


async def test_half_of_what_was_ordered_is_still_owed(street: Street) -> None:
    case_id = await _silent(street)
    await street.story.run()
    await street.issue("shop-sign")
    assert (await street.step(case_id)).certificate_id is None
    assert await street.days_pass(1) == 1
    assert (await street.step(case_id)).escalated


async def test_an_office_that_does_not_issue_in_a_day_is_answered_for_by_the_lead(street: Street) -> None:
    case_id = await _silent(street)
    assert await street.clocks.judge_silence() == 0  # it wasn't told yet
    passed = await street.step(case_id)
    assert (passed.state, passed.accountable, passed.escalated) == ("done", SIGNS, False)
    await street.story.run()
    moved = NOW + timedelta(days=8)
    due = (await street.step(case_id)).deadline
    assert due == (await street.story.task(SIGNS, "r6")).deadline == add_working_days(moved, 1, None)
    assert await street.days_pass(1) == 1
    assert await street.clocks.judge_silence() == 0
    owed = await street.step(case_id)
    assert (owed.state, owed.deemed, owed.accountable, owed.escalated) == ("done", True, MARKET, True)
    assert (await street.story.house.view(case_id)).state == "completed"
    for kind in ("shop-sign", "sign-permit"):
        await street.issue(kind)
    assert (await street.step(case_id)).certificate_id is not None


async def test_an_office_that_issues_in_its_day_is_not_escalated(street: Street) -> None:
    case_id = await _silent(street)
    await street.story.run()
    for kind in ("shop-sign", "sign-permit"):
        await street.issue(kind)
    assert await street.days_pass(3) == 0
    assert not (await street.step(case_id)).escalated


async def test_an_outage_of_the_office_prolongs_its_day(street: Street) -> None:
    case_id = await _silent(street)
    await street.story.run()
    due = (await street.step(case_id)).deadline
    assert due is not None
    said = RecordOutage(office=SIGNS, from_=due - timedelta(hours=2), to=due - timedelta(hours=1))
    await street.clocks.record_outage(said, street.story.idem())
    assert (await street.step(case_id)).deadline == due + timedelta(hours=1)
    assert await street.days_pass(1) == 0
    assert await street.days_pass(1) == 1
