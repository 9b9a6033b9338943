# SPDX-License-Identifier: EUPL-1.2
"""The other gate, for receipts: complete, not ordered. Repeats are known by event id, gaps are noted, none waits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from kit.consumer.gate import Parking, Passed, Run, ensure_states
from kit.consumer.handler import Bad
from kit.db import Queries
from kit.events import Record

GAP_LIMIT: Final = 10_000
"""Missing numbers noted at once: a writer's key that jumps further is noted by its first ones."""


async def pass_unordered(tx: Queries, consumer: str, runs: Sequence[Run]) -> Passed:
    """Let every event pass that wasn't seen yet, and note which numbers are missing."""
    entries = [entry for run in runs for entry in run.entries]
    new = await _not_seen(tx, consumer, [record.id for record, _ in entries])
    passed = Passed()
    for record, item in entries:
        if record.id not in new:
            continue
        new.discard(record.id)  # twice in one batch
        if isinstance(item, Bad):
            passed.parked.append(Parking(record, item.reason))
        else:
            passed.accepted.append((record, item))
    await _note_gaps(tx, runs)
    return passed


async def _not_seen(tx: Queries, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
    rows = await tx.fetch(
        """INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) AS u (id) ORDER BY id
           ON CONFLICT (consumer, event_id) DO NOTHING RETURNING event_id""",
        consumer,
        ids,
    )
    return {row["event_id"] for row in rows}


async def _note_gaps(tx: Queries, runs: Sequence[Run]) -> None:
    """Move each key's highest number on; numbers that were jumped over are missing until they come."""
    await ensure_states(tx, runs)
    rows = await tx.fetch(
        """SELECT k.stream, k.key, k.last_seq
           FROM key_state k
           JOIN unnest($1::int[], $2::uuid[]) AS u (stream, key) ON k.stream = u.stream AND k.key = u.key
           ORDER BY k.stream, k.key FOR UPDATE OF k""",
        [run.key_id[0] for run in runs],
        [run.key_id[1] for run in runs],
    )
    highest = {(row["stream"], row["key"]): row["last_seq"] for row in rows}
    missing: list[tuple[int, str, int]] = []
    came: list[tuple[int, str, int]] = []
    moved: dict[tuple[int, UUID], Record] = {}
    for run in runs:
        high, skipped, late = _numbers((record for record, _ in run.entries), highest[run.key_id])
        if high.keyseq > highest[run.key_id]:
            moved[run.key_id] = high
        missing += [(run.key_id[0], high.key, number) for number in skipped]
        came += [(run.key_id[0], high.key, number) for number in late]
    await _write(tx, missing, came, moved)


def _numbers(records: Iterable[Record], high: int) -> tuple[Record, list[int], list[int]]:
    """Give the record with the highest number, the numbers jumped over, and those that came below the highest."""
    top: Record | None = None
    skipped: list[int] = []
    late: list[int] = []
    for record in records:
        if top is None or record.keyseq >= top.keyseq:
            top = record
        if record.keyseq <= high:
            late.append(record.keyseq)
        else:
            skipped += range(high + 1, min(record.keyseq, high + 1 + GAP_LIMIT))
            high = record.keyseq
    assert top is not None  # noqa: S101 - a run is never empty
    return top, [number for number in skipped if number not in set(late)], late


async def _write(
    tx: Queries,
    missing: Sequence[tuple[int, str, int]],
    came: Sequence[tuple[int, str, int]],
    moved: Mapping[tuple[int, UUID], Record],
) -> None:
    if missing:
        await tx.execute(
            """INSERT INTO keyseq_gap (stream, key, keyseq)
               SELECT stream, key, keyseq FROM unnest($1::int[], $2::text[], $3::bigint[]) AS u (stream, key, keyseq)
               ORDER BY stream, key, keyseq ON CONFLICT (stream, key, keyseq) DO NOTHING""",
            *_columns(missing),
        )
    if came:
        await tx.execute(
            """DELETE FROM keyseq_gap g USING unnest($1::int[], $2::text[], $3::bigint[]) AS u (stream, key, keyseq)
               WHERE g.stream = u.stream AND g.key = u.key AND g.keyseq = u.keyseq""",
            *_columns(came),
        )
    if moved:
        await tx.execute(
            """UPDATE key_state k SET prev_seq = k.last_seq, last_seq = u.last_seq, last_event = u.last_event
               FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::uuid[]) AS u (stream, key, last_seq, last_event)
               WHERE k.stream = u.stream AND k.key = u.key""",
            [key_id[0] for key_id in moved],
            [key_id[1] for key_id in moved],
            [record.keyseq for record in moved.values()],
            [record.id for record in moved.values()],
        )


def _columns(rows: Sequence[tuple[int, str, int]]) -> tuple[list[int], list[str], list[int]]:
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


__all__ = ["pass_unordered"]
