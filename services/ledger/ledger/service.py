# SPDX-License-Identifier: EUPL-1.2
"""Use cases of the ledger: keep receipts as they come, show a person hers, name what is missing."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from contracts.ledger import AccessView, ChainHead, ExchangeSides, ReceiptView, SlotState
from contracts.receipts import Leaf
from kit.clock import Clock
from kit.db import Database, Queries
from ledger import domain, store
from ledger.domain import Kept
from ledger.errors import CursorInvalid

LATE_PAGE = 500


class Ledger:
    """The receipts of every writer. It adds nothing of its own: it can neither invent a receipt nor change one."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock

    async def record(self, tx: Queries, arrived: Sequence[tuple[str, int, Sequence[Kept]]]) -> None:
        """Keep the receipts of a batch. arrived: (slot, record number, its receipts), in any order."""
        await self._count(tx, arrived)
        receipts = [receipt for _, _, kept in arrived for receipt in kept]
        await store.insert_receipts(tx, receipts)
        exchanges = sorted({r.exchange_id for r in receipts})
        await self._note_missing(tx, exchanges)

    async def access_view(self, person: str, *, after: str | None, limit: int) -> AccessView:
        """Show who looked at a person's data, newest first. Raises CursorInvalid."""
        before = _read_cursor(after) if after is not None else None
        async with self.db.read() as tx:
            page = await store.page_of_person(tx, person, before=before, limit=limit)
            sides = _by_exchange(await store.receipts_of_exchanges(tx, sorted({r.exchange_id for r in page})))
            gaps = await store.first_gaps(tx, sorted({r.slot for r in page}))
            heads = await store.chain_heads(tx, person)
        views = [_view(r, domain.missing_sides(sides[r.exchange_id]), gaps) for r in page]
        return AccessView(
            receipts=views,
            chains=[_head(*head) for head in heads],
            next=_cursor(page[-1]) if len(page) == limit else None,
        )

    async def late(self) -> list[ExchangeSides]:
        """Name the exchanges that lack a side 60 s after their deadline."""
        async with self.db.read() as tx:
            rows = await store.late_exchanges(tx, self.clock() - domain.GRACE, LATE_PAGE)
            sides = _by_exchange(await store.receipts_of_exchanges(tx, [exchange for exchange, _ in rows]))
        found = [(exchange, domain.missing_sides(sides[exchange])) for exchange, _ in rows]
        return [ExchangeSides.model_validate({"exchangeId": e, "missing": m}) for e, m in found if m]

    async def slots(self) -> list[SlotState]:
        """Give every writer's slots, how far they have been read and which numbers are missing."""
        async with self.db.read() as tx:
            return [SlotState(slot=name, last=last, gaps=gaps) for name, last, gaps in await store.slots(tx)]

    async def _count(self, tx: Queries, arrived: Iterable[tuple[str, int, Sequence[Kept]]]) -> None:
        """Move each slot's counter on and note the numbers that were jumped over: a lost receipt is a visible gap."""
        seqs: dict[str, list[int]] = defaultdict(list)
        for slot, seq, _ in arrived:
            seqs[slot].append(seq)
        known = await store.lock_slots(tx, sorted(seqs))
        moved = {name: domain.advance(known[name], seqs[name]) for name in sorted(seqs)}
        await store.store_slots(tx, [slot for slot, _, _ in moved.values()])
        await store.add_gaps(tx, [(name, seq) for name, (_, missing, _) in moved.items() for seq in missing])
        await store.close_gaps(tx, [(name, seq) for name, (_, _, late) in moved.items() for seq in late])

    async def _note_missing(self, tx: Queries, exchanges: Sequence[str]) -> None:
        sides = _by_exchange(await store.receipts_of_exchanges(tx, exchanges))
        lacking = {exchange: domain.missing_sides(sides[exchange]) for exchange in exchanges}
        due = {exchange: max(r.deadline or r.time for r in sides[exchange]) for exchange in exchanges}
        await store.store_open(tx, [(exchange, names, due[exchange]) for exchange, names in lacking.items() if names])
        await store.close_open(tx, [exchange for exchange, names in lacking.items() if not names])


def _by_exchange(receipts: Iterable[Kept]) -> dict[str, list[Kept]]:
    found: dict[str, list[Kept]] = defaultdict(list)
    for receipt in receipts:
        found[receipt.exchange_id].append(receipt)
    return found


def _view(receipt: Kept, missing: list[str], gaps: dict[str, int]) -> ReceiptView:
    no_gap = receipt.slot not in gaps or receipt.slot_seq < gaps[receipt.slot]
    return ReceiptView.model_validate(
        {
            "leaf": Leaf.model_validate_json(receipt.leaf),
            "caseId": receipt.case_id,
            "step": receipt.step,
            "certificateVersion": receipt.certificate_version,
            "subjectKey": receipt.subject_key,
            "seq": receipt.chain_seq,
            "previous": receipt.previous,
            "clerk": receipt.clerk,
            "traceId": receipt.trace_id,
            "signatureValid": receipt.key_counted,  # one with a bad signature is parked and never kept (consumers.py)
            "noGap": no_gap,
            "sidesComplete": not missing,
            "missingSides": missing,
            "verified": receipt.key_counted and no_gap and not missing,
        }
    )


def _head(writer: str, office: str | None, seq: int, head: str) -> ChainHead:
    return ChainHead(writer=writer, office=office or writer.split("/")[2], seq=seq, head=head)


def _cursor(last: Kept) -> str:
    text = json.dumps([last.time.timestamp(), last.receipt_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        moment, receipt_id = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return datetime.fromtimestamp(float(moment), UTC), str(UUID(receipt_id))
    except (ValueError, TypeError, AttributeError, OverflowError) as why:
        raise CursorInvalid from why
