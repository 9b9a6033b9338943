# SPDX-License-Identifier: EUPL-1.2
"""SQL of the ledger. One query a function; rules are elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kit.db import Queries
from ledger.domain import Kept, Slot


async def insert_receipts(tx: Queries, receipts: Sequence[Kept]) -> None:
    """Keep receipts; one that is there already (a repeat on the bus) stays as it was."""
    await tx.executemany(
        """INSERT INTO receipt (receipt_id, exchange_id, side, decision, time, writer, envelope_digest, leaf, slot,
             slot_seq, person, organisation, case_id, step, certificate_version, subject_key, chain_seq, previous,
             subject_commit, trace_id, deadline, key_counted, clerk)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
             $23)
           ON CONFLICT (receipt_id) DO NOTHING""",
        [
            (
                r.receipt_id, r.exchange_id, r.side, r.decision, r.time, r.writer, r.envelope_digest, r.leaf, r.slot,
                r.slot_seq, r.person, r.organisation, r.case_id, r.step, r.certificate_version, r.subject_key,
                r.chain_seq, r.previous, r.subject_commit, r.trace_id, r.deadline, r.key_counted, r.clerk,
            )
            for r in receipts
        ],
    )  # fmt: skip


async def lock_slots(tx: Queries, names: Sequence[str]) -> dict[str, Slot]:
    """Lock the slots, in order of their names; a new one stands at 0."""
    rows = await tx.fetch(
        """INSERT INTO slot AS s (slot, last) SELECT n, 0 FROM unnest($1::text[]) AS n ORDER BY n
           ON CONFLICT (slot) DO UPDATE SET last = s.last RETURNING slot, last""",
        sorted(names),
    )
    return {row["slot"]: Slot(row["slot"], row["last"]) for row in rows}


async def store_slots(tx: Queries, slots: Sequence[Slot]) -> None:
    """Note how far each slot has been read."""
    await tx.executemany("UPDATE slot SET last = $2 WHERE slot = $1", [(s.name, s.last) for s in slots])


async def add_gaps(tx: Queries, gaps: Sequence[tuple[str, int]]) -> None:
    """Note record numbers that are missing, as (slot, number)."""
    await tx.executemany("INSERT INTO slot_gap (slot, seq) VALUES ($1, $2) ON CONFLICT DO NOTHING", list(gaps))


async def close_gaps(tx: Queries, gaps: Sequence[tuple[str, int]]) -> None:
    """Strike numbers that came after all, as (slot, number)."""
    await tx.executemany("DELETE FROM slot_gap WHERE slot = $1 AND seq = $2", list(gaps))


async def slots(tx: Queries) -> list[tuple[str, int, list[int]]]:
    """Give (slot, last number, missing numbers), by name."""
    rows = await tx.fetch(
        """SELECT s.slot, s.last,
             coalesce(array_agg(g.seq ORDER BY g.seq) FILTER (WHERE g.seq IS NOT NULL), '{}') AS gaps
           FROM slot s LEFT JOIN slot_gap g USING (slot) GROUP BY s.slot, s.last ORDER BY s.slot"""
    )
    return [(row["slot"], row["last"], list(row["gaps"])) for row in rows]


async def first_gaps(tx: Queries, names: Sequence[str]) -> dict[str, int]:
    """Give the lowest missing number of each slot that has one."""
    rows = await tx.fetch(
        "SELECT slot, min(seq) AS seq FROM slot_gap WHERE slot = ANY($1::text[]) GROUP BY slot", list(names)
    )
    return {row["slot"]: row["seq"] for row in rows}


async def receipts_of_exchanges(tx: Queries, exchange_ids: Sequence[str]) -> list[Kept]:
    """Give every receipt of these exchanges, all sides, oldest first."""
    rows = await tx.fetch(
        """SELECT receipt_id, exchange_id, side, decision, time, writer, envelope_digest, leaf, slot, slot_seq, person,
             organisation, case_id, step, certificate_version, subject_key, chain_seq, previous, subject_commit,
             trace_id, deadline, key_counted, clerk
           FROM receipt WHERE exchange_id = ANY($1::uuid[]) ORDER BY time, receipt_id""",
        list(exchange_ids),
    )
    return [_kept(row) for row in rows]


async def page_of_person(tx: Queries, person: str, *, before: tuple[datetime, str] | None, limit: int) -> list[Kept]:
    """Give a person's receipts, newest first: her own and those of her exchanges whose writer didn't know her."""
    moment, receipt_id = before or (None, None)
    rows = await tx.fetch(
        """SELECT receipt_id, exchange_id, side, decision, time, writer, envelope_digest, leaf, slot, slot_seq, person,
             organisation, case_id, step, certificate_version, subject_key, chain_seq, previous, subject_commit,
             trace_id, deadline, key_counted, clerk
           FROM receipt
           WHERE exchange_id IN (SELECT exchange_id FROM receipt WHERE person = $1)
             AND (person = $1 OR person IS NULL)
             AND ($2::timestamptz IS NULL OR (time, receipt_id) < ($2, $3::uuid))
           ORDER BY time DESC, receipt_id DESC LIMIT $4""",
        person,
        moment,
        receipt_id,
        limit,
    )
    return [_kept(row) for row in rows]


async def chain_heads(tx: Queries, person: str) -> list[tuple[str, str | None, int, str]]:
    """Give (writer, providing office if stated, sequence number, commitment) of the newest link of each chain."""
    rows = await tx.fetch(
        """SELECT DISTINCT ON (writer, subject_key)
             writer, leaf::jsonb ->> 'provider' AS office, chain_seq, subject_commit
           FROM receipt
           WHERE person = $1 AND chain_seq IS NOT NULL AND subject_commit IS NOT NULL
           ORDER BY writer, subject_key, chain_seq DESC""",
        person,
    )
    return [(row["writer"], row["office"], row["chain_seq"], row["subject_commit"]) for row in rows]


async def store_open(tx: Queries, rows: Sequence[tuple[str, list[str], datetime]]) -> None:
    """Note exchanges that lack sides: (exchange id, sides, due)."""
    await tx.executemany(
        """INSERT INTO exchange_open (exchange_id, missing, due_at) VALUES ($1, $2, $3)
           ON CONFLICT (exchange_id) DO UPDATE SET missing = excluded.missing, due_at = excluded.due_at""",
        sorted(rows),
    )


async def close_open(tx: Queries, exchange_ids: Sequence[str]) -> None:
    """Strike exchanges that have all their sides."""
    await tx.execute("DELETE FROM exchange_open WHERE exchange_id = ANY($1::uuid[])", list(exchange_ids))


async def late_exchanges(tx: Queries, due_before: datetime, limit: int) -> list[tuple[str, list[str]]]:
    """Give exchanges that lack sides and whose time is over, the oldest first."""
    rows = await tx.fetch(
        "SELECT exchange_id, missing FROM exchange_open WHERE due_at < $1 ORDER BY due_at LIMIT $2", due_before, limit
    )
    return [(str(row["exchange_id"]), list(row["missing"])) for row in rows]


def _kept(row: Any) -> Kept:
    return Kept(
        receipt_id=str(row["receipt_id"]),
        exchange_id=str(row["exchange_id"]),
        side=row["side"],
        decision=row["decision"],
        time=row["time"],
        writer=row["writer"],
        envelope_digest=row["envelope_digest"],
        leaf=row["leaf"],
        slot=row["slot"],
        slot_seq=row["slot_seq"],
        person=row["person"],
        organisation=row["organisation"],
        case_id=str(row["case_id"]) if row["case_id"] else None,
        step=row["step"],
        certificate_version=row["certificate_version"],
        subject_key=row["subject_key"],
        chain_seq=row["chain_seq"],
        previous=row["previous"],
        subject_commit=row["subject_commit"],
        trace_id=row["trace_id"],
        deadline=row["deadline"],
        key_counted=row["key_counted"],
        clerk=row["clerk"],
    )
