# SPDX-License-Identifier: EUPL-1.2
"""The gate: which records of a batch take effect now. It runs first in the batch's transaction.

One upsert of `key_state`, in order of keys, lets whole runs pass. Never lock, then check: a new key has no row to lock,
and three workers made double effects that way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from kit.consumer.handler import Bad, Item
from kit.db import Queries
from kit.events import Record

KeyId = tuple[int, UUID]
"""(stream, key)"""

Entry = tuple[Record, Item | Bad]

GAP: Final = "GAP"
BEHIND: Final = "BEHIND_PARKED"
REUSED: Final = "KEYSEQ_REUSED"


@dataclass
class Run:
    """What a batch holds of one key, as it arrived. based: a new subscriber takes its first number as the base."""

    key_id: KeyId
    entries: list[Entry] = field(default_factory=list)
    based: bool = False

    @property
    def first(self) -> int:
        """Number of the first record."""
        return self.entries[0][0].keyseq

    @property
    def last(self) -> Record:
        """The last record."""
        return self.entries[-1][0]

    def smooth(self, *, compacted: bool) -> bool:
        """Tell whether nothing is bad and the numbers go up, without gaps unless the topic is compacted."""
        previous = self.first - 1
        for record, item in self.entries:
            step = record.keyseq - previous
            if isinstance(item, Bad) or step < 1 or (step > 1 and not compacted):
                return False
            previous = record.keyseq
        return True


@dataclass(frozen=True)
class Parking:
    """A record to park and why. dead: no retry will help."""

    record: Record
    reason: str
    dead: bool = False
    waits: bool = False
    """True when it waits for an earlier number, false when it failed itself."""


@dataclass
class Passed:
    """What the gate decided. Everything else in the batch was a repeat."""

    accepted: list[tuple[Record, Item]] = field(default_factory=list)
    parked: list[Parking] = field(default_factory=list)


def runs_of(
    entries: Iterable[Entry], streams: Mapping[tuple[str, str], int], bases: Mapping[tuple[str, int], int]
) -> list[Run]:
    """Sort a batch into runs, in order of (stream, key): the order in which every worker locks."""
    runs: dict[KeyId, Run] = {}
    for record, item in entries:
        key_id = (streams[record.source, record.topic], record.state_key)
        run = runs.get(key_id)
        if run is None:
            based = record.offset < bases.get((record.topic, record.partition), 0)
            run = runs[key_id] = Run(key_id, based=based)
        run.entries.append((record, item))
    return [runs[key_id] for key_id in sorted(runs)]


async def pass_runs(tx: Queries, runs: Sequence[Run], *, compacted: bool) -> Passed:
    """Decide about *runs* and move `key_state` on for what is accepted, within *tx*."""
    passed = Passed()
    smooth = [run for run in runs if run.smooth(compacted=compacted)]
    through = await _upsert(tx, smooth, compacted=compacted)
    rough: list[Run] = []
    for run in runs:
        if run.key_id in through:
            passed.accepted += run.entries  # a smooth run holds nothing bad
        else:
            rough.append(run)
    if rough:
        await _pass_rough(tx, rough, passed, compacted=compacted)
    return passed


async def ensure_states(tx: Queries, runs: Sequence[Run]) -> None:
    """Make sure that each key of *runs* (sorted) has its row, so that it can be locked."""
    await tx.execute(
        """INSERT INTO key_state (stream, key, prev_seq, last_seq)
           SELECT stream, key, base, base FROM unnest($1::int[], $2::uuid[], $3::bigint[]) AS u (stream, key, base)
           ORDER BY stream, key
           ON CONFLICT (stream, key) DO NOTHING""",
        [run.key_id[0] for run in runs],
        [run.key_id[1] for run in runs],
        [run.first - 1 if run.based else 0 for run in runs],
    )


async def _upsert(tx: Queries, runs: Sequence[Run], *, compacted: bool) -> set[KeyId]:
    """The one statement: gives the keys whose runs are accepted whole."""
    if not runs:
        return set()
    rows = await tx.fetch(
        _COMPACTED if compacted else _STRICT,
        [run.key_id[0] for run in runs],
        [run.key_id[1] for run in runs],
        [run.first - 1 for run in runs],
        [run.last.keyseq for run in runs],
        [run.last.id for run in runs],
        [run.based for run in runs],
    )
    return {(row["stream"], row["key"]) for row in rows}


# The scalar sub-select with LIMIT instead of EXISTS: a plan cached on an empty table stays good on a full one.
_STRICT: Final = """INSERT INTO key_state AS k (stream, key, prev_seq, last_seq, last_event)
SELECT u.stream, u.key, u.p, u.s, u.e
FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::bigint[], $5::uuid[], $6::bool[]) AS u (stream, key, p, s, e, b)
WHERE u.p = 0 OR u.b OR (SELECT true FROM key_state z WHERE z.stream = u.stream AND z.key = u.key LIMIT 1)
ORDER BY u.stream, u.key
ON CONFLICT (stream, key) DO UPDATE
SET prev_seq = excluded.prev_seq, last_seq = excluded.last_seq, last_event = excluded.last_event
WHERE k.last_seq = excluded.prev_seq
RETURNING stream, key"""

_COMPACTED: Final = """INSERT INTO key_state AS k (stream, key, prev_seq, last_seq, last_event)
SELECT u.stream, u.key, u.p, u.s, u.e
FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::bigint[], $5::uuid[], $6::bool[]) AS u (stream, key, p, s, e, b)
ORDER BY u.stream, u.key
ON CONFLICT (stream, key) DO UPDATE
SET prev_seq = excluded.prev_seq, last_seq = excluded.last_seq, last_event = excluded.last_event
WHERE k.last_seq <= excluded.prev_seq
RETURNING stream, key"""


async def _pass_rough(tx: Queries, runs: Sequence[Run], passed: Passed, *, compacted: bool) -> None:
    """Repeats, gaps, overlaps and bad ones: lock these keys in order, then decide number by number."""
    await ensure_states(tx, runs)
    rows = await tx.fetch(
        """SELECT k.stream, k.key, k.last_seq, k.last_event
           FROM key_state k
           JOIN unnest($1::int[], $2::uuid[]) AS u (stream, key) ON k.stream = u.stream AND k.key = u.key
           ORDER BY k.stream, k.key FOR UPDATE OF k""",
        [run.key_id[0] for run in runs],
        [run.key_id[1] for run in runs],
    )
    state = {(row["stream"], row["key"]): (row["last_seq"], row["last_event"]) for row in rows}
    moved: dict[KeyId, Record] = {}
    for run in runs:
        last_seq, last_event = state[run.key_id]
        accepted, parked = decide(run.entries, last_seq, last_event, compacted=compacted)
        passed.accepted += accepted
        passed.parked += parked
        if accepted:
            moved[run.key_id] = accepted[-1][0]
    if moved:
        await _move(tx, moved)


def decide(
    entries: Sequence[Entry], last_seq: int, last_event: UUID | None, *, compacted: bool
) -> tuple[list[tuple[Record, Item]], list[Parking]]:
    """Decide about the records of one key, given the last number that took effect. Repeats are in neither list."""
    accepted: list[tuple[Record, Item]] = []
    parked: list[Parking] = []
    stuck = False
    for record, item in entries:
        if record.keyseq <= last_seq:
            # The same number with another event: a writer was restored from a backup and counts again.
            if record.keyseq == last_seq and last_event is not None and record.id != last_event:
                parked.append(Parking(record, REUSED, dead=True))
            continue
        if isinstance(item, Bad):
            waits = not compacted and (stuck or record.keyseq > last_seq + 1)
            parked.append(Parking(record, item.reason, waits=waits))
            stuck = not compacted
        elif stuck or (record.keyseq > last_seq + 1 and not compacted):
            parked.append(Parking(record, BEHIND if stuck else GAP, waits=True))
            stuck = True
        else:
            accepted.append((record, item))
            last_seq, last_event = record.keyseq, record.id
    return accepted, parked


async def _move(tx: Queries, moved: Mapping[KeyId, Record]) -> None:
    await tx.execute(
        """UPDATE key_state k SET prev_seq = k.last_seq, last_seq = u.last_seq, last_event = u.last_event
           FROM unnest($1::int[], $2::uuid[], $3::bigint[], $4::uuid[]) AS u (stream, key, last_seq, last_event)
           WHERE k.stream = u.stream AND k.key = u.key""",
        [key_id[0] for key_id in moved],
        [key_id[1] for key_id in moved],
        [record.keyseq for record in moved.values()],
        [record.id for record in moved.values()],
    )


async def stream_ids(tx: Queries, consumer: str, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Give the numbers of (source, topic) for *consumer*; new ones get one."""
    pairs = sorted(set(wanted))
    sources, topics = [source for source, _ in pairs], [topic for _, topic in pairs]
    await tx.execute(
        """INSERT INTO stream (consumer, source, topic)
           SELECT $1, source, topic FROM unnest($2::text[], $3::text[]) AS u (source, topic)
           ON CONFLICT (consumer, source, topic) DO NOTHING""",
        consumer,
        sources,
        topics,
    )
    rows = await tx.fetch(
        """SELECT id, source, topic FROM stream WHERE consumer = $1
           AND (source, topic) IN (SELECT source, topic FROM unnest($2::text[], $3::text[]) AS u (source, topic))""",
        consumer,
        sources,
        topics,
    )
    return {(row["source"], row["topic"]): row["id"] for row in rows}
