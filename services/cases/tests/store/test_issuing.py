# SPDX-License-Identifier: EUPL-1.2
"""An office that can't issue isn't silent: the deployment by which it issues has a pulse of its own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from local_stack.testing import FreshDatabase

from .town import DEADLINE, HOUR, MARKET, MINUTE, NOW, SIGNS, Town, open_town


@pytest.fixture
async def town(fresh_database: FreshDatabase) -> AsyncIterator[Town]:
    async with open_town(fresh_database) as made:
        yield made


async def outages(town: Town) -> list[tuple[str | None, datetime, datetime]]:
    async with town.db.read() as tx:
        rows = await tx.fetch("SELECT office, starts_at, ends_at FROM outage ORDER BY starts_at, office")
    return [(row["office"], row["starts_at"], row["ends_at"]) for row in rows]


async def test_an_office_that_can_not_issue_is_not_judged_and_gets_its_time_back(town: Town) -> None:
    task = await town.task()
    await town.live(DEADLINE - MINUTE)
    town.deployment_answers = False
    await town.live(DEADLINE + HOUR)
    assert await town.clocks.judge_silence() == 0
    town.deployment_answers = True
    assert await town.clocks.beat()
    assert await town.deadline(task) == DEADLINE + HOUR + MINUTE
    assert await town.clocks.judge_silence() == 0
    await town.live(DEADLINE + HOUR + MINUTE)
    assert await town.other.judge_silence() == 1  # the first process lets what waited twice rest for a second
    assert (await town.step(task)).deemed


async def test_the_clocks_of_offices_that_can_issue_run_on(town: Town) -> None:
    theirs = await town.task(office=MARKET)
    await town.live(DEADLINE - MINUTE)
    town.deployment_answers = False
    await town.live(DEADLINE)
    assert await town.clocks.judge_silence() == 1
    assert (await town.step(theirs)).deemed
    await town.live(DEADLINE + HOUR)
    town.deployment_answers = True
    assert await town.clocks.beat()
    assert [office for office, *_ in await outages(town)] == [SIGNS]
    assert await town.deadline(theirs) == DEADLINE


async def test_what_an_office_decided_while_it_could_not_issue_comes_in_first(town: Town) -> None:
    task = await town.task()
    await town.live(DEADLINE - timedelta(seconds=1))
    town.deployment_answers = False
    await town.live(DEADLINE + HOUR)
    town.deployment_answers = True
    assert await town.clocks.beat()
    await town.live(DEADLINE + HOUR + timedelta(seconds=29))
    assert await town.clocks.judge_silence() == 0
    await town.live(DEADLINE + HOUR + timedelta(seconds=30))
    assert await town.clocks.judge_silence() == 1
    assert (await town.step(task)).deemed


async def test_an_outage_of_ours_is_not_noted_again_for_each_office(town: Town) -> None:
    town.now = NOW + HOUR  # all were away, and came back at once
    assert await town.clocks.beat()
    assert await outages(town) == [(None, NOW, NOW + HOUR)]


async def test_an_office_that_was_away_before_we_were_has_an_outage_of_its_own(town: Town) -> None:
    town.deployment_answers = False
    await town.live(NOW + MINUTE)
    town.now, town.deployment_answers = NOW + HOUR, True
    assert all(await asyncio.gather(town.clocks.beat(), town.other.beat()))
    assert await outages(town) == [(SIGNS, NOW, NOW + HOUR), (None, NOW + MINUTE, NOW + HOUR)]
