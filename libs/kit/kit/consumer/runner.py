# SPDX-License-Identifier: EUPL-1.2
"""The consumer's loop: poll, work, commit offsets, and start anew when the bus or its client fails."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from kit import crash
from kit.clock import monotonic
from kit.consumer.handler import Gaps, Handler
from kit.consumer.retry import Retrier
from kit.consumer.work import BatchWorker
from kit.db import Database
from kit.errors import Unavailable, is_passing
from kit.kafka import GroupReader, KafkaAway, Raw
from kit.telemetry import fault, get_logger, metrics

log = get_logger()

Place = tuple[str, int]

BATCH_RECORDS: Final = 500
POLL_S: Final = 0.2
PACE_S: Final = 0.003
COMMIT_S: Final = 1.0
RETRY_S: Final = 0.5
STUCK_S: Final = 30.0
CHECK_S: Final = 10.0
REVOKE_S: Final = 10.0
PARKED_LIMIT: Final = 10_000


class Consumer:
    """Lets records of some topics take effect in this service's database, exactly once each.

    group: the consumer's name, for ever: its progress hangs on it. topics: asked again and again, so that new offices'
    topics are joined. gaps: see `kit.consumer.Gaps`.
    """

    def __init__(
        self,
        db: Database,
        bootstrap: str,
        group: str,
        topics: Callable[[], Sequence[str]],
        handler: Handler,
        *,
        gaps: Gaps,
        pace_s: float = PACE_S,
    ) -> None:
        self._db = db
        self._bootstrap = bootstrap
        self.group = group
        self._topics = topics
        self._worker = BatchWorker(db, group, handler, gaps)
        self._retrier = Retrier(db, group, self._worker, gaps)
        self._pace_s = pace_s

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until *stop*; waits out a database or a bus that is away. The batch in hand is finished first."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._retrier.run(stop))
            parts.create_task(self._consume(stop))

    async def _consume(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                member, epoch = await self._db.claim(f"consumer:{self.group}")
                session = _Session(self._db, self._worker, self.group, self._topics, self._pace_s)
                await session.run(stop, self._bootstrap, f"{self.group}-{member}", epoch)
            except Exception as why:  # noqa: BLE001 - whatever client and network raise: build another reader, go on
                say = log.warning if is_passing(why) else log.error
                say("consumer_interrupted", group=self.group, **fault(why))
                await _sleep(stop, RETRY_S)


class _Session:
    """One reader's life: from joining the group to its first failure."""

    def __init__(
        self, db: Database, worker: BatchWorker, group: str, topics: Callable[[], Sequence[str]], pace_s: float
    ) -> None:
        self._db = db
        self._worker = worker
        self._group = group
        self._topics = topics
        self._pace_s = pace_s
        self._done: dict[Place, int] = {}
        self._committed: dict[Place, int] = {}
        self._bases: dict[Place, int] = {}
        self._in_hand = asyncio.Lock()
        self._commit_at = 0.0
        self._check_at = monotonic() + CHECK_S
        self._moved_at = monotonic()
        self._seen: dict[Place, int] = {}

    async def run(self, stop: asyncio.Event, bootstrap: str, member: str, epoch: int) -> None:
        reader = GroupReader(bootstrap, self._group, member, self._on_revoke)
        self._reader = reader
        await reader.start()
        try:
            subscribed: tuple[str, ...] = ()
            while not stop.is_set():
                if self._db.claim_epoch != epoch:
                    raise KafkaAway("our member name may be another's now")
                subscribed = await self._follow(subscribed)
                if not subscribed:
                    await _sleep(stop, POLL_S)
                    continue
                await self._step(stop)
            await self._commit()
        finally:
            with suppress(Unavailable):
                await reader.stop()

    async def _follow(self, subscribed: tuple[str, ...]) -> tuple[str, ...]:
        """Subscribe anew when the list of topics changed, with what is done committed first."""
        wanted = tuple(sorted(set(self._topics())))
        if wanted != subscribed and wanted:
            await self._commit()
            self._reader.subscribe(wanted)
            return wanted
        return subscribed

    async def _step(self, stop: asyncio.Event) -> None:
        raws = await self._reader.poll(POLL_S, BATCH_RECORDS)
        crash.point("consume.after_poll")
        if raws:
            async with self._in_hand:
                await self._learn_bases(raws)
                if await self._handle(raws, stop):
                    self._note_done(raws)
            if len(raws) < BATCH_RECORDS // 2:
                await asyncio.sleep(self._pace_s)  # lets a small batch grow: each costs a commit
        if monotonic() >= self._commit_at:
            await self._commit()
        if monotonic() >= self._check_at:
            await self._check(stop)

    async def _handle(self, raws: Sequence[Raw], stop: asyncio.Event) -> bool:
        """Bring the same batch until it is done; False when we stop before it is."""
        while True:
            try:
                await self._worker.handle(raws, self._bases)
                return True
            except Exception as why:
                if not is_passing(why):
                    raise
                log.warning("batch_waits", group=self._group, records=len(raws), **fault(why))
                await _sleep(stop, RETRY_S)
                if stop.is_set():
                    return False

    def _note_done(self, raws: Sequence[Raw]) -> None:
        for raw in raws:
            self._done[raw.topic, raw.partition] = raw.offset + 1
        self._moved_at = monotonic()

    async def _commit(self) -> None:
        """Commit what is done and still ours; refused commits don't matter, since the gate drops what comes again."""
        self._commit_at = monotonic() + COMMIT_S
        fresh = {place: offset for place, offset in self._done.items() if self._committed.get(place) != offset}
        if fresh and await self._reader.commit(fresh):
            self._committed.update(fresh)

    async def _on_revoke(self) -> None:
        """Before partitions move: wait for the batch in hand, bounded, then commit. Late effects meet the gate."""
        with suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(REVOKE_S), self._in_hand:
                await self._commit()
        self._done.clear()
        self._committed.clear()
        self._seen.clear()

    async def _learn_bases(self, raws: Sequence[Raw]) -> None:
        """For partitions that this consumer never read: until their end as of now, first numbers are bases."""
        places = sorted({(raw.topic, raw.partition) for raw in raws} - self._bases.keys())
        if not places:
            return
        known = await self._stored_bases(places)
        missing = [place for place in places if place not in known]
        if missing:
            ends = await self._reader.end_offsets(missing)
            async with self._db.transaction() as tx:
                await tx.execute(
                    """INSERT INTO stream_base (consumer, topic, partition, end_offset)
                       SELECT $1, topic, partition, end_offset
                       FROM unnest($2::text[], $3::int[], $4::bigint[]) AS u (topic, partition, end_offset)
                       ORDER BY topic, partition ON CONFLICT (consumer, topic, partition) DO NOTHING""",
                    self._group,
                    [topic for topic, _ in missing],
                    [partition for _, partition in missing],
                    [ends[place] for place in missing],
                )
            known |= await self._stored_bases(missing)
        self._bases.update(known)

    async def _stored_bases(self, places: Sequence[Place]) -> dict[Place, int]:
        async with self._db.read() as reader:
            rows = await reader.fetch(
                """SELECT topic, partition, end_offset FROM stream_base
                   WHERE consumer = $1 AND topic = ANY($2::text[])""",
                self._group,
                [topic for topic, _ in places],
            )
        return {(row["topic"], row["partition"]): row["end_offset"] for row in rows}

    async def _check(self, stop: asyncio.Event) -> None:
        """Every few seconds: how far behind are we, are we stuck, is too much parked?"""
        self._check_at = monotonic() + CHECK_S
        try:
            positions = await self._reader.positions()
            ends = await self._reader.end_offsets(positions)
        except KafkaAway:  # in the middle of a rebalance, or the bus is away: only if it lasts are we stuck
            positions, ends = self._seen, {}
        behind = {place: end - positions[place] for place, end in ends.items()}
        for topic in {topic for topic, _ in behind}:
            metrics.consumer_lag_records.labels(topic).set(sum(n for (t, _), n in behind.items() if t == topic))
        if positions != self._seen or (ends and not any(lag > 0 for lag in behind.values())):
            self._seen, self._moved_at = positions, monotonic()
        elif self._reader.assigned() and monotonic() - self._moved_at > STUCK_S:
            raise KafkaAway("stuck: records wait and the position doesn't move")
        await self._hold_while_flooded(stop)

    async def _hold_while_flooded(self, stop: asyncio.Event) -> None:
        """Stop taking records while very many are parked: something is wrong, and the topic keeps them better."""
        while not stop.is_set():
            async with self._db.read() as reader:
                rows = await reader.fetchval(
                    "SELECT count(*) FROM parked WHERE consumer = $1 AND state <> 'dead'", self._group
                )
            if rows < PARKED_LIMIT:
                return
            log.error("too_much_parked", group=self._group, rows=rows)
            await _sleep(stop, CHECK_S)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
