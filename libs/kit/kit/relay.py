# SPDX-License-Identifier: EUPL-1.2
"""The relay: committed events go to Kafka, at least once, in order per key.

Each round reads the oldest rows of `outbox_todo`. No position is remembered, not even as a hint: ids are taken before
the commit, so a lower id may become visible after a higher one, and a cursor would skip it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kit import crash
from kit.clock import monotonic
from kit.db import OUTBOX_CHANNEL, Database, Hint
from kit.db.errors import translated
from kit.db.side import lock_space
from kit.errors import Unavailable
from kit.events import SPEC_VERSION
from kit.kafka import BatchProducer, KafkaAway, Outgoing
from kit.kafka.producer import NO_TOPIC
from kit.telemetry import fault, get_logger, metrics

log = get_logger()

ROWS: Final = 1000
POLL_S: Final = 1.0
PACE_S: Final = 0.003
RETRY_S: Final = 0.5
STANDBY_S: Final = 1.0
REVIVE_S: Final = 5.0
CONTENT_TYPE: Final = ("content-type", b"application/json")

_CLAIM: Final = """SELECT o.id, o.event_id, o.khash, o.topic, o.key, o.keyseq, o.type, o.headers, o.payload,
  (SELECT true FROM outbox_todo d WHERE d.lane = $1 AND d.dead_at IS NOT NULL LIMIT 1) AS some_dead
FROM (SELECT id, created_at FROM outbox_todo WHERE lane = $1 AND dead_at IS NULL ORDER BY id LIMIT $2) t
JOIN outbox o ON o.id = t.id AND o.created_at = t.created_at ORDER BY o.id"""


@dataclass(frozen=True)
class _DeadKey:
    topic: str
    key: str


class Relay:
    """Publishes this database's outbox. Two relays are safe: one works, the other stands by.

    lanes: how many the database's writers fill (`open_db(lanes=...)`); None means the same as *db*.
    """

    def __init__(self, db: Database, bootstrap: str, lanes: int | None = None, *, pace_s: float = PACE_S) -> None:
        self._db = db
        self._bootstrap = bootstrap
        self._lanes = lanes or db.lanes
        self._pace_s = pace_s

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until *stop*; waits out a database or a broker that is away."""
        async with asyncio.TaskGroup() as lanes:
            for lane in range(self._lanes):
                lanes.create_task(_Lane(self._db, self._bootstrap, lane, self._lanes, self._pace_s).run(stop))
            lanes.create_task(self._measure(stop))

    async def _measure(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(Unavailable):
                async with self._db.read() as reader:
                    row = await reader.fetchrow(
                        """SELECT count(*) AS rows, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS age
                           FROM (SELECT created_at FROM outbox_todo ORDER BY lane, id LIMIT 100000) t"""
                    )
                if row is not None:
                    metrics.outbox_rows.set(row["rows"])
                    metrics.outbox_oldest_seconds.set(float(row["age"]))
            await _sleep(stop, POLL_S * 2)


class _Lane:
    """One lane: the holder of its advisory lock relays it. The lock lives on the connection that reads and deletes."""

    def __init__(self, db: Database, bootstrap: str, lane: int, lanes: int, pace_s: float) -> None:
        self._db = db
        self._bootstrap = bootstrap
        self._lane = lane
        self._lanes = lanes
        self._pace_s = pace_s
        self._revive_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        with self._db.listen(OUTBOX_CHANNEL) as hint:
            while not stop.is_set():
                try:
                    await self._hold(stop, hint)
                except Unavailable as why:
                    log.warning("relay_interrupted", lane=self._lane, **fault(why))
                    await _sleep(stop, RETRY_S)

    async def _hold(self, stop: asyncio.Event, hint: Hint) -> None:
        """Stand by until the lane is free, then relay it as long as this connection, which holds its lock, lives."""
        session = await self._db.session()
        try:
            while not await self._take(session):
                await _sleep(stop, STANDBY_S)
                if stop.is_set():
                    return
            while not stop.is_set():
                await self._produce(session, stop, hint)
        finally:
            with suppress(Unavailable), translated():
                await session.close(timeout=1)

    async def _produce(self, session: Any, stop: asyncio.Event, hint: Hint) -> None:
        """Publish by one producer until it fails; then its acks are unknown, and the next one reads the table anew."""
        producer = BatchProducer(self._bootstrap)
        try:
            await producer.start()
            await self._publish(session, producer, stop, hint)
        except KafkaAway as why:
            log.warning("relay_without_bus", lane=self._lane, **fault(why))
            await _sleep(stop, RETRY_S)
        finally:
            await producer.stop()

    async def _take(self, session: Any) -> bool:
        with translated():
            return bool(
                await session.fetchval("SELECT pg_try_advisory_lock($1, $2)", lock_space("relay-lane"), self._lane)
            )

    async def _publish(self, session: Any, producer: BatchProducer, stop: asyncio.Event, hint: Hint) -> None:
        while not stop.is_set():
            count = await self.round(session, producer)
            if 0 < count < ROWS:
                await asyncio.sleep(self._pace_s)  # without it, small batches eat the machine at low load
            if count < ROWS:  # all that there was: what was committed since then has woken us already
                await self._idle(session, producer, stop, hint)

    async def _idle(self, session: Any, producer: BatchProducer, stop: asyncio.Event, hint: Hint) -> None:
        if monotonic() >= self._revive_at:
            self._revive_at = monotonic() + REVIVE_S
            await self._revive(session, producer)
        waits = [asyncio.ensure_future(hint.wait(POLL_S)), asyncio.ensure_future(stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def round(self, session: Any, producer: BatchProducer) -> int:
        """Publish the oldest rows of the lane; gives how many were taken up. Rows go only after their acks."""
        with translated():
            rows = await session.fetch(_CLAIM, self._lane, ROWS)
        if not rows:
            return 0
        rows, held = await self._without_dead_keys(session, rows) if rows[0]["some_dead"] else (rows, 0)
        sent = await producer.send([self._outgoing(row) for row in rows])
        crash.point("relay.after_ack")
        if sent.refused:
            await self._bury(session, rows, sent.refused)
        if sent.acked:
            with translated():
                await session.execute(
                    "DELETE FROM outbox_todo WHERE lane = $1 AND id = ANY($2::bigint[])", self._lane, sent.acked
                )
        return len(rows) + held

    def _outgoing(self, row: Any) -> Outgoing:
        extra = orjson.loads(row["headers"])
        headers = [
            ("ce_specversion", SPEC_VERSION.encode()),
            ("ce_id", str(row["event_id"]).encode()),
            ("ce_source", self._db.source.encode()),
            ("ce_type", row["type"].encode()),
            ("ce_keyseq", b"%d" % row["keyseq"]),
            *((f"ce_{name}", value.encode()) for name, value in extra.items()),
            CONTENT_TYPE,
        ]
        # The lane is a remainder of the same hash: divide it out, or each lane would reach only some partitions.
        return Outgoing(
            row["id"], row["topic"], row["khash"] // self._lanes, row["key"].encode(), row["payload"], headers
        )

    async def _without_dead_keys(self, session: Any, rows: Sequence[Any]) -> tuple[list[Any], int]:
        """Leave out, and mark, rows whose key has an older row that the broker refused: order per key holds."""
        with translated():
            found = await session.fetch(
                """SELECT DISTINCT o.topic, o.key, t.reason FROM outbox_todo t
                   JOIN outbox o ON o.id = t.id AND o.created_at = t.created_at
                   WHERE t.lane = $1 AND t.dead_at IS NOT NULL""",
                self._lane,
            )
        if not found:
            return list(rows), 0
        dead = {_DeadKey(row["topic"], row["key"]): row["reason"] for row in found}
        reasons = {row["id"]: dead[key] for row in rows if (key := _DeadKey(row["topic"], row["key"])) in dead}
        await self._mark(session, reasons)
        return [row for row in rows if row["id"] not in reasons], len(reasons)

    async def _bury(self, session: Any, rows: Sequence[Any], refused: dict[int, str]) -> None:
        """Mark rows that the broker refuses. A row that is too large flew alone, so no neighbour is among them."""
        topics = {row["id"]: row["topic"] for row in rows}
        for topic, reason in sorted({(topics[row_id], why) for row_id, why in refused.items()}):
            log.error("relay_refused", lane=self._lane, topic=topic, reason=reason)
        await self._mark(session, refused)

    async def _mark(self, session: Any, reasons: dict[int, str]) -> None:
        with translated():
            await session.execute(
                """UPDATE outbox_todo t SET dead_at = now(), reason = r.reason
                   FROM unnest($2::bigint[], $3::text[]) AS r (id, reason) WHERE t.lane = $1 AND t.id = r.id""",
                self._lane,
                list(reasons),
                list(reasons.values()),
            )

    async def _revive(self, session: Any, producer: BatchProducer) -> None:
        """Take up again what waited for its topic, once the topic is there."""
        with translated():
            rows = await session.fetch(
                """SELECT DISTINCT o.topic FROM outbox_todo t
                   JOIN outbox o ON o.id = t.id AND o.created_at = t.created_at
                   WHERE t.lane = $1 AND t.dead_at IS NOT NULL AND t.reason = $2""",
                self._lane,
                NO_TOPIC,
            )
        for row in rows:
            if await producer.has_topic(row["topic"]):
                with translated():
                    await session.execute(
                        """UPDATE outbox_todo t SET dead_at = NULL, reason = NULL FROM outbox o
                           WHERE o.id = t.id AND o.created_at = t.created_at AND t.lane = $1 AND t.reason = $2
                             AND o.topic = $3""",
                        self._lane,
                        NO_TOPIC,
                        row["topic"],
                    )


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past *stop*."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


__all__ = ["KafkaAway", "Relay"]
