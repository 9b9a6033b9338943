# SPDX-License-Identifier: EUPL-1.2
"""What waits to be sealed, the aliases for it, and the numbers of its envelopes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from certificates.domain import ShareTask
from kit.db import Queries

AliasName = tuple[str, str, str, str]
"""(office, the office's pseudonym of the person, party, key use)."""


@dataclass(frozen=True)
class Waiting:
    """How many facts wait for one reason."""

    reason: str
    rows: int


def columns(tasks: Sequence[ShareTask]) -> list[list[object]]:
    """Lay facts out as columns of `share_todo`, from office to status, as the statements take them."""
    return [
        [task.office for task in tasks],
        [task.stream for task in tasks],
        [task.grant_id for task in tasks],
        [UUID(task.certificate_id) for task in tasks],
        [task.version for task in tasks],
        [task.event_seq for task in tasks],
        [task.fact for task in tasks],
        [task.status for task in tasks],
    ]


async def add(tx: Queries, tasks: Sequence[ShareTask]) -> dict[str, list[str]]:
    """Put facts of changed certificates up for sealing; give by certificate the grants that have begun by now.

    Those are read under the lock that a snapshot's beginning waits for, so none is missed (`snapshots.begin`).
    """
    rows = await tx.fetch(
        """WITH s AS (
             INSERT INTO share_todo (office, stream, grant_id, certificate_id, version, event_seq, fact, status)
             SELECT office, stream, grant_id, certificate_id, version, event_seq, fact, status
             FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::bigint[], $7::text[],
                         $8::text[]) WITH ORDINALITY
                  AS t (office, stream, grant_id, certificate_id, version, event_seq, fact, status, ord)
             ORDER BY ord
             RETURNING office, certificate_id)
           SELECT c.id, g.grant_id
           FROM (SELECT DISTINCT office, certificate_id FROM s) t
           JOIN certificate c ON (c.office, c.id) = (t.office, t.certificate_id)
           JOIN snapshot g ON (g.office, g.type) = (c.office, c.type) AND NOT g.over
           ORDER BY c.id, g.grant_id""",
        *columns(tasks),
    )
    begun: dict[str, list[str]] = {}
    for row in rows:
        begun.setdefault(str(row["id"]), []).append(row["grant_id"])
    return begun


async def next_due(tx: Queries, now: datetime, limit: int) -> list[ShareTask]:
    """Give the oldest facts that may be sealed now, in order; none of a stream that has an earlier waiting row."""
    rows = await tx.fetch(
        """SELECT t.id, t.office, t.stream, t.grant_id, t.certificate_id, t.version, t.event_seq, t.fact, t.status
           FROM share_todo t
           WHERE (t.next_try_at IS NULL OR t.next_try_at <= $1)
             AND (SELECT true FROM share_todo e
                  WHERE e.stream = t.stream AND e.id < t.id AND e.next_try_at > $1 LIMIT 1) IS NULL
           ORDER BY t.id LIMIT $2""",
        now,
        limit,
    )
    return [
        ShareTask(
            office=row["office"],
            stream=row["stream"],
            grant_id=row["grant_id"],
            certificate_id=str(row["certificate_id"]),
            version=row["version"],
            event_seq=row["event_seq"],
            fact=row["fact"],
            status=row["status"],
            id=row["id"],
        )
        for row in rows
    ]


async def take(tx: Queries, ids: Sequence[int]) -> set[int]:
    """Take facts out of the list for good, in this commit; give those that were still there."""
    # Locked in order first: two sharers after a failover must meet in one order.
    rows = await tx.fetch(
        """WITH l AS (SELECT id FROM share_todo WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE)
           DELETE FROM share_todo t USING l WHERE t.id = l.id RETURNING t.id""",
        list(ids),
    )
    return {row["id"] for row in rows}


async def drop(tx: Queries, ids: Sequence[int], release: int, day: date) -> set[int]:
    """Take facts out of the list whose grant ended by the book of a release and a day; give those that went.

    One whose grant began by a later book stays: ours is the old one.
    """
    rows = await tx.fetch(
        """WITH l AS (SELECT id FROM share_todo WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE)
           DELETE FROM share_todo t USING l
           WHERE t.id = l.id AND NOT EXISTS (
             SELECT FROM snapshot g WHERE g.office = t.office AND g.grant_id = t.grant_id AND NOT g.over
               AND (g.release > $2 OR g.day > $3))
           RETURNING t.id""",
        list(ids),
        release,
        day,
    )
    return {row["id"] for row in rows}


async def postpone(tx: Queries, reasons: Mapping[int, str], until: datetime) -> None:
    """Let facts wait until a moment, each for its reason (a code). Raises their count of tries."""
    await tx.execute(
        """UPDATE share_todo t SET waiting = w.reason, next_try_at = $3, tries = t.tries + 1
           FROM unnest($1::bigint[], $2::text[]) AS w (id, reason) WHERE t.id = w.id""",
        list(reasons),
        list(reasons.values()),
        until,
    )


async def waiting(tx: Queries) -> list[Waiting]:
    """Count what waits, by reason."""
    rows = await tx.fetch(
        """SELECT waiting, count(*) AS rows FROM share_todo
           WHERE waiting IS NOT NULL GROUP BY waiting ORDER BY waiting"""
    )
    return [Waiting(row["waiting"], row["rows"]) for row in rows]


async def raise_numbers(
    tx: Queries, counts: Mapping[tuple[str, str], tuple[str, str, int]]
) -> dict[tuple[str, str], int]:
    """Number envelopes of shares. counts: (office, share id) -> (grant id, certificate id, how many).

    Gives the first number of each share's new envelopes; they go on from there without gaps.
    """
    ordered = sorted(counts.items())
    rows = await tx.fetch(
        """INSERT INTO share AS s (office, share_id, grant_id, certificate_id, last_seq)
           SELECT office, share_id, grant_id, certificate_id, n
           FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[])
                AS t (office, share_id, grant_id, certificate_id, n)
           ON CONFLICT (office, share_id) DO UPDATE SET last_seq = s.last_seq + excluded.last_seq
           RETURNING office, share_id, last_seq""",
        [office for (office, _), _ in ordered],
        [share_id for (_, share_id), _ in ordered],
        [grant_id for _, (grant_id, _, _) in ordered],
        [UUID(certificate_id) for _, (_, certificate_id, _) in ordered],
        [count for _, (_, _, count) in ordered],
    )
    return {
        (row["office"], row["share_id"]): row["last_seq"] - counts[row["office"], row["share_id"]][2] + 1
        for row in rows
    }


async def aliases(tx: Queries, names: Sequence[AliasName]) -> dict[AliasName, str]:
    """Give the kept aliases among *names*."""
    rows = await tx.fetch(
        """SELECT a.office, a.subject, a.party, a.key_use, a.alias
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS w (office, subject, party, key_use)
           JOIN alias a USING (office, subject, party, key_use)""",
        *(list(column) for column in zip(*names, strict=True)),
    )
    return {(row["office"], row["subject"], row["party"], row["key_use"]): row["alias"] for row in rows}


async def keep_aliases(tx: Queries, made: Mapping[AliasName, str], at: datetime) -> None:
    """Keep aliases; one that is there already is replaced, since the party's key may have changed."""
    ordered = sorted(made)
    await tx.execute(
        """INSERT INTO alias (office, subject, party, key_use, alias, made_at)
           SELECT office, subject, party, key_use, alias, $6
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                AS t (office, subject, party, key_use, alias)
           ON CONFLICT (office, subject, party, key_use) DO UPDATE
           SET alias = excluded.alias, made_at = excluded.made_at""",
        *(list(column) for column in zip(*ordered, strict=True)),
        [made[name] for name in ordered],
        at,
    )
