# SPDX-License-Identifier: EUPL-1.2
"""Retries from the dead-letter table: one key after the other, each key's records in order.

A record waits for its number (a gap that may heal), or for its next try. Five tries within 60 s, then it is dead and
its key waits for an operator (`kit.parked`).
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from kit.clock import monotonic
from kit.consumer.gate import REUSED
from kit.consumer.handler import Bad, Gaps, Item
from kit.consumer.parking import decode, delay_after
from kit.consumer.work import APPLY_FAILED, BatchWorker, reason_of
from kit.db import Database, Queries, Row, Transaction
from kit.errors import Unavailable, is_passing
from kit.events import Record
from kit.telemetry import fault, get_logger, metrics

log = get_logger()

CHANNEL: Final = "parked"
POLL_S: Final = 1.0
KEYS: Final = 200
ROWS: Final = 200
ALARM_S: Final = 60.0

_COLUMNS: Final = "p.event_id, p.source, p.topic, p.key, p.key_id, p.keyseq, p.record, p.payload, p.state, p.tries"

# The first parked row of each key is the one whose turn may have come; where order doesn't count, each row is.
_DUE_STRICT: Final = """SELECT h.event_id FROM (
  SELECT DISTINCT ON (source, topic, key) event_id, source, topic, key, key_id, keyseq, state, next_try_at
  FROM parked WHERE consumer = $1 AND reason <> $2 AND keyseq > 0 ORDER BY source, topic, key, keyseq) h
JOIN stream s ON s.consumer = $1 AND s.source = h.source AND s.topic = h.topic
JOIN key_state k ON k.stream = s.id AND k.key = h.key_id
WHERE h.keyseq <= k.last_seq
   OR (h.keyseq = k.last_seq + 1 AND h.state <> 'dead' AND (h.next_try_at IS NULL OR h.next_try_at <= now()))
LIMIT $3"""
_DUE_EACH: Final = """SELECT event_id FROM parked
WHERE consumer = $1 AND reason <> $2 AND keyseq > 0 AND state <> 'dead'
  AND (next_try_at IS NULL OR next_try_at <= now())
ORDER BY next_try_at LIMIT $3"""


@dataclass(frozen=True)
class _Parked:
    record: Record
    tries: int


class Retrier:
    """Works off what one consumer has parked, beside its normal batches."""

    def __init__(self, db: Database, consumer: str, worker: BatchWorker, gaps: Gaps) -> None:
        self._db = db
        self._consumer = consumer
        self._worker = worker
        self._gaps = gaps
        self._measure_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Retry until *stop*; looks every second and when an operator asked for a redrive."""
        with self._db.listen(CHANNEL) as hint:
            while not stop.is_set():
                try:
                    busy = await self.round()
                    await self._measure()
                except Unavailable as why:
                    log.warning("retry_interrupted", group=self._consumer, **fault(why))
                    busy = False
                if not busy:
                    await hint.wait(POLL_S)

    async def round(self) -> bool:
        """Try what is due; gives whether anything took effect, so that more may be due now."""
        async with self._db.read() as reader:
            due = await reader.fetch(_DUE_STRICT if self._gaps == "strict" else _DUE_EACH, self._consumer, REUSED, KEYS)
        moved = False
        for row in due:
            moved = await self._from(row["event_id"]) or moved
        return moved

    async def _from(self, event_id: object) -> bool:
        """Try this row and, where order counts, those behind it, up to the first that fails."""
        moved = False
        for parked in await self._rows(event_id):
            if not await self._try(parked):
                break
            moved = True
        return moved

    async def _rows(self, event_id: object) -> list[_Parked]:
        behind = "AND p.source = h.source AND p.topic = h.topic AND p.key = h.key AND p.keyseq >= h.keyseq"
        same = "AND p.event_id = h.event_id"
        async with self._db.read() as reader:
            rows = await reader.fetch(
                f"""SELECT {_COLUMNS} FROM parked h JOIN parked p ON p.consumer = h.consumer
                    {behind if self._gaps == "strict" else same}
                    WHERE h.consumer = $1 AND h.event_id = $2 AND p.reason <> $3 ORDER BY p.keyseq LIMIT $4""",  # noqa: S608
                self._consumer,
                event_id,
                REUSED,
                ROWS,
            )
        return [_Parked(decode(row), row["tries"]) for row in rows]

    async def _try(self, parked: _Parked) -> bool:
        """Handle one record now. Gives True when its row is gone: it took effect, or had done so before."""
        ((record, item),) = await self._worker.prepare([parked.record])
        if isinstance(item, Bad):
            return await self._failed(parked, item.reason)
        try:
            async with self._db.transaction() as tx:
                turn = await self._turn(tx, record)
                if turn == "later":
                    return False
                if turn == "now":
                    await self._apply(tx, record, item)
                await tx.execute("DELETE FROM parked WHERE consumer = $1 AND event_id = $2", self._consumer, record.id)
        except Exception as why:
            if is_passing(why):
                raise
            log.warning("retry_failed", group=self._consumer, topic=record.topic, tries=parked.tries + 1, **fault(why))
            return await self._failed(parked, reason_of(why, APPLY_FAILED))
        log.info("record_freed", group=self._consumer, topic=record.topic, event_id=str(record.id))
        return True

    async def _apply(self, tx: Transaction, record: Record, item: Item) -> None:
        await self._worker.apply(tx, [(record, item)])

    async def _turn(self, tx: Queries, record: Record) -> str:
        """Lock the row and the key, and tell whether this number is done, to be done now, or still waiting."""
        held = await tx.fetchval(
            "SELECT true FROM parked WHERE consumer = $1 AND event_id = $2 FOR UPDATE", self._consumer, record.id
        )
        if not held:
            return "done"  # another worker freed it meanwhile
        if self._gaps == "receipts":
            return "now"
        last_seq = await self._lock_key(tx, record)
        if last_seq is None:
            return "later"
        if record.keyseq <= last_seq:
            return "done"
        if self._gaps == "strict" and record.keyseq > last_seq + 1:
            return "later"
        await tx.execute(
            """UPDATE key_state k SET prev_seq = k.last_seq, last_seq = $5, last_event = $6 FROM stream s
               WHERE s.consumer = $1 AND s.source = $2 AND s.topic = $3 AND k.stream = s.id AND k.key = $4""",
            self._consumer,
            record.source,
            record.topic,
            record.state_key,
            record.keyseq,
            record.id,
        )
        return "now"

    async def _lock_key(self, tx: Queries, record: Record) -> int | None:
        last_seq: int | None = await tx.fetchval(
            """SELECT k.last_seq FROM key_state k JOIN stream s ON s.id = k.stream
               WHERE s.consumer = $1 AND s.source = $2 AND s.topic = $3 AND k.key = $4 FOR UPDATE OF k""",
            self._consumer,
            record.source,
            record.topic,
            record.state_key,
        )
        return last_seq

    async def _failed(self, parked: _Parked, reason: str) -> bool:
        tries = parked.tries + 1
        delay = delay_after(tries)
        if delay is None:
            log.error("record_dead", group=self._consumer, topic=parked.record.topic, reason=reason, tries=tries)
        async with self._db.transaction() as tx:
            await tx.execute(
                """UPDATE parked SET tries = $3, reason = $4, state = $5, next_try_at = now() + $6::interval
                   WHERE consumer = $1 AND event_id = $2""",
                self._consumer,
                parked.record.id,
                tries,
                reason,
                "dead" if delay is None else "retry",
                delay,
            )
        return False

    async def _measure(self) -> None:
        """Count what is parked every few seconds; a gap older than a minute is an alarm."""
        if monotonic() < self._measure_at:
            return
        self._measure_at = monotonic() + POLL_S * 5
        async with self._db.read() as reader:
            row: Row | None = await reader.fetchrow(
                """SELECT count(*) AS rows,
                          coalesce(max(extract(epoch FROM now() - parked_at)) FILTER (WHERE state = 'gap'), 0) AS gap_s
                   FROM parked"""
            )
        if row is None:
            return
        metrics.parked_rows.set(row["rows"])
        if row["gap_s"] > ALARM_S:
            log.error("gap_open", group=self._consumer, age_seconds=int(row["gap_s"]))
