# SPDX-License-Identifier: EUPL-1.2
"""Part 4: from a committed outbox row to its effect in another transaction, by kit's relay and consumer.

Beside it, the bare clients do the same: batches to the broker, batches from the broker, COPY into a table.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from bench import bare_bus
from bench.machine import Used
from bench.report import Row, median_row
from bench.world import BenchDatabase, World, until
from contracts.topics import Topic
from kit.consumer import Consumer
from kit.db import Database, Transaction, open_db
from kit.events import Event, Record
from kit.kafka import ensure_topics
from kit.outbox import Relay

BODY_BYTES = 1024
AIM = "5,000/s"
FILL = 1000
EFFECTS = "CREATE TABLE bench_effect (id uuid, payload bytea)"

Part = Callable[[asyncio.Event], Awaitable[None]]


class Effects:
    """A handler that keeps each event's body."""

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Take the bodies."""
        return [record.data for record in records]

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Insert them."""
        await tx.execute(
            """INSERT INTO bench_effect (id, payload)
               SELECT id, payload FROM unnest($1::uuid[], $2::bytea[]) AS t (id, payload)""",
            [record.id for record, _ in items],
            [body for _, body in items],
        )


@dataclass
class Bench:
    """One database and broker, and topics as they are needed."""

    world: World
    settings: BenchDatabase
    db: Database

    @property
    def bootstrap(self) -> str:
        """The broker."""
        return self.world.stack.kafka_bootstrap

    async def topic(self) -> str:
        """A new topic of one partition."""
        name = f"bench.{secrets.token_hex(4)}.v1"
        await ensure_topics(self.bootstrap, [Topic(name, compacted=False, retention_ms=None, city_partitions=1)])
        return name

    async def fill(self, topic: str, events: int) -> None:
        """Commit *events* to the outbox, a new key each, as new certificates have."""
        body = secrets.token_bytes(BODY_BYTES // 2).hex().encode()
        for first in range(0, events, FILL):
            async with self.db.transaction() as tx:
                for _ in range(min(FILL, events - first)):
                    tx.emit(Event(topic=topic, key=str(uuid4()), type="bench.v1", data=body, keyseq=1))

    async def published(self) -> bool:
        """Whether the outbox is empty."""
        async with self.db.read() as reader:
            return not await reader.fetchval("SELECT count(*) FROM outbox_todo")

    async def applied(self) -> int:
        """How many effects there are."""
        async with self.db.read() as reader:
            return int(await reader.fetchval("SELECT count(*) FROM bench_effect"))

    async def forget(self) -> None:
        """Empty the table of effects."""
        async with self.db.transaction() as tx:
            await tx.execute("TRUNCATE bench_effect")

    def relay(self) -> Part:
        """Kit's relay."""
        return Relay(self.db, self.bootstrap).run

    def consumer(self, topic: str) -> Part:
        """Kit's consumer, in a group of its own."""
        return Consumer(self.db, self.bootstrap, f"bench.{topic}", lambda: [topic], Effects(), gaps="strict").run

    async def wait_applied(self, count: int) -> None:
        """Wait until there are *count* effects."""

        async def reached() -> bool:
            return await self.applied() >= count

        await until(reached, f"{count} effects", 120)


@asynccontextmanager
async def running(*parts: Part) -> AsyncIterator[None]:
    """Run workers while the block lasts."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for part in parts:
            tasks.create_task(part(stop))  # type: ignore[arg-type]
        try:
            yield
        finally:
            stop.set()


async def rows(world: World, rounds: int, events: int) -> list[Row]:
    """Relay alone, consumer alone, both at once; each after its floor."""
    settings = await world.database("certificates")
    rates: dict[str, list[float]] = {}
    used: dict[str, Used] = {}

    def note(name: str, taken: Used) -> None:
        taken.operations = taken.operations or events
        rates.setdefault(name, []).append(taken.operations / taken.seconds)
        used[name] = taken

    async with open_db(settings) as db:
        bench = Bench(world, settings, db)
        async with db.transaction() as tx:
            await tx.execute(EFFECTS)
        for _ in range(rounds):
            for name, stretch in STRETCHES.items():
                note(name, await stretch(bench, events))
                await bench.forget()
    pairs = (
        ("through: outbox, Kafka, inbox", "both", "bare both", "/s send_batch, getmany, COPY", AIM),
        ("relay alone", "relay", "bare send", "/s send_batch", ""),
        ("consumer alone", "consume", "bare receive", "/s getmany, COPY", ""),
    )
    return [_row(title, ours, floor, unit, aim, rates, used) for title, ours, floor, unit, aim in pairs]


def _row(
    title: str,
    ours: str,
    floor: str,
    unit: str,
    aim: str,
    rates: dict[str, list[float]],
    used: dict[str, Used],
) -> Row:
    return median_row(
        *("delivery", title, rates[ours], "/s"),
        floor=sorted(rates[floor])[len(rates[floor]) // 2],
        floor_name=unit,
        aim=aim,
        cpu=used[ours].per(),
        floor_cpu=used[floor].per(),
        others=used[ours].others,
    )


async def _relay_alone(bench: Bench, events: int) -> Used:
    await bench.fill(await bench.topic(), events)
    async with running(bench.relay()):
        with bench.world.meter.measured() as used:
            await until(bench.published, "the outbox to be empty", 120)
    return used


async def _consumer_alone(bench: Bench, events: int) -> Used:
    """All is on the topic. The clock starts with the first effect, so the forming of the group isn't counted."""
    topic = await bench.topic()
    async with running(bench.relay()):
        await bench.fill(topic, events)
        await until(bench.published, "the outbox to be empty", 120)
    async with running(bench.consumer(topic)):
        await bench.wait_applied(1)
        first = await bench.applied()
        with bench.world.meter.measured() as used:
            await bench.wait_applied(events)
    used.operations = events - first
    return used


async def _both(bench: Bench, events: int) -> Used:
    """The consumer has joined already; the clock starts with the relay."""
    topic = await bench.topic()
    async with running(bench.consumer(topic)):
        await bench.fill(topic, 1)
        async with running(bench.relay()):
            await bench.wait_applied(1)
        await bench.fill(topic, events)
        async with running(bench.relay()):
            with bench.world.meter.measured() as used:
                await bench.wait_applied(1 + events)
    return used


async def _bare(bench: Bench, events: int, *, send: bool, receive: bool) -> Used:
    topic = await bench.topic()
    bare = bare_bus.Bare(bench.bootstrap, bench.settings.database_url, topic, BODY_BYTES)
    async with bare.sender() as sending:
        if not send:
            await sending(events)
        async with bare.receiver() as receiving:
            with bench.world.meter.measured() as used:
                await asyncio.gather(*([sending(events)] if send else []), *([receiving(events)] if receive else []))
    return used


STRETCHES: dict[str, Callable[[Bench, int], Awaitable[Used]]] = {
    "bare both": lambda bench, events: _bare(bench, events, send=True, receive=True),
    "both": _both,
    "bare send": lambda bench, events: _bare(bench, events, send=True, receive=False),
    "relay": _relay_alone,
    "bare receive": lambda bench, events: _bare(bench, events, send=False, receive=True),
    "consume": _consumer_alone,
}
