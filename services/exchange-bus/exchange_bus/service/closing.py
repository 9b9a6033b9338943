# SPDX-License-Identifier: EUPL-1.2
"""Requests that end without an answer: the case was closed, a step went back, or a clock ran out."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from contracts.cases import AsksWithdrawn, CaseFact
from exchange_bus import events
from exchange_bus.domain.records import JournalRow
from exchange_bus.domain.requests import Request
from exchange_bus.service.waiting import STATE_CHANNEL
from exchange_bus.store import journal, requests
from kit.clock import Clock
from kit.db import Database, Transaction
from kit.errors import Unavailable
from kit.telemetry import current_traceparent, fault, get_logger

log = get_logger()
BATCH: Final = 200
NO_PROOF_KEPT: Final = timedelta(days=1)
"""How long a closed case is remembered that never had a proof."""


class Closing:
    """Ends what waits for nothing any more."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def on_cases(self, tx: Transaction, closed: Sequence[CaseFact], left: Sequence[AsksWithdrawn]) -> None:
        """Remember closed cases until their proofs have ended; withdraw what waits for them, or was left by others.

        left: of cases that go on, where a step went back: the proof that the ask cites proves nothing any more.
        """
        ids = sorted({fact.case_id for fact in closed})
        exchanges = sorted({exchange for one in left for exchange in one.exchange_ids})
        if not ids and not exchanges:
            return
        await requests.hold_cases(tx, ids)
        until = {fact.case_id: fact.proof_until or self._clock() + NO_PROOF_KEPT for fact in closed}
        await requests.close_cases(tx, sorted(until.items()))
        open_ones = await requests.lock_open(tx, ids, exchanges)
        withdrawn = [request.ended("withdrawn", "CASE_NOT_LIVE") for request in open_ones]
        await self._end(tx, withdrawn)
        for request in withdrawn:  # told of each: one that waits here may have begun a preview there already
            tx.emit(events.withdrawn_event(request))

    async def expire(self) -> int:
        """End requests whose deadline has passed; forget cases whose proofs are over. Gives how many ended."""
        now = self._clock()
        async with self._db.transaction() as tx:
            await requests.forget_cases(tx, now)
            overdue = await requests.overdue(tx, now, BATCH)
        return sum([await self._expire(request_id) for request_id in overdue])

    async def _expire(self, request_id: str) -> int:
        """End one request in a transaction of its own: a bad row must not stall the rest."""
        try:
            async with self._db.transaction() as tx:
                held = await requests.lock(tx, [request_id])
                over = [request.ended("expired", "EVIDENCE_TIMEOUT") for request in held.values() if request.open]
                await self._end(tx, over)
        except Unavailable:
            raise
        except Exception as why:  # noqa: BLE001 - whatever is wrong with this row, the others have their own clocks
            log.error("expiry_failed", request=request_id, **fault(why))  # noqa: TRY400 - a traceback may hold values
            return 0
        return len(over)

    async def _end(self, tx: Transaction, ended: Sequence[Request]) -> None:
        if not ended:
            return
        await requests.save_states(tx, ended)
        for request in ended:
            tx.emit(events.state_event(request))
            tx.receipt(events.gate_ended(request))
        rows = [_row(request) for request in ended]
        await journal.write(tx, rows, self._clock(), current_traceparent())
        tx.notify(STATE_CHANNEL)


def _row(request: Request) -> JournalRow:
    return JournalRow(
        type="error-sent",
        exchange_id=request.exchange_id,
        request_id=request.request_id,
        case_id=request.case_id,
        asker=request.asker,
        holder=request.holder,
        code=request.code,
    )
