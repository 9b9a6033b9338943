# SPDX-License-Identifier: EUPL-1.2
"""Certificates, their operations and their serials."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from certificates.domain import Certificate, Change, Holder, Provisional, ShareTask, Standing, Status
from kit.db import Queries, Row
from kit.strictjson import dumps, loads


async def insert_many(tx: Queries, issued: Sequence[tuple[Certificate, Sequence[ShareTask]]]) -> set[str]:
    """Insert new certificates, each with the facts to be sealed; give the ids of those that could be.

    Left out: whose natural key was ever used, or whose task has one of this type and holder. One statement, since this
    is the hot path; in one order, so that two writers never wait for each other crosswise.
    """
    ordered = sorted((c for c, _ in issued), key=lambda c: (c.office, c.type, c.holder.key, c.natural_key))
    shares = [share for _, of_one in issued for share in of_one]
    rows = await tx.fetch(
        """WITH c AS (
             INSERT INTO certificate (office, id, type, type_version, type_code, subject, organisation, natural_key,
               claims, version, event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, format,
               case_id, task_id, conditions, check_by, founds)
             SELECT n.office, n.id, n.type, n.type_version, n.type_code, n.subject, n.organisation, n.natural_key,
               n.claims, n.version, n.event_seq, n.status, n.licence_id, n.valid_from, n.valid_to, n.issued_at,
               n.credential, n.format, n.case_id, n.task_id, n.conditions, n.check_by, n.founds
             FROM unnest($1::text[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::bytea[], $10::int[], $11::bigint[], $12::text[], $13::text[], $14::date[], $15::date[],
                         $16::timestamptz[], $17::text[], $18::text[], $19::uuid[], $20::uuid[], $21::bytea[],
                         $22::date[], $23::boolean[]) WITH ORDINALITY
                  AS n (office, id, type, type_version, type_code, subject, organisation, natural_key, claims, version,
                        event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, format, case_id,
                        task_id, conditions, check_by, founds, ord)
             WHERE (SELECT true FROM certificate e WHERE e.office = n.office AND e.type = n.type
                    AND e.holder = coalesce(n.subject, n.organisation) AND e.natural_key = n.natural_key
                    AND e.status NOT IN ('01', '02') LIMIT 1) IS NULL
             ORDER BY n.ord
             ON CONFLICT DO NOTHING
             RETURNING office, id, version, event_seq, status),
           s AS (
             INSERT INTO share_todo (office, stream, grant_id, certificate_id, version, event_seq, fact, status)
             SELECT c.office, t.stream, t.grant_id, c.id, c.version, c.event_seq, 'issued', c.status
             FROM unnest($24::uuid[], $25::text[], $26::text[]) WITH ORDINALITY AS t (id, stream, grant_id, ord)
             JOIN c USING (id)
             ORDER BY t.ord)
           SELECT id FROM c""",
        *_columns(ordered),
        [UUID(share.certificate_id) for share in shares],
        [share.stream for share in shares],
        [share.grant_id for share in shares],
    )
    return {str(row["id"]) for row in rows}


def _columns(certificates: Sequence[Certificate]) -> tuple[list[object], ...]:
    """Give the columns of `insert_many`, in the order of its statement."""
    return (
        [c.office for c in certificates],
        [UUID(c.id) for c in certificates],
        [c.type for c in certificates],
        [c.type_version for c in certificates],
        [c.type_code for c in certificates],
        [c.holder.subject for c in certificates],
        [c.holder.organisation for c in certificates],
        [c.natural_key for c in certificates],
        [dumps(dict(c.claims)) for c in certificates],
        [c.version for c in certificates],
        [c.event_seq for c in certificates],
        [c.status for c in certificates],
        [c.licence_id for c in certificates],
        [c.valid_from for c in certificates],
        [c.valid_to for c in certificates],
        [c.issued_at for c in certificates],
        [c.credential for c in certificates],
        [c.format for c in certificates],
        [_uuid(c.case_id) for c in certificates],
        [_uuid(c.task_id) for c in certificates],
        [c.provisional and dumps(list(c.provisional.conditions)) for c in certificates],
        [c.provisional and c.provisional.check_by for c in certificates],
        [c.founds for c in certificates],
    )


async def task_is_used(tx: Queries, office: str, task_id: str, type_name: str, holder: Holder) -> bool:
    """Tell whether the task has its certificate of this type: for this holder, or for the organisation it founded."""
    used = await tx.fetchval(
        """SELECT true FROM certificate
           WHERE office = $1 AND task_id = $2 AND type = $3 AND (holder = $4 OR founds) LIMIT 1""",
        office,
        UUID(task_id),
        type_name,
        holder.key,
    )
    return used is True


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
                  event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, case_id, task_id,
                  conditions, check_by
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
                  c.credential, c.case_id, c.task_id, c.conditions, c.check_by
           FROM unnest($1::text[], $2::uuid[]) AS w (office, id) JOIN certificate c USING (office, id)""",
        [office for office, _ in wanted],
        [UUID(certificate_id) for _, certificate_id in wanted],
    )
    return {str(row["id"]): certificate_of(row) for row in rows}


async def lock(tx: Queries, office: str, certificate_id: str) -> Standing | None:
    """Lock one certificate of the office until the commit, and give where it stands."""
    row = await tx.fetchrow(
        """SELECT office, id, type, type_code, version, event_seq, status, valid_to, licence_id,
                  check_by IS NOT NULL AS provisional
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
        """SELECT office, id, type, type_code, version, event_seq, status, valid_to, licence_id,
                  check_by IS NOT NULL AS provisional
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
        provisional=_provisional(row),
    )


def _provisional(row: Row) -> Provisional | None:
    if row["check_by"] is None:
        return None
    return Provisional(tuple(loads(row["conditions"])), row["check_by"])


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
        provisional=row["provisional"],
    )


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
