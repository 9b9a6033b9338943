# SPDX-License-Identifier: EUPL-1.2
"""One batch, one transaction: gate, effects, dead letters. When it returns, the batch's offsets may be committed."""

from collections.abc import Mapping, Sequence
from typing import Final

from kit import crash
from kit.consumer.gate import BEHIND, Entry, Parking, Passed, Run, ensure_states, pass_runs, runs_of, stream_ids
from kit.consumer.handler import Bad, Gaps, Handler, Item
from kit.consumer.parking import park, unreadable
from kit.consumer.unordered import pass_unordered
from kit.db import Database, Queries, Transaction
from kit.errors import ServiceError, is_passing
from kit.events import Record, Unreadable, read_record
from kit.kafka import Raw
from kit.telemetry import fault, get_logger, span, with_traceparent
from kit.telemetry.spans import SpanKind

log = get_logger()

PREPARE_FAILED: Final = "PREPARE_FAILED"
APPLY_FAILED: Final = "APPLY_FAILED"


class BatchWorker:
    """Does batches for one consumer. Its only memory is the numbers of streams, which never change."""

    def __init__(self, db: Database, consumer: str, handler: Handler, gaps: Gaps) -> None:
        self._db = db
        self._consumer = consumer
        self._handler = handler
        self._gaps = gaps
        self._streams: dict[tuple[str, str], int] = {}

    async def handle(self, raws: Sequence[Raw], bases: Mapping[tuple[str, int], int]) -> None:
        """Let *raws* take effect, or park them. Raises what passes (`is_passing`): bring the same batch again.

        bases: for partitions new to this consumer, the offset before which a key's first number is its base.
        """
        records, broken = _read(raws)
        links = [record.traceparent for record in records]
        told = span("consume", kind=SpanKind.CONSUMER, links=links, group=self._consumer, records=len(records))
        with with_traceparent(_common_trace(records)), told:
            entries = await self.prepare(records)
            runs = runs_of(entries, await self._stream_numbers(records), bases)
            try:
                await self._together(runs, broken)
            except Exception as why:
                if is_passing(why):
                    raise
                log.warning("batch_redone", group=self._consumer, records=len(records), **fault(why))
                await self._piecewise(runs, broken)
        crash.point("consume.after_commit")

    async def prepare(self, records: Sequence[Record]) -> list[Entry]:
        """Run the handler's `prepare`; where it fails, find the record that it fails on."""
        if not records:
            return []
        try:
            items: Sequence[Item | Bad] = await self._handler.prepare(records)
            if len(items) != len(records):
                raise RuntimeError(f"prepare gave {len(items)} results for {len(records)} records")
        except Exception as why:
            if is_passing(why):
                raise
            items = [await self._prepare_one(record) for record in records]
        return list(zip(records, items, strict=True))

    async def apply(self, tx: Transaction, accepted: Sequence[tuple[Record, Item]]) -> None:
        """Run the handler's `apply` for records whose turn it is."""
        if accepted:
            await self._handler.apply(tx, accepted)

    async def pass_gate(self, tx: Queries, runs: Sequence[Run]) -> Passed:
        """Ask the gate that fits this consumer's topics."""
        if self._gaps == "receipts":
            return await pass_unordered(tx, self._consumer, runs)
        return await pass_runs(tx, runs, compacted=self._gaps == "compacted")

    async def _prepare_one(self, record: Record) -> Item | Bad:
        try:
            return (await self._handler.prepare([record]))[0]
        except Exception as why:
            if is_passing(why):
                raise
            log.warning(
                "prepare_failed", group=self._consumer, topic=record.topic, event_id=str(record.id), **fault(why)
            )
            return Bad(reason_of(why, PREPARE_FAILED))

    async def _stream_numbers(self, records: Sequence[Record]) -> Mapping[tuple[str, str], int]:
        wanted = {(record.source, record.topic) for record in records} - self._streams.keys()
        if wanted:
            async with self._db.transaction() as tx:
                self._streams.update(await stream_ids(tx, self._consumer, wanted))
        return self._streams

    async def _together(self, runs: Sequence[Run], broken: Sequence[Parking]) -> None:
        """The usual case: one gate, one call, one commit."""
        async with self._db.transaction() as tx:
            passed = await self.pass_gate(tx, runs) if runs else Passed()
            crash.point("consume.after_inbox")
            await self.apply(tx, passed.accepted)
            crash.point("consume.after_effect")
            await self._park(tx, [*broken, *passed.parked])

    async def _piecewise(self, runs: Sequence[Run], broken: Sequence[Parking]) -> None:
        """Do the batch again, a savepoint for each key: the key that fails is parked, the others take effect."""
        async with self._db.transaction() as tx:
            await self._park(tx, broken)
            for piece in self._pieces(runs):
                await self._piece(tx, piece)

    async def _piece(self, tx: Transaction, run: Run) -> None:
        passed = Passed()
        try:
            async with tx.savepoint():
                passed = await self.pass_gate(tx, [run])
                await self.apply(tx, passed.accepted)
        except Exception as why:
            if is_passing(why) or not passed.accepted:
                raise  # lost connections, and our own gate's faults, are nobody's poison
            log.warning("apply_failed", group=self._consumer, topic=run.last.topic, **fault(why))
            reason = reason_of(why, APPLY_FAILED)
            head, *rest = [record for record, _ in passed.accepted]
            parkings = [Parking(head, reason), *(Parking(record, BEHIND, waits=True) for record in rest)]
            if self._gaps == "receipts":
                await self.pass_gate(tx, [run])  # seen, though not done: the retry comes from the parked row
            else:
                await ensure_states(tx, [run])
            passed.parked[:0] = parkings
        await self._park(tx, passed.parked)

    def _pieces(self, runs: Sequence[Run]) -> list[Run]:
        """Give what succeeds or fails as one: a key where order counts, else each record alone."""
        if self._gaps == "strict":
            return list(runs)
        return [Run(run.key_id, [entry], run.based) for run in runs for entry in run.entries]

    async def _park(self, tx: Queries, parkings: Sequence[Parking]) -> None:
        if not parkings:
            return
        await park(tx, self._consumer, parkings)
        for parking in parkings:
            log.warning(
                "record_parked",
                group=self._consumer,
                topic=parking.record.topic,
                event_id=str(parking.record.id),
                keyseq=parking.record.keyseq,
                reason=parking.reason,
            )


def reason_of(why: Exception, otherwise: str) -> str:
    """Give the code under which a failure is parked. Its text stays out: it may hold personal data."""
    return why.code if isinstance(why, ServiceError) else f"{otherwise}:{type(why).__name__}"


def _common_trace(records: Sequence[Record]) -> str | None:
    """Give the trace that all *records* come from; a mixed batch belongs to none."""
    traces = {record.traceparent for record in records}
    return traces.pop() if len(traces) == 1 else None


def _read(raws: Sequence[Raw]) -> tuple[list[Record], list[Parking]]:
    records: list[Record] = []
    broken: list[Parking] = []
    for raw in raws:
        try:
            records.append(read_record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers))
        except Unreadable as why:
            broken.append(unreadable(raw, str(why)))
    return records, broken
