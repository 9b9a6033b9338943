# SPDX-License-Identifier: EUPL-1.2
"""Time stands still: outages of offices and of ours, and the heartbeat that finds the latter."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from cases.errors import OutageInvalid
from contracts.cases import RecordOutage
from contracts.ids import uuid7
from kit.db import Idem
from kit.errors import Kind
from local_stack.testing import FreshDatabase

from .town import DEADLINE, HOUR, LEAD, MARKET, MINUTE, NOW, SIGNS, Town, open_town


@pytest.fixture
async def town(fresh_database: FreshDatabase) -> AsyncIterator[Town]:
    async with open_town(fresh_database) as made:
        yield made


async def test_an_offices_outage_moves_its_own_deadline_by_exactly_its_length(town: Town) -> None:
    ours, theirs = await town.task(), await town.task("risky", MARKET)
    await town.outage(NOW + HOUR, NOW + 4 * HOUR, SIGNS)
    assert (await town.deadline(ours), await town.deadline(theirs)) == (DEADLINE + 3 * HOUR, DEADLINE)
    await town.live(DEADLINE + 2 * HOUR)
    assert await town.clocks.judge_silence() == 1
    assert ((await town.step(ours)).state, (await town.step(theirs)).state) == ("tasked", "done")
    await town.live(DEADLINE + 3 * HOUR)
    assert await town.clocks.judge_silence() == 1
    assert (await town.step(ours)).deemed


async def test_the_platforms_outage_moves_every_deadline(town: Town) -> None:
    tasks = [await town.task(), await town.task("risky", MARKET), await town.task("food", MARKET)]
    outage = await town.outage(NOW + HOUR, NOW + 2 * HOUR)
    assert outage.office is None
    assert {await town.deadline(task) for task in tasks} == {DEADLINE + HOUR}
    await town.live(DEADLINE + HOUR - MINUTE)
    assert await town.clocks.judge_silence() == 0


async def test_an_outage_that_is_recorded_late_still_counts_for_what_is_open(town: Town) -> None:
    task = await town.task()
    await town.live(DEADLINE - MINUTE)
    await town.outage(NOW + HOUR, NOW + 2 * HOUR, SIGNS)
    await town.live(DEADLINE)
    assert await town.clocks.judge_silence() == 0
    assert await town.deadline(task) == DEADLINE + HOUR


async def test_nobody_is_judged_while_its_office_is_out(town: Town) -> None:
    task = await town.task()
    await town.outage(DEADLINE, DEADLINE + HOUR, SIGNS)
    await town.live(DEADLINE + MINUTE)
    assert await town.clocks.judge_silence() == 0
    await town.live(DEADLINE + HOUR)
    assert await town.clocks.judge_silence() == 1
    assert (await town.step(task)).deemed


async def test_a_gap_in_the_heartbeat_is_an_outage_of_ours_before_anybody_is_judged(town: Town) -> None:
    task = await town.task()
    await town.live(DEADLINE - MINUTE)
    town.now = DEADLINE + HOUR  # the worker was away
    assert await town.clocks.judge_silence() == 0
    assert await town.clocks.beat()
    assert await town.deadline(task) == DEADLINE + HOUR + MINUTE
    assert await town.clocks.judge_silence() == 0
    await town.live(DEADLINE + HOUR + MINUTE)
    assert await town.clocks.judge_silence() == 1


async def test_after_an_outage_what_was_decided_meanwhile_comes_in_first(town: Town) -> None:
    task = await town.task()
    await town.live(DEADLINE - timedelta(seconds=1))
    town.now = DEADLINE + HOUR
    assert await town.clocks.beat()
    await town.live(DEADLINE + HOUR + timedelta(seconds=29))
    assert await town.clocks.judge_silence() == 0
    await town.live(DEADLINE + HOUR + timedelta(seconds=30))
    assert await town.clocks.judge_silence() == 1
    assert (await town.step(task)).deemed


@pytest.mark.parametrize("what", ["the bus is away", "nothing leaves the outbox"])
async def test_while_the_bus_is_away_there_is_no_beat_and_no_judgement(town: Town, what: str) -> None:
    task = await town.task()
    await town.live(DEADLINE - MINUTE)
    await _close_the_way(town, what)
    town.now = DEADLINE + HOUR
    assert not await town.clocks.beat()
    assert await town.clocks.judge_silence() == 0
    await _open_the_way(town)
    assert await town.clocks.beat()
    assert await town.deadline(task) == DEADLINE + HOUR + MINUTE


async def _close_the_way(town: Town, what: str) -> None:
    town.bus_answers = what != "the bus is away"
    if town.bus_answers:
        async with town.db.transaction() as tx:
            await tx.execute(
                "INSERT INTO outbox_todo (lane, id, created_at) VALUES (0, 900000, now() - interval '61 seconds')"
            )


async def _open_the_way(town: Town) -> None:
    town.bus_answers = True
    async with town.db.transaction() as tx:
        await tx.execute("DELETE FROM outbox_todo")


async def test_the_last_beat_must_be_younger_than_the_deadline(town: Town) -> None:
    task = await town.task()
    await town.live(DEADLINE - timedelta(seconds=1))
    town.now = DEADLINE + timedelta(seconds=1)
    assert await town.clocks.judge_silence() == 0  # the bus may have gone in these two seconds
    assert await town.clocks.beat()
    await asyncio.gather(town.clocks.judge_silence(), town.other.judge_silence())
    assert (await town.step(task)).deemed


async def _put_in_outbox(town: Town, task: str, *, dead: bool = False) -> None:
    """Let the task stand in the outbox, as when it has not left yet; dead: the broker refuses it."""
    async with town.db.transaction() as tx:
        await tx.execute(
            """WITH one AS (
                 INSERT INTO outbox (event_id, lane, khash, topic, key, keyseq, type, headers, payload)
                 VALUES ($1, 0, 0, $2, $3, 1, 'envelope.task.v1', '{}', '') RETURNING id, created_at)
               INSERT INTO outbox_todo (lane, id, created_at, dead_at, reason)
               SELECT 0, id, created_at, CASE WHEN $4 THEN now() END, CASE WHEN $4 THEN 'NO_TOPIC' END FROM one""",
            str(uuid7()),
            f"envelope.{SIGNS}.v1",
            task,
            dead,
        )


async def test_a_task_that_has_not_left_this_house_counts_against_nobody(town: Town) -> None:
    task = await town.task()
    await _put_in_outbox(town, task)
    await town.live(DEADLINE)
    assert await town.clocks.judge_silence() == 0
    await _open_the_way(town)
    assert await town.clocks.judge_silence() == 1
    assert (await town.step(task)).deemed


async def test_an_office_whose_certificate_we_could_not_take_in_yet_was_not_silent(town: Town) -> None:
    task, other = await town.task(), await town.task()
    async with town.db.transaction() as tx:
        await tx.execute(
            """INSERT INTO parked
                 (consumer, event_id, source, topic, key, key_id, keyseq, record, payload, state, reason)
               VALUES
                 ('cases.facts', $1::uuid, 's', 'certificates.certificate.v1', 'k', $1::uuid, 2, '', $2, 'gap', 'GAP')
            """,
            str(uuid7()),
            f'{{"taskId":"{task}"}}'.encode(),
        )
    await town.live(DEADLINE)
    assert await town.clocks.judge_silence() == 1
    assert [(await town.step(one)).state for one in (task, other)] == ["tasked", "done"]


async def test_the_clock_of_a_task_that_the_broker_refuses_begins_when_it_takes_it(town: Town) -> None:
    task = await town.task()
    await _put_in_outbox(town, task, dead=True)
    await town.live(NOW + 48 * HOUR)
    await _open_the_way(town)
    assert await town.deadline(task) == DEADLINE + 48 * HOUR


async def test_two_processes_that_beat_at_once_note_one_outage(town: Town) -> None:
    town.now = NOW + HOUR
    assert all(await asyncio.gather(town.clocks.beat(), town.other.beat()))
    async with town.db.read() as tx:
        rows = await tx.fetch("SELECT office, starts_at, ends_at, source FROM outage")
    assert [tuple(row) for row in rows] == [(None, NOW, NOW + HOUR, "heartbeat")]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"from_": NOW, "to": NOW}, ("/to", "NOT_AFTER_FROM")),
        ({"from_": NOW, "to": NOW + 93 * 24 * HOUR}, ("/to", "TOO_LONG")),
        ({"from_": NOW, "to": NOW + HOUR, "office": LEAD}, ("/office", "UNKNOWN_OFFICE")),
    ],
)
async def test_an_outage_that_can_not_be_is_refused(town: Town, said: Any, expected: tuple[str, str]) -> None:
    with pytest.raises(OutageInvalid) as refused:
        await town.clocks.record_outage(RecordOutage(**said), Idem("s", "k", b"f"))
    assert refused.value.kind is Kind.INVALID
    assert [(e.pointer, e.code) for e in refused.value.errors] == [expected]


async def test_the_same_outage_told_twice_is_kept_once(town: Town) -> None:
    said, idem = RecordOutage(from_=NOW, to=NOW + HOUR), Idem("s", "k", b"f")
    assert await town.clocks.record_outage(said, idem) == await town.other.record_outage(said, idem)
    async with town.db.read() as tx:
        assert await tx.fetchval("SELECT count(*) FROM outage") == 1
