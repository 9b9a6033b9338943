# SPDX-License-Identifier: EUPL-1.2
"""Outbox to effect over real PostgreSQL and real Kafka: nothing is lost, nothing happens twice, all in order."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.ids import uuid7
from contracts.topics import Topic
from kit.consumer import Consumer
from kit.db import Database, Transaction
from kit.events import Event, Record
from kit.kafka import cluster_ready, ensure_topics, existing_topics, tail
from kit.outbox import Relay, archive_partitions, revive_refused
from kit.replica import Replica
from local_stack.testing import KafkaServer, PostgresServer


def name_topic() -> Topic:
    return Topic(f"test.t{uuid4().hex[:8]}.v1", compacted=False, retention_ms=None, city_partitions=3)


@pytest.fixture
async def topic(kafka_server: KafkaServer) -> str:
    spec = name_topic()
    await ensure_topics(kafka_server.bootstrap, [spec], city=True)
    return spec.name


@asynccontextmanager
async def running(
    *parts: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run parts as a process would: they stop in order, and none may fail."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(part(stop)) for part in parts]
    try:
        yield tasks
        assert not any(task.done() for task in tasks), [task.exception() for task in tasks if task.done()]
    finally:
        stop.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [one for one in done if isinstance(one, Exception)], done


async def publish(db: Database, topic: str, key: str, keyseq: int, event_id: UUID | None = None) -> None:
    async with db.transaction() as tx:
        tx.emit(Event(topic, key, "happened", b"{}", keyseq, id=event_id or uuid7()))


async def unpublished(db: Database) -> int:
    async with db.read() as reader:
        return int(await reader.fetchval("SELECT count(*) FROM outbox_todo"))


async def on_the_bus(bootstrap: str, topic: str) -> list[tuple[str, int]]:
    found = []
    records = tail(bootstrap, topic)
    async for raws, caught_up in records:
        found += [((raw.key or b"").decode(), int(dict(raw.headers)["ce_keyseq"])) for raw in raws]
        if caught_up:
            break
    await records.aclose()
    return found


async def test_an_event_takes_effect_once_at_every_subscriber(
    db: Database, dsn: str, kafka_server: KafkaServer, topic: str, handler: Any, effects_of: Any, until: Any
) -> None:
    bootstrap = kafka_server.bootstrap
    second = type(handler)("second")
    consumers = [
        Consumer(db, bootstrap, f"{one.name}.{topic}", lambda: [topic], one, gaps="strict") for one in (handler, second)
    ]
    keys = [str(uuid4()) for _ in range(20)]
    async with running(Relay(db, bootstrap).run, *(consumer.run for consumer in consumers)):
        for n in range(1, 4):
            await asyncio.gather(*(publish(db, topic, key, n) for key in keys))
        for name in ("test", "second"):
            await until(lambda name=name: count(effects_of, name), 60)
    for name in ("test", "second"):
        effects = await effects_of(name)
        for key in keys:
            assert [n for k, n in effects if k == key] == [1, 2, 3]


async def count(effects_of: Any, name: str = "test") -> int:
    return len(await effects_of(name))


async def test_the_relay_skips_no_row_under_slow_concurrent_transactions(
    db: Database, open_more: Any, kafka_server: KafkaServer, topic: str, until: Any
) -> None:
    wide = await open_more(pool=40)
    plain = random.Random(7)

    async def slow(writer: int) -> None:
        for n in range(1, 26):
            async with wide.transaction() as tx:
                tx.emit(Event(topic, f"writer-{writer}", "happened", b"{}", n))
                # The id is taken before the commit: others, with higher ids, commit first.
                await flush_early(wide, tx)
                await asyncio.sleep(plain.random() * 0.05)

    async with running(Relay(db, kafka_server.bootstrap).run, Relay(wide, kafka_server.bootstrap).run):
        await asyncio.gather(*(slow(writer) for writer in range(40)))
        await until(lambda: unpublished(db), 0)
    found = await on_the_bus(kafka_server.bootstrap, topic)
    assert set(found) == {(f"writer-{w}", n) for w in range(40) for n in range(1, 26)}
    for writer in range(40):
        numbers = [n for key, n in found if key == f"writer-{writer}"]
        assert sorted(set(numbers)) == list(range(1, 26))
        assert list(dict.fromkeys(numbers)) == sorted(set(numbers)), "order of first arrivals"


async def flush_early(database: Database, tx: Transaction) -> None:
    """Write the collected event now, so that the transaction goes on holding an id that is taken."""
    await database._flush(tx, None)
    tx.events.clear()
    tx.traces.clear()


async def test_rows_that_are_sent_again_after_a_crash_have_no_second_effect(
    db: Database, kafka_server: KafkaServer, topic: str, handler: Any, effects_of: Any, until: Any
) -> None:
    key = str(uuid4())
    for n in range(1, 6):
        await publish(db, topic, key, n)
    async with running(Relay(db, kafka_server.bootstrap).run):
        await until(lambda: unpublished(db), 0)
    async with db.transaction() as tx:  # died between the ack and the delete
        await tx.execute("INSERT INTO outbox_todo (lane, id, created_at) SELECT lane, id, created_at FROM outbox")
    consumer = Consumer(db, kafka_server.bootstrap, f"c.{topic}", lambda: [topic], handler, gaps="strict")
    async with running(Relay(db, kafka_server.bootstrap).run, consumer.run):
        await until(lambda: unpublished(db), 0)
        await publish(db, topic, key, 6)
        await until(effects_of, [(key, n) for n in range(1, 7)])
    assert len(await on_the_bus(kafka_server.bootstrap, topic)) == 11


async def test_events_wait_for_a_topic_that_does_not_exist_yet_and_hold_up_no_other(
    db: Database, kafka_server: KafkaServer, topic: str, handler: Any, effects_of: Any, until: Any
) -> None:
    late = name_topic()
    async with running(Relay(db, kafka_server.bootstrap).run):
        await publish(db, late.name, "a", 1)
        await publish(db, late.name, "a", 2)
        await publish(db, topic, "a", 1)
        await until(lambda: unpublished(db), 2)
        await ensure_topics(kafka_server.bootstrap, [late])
        await until(lambda: unpublished(db), 0)
    assert await on_the_bus(kafka_server.bootstrap, late.name) == [("a", 1), ("a", 2)]
    assert await revive_refused(db) == 0


async def test_consumers_survive_a_killed_broker_and_the_api_goes_on_accepting(
    db: Database, kafka_server: KafkaServer, topic: str, handler: Any, effects_of: Any, until: Any
) -> None:
    consumer = Consumer(db, kafka_server.bootstrap, f"c.{topic}", lambda: [topic], handler, gaps="strict")
    key = str(uuid4())
    async with running(Relay(db, kafka_server.bootstrap).run, consumer.run):
        await publish(db, topic, key, 1)
        await until(effects_of, [(key, 1)])
        assert kafka_server.child is not None
        kafka_server.child.stop(signal.SIGKILL, 10)
        for n in range(2, 8):
            await publish(db, topic, key, n)
        assert not await cluster_ready(kafka_server.bootstrap)
        await asyncio.to_thread(kafka_server.start)
        await publish(db, topic, key, 8)
        await until(effects_of, [(key, n) for n in range(1, 9)], timeout_s=60)


async def test_a_killed_database_stops_neither_relay_nor_consumer(
    postgres_server: PostgresServer,
    db: Database,
    kafka_server: KafkaServer,
    topic: str,
    handler: Any,
    effects_of: Any,
    until: Any,
) -> None:
    consumer = Consumer(db, kafka_server.bootstrap, f"c.{topic}", lambda: [topic], handler, gaps="strict")
    key = str(uuid4())
    async with running(Relay(db, kafka_server.bootstrap).run, consumer.run):
        await publish(db, topic, key, 1)
        await until(effects_of, [(key, 1)])
        assert postgres_server.child is not None
        postgres_server.child.stop(signal.SIGQUIT, 10)
        await asyncio.to_thread(postgres_server.start)
        await publish(db, topic, key, 2)
        await until(effects_of, [(key, 1), (key, 2)])


async def test_workers_that_come_and_go_lose_and_double_nothing(
    db: Database, kafka_server: KafkaServer, topic: str, open_more: Any, handler: Any, until: Any
) -> None:
    keys = [str(uuid4()) for _ in range(30)]

    async def worker(stop: asyncio.Event, database: Database) -> None:
        consumer = Consumer(database, kafka_server.bootstrap, f"c.{topic}", lambda: [topic], handler, gaps="strict")
        await consumer.run(stop)

    async def writing() -> None:
        for n in range(1, 16):
            await asyncio.gather(*(publish(db, topic, key, n) for key in keys))

    async def effects() -> dict[str, list[int]]:
        async with db.read() as reader:
            rows = await reader.fetch("SELECT key, array_agg(keyseq ORDER BY n) AS seqs FROM effect GROUP BY key")
        return {row["key"]: row["seqs"] for row in rows}

    first, second = await open_more(), await open_more()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(Relay(db, kafka_server.bootstrap).run))
        await stack.enter_async_context(running(lambda stop: worker(stop, first)))
        writer = asyncio.create_task(writing())
        for _ in range(2):
            async with running(lambda stop: worker(stop, second)):
                await asyncio.sleep(1.5)  # time for a rebalance in the middle of the flow
        await writer
        await until(effects, {key: list(range(1, 16)) for key in keys}, timeout_s=60)


async def test_a_new_topic_is_joined_while_the_consumer_runs(
    db: Database, kafka_server: KafkaServer, topic: str, handler: Any, effects_of: Any, until: Any
) -> None:
    topics = [topic]
    late = name_topic()
    consumer = Consumer(db, kafka_server.bootstrap, f"c.{topic}", lambda: topics, handler, gaps="strict")
    async with running(Relay(db, kafka_server.bootstrap).run, consumer.run):
        await publish(db, topic, "a", 1)
        await until(effects_of, [("a", 1)])
        topics.append(late.name)
        await ensure_topics(kafka_server.bootstrap, [late])
        await publish(db, late.name, "b", 1)
        await until(effects_of, [("a", 1), ("b", 1)])


async def test_a_replica_holds_the_newest_value_and_refuses_what_does_not_parse(
    db: Database, kafka_server: KafkaServer, topic: str, until: Any
) -> None:
    def parse(record: Record) -> bytes | None:
        if record.data == b"forged":
            raise ValueError("forged")
        return record.data

    async def emit(key: str, keyseq: int, data: bytes | None) -> None:
        async with db.transaction() as tx:
            tx.emit(Event(topic, key, "changed", data, keyseq))

    replica = Replica(kafka_server.bootstrap, topic, parse)
    changed: list[str] = []
    replica.on_change(changed.append)

    async def values() -> dict[str, bytes]:
        return replica.items()

    async with running(Relay(db, kafka_server.bootstrap).run):
        await emit("a", 1, b"one")
        await emit("b", 1, b"one")
        await until(lambda: unpublished(db), 0)
        async with running(replica.run):
            await until(values, {"a": b"one", "b": b"one"})
            await until(lambda: asyncio.sleep(0, replica.ready))
            await emit("a", 2, b"two")
            await emit("a", 3, b"forged")
            await emit("b", 2, None)
            await until(values, {"a": b"two"})
    assert sorted(changed[:2]) == ["a", "b"]


async def test_a_replica_that_kept_a_copy_is_ready_without_the_bus_and_catches_up_later(
    db: Database, kafka_server: KafkaServer, topic: str, until: Any, tmp_path: Path
) -> None:
    async def emit(key: str, keyseq: int, data: bytes | None) -> None:
        async with db.transaction() as tx:
            tx.emit(Event(topic, key, "changed", data, keyseq))

    def replica(bootstrap: str) -> Replica[bytes]:
        return Replica(bootstrap, topic, lambda record: record.data, keep_in=tmp_path)

    async with running(Relay(db, kafka_server.bootstrap).run):
        await emit("a", 1, b"one")
        await emit("b", 1, b"one")
        await until(lambda: unpublished(db), 0)
        first = replica(kafka_server.bootstrap)
        async with running(first.run):
            await until(lambda: asyncio.sleep(0, (tmp_path / f"{topic}.jsonl").exists()))
        lonely = replica("127.0.0.1:1")
        async with running(lonely.run):
            await until(lambda: asyncio.sleep(0, lonely.ready))
            assert lonely.items() == {"a": b"one", "b": b"one"}
        await emit("b", 2, None)
        await until(lambda: unpublished(db), 0)
        later = replica(kafka_server.bootstrap)
        changed: list[str] = []
        later.on_change(changed.append)
        async with running(later.run):
            await until(lambda: asyncio.sleep(0, later.items()), {"a": b"one"})
        assert sorted(changed) == ["a", "b", "b"]


async def test_topics_are_made_once_and_only_as_declared(kafka_server: KafkaServer) -> None:
    spec = name_topic()
    for _ in range(2):
        await ensure_topics(kafka_server.bootstrap, [spec])
    assert spec.name in await existing_topics(kafka_server.bootstrap)
    assert await cluster_ready(kafka_server.bootstrap)


async def test_the_archive_is_cut_into_days_ahead_of_time(db: Database) -> None:
    assert await archive_partitions(db, ahead_days=9) != []
    assert await archive_partitions(db, ahead_days=9) == []
    await publish(db, "test.thing.v1", "a", 1)
    async with db.read() as reader:
        assert await reader.fetchval("SELECT count(*) FROM outbox_default") == 0
    assert await archive_partitions(db, ahead_days=9, kept_days=-10) != []
    assert await unpublished(db) == 1
    async with db.read() as reader:
        assert await reader.fetchval("SELECT count(*) FROM outbox") == 1, "what is unpublished stays"
