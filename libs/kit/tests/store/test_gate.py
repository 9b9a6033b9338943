# SPDX-License-Identifier: EUPL-1.2
"""Batches against real PostgreSQL: what takes effect, what is parked, and what frees it."""

import asyncio
import random
from typing import Any
from uuid import uuid4

import pytest

from contracts.ids import uuid7
from kit import parked as dead_letters
from kit.consumer.retry import Retrier
from kit.consumer.work import BatchWorker
from kit.db import Database
from kit.errors import Unavailable

KEY, OTHER = str(uuid4()), str(uuid4())


@pytest.fixture
def worker(db: Database, handler: Any) -> BatchWorker:
    return BatchWorker(db, "test", handler, "strict")


@pytest.fixture
def retrier(db: Database, worker: BatchWorker) -> Retrier:
    return Retrier(db, "test", worker, "strict")


async def rush(db: Database) -> None:
    """Let every waiting retry be due now."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE parked SET next_try_at = now() WHERE state = 'retry'")


async def test_the_second_delivery_of_an_event_changes_nothing(worker: BatchWorker, bus: Any, effects_of: Any) -> None:
    batch = [bus.raw(KEY, n) for n in (1, 2, 3)]
    for _ in range(3):
        await worker.handle(batch, {})
    await worker.handle([batch[0], batch[0], bus.raw(KEY, 4), batch[2]], {})
    assert await effects_of() == [(KEY, 1), (KEY, 2), (KEY, 3), (KEY, 4)]


async def test_keys_that_are_no_uuid_are_counted_apart(worker: BatchWorker, bus: Any, effects_of: Any) -> None:
    await worker.handle([bus.raw("slot/1", 1), bus.raw("slot/2", 1), bus.raw("slot/1", 2)], {})
    assert sorted(await effects_of()) == [("slot/1", 1), ("slot/1", 2), ("slot/2", 1)]


async def test_a_gap_holds_its_key_until_the_missing_number_comes(
    worker: BatchWorker, retrier: Retrier, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    await worker.handle([bus.raw(KEY, 1), bus.raw(KEY, 3), bus.raw(KEY, 4), bus.raw(OTHER, 1)], {})
    await worker.handle([bus.raw(KEY, 5)], {})
    assert [row[1:3] for row in await parked_of()] == [(3, "gap"), (4, "behind"), (5, "behind")]
    assert await retrier.round() is False
    await worker.handle([bus.raw(KEY, 2)], {})
    assert await retrier.round() is True
    assert [n for key, n in await effects_of() if key == KEY] == [1, 2, 3, 4, 5]
    assert await parked_of() == []


async def test_a_new_key_that_starts_with_a_gap_waits_for_its_first_number(
    worker: BatchWorker, retrier: Retrier, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    await worker.handle([bus.raw(KEY, 2)], {})
    assert await effects_of() == []
    await worker.handle([bus.raw(KEY, 1)], {})
    await retrier.round()
    assert await effects_of() == [(KEY, 1), (KEY, 2)]


async def test_a_new_subscriber_begins_with_the_first_number_it_sees(
    worker: BatchWorker, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    base = {(bus.topic, 0): 2}
    await worker.handle([bus.raw(KEY, 7), bus.raw(KEY, 8), bus.raw(KEY, 9), bus.raw(OTHER, 5)], base)
    assert await effects_of() == [(KEY, 7), (KEY, 8), (KEY, 9)]
    assert await parked_of() == [(OTHER, 5, "gap", "GAP")]


async def test_poison_parks_its_own_key_only_and_a_redrive_frees_it(
    db: Database, worker: BatchWorker, retrier: Retrier, handler: Any, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    poison = uuid7()
    handler.poison.add(poison)
    await worker.handle([bus.raw(KEY, 1), bus.raw(KEY, 2, event_id=poison), bus.raw(OTHER, 1), bus.raw(OTHER, 2)], {})
    await worker.handle([bus.raw(KEY, 3), bus.raw(OTHER, 3)], {})
    assert [n for key, n in await effects_of() if key == OTHER] == [1, 2, 3]
    for _ in range(6):
        await rush(db)
        await retrier.round()
    assert [n for key, n in await effects_of() if key == KEY] == [1]
    assert [row[1:3] for row in await parked_of()] == [(2, "dead"), (3, "behind")]
    listed = await dead_letters.list_parked(db)
    assert (listed.parked[0].tries, listed.parked[0].reason) == (5, "APPLY_FAILED:ValueError")

    handler.poison.clear()
    assert await dead_letters.redrive(db, "test", bus.topic, KEY) == 2
    await retrier.round()
    assert [n for key, n in await effects_of() if key == KEY] == [1, 2, 3]
    assert await parked_of() == []


async def test_a_record_that_cannot_be_verified_waits_and_is_tried_again(
    db: Database, worker: BatchWorker, retrier: Retrier, handler: Any, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    bad = uuid7()
    handler.bad.add(bad)
    await worker.handle([bus.raw(KEY, 1), bus.raw(KEY, 2, event_id=bad), bus.raw(KEY, 3)], {})
    assert [row[1:] for row in await parked_of()] == [(2, "retry", "BAD_SIGNATURE"), (3, "behind", "BEHIND_PARKED")]
    handler.bad.clear()
    await rush(db)
    await retrier.round()
    assert await effects_of() == [(KEY, 1), (KEY, 2), (KEY, 3)]


async def test_an_operator_gives_up_a_record_and_those_behind_it_go_on(
    db: Database, worker: BatchWorker, retrier: Retrier, handler: Any, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    bad = uuid7()
    handler.bad.add(bad)
    await worker.handle([bus.raw(KEY, 1, event_id=bad), bus.raw(KEY, 2)], {})
    assert await dead_letters.give_up(db, "test", bus.topic, KEY) == 1
    await retrier.round()
    assert await effects_of() == [(KEY, 2)]
    assert await parked_of() == []


async def test_bytes_that_are_no_event_are_parked_once_and_block_nobody(
    worker: BatchWorker, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    noise = bus.raw("noise", 1)
    noise = type(noise)(noise.topic, 0, noise.offset, 0, b"k", b"\xff", [])
    batch = [noise, bus.raw(KEY, 1)]
    for _ in range(2):
        await worker.handle(batch, {})
    assert [row[1:] for row in await parked_of()] == [(0, "dead", "NO_CLOUD_EVENT")]
    assert await effects_of() == [(KEY, 1)]


async def test_a_writer_that_counts_again_is_parked_and_noticed(
    worker: BatchWorker, retrier: Retrier, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    await worker.handle([bus.raw(KEY, 1)], {})
    await worker.handle([bus.raw(KEY, 1)], {})  # same number, another event
    assert [row[1:] for row in await parked_of()] == [(1, "dead", "KEYSEQ_REUSED")]
    await retrier.round()
    assert len(await parked_of()) == 1
    assert await effects_of() == [(KEY, 1)]


async def test_what_passes_brings_the_same_batch_again_and_parks_nothing(
    worker: BatchWorker, handler: Any, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    handler.away = 1
    batch = [bus.raw(KEY, 1), bus.raw(KEY, 2)]
    with pytest.raises(Unavailable):
        await worker.handle(batch, {})
    assert await effects_of() == []
    await worker.handle(batch, {})
    assert await effects_of() == [(KEY, 1), (KEY, 2)]
    assert await parked_of() == []


async def test_workers_that_get_the_same_records_at_once_make_one_effect_each(
    open_more: Any, handler: Any, bus: Any, effects_of: Any
) -> None:
    keys = [str(uuid4()) for _ in range(40)]
    batches = [[bus.raw(key, n) for key in keys] for n in range(1, 6)]
    workers = [BatchWorker(await open_more(pool=2), "test", handler, "strict") for _ in range(3)]

    async def work(worker: BatchWorker, seed: int) -> None:
        plain = random.Random(seed)
        for batch in batches:
            mixed = batch[:]
            plain.shuffle(mixed)
            for part in (mixed[:20], mixed[20:], mixed):
                while True:
                    try:
                        await worker.handle(part, {})
                        break
                    except Unavailable:  # a deadlock of three unlike batches: what the runner does
                        continue

    await asyncio.gather(*(work(worker, seed) for seed, worker in enumerate(workers)))
    effects = await effects_of()
    for key in keys:
        assert [n for k, n in effects if k == key] == [1, 2, 3, 4, 5]


async def test_on_a_compacted_topic_gaps_are_normal_and_newer_replaces_bad(
    db: Database, handler: Any, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    worker = BatchWorker(db, "test", handler, "compacted")
    bad = uuid7()
    handler.bad.add(bad)
    await worker.handle([bus.raw(KEY, 3), bus.raw(KEY, 7), bus.raw(OTHER, 2, event_id=bad)], {})
    await worker.handle([bus.raw(KEY, 5), bus.raw(OTHER, 4)], {})
    assert sorted(n for key, n in await effects_of() if key == KEY) == [3, 7]
    assert [n for key, n in await effects_of() if key == OTHER] == [4]
    handler.bad.clear()
    await rush(db)
    await Retrier(db, "test", worker, "compacted").round()
    assert await parked_of() == []
    assert [n for key, n in await effects_of() if key == OTHER] == [4]


async def test_receipts_are_complete_but_not_ordered_and_gaps_are_noted(
    db: Database, handler: Any, bus: Any, effects_of: Any, parked_of: Any
) -> None:
    worker = BatchWorker(db, "test", handler, "receipts")
    poison = uuid7()
    handler.poison.add(poison)
    first = [bus.raw("w/0", 1), bus.raw("w/0", 2, event_id=poison), bus.raw("w/0", 5), bus.raw("w/0", 6)]
    late = bus.raw("w/0", 3)
    for batch in (first, [late], first, [late]):
        await worker.handle(batch, {})
    assert [n for _, n in await effects_of()] == [1, 5, 6, 3]
    async with db.read() as reader:
        gaps = await reader.fetch("SELECT key, keyseq FROM keyseq_gap")
    assert [(row["key"], row["keyseq"]) for row in gaps] == [("w/0", 4)]
    handler.poison.clear()
    await rush(db)
    await Retrier(db, "test", worker, "receipts").round()
    assert [n for _, n in await effects_of()] == [1, 5, 6, 3, 2]
    assert await parked_of() == []
