# SPDX-License-Identifier: EUPL-1.2
"""Which grants have begun, and how far each grantee's snapshot is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from certificates.domain import EventGrant, ShareTask, Status
from certificates.store.sharing import columns
from kit.db import Queries


@dataclass(frozen=True)
class Begun:
    """A snapshot that isn't through. after_id: certificates up to here were looked at."""

    office: str
    grant_id: str
    type: str
    after_id: UUID


@dataclass(frozen=True)
class Stand:
    """Where a certificate of the snapshot's type stands."""

    id: str
    version: int
    event_seq: int
    status: Status


async def known(tx: Queries) -> dict[tuple[str, str], bool]:
    """Give all grants that ever began, by (office, grant id), and whether each is over."""
    rows = await tx.fetch("SELECT office, grant_id, over FROM snapshot")
    return {(row["office"], row["grant_id"]): row["over"] for row in rows}


async def begin(tx: Queries, grants: Sequence[EventGrant], release: int, day: date) -> None:
    """Let grants begin, by the book of a release and a day.

    The lock waits until every fact that doesn't know of them is committed: the snapshot sees it then. Each statement
    that queues a fact takes its lock before it looks which grants have begun, so a later fact sees them.
    """
    await tx.execute("LOCK TABLE share_todo IN SHARE MODE")
    await tx.execute(
        """INSERT INTO snapshot (office, grant_id, type, release, day)
           SELECT office, grant_id, type, $4, $5 FROM unnest($1::text[], $2::text[], $3::text[])
                AS t (office, grant_id, type)
           ON CONFLICT DO NOTHING""",
        [grant.provider for grant in grants],
        [grant.id for grant in grants],
        [grant.type for grant in grants],
        release,
        day,
    )


async def close(tx: Queries, grants: Sequence[tuple[str, str]], release: int, day: date) -> None:
    """Mark grants, (office, id), as over by the book of a release and a day, unless they began by a later one."""
    await tx.execute(
        """UPDATE snapshot g SET over = true FROM unnest($1::text[], $2::text[]) AS t (office, grant_id)
           WHERE (g.office, g.grant_id) = (t.office, t.grant_id) AND g.release <= $3 AND g.day <= $4""",
        [office for office, _ in grants],
        [grant_id for _, grant_id in grants],
        release,
        day,
    )


async def lock_open(tx: Queries) -> Begun | None:
    """Lock one snapshot that isn't through until the commit, the one of the oldest release first; None: all are."""
    row = await tx.fetchrow(
        """SELECT office, grant_id, type, after_id FROM snapshot WHERE done_at IS NULL AND NOT over
           ORDER BY release, day, office, grant_id LIMIT 1 FOR UPDATE"""
    )
    return None if row is None else Begun(row["office"], row["grant_id"], row["type"], row["after_id"])


async def window(tx: Queries, one: Begun, limit: int) -> list[tuple[UUID, bool]]:
    """Give the office's next certificates in the order in which they were issued, and whether each is of the type.

    Of all types, so that a rare one can't make this look through the whole register at once.
    """
    rows = await tx.fetch(
        "SELECT id, type = $2 AS wanted FROM certificate WHERE office = $1 AND id > $3 ORDER BY id LIMIT $4",
        one.office,
        one.type,
        one.after_id,
        limit,
    )
    return [(row["id"], row["wanted"]) for row in rows]


async def hold(tx: Queries, office: str, ids: Sequence[UUID]) -> dict[UUID, Stand]:
    """Lock certificates against change until the commit; those that somebody is changing are left out."""
    rows = await tx.fetch(
        """SELECT id, version, event_seq, status FROM certificate WHERE office = $1 AND id = ANY($2::uuid[])
           ORDER BY id FOR SHARE SKIP LOCKED""",
        office,
        list(ids),
    )
    return {row["id"]: Stand(str(row["id"]), row["version"], row["event_seq"], row["status"]) for row in rows}


async def hold_one(tx: Queries, office: str, certificate_id: UUID) -> dict[UUID, Stand]:
    """Lock one certificate against change until the commit; waits for whoever is changing it."""
    row = await tx.fetchrow(
        "SELECT version, event_seq, status FROM certificate WHERE office = $1 AND id = $2 FOR SHARE",
        office,
        certificate_id,
    )
    if row is None:
        return {}
    return {certificate_id: Stand(str(certificate_id), row["version"], row["event_seq"], row["status"])}


async def queue(tx: Queries, tasks: Sequence[ShareTask]) -> int:
    """Put held certificates up for sealing, unless their stream has begun: then a fact says more. Gives how many."""
    return await tx.execute(
        """INSERT INTO share_todo (office, stream, grant_id, certificate_id, version, event_seq, fact, status)
           SELECT office, stream, grant_id, certificate_id, version, event_seq, fact, status
           FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::bigint[], $7::text[], $8::text[])
                WITH ORDINALITY AS t (office, stream, grant_id, certificate_id, version, event_seq, fact, status, ord)
           WHERE NOT EXISTS (SELECT FROM share s WHERE s.office = t.office AND s.share_id = t.stream)
             AND NOT EXISTS (SELECT FROM share_todo w WHERE w.stream = t.stream)
           ORDER BY ord""",
        *columns(tasks),
    )


async def advance(tx: Queries, one: Begun, after_id: UUID, queued: int) -> None:
    """Keep how far a snapshot is. queued: how many rows more."""
    await tx.execute(
        "UPDATE snapshot SET after_id = $3, queued = queued + $4 WHERE office = $1 AND grant_id = $2",
        one.office,
        one.grant_id,
        after_id,
        queued,
    )


async def finish(tx: Queries, one: Begun, at: datetime) -> int:
    """Mark a snapshot as through; give how many certificates it queued."""
    queued: int = await tx.fetchval(
        "UPDATE snapshot SET done_at = $3 WHERE office = $1 AND grant_id = $2 RETURNING queued",
        one.office,
        one.grant_id,
        at,
    )
    return queued
