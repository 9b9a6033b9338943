# SPDX-License-Identifier: EUPL-1.2
"""An office that is away for ten minutes, its deadline among them, delays a case by that and loses nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from cases.domain.clocks import Pulse
from cases.service import Clocks

from .conftest import House
from .shop import GIVEN, MARKET, SHOP, SIGNS, Story
from .test_life_events import licensed

MINUTE = timedelta(minutes=1)
AWAY = 10 * MINUTE
EVENT = {**SHOP, "steps": [s for s in SHOP["steps"] if s["id"] in ("r1", "r6")], "input": SHOP["input"][:1]}
DEPLOYMENT = "certificates-9"


class Street:
    """A case whose sign passes by silence; the office's own deployment can go away while the platform lives on."""

    def __init__(self, house: House) -> None:
        self.story, self.away = Story(house, None), False
        self.story.publish(EVENT)
        self.clocks = self._process()

    def _process(self) -> Clocks:
        """Give a process that has looked at nothing yet: one that looked in vain lets a task rest for a second."""
        return Clocks(self.story.house.parts, self._way_is_open, Pulse(MINUTE, timedelta(seconds=30)), self)

    async def _way_is_open(self) -> bool:
        return True

    def system_of(self, office: str) -> str | None:
        return DEPLOYMENT if office == SIGNS else None

    async def answering(self) -> Mapping[str, Sequence[str]]:
        return {} if self.away else {DEPLOYMENT: (SIGNS,)}

    async def start_at(self, moment: datetime) -> None:
        """Let it be that moment, with everything well until then."""
        assert await self.clocks.beat()
        async with self.story.house.db.transaction() as tx:
            await tx.execute("DELETE FROM outbox_todo")  # the bus has it all
            await tx.execute("UPDATE heartbeat SET beat_at = $1", moment)
            await tx.execute("UPDATE issuing_heartbeat SET beat_at = $1", moment)
        self.story.house.now = moment
        assert await self.clocks.beat()

    async def minutes_pass(self, count: int) -> int:
        """Let minutes pass on the platform, which lives; gives how many were judged meanwhile."""
        judged = 0
        for _ in range(count):
            self.story.house.now += MINUTE
            assert await self.clocks.beat()
            judged += await self._process().judge_silence()
        return judged


@pytest.fixture
def street(house: House) -> Street:
    return Street(house)


async def test_an_office_away_for_ten_minutes_gets_exactly_those_and_its_case_completes(street: Street) -> None:
    story = street.story
    case_id = await licensed(story, input={"tradeName": GIVEN["tradeName"]})
    due = (await story.step(case_id, "r6")).deadline
    assert due is not None
    await street.start_at(due - 4 * MINUTE)
    street.away = True
    assert await street.minutes_pass(9) == 0  # its deadline is five minutes past, and nothing is deemed
    assert (await story.step(case_id, "r6")).state == "tasked"
    street.away = False
    assert await street.minutes_pass(1) == 0
    shown = await story.step(case_id, "r6")
    assert (shown.state, shown.deemed, shown.escalated, shown.deadline) == ("tasked", False, False, due + AWAY)
    assert await street.minutes_pass(2) == 0
    [(_, task)] = await story.envelopes(SIGNS)  # it waited in its inbox, once
    await story.approve(SIGNS, "r6")
    view, done = await story.house.view(case_id), await story.step(case_id, "r6")
    assert (view.state, done.state, done.deemed, done.accountable) == ("completed", "done", False, SIGNS)
    assert done.certificate_id is not None
    assert [t.task_id for _, t in await story.envelopes(SIGNS)] == [task.task_id]
    assert view.lead == MARKET


async def test_past_those_ten_minutes_its_silence_counts_again(street: Street) -> None:
    story = street.story
    case_id = await licensed(story, input={"tradeName": GIVEN["tradeName"]})
    due = (await story.step(case_id, "r6")).deadline
    assert due is not None
    await street.start_at(due - 4 * MINUTE)
    street.away = True
    await street.minutes_pass(9)
    street.away = False
    assert await street.minutes_pass(4) == 0
    assert story.house.now < due + AWAY
    assert await street.minutes_pass(2) == 1
    assert (await story.step(case_id, "r6")).deemed
