# SPDX-License-Identifier: EUPL-1.2
"""Certificates, their operations and their serials."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from certificates.domain import Certificate, Change, Holder, ShareTask, Standing, Status
from kit.db import Queries, Row
from kit.strictjson import dumps, loads


async def insert(tx: Queries, certificate: Certificate, shares: Sequence[ShareTask]) -> bool:
    """Insert a new certificate and the facts to be sealed; False when its natural key was ever used.

    One statement, since this is the hot path. Raises UniqueViolation `certificate_task`.
    """
    c = certificate
    inserted: bool | None = await tx.fetchval(
        """WITH c AS (
             INSERT INTO certificate (office, id, type, type_version, type_code, subject, organisation, natural_key,
               claims, version, event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, case_id,
               task_id)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19
             WHERE (SELECT true FROM certificate e WHERE e.office = $1 AND e.type = $3 AND e.holder = coalesce($6, $7)
                    AND e.natural_key = $8 AND e.status NOT IN ('01', '02') LIMIT 1) IS NULL
             ON CONFLICT (office, type, holder, natural_key) WHERE status IN ('01', '02') DO NOTHING
             RETURNING id),
           s AS (
             INSERT INTO share_todo (office, stream, grant_id, certificate_id, version, event_seq, fact, status)
             SELECT $1, t.stream, t.grant_id, c.id, $10, $11, 'issued', $12
             FROM c, unnest($20::text[], $21::text[]) AS t (stream, grant_id))
           SELECT true FROM c""",
        c.office,
        UUID(c.id),
        c.type,
        c.type_version,
        c.type_code,
        c.holder.subject,
        c.holder.organisation,
        c.natural_key,
        dumps(dict(c.claims)),
        c.version,
        c.event_seq,
        c.status,
        c.licence_id,
        c.valid_from,
        c.valid_to,
        c.issued_at,
        c.credential,
        c.case_id,
        c.task_id,
        [share.stream for share in shares],
        [share.grant_id for share in shares],
    )
    return inserted is True


async def status_of_natural_key(tx: Queries, office: str, type_name: str, holder: Holder, key: str) -> Status | None:
    """Give the status of the certificate under a natural key, a live one first; None when there is none."""
    status: Status | None = await tx.fetchval(
        """SELECT status FROM certificate WHERE office = $1 AND type = $2 AND holder = $3 AND natural_key = $4
           ORDER BY status IN ('01', '02') DESC, id DESC LIMIT 1""",
        office,
        type_name,
        holder.key,
        key,
    )
    return status


async def read(tx: Queries, office: str, certificate_id: str) -> Certificate | None:
    """Give one certificate of the office."""
    row = await tx.fetchrow(
        """SELECT office, id, type, type_version, type_code, subject, organisation, natural_key, claims, version,
                  event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, case_id, task_id
           FROM certificate WHERE office = $1 AND id = $2""",
        office,
        UUID(certificate_id),
    )
    return None if row is None else certificate_of(row)


async def read_many(tx: Queries, wanted: Sequence[tuple[str, str]]) -> dict[str, Certificate]:
    """Give certificates by id. wanted: (office, certificate id)."""
    rows = await tx.fetch(
        """SELECT c.office, c.id, c.type, c.type_version, c.type_code, c.subject, c.organisation, c.natural_key,
                  c.claims, c.version, c.event_seq, c.status, c.licence_id, c.valid_from, c.valid_to, c.issued_at,
                  c.credential, c.case_id, c.task_id
           FROM unnest($1::text[], $2::uuid[]) AS w (office, id) JOIN certificate c USING (office, id)""",
        [office for office, _ in wanted],
        [UUID(certificate_id) for _, certificate_id in wanted],
    )
    return {str(row["id"]): certificate_of(row) for row in rows}


async def lock(tx: Queries, office: str, certificate_id: str) -> Standing | None:
    """Lock one certificate of the office until the commit, and give where it stands."""
    row = await tx.fetchrow(
        """SELECT office, id, type, type_code, version, event_seq, status, valid_to, licence_id
           FROM certificate WHERE office = $1 AND id = $2 FOR UPDATE""",
        office,
        UUID(certificate_id),
    )
    return None if row is None else _standing(row)


async def lock_expired(tx: Queries, today: date, limit: int) -> list[Standing]:
    """Lock at most *limit* certificates whose validity is over and whose status doesn't say so yet, by office and id.

    Those that somebody else is changing are left for the next round.
    """
    rows = await tx.fetch(
        """SELECT office, id, type, type_code, version, event_seq, status, valid_to, licence_id
           FROM certificate WHERE valid_to < $1 AND status IN ('01', '02', '99')
           ORDER BY valid_to LIMIT $2 FOR UPDATE SKIP LOCKED""",
        today,
        limit,
    )
    return sorted((_standing(row) for row in rows), key=lambda one: (one.office, one.id))


async def save_changes(
    tx: Queries, changes: Sequence[Change], *, reason: str | None, system: str | None, at: datetime
) -> None:
    """Write new statuses of locked certificates, with an operation row each. system: who did it; None is the clock."""
    after = [change.after for change in changes]
    await tx.execute(
        """WITH n AS (
             SELECT office, id, event_seq, status, version, operation, before
             FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::int[], $6::text[], $7::text[])
                  AS t (office, id, event_seq, status, version, operation, before)),
           u AS (
             UPDATE certificate c SET status = n.status, event_seq = n.event_seq
             FROM n WHERE c.office = n.office AND c.id = n.id)
           INSERT INTO certificate_operation (office, certificate_id, event_seq, version, operation, status_before,
             status_after, reason, system, at)
           SELECT office, id, event_seq, version, operation, before, status, $8, $9, $10 FROM n""",
        [one.office for one in after],
        [UUID(one.id) for one in after],
        [one.event_seq for one in after],
        [one.status for one in after],
        [one.version for one in after],
        [change.operation.value for change in changes],
        [change.before for change in changes],
        reason,
        system,
        at,
    )


async def lease_serials(tx: Queries, office: str, type_name: str, day: date, count: int) -> int:
    """Take the next *count* serial numbers of a type on a day; give the first, counted from 0."""
    after: int = await tx.fetchval(
        """INSERT INTO serial_block AS b (office, type, day, next_number) VALUES ($1, $2, $3, $4)
           ON CONFLICT (office, type, day) DO UPDATE SET next_number = b.next_number + $4 RETURNING next_number""",
        office,
        type_name,
        day,
        count,
    )
    return after - count


def certificate_of(row: Row) -> Certificate:
    """Read a certificate's row."""
    claims: Mapping[str, Any] = loads(row["claims"])
    return Certificate(
        id=str(row["id"]),
        office=row["office"],
        type=row["type"],
        type_version=row["type_version"],
        type_code=row["type_code"],
        holder=Holder(row["subject"], row["organisation"]),
        natural_key=row["natural_key"],
        claims=claims,
        version=row["version"],
        event_seq=row["event_seq"],
        status=row["status"],
        licence_id=row["licence_id"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        issued_at=row["issued_at"],
        credential=row["credential"],
        case_id=_text(row["case_id"]),
        task_id=_text(row["task_id"]),
    )


def _standing(row: Row) -> Standing:
    return Standing(
        id=str(row["id"]),
        office=row["office"],
        type=row["type"],
        type_code=row["type_code"],
        version=row["version"],
        event_seq=row["event_seq"],
        status=row["status"],
        valid_to=row["valid_to"],
        licence_id=row["licence_id"],
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
