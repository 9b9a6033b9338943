# SPDX-License-Identifier: EUPL-1.2
"""Envelopes reach their offices: answers end their requests, everything lands in an inbox, each with its receipt."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.catalogue import Catalogue, Grant
from contracts.exchange_bus import Acknowledged, Inbox
from exchange_bus import events
from exchange_bus.domain.records import Arrived, JournalRow
from exchange_bus.domain.requests import PREVIEWING, Request, look_of, outcome
from exchange_bus.service.waiting import STATE_CHANNEL
from exchange_bus.store import inbox, journal, requests
from kit.clock import Clock, monotonic
from kit.db import Database, Transaction
from kit.receipts import ReceiptDraft
from kit.telemetry import current_traceparent

INBOX_CHANNEL: Final = "inbox_{office}"
"""A hint for one office: who waits for another sleeps on."""
LATE: Final = "EVIDENCE_TIMEOUT"
NO_PREVIEW: Final = "PREVIEW_INVALID"
"""Of a first answer that doesn't say where the person looks, or says it a second time."""


@dataclass(frozen=True)
class Signed:
    """An envelope, the system that sent it, and for which offices that one may speak."""

    arrived: Arrived
    sender: str
    sender_offices: frozenset[str]


class Delivering:
    """Use cases of the inbox. stopping: set on SIGTERM; then nobody waits on."""

    def __init__(self, db: Database, catalogue: Callable[[], Catalogue], clock: Clock, stopping: asyncio.Event) -> None:
        self._db, self._catalogue, self._clock, self._stopping = db, catalogue, clock, stopping

    async def deliver(self, tx: Transaction, arrived: Sequence[Signed]) -> None:
        """Take a batch: {state, delivery row, receipt} for each, in the batch's one commit.

        An answer that nobody waits for any more, or that its holder didn't send, is journalled and dropped. One that
        says that the person looks first changes the request's state, and is delivered to nobody.
        """
        answers = [one for one in arrived if one.arrived.kind == "answer"]
        dropped = await self._take_answers(tx, answers)
        kept = [one.arrived for one in arrived if one.arrived.event_id not in dropped]
        for one in (one for one in kept if one.kind != "answer"):
            tx.receipt(self._receipt(one))
        await self._put(tx, kept)
        for office in sorted({one.office for one in kept}):
            tx.notify(INBOX_CHANNEL.format(office=office))
        tx.notify(STATE_CHANNEL)

    async def page(self, office: str, *, after: int, limit: int, wait_s: float) -> Inbox:
        """Read an office's oldest unacknowledged deliveries; wait for the first one at most *wait_s*."""
        ends_at = monotonic() + wait_s
        with self._db.listen(INBOX_CHANNEL.format(office=office)) as hint:
            while True:
                async with self._db.read() as tx:
                    found = await inbox.page(tx, office, after, limit)
                left_s = ends_at - monotonic()
                if found or left_s <= 0 or self._stopping.is_set():
                    return Inbox(deliveries=[events.delivery_view(one) for one in found])
                await hint.wait(min(left_s, 1.0))

    async def acknowledge(self, office: str, delivery_ids: Sequence[str]) -> Acknowledged:
        """Note what the office has stored. Foreign, unknown and repeated ids count 0."""
        async with self._db.transaction() as tx:
            open_ones = await inbox.lock_unacknowledged(tx, office, delivery_ids)
            now = self._clock()
            rows = [_row("evidence-delivered", one.arrived) for one in open_ones]
            await inbox.acknowledge(tx, [one.delivery_id for one in open_ones], now)
            await journal.write(tx, rows, now, current_traceparent())
        return Acknowledged(acknowledged=len(open_ones))

    async def _take_answers(self, tx: Transaction, answers: Sequence[Signed]) -> set[str]:
        """Move the requests on that are answered; gives the ids of events that go to no inbox."""
        known = await requests.lock(tx, [one.arrived.key for one in answers])
        moved: dict[str, Request] = {}
        kept_back: set[str] = set()
        rows: list[JournalRow] = []
        for one in answers:
            now, row, delivered = _judge(tx, known.get(one.arrived.key), one)
            rows.append(row)
            if not delivered:
                kept_back.add(one.arrived.event_id)
            if now is not None:
                moved[now.request_id] = known[now.request_id] = now
                tx.emit(events.state_event(now))
        await requests.save_states(tx, list(moved.values()))
        await journal.write(tx, rows, self._clock(), current_traceparent())
        return kept_back

    def _receipt(self, one: Arrived) -> ReceiptDraft:
        if one.kind != "share":
            return events.task_delivered(one)
        catalogue, on = self._catalogue(), self._clock().date()
        grant = catalogue.get(Grant, one.attributes.get("grantid", ""), on)
        return events.share_delivered(one, grant, catalogue.release)

    async def _put(self, tx: Transaction, arrived: Sequence[Arrived]) -> None:
        if not arrived:
            return
        next_number = defaultdict(int, await inbox.take_numbers(tx, arrived))
        numbered = []
        for one in arrived:
            numbered.append((next_number[one.office], one))
            next_number[one.office] += 1
        await inbox.insert(tx, numbered, self._clock())


def _judge(tx: Transaction, request: Request | None, one: Signed) -> tuple[Request | None, JournalRow, bool]:
    """Judge an answer: (its request as it is now, None where it stays; the journal's row; whether it is delivered).

    What is delivered has a receipt, and so has what came too late: something of the person's moved.
    """
    arrived = one.arrived
    previewing = arrived.attributes.get("outcome") == PREVIEWING
    if request is None or not _of(request, one):
        return None, _row("answer-rejected", arrived, code="NOT_ITS_HOLDERS"), False
    if not request.open:
        if not previewing:
            tx.receipt(events.answer_delivered(request, arrived, "refused", LATE))
        return None, _row("answer-rejected", arrived, code=LATE), False
    if previewing:
        look = look_of(arrived.attributes, one.sender)
        if look is None or request.look is not None:
            return None, _row("answer-rejected", arrived, code=NO_PREVIEW), False
        return request.previewed(look), _row("answer-received", arrived, code="PREVIEWING"), False
    state, code = outcome(arrived.attributes)
    tx.receipt(events.answer_delivered(request, arrived, state, code))
    row = _row("answer-received" if code is None else "error-received", arrived, code=code)
    return request.ended(state, code), row, True


def _of(request: Request, one: Signed) -> bool:
    """Say whether the answer is its holder's, to its asker, in its exchange."""
    arrived = one.arrived
    return (
        request.holder in one.sender_offices
        and request.asker == arrived.office
        and request.exchange_id == arrived.exchange_id
    )


def _row(kind: str, one: Arrived, *, code: str | None = None) -> JournalRow:
    return JournalRow(
        type=kind,
        exchange_id=one.exchange_id,
        request_id=one.key if one.kind == "answer" else None,
        case_id=one.attributes.get("caseid"),
        event_id=one.event_id,
        asker=one.office,
        digest=one.digest,
        code=code,
    )
