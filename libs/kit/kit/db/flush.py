# SPDX-License-Identifier: EUPL-1.2
"""What a transaction collected becomes rows, once, right before commit: events, and receipts as events.

Order of locks everywhere: aggregates, then subject chains, then the slot's counter. Rows are sorted by (topic, key), so
two commits never wait for each other crosswise.
"""

import asyncio
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.base import rfc3339
from contracts.receipts import RECEIPT_TYPE, ReceiptBatch, SignedReceipt
from contracts.topics import RECEIPT
from kit.db.queries import Queries
from kit.events import Event
from kit.receipts import Chain, ReceiptDraft, ReceiptSigner
from kit.strictjson import dumps
from kit.telemetry import current_traceparent

BATCH_RECEIPTS: Final = 200
BATCH_BYTES: Final = 512 * 1024
"""At most so many receipts, and about so many bytes, in one record (contracts)."""


BREATH: Final = 4
"""Receipts that are built in one go."""


@dataclass(frozen=True)
class FlushRules:
    """What a process fixes at start: the clock's reading, the lanes of its relay and how it signs receipts."""

    now: datetime
    lanes: int
    signer: ReceiptSigner | None


def key_hash(key: str) -> int:
    """Hash a key once, when its row is written: relay lane and Kafka partition are remainders of it."""
    return zlib.crc32(key.encode()) & 0x7FFFFFFF


async def write_events(tx: Queries, rules: FlushRules, events: Sequence[Event], traces: Sequence[str | None]) -> None:
    """Insert events that are no receipts: outbox and outbox_todo, in one statement."""
    await tx.execute(_EVENTS, *_columns(*_in_order(events, traces), rules))


async def write_receipts(
    tx: Queries,
    rules: FlushRules,
    slot: str,
    drafts: Sequence[ReceiptDraft],
    events: Sequence[Event] = (),
    traces: Sequence[str | None] = (),
) -> None:
    """Build, chain, number and insert the receipts of one commit, and its *events*, in one statement.

    A record holds at most 200 receipts. slot: `{source}/{n}`, held by this connection alone. Raises Unavailable while
    the ledger's key is unknown.
    """
    if rules.signer is None:
        raise RuntimeError("this process opened its database without a receipt signer")
    receipts = await _build(tx, rules.signer, drafts)
    batches = [ReceiptBatch(receipts=list(part)).wire_bytes() for part in _batches(receipts)]
    numbered = [Event(RECEIPT, slot, RECEIPT_TYPE, batch, number) for number, batch in enumerate(batches, start=1)]
    ordered, their_traces = _in_order(events, traces)
    rows, row_traces = [*ordered, *numbered], [*their_traces, *[current_traceparent()] * len(numbered)]
    await tx.execute(_EVENTS_AND_RECEIPTS, *_columns(rows, row_traces, rules), slot, len(numbered), RECEIPT)


_EVENTS: Final = """WITH o AS (
  INSERT INTO outbox (event_id, lane, khash, topic, key, keyseq, type, headers, payload)
  SELECT event_id, lane, khash, topic, key, keyseq, type, headers, payload
  FROM unnest($1::uuid[], $2::smallint[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bytea[],
              $9::bytea[]) WITH ORDINALITY AS t (event_id, lane, khash, topic, key, keyseq, type, headers, payload, ord)
  ORDER BY ord
  RETURNING lane, id, created_at)
INSERT INTO outbox_todo (lane, id, created_at) SELECT lane, id, created_at FROM o"""

# The numbers of receipts come as 1, 2, ..., and the slot says where they begin.
_EVENTS_AND_RECEIPTS: Final = """WITH r AS (
  INSERT INTO receipt_slot AS s (slot, last_seq) VALUES ($10, $11)
  ON CONFLICT (slot) DO UPDATE SET last_seq = s.last_seq + $11 RETURNING last_seq),
o AS (
  INSERT INTO outbox (event_id, lane, khash, topic, key, keyseq, type, headers, payload)
  SELECT event_id, lane, khash, topic, key, CASE topic WHEN $12 THEN r.last_seq - $11 + keyseq ELSE keyseq END, type,
    headers, payload
  FROM r, unnest($1::uuid[], $2::smallint[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bytea[],
              $9::bytea[]) WITH ORDINALITY AS t (event_id, lane, khash, topic, key, keyseq, type, headers, payload, ord)
  ORDER BY ord
  RETURNING lane, id, created_at)
INSERT INTO outbox_todo (lane, id, created_at) SELECT lane, id, created_at FROM o"""


async def _build(tx: Queries, signer: ReceiptSigner, drafts: Sequence[ReceiptDraft]) -> list[SignedReceipt]:
    """Sign and seal *drafts* in order, each linked to its person's chain."""
    persons = sorted({draft.person.key for draft in drafts if draft.person is not None})
    chains = await _lock_chains(tx, persons) if persons else {}
    receipts: list[SignedReceipt] = []
    for number, draft in enumerate(drafts, start=1):
        receipt, after = signer.build(draft, chains[draft.person.key] if draft.person else None)
        if draft.person is not None and after is not None:
            chains[draft.person.key] = after
        receipts.append(receipt)
        if number % BREATH == 0:  # each costs a signature and a seal: others get their turn in between
            await asyncio.sleep(0)
    if chains:
        await _store_chains(tx, chains)
    return receipts


async def _lock_chains(tx: Queries, persons: Sequence[str]) -> dict[str, Chain]:
    """Lock the chains of *persons* (sorted) until the commit; a new person gets one. One statement does both."""
    rows = await tx.fetch(
        """INSERT INTO subject_chain AS c (person, subject_key, seq)
           SELECT person, subject_key, 0 FROM unnest($1::text[], $2::bytea[]) AS t (person, subject_key) ORDER BY person
           ON CONFLICT (person) DO UPDATE SET seq = c.seq
           RETURNING person, subject_key, seq, last_commit""",
        persons,
        [Chain.start().subject_key for _ in persons],
    )
    return {row["person"]: Chain(row["subject_key"], row["seq"], row["last_commit"]) for row in rows}


async def _store_chains(tx: Queries, chains: Mapping[str, Chain]) -> None:
    await tx.execute(
        """UPDATE subject_chain c SET seq = t.seq, last_commit = t.last_commit
           FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS t (person, seq, last_commit)
           WHERE c.person = t.person""",
        list(chains),
        [chain.seq for chain in chains.values()],
        [chain.last_commit for chain in chains.values()],
    )


def _in_order(events: Sequence[Event], traces: Sequence[str | None]) -> tuple[list[Event], list[str | None]]:
    """Sort by (topic, key), so that two commits never wait for each other crosswise."""
    ordered = sorted(zip(events, traces, strict=True), key=lambda pair: (pair[0].topic, pair[0].key))
    _check_counting(event for event, _ in ordered)
    return [event for event, _ in ordered], [trace for _, trace in ordered]


def _columns(events: Sequence[Event], traces: Sequence[str | None], rules: FlushRules) -> tuple[list[object], ...]:
    hashes = [key_hash(event.key) for event in events]
    return (
        [event.id for event in events],
        [khash % rules.lanes for khash in hashes],
        [*hashes],
        [event.topic for event in events],
        [event.key for event in events],
        [event.keyseq for event in events],
        [event.type for event in events],
        [
            _headers(event.time or rules.now, event.attributes, trace)
            for event, trace in zip(events, traces, strict=True)
        ],
        [event.data for event in events],
    )


def _headers(time: datetime, attributes: Mapping[str, str], trace: str | None) -> bytes:
    """The CloudEvents headers that have no column of their own, as a JSON object of names without `ce_`."""
    headers = {"time": rfc3339(time), **attributes}
    if trace is not None:
        headers["traceparent"] = trace
    return dumps(headers)


def _check_counting(ordered: Iterable[Event]) -> None:
    """Refuse a transaction that would leave a gap or a repeat: every subscriber would stop at it."""
    last: Event | None = None
    for event in ordered:
        if last is not None and (last.topic, last.key) == (event.topic, event.key) and event.keyseq != last.keyseq + 1:
            raise ValueError(f"{event.topic}: keyseq {event.keyseq} follows {last.keyseq} of the same key")
        last = event


def _batches(receipts: Sequence[SignedReceipt]) -> list[list[SignedReceipt]]:
    parts: list[list[SignedReceipt]] = [[]]
    size = 0
    for receipt in receipts:
        weight = len(receipt.sealed) + 1200  # a leaf stays below that: closed fields of bounded length
        if parts[-1] and (len(parts[-1]) == BATCH_RECEIPTS or size + weight > BATCH_BYTES):
            parts.append([])
            size = 0
        parts[-1].append(receipt)
        size += weight
    return parts
