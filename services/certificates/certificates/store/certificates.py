# SPDX-License-Identifier: EUPL-1.2
"""Certificates as they are issued and read, and their serials."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from certificates.domain import Certificate, Holder, ShareTask, Status
from certificates.store.rows import certificate_of, uuid
from kit.db import Queries
from kit.strictjson import dumps


async def insert_many(tx: Queries, issued: Sequence[tuple[Certificate, Sequence[ShareTask]]]) -> dict[str, list[str]]:
    """Insert new certificates, each with the facts to be sealed; give the ids of those that could be.

    Each with the grants of its type that have begun by now, as `sharing.add` does.

    Left out: whose natural key is taken; whose task has one of this type and holder, new or changed; what founds an
    organisation that has one; what comes from a certificate that was taken over. One statement, since this is the hot
    path; in one order, so that two writers never wait for each other crosswise.
    """
    ordered = sorted((c for c, _ in issued), key=lambda c: (c.office, c.type, c.holder.key, c.natural_key))
    shares = [share for _, of_one in issued for share in of_one]
    rows = await tx.fetch(
        """WITH c AS (
             INSERT INTO certificate (office, id, type, type_version, type_code, subject, organisation, natural_key,
               claims, version, event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, format,
               case_id, task_id, conditions, check_by, founds, ruling, former_office, former_id)
             SELECT n.office, n.id, n.type, n.type_version, n.type_code, n.subject, n.organisation, n.natural_key,
               n.claims, n.version, n.event_seq, n.status, n.licence_id, n.valid_from, n.valid_to, n.issued_at,
               n.credential, n.format, n.case_id, n.task_id, n.conditions, n.check_by, n.founds, n.ruling,
               n.former_office, n.former_id
             FROM unnest($1::text[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::bytea[], $10::int[], $11::bigint[], $12::text[], $13::text[], $14::date[], $15::date[],
                         $16::timestamptz[], $17::text[], $18::text[], $19::uuid[], $20::uuid[], $21::bytea[],
                         $22::date[], $23::boolean[], $24::text[], $25::text[], $26::uuid[]) WITH ORDINALITY
                  AS n (office, id, type, type_version, type_code, subject, organisation, natural_key, claims, version,
                        event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, format, case_id,
                        task_id, conditions, check_by, founds, ruling, former_office, former_id, ord)
             WHERE NOT EXISTS (SELECT FROM certificate_operation o JOIN certificate x ON (x.office, x.id) =
                                 (o.office, o.certificate_id)
                               WHERE o.office = n.office AND o.task_id = n.task_id AND x.type = n.type
                                 AND x.holder = coalesce(n.subject, n.organisation))
               AND NOT (n.founds AND EXISTS (SELECT FROM certificate x WHERE x.office = n.office AND x.type = n.type
                                               AND x.holder = n.organisation AND NOT x.succeeded))
             ORDER BY n.ord
             ON CONFLICT DO NOTHING
             RETURNING office, id, type, version, event_seq, status),
           s AS (
             INSERT INTO share_todo (office, stream, grant_id, certificate_id, version, event_seq, fact, status)
             SELECT c.office, t.stream, t.grant_id, c.id, c.version, c.event_seq, 'issued', c.status
             FROM unnest($27::uuid[], $28::text[], $29::text[]) WITH ORDINALITY AS t (id, stream, grant_id, ord)
             JOIN c USING (id)
             ORDER BY t.ord)
           SELECT id, ARRAY(SELECT g.grant_id FROM snapshot g
                            WHERE (g.office, g.type) = (c.office, c.type) AND NOT g.over ORDER BY 1) AS begun
           FROM c""",
        *_columns(ordered),
        [UUID(share.certificate_id) for share in shares],
        [share.stream for share in shares],
        [share.grant_id for share in shares],
    )
    return {str(row["id"]): row["begun"] for row in rows}


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
        [uuid(c.case_id) for c in certificates],
        [uuid(c.task_id) for c in certificates],
        [c.provisional and dumps(list(c.provisional.conditions)) for c in certificates],
        [c.provisional and c.provisional.check_by for c in certificates],
        [c.founds for c in certificates],
        [c.ruling for c in certificates],
        [c.former and c.former.office for c in certificates],
        [c.former and UUID(c.former.certificate_id) for c in certificates],
    )


async def task_is_used(tx: Queries, office: str, task_id: str, type_name: str, holder: Holder) -> bool:
    """Tell whether the task has its certificate of this type: for this holder, or for the organisation it founded.

    A new one or a changed one: it gets one of them.
    """
    used = await tx.fetchval(
        """SELECT true FROM certificate
           WHERE office = $1 AND task_id = $2 AND type = $3 AND (holder = $4 OR founds)
           UNION ALL
           SELECT true FROM certificate_operation o JOIN certificate c ON (c.office, c.id) =
             (o.office, o.certificate_id)
           WHERE o.office = $1 AND o.task_id = $2 AND c.type = $3 AND c.holder = $4
           LIMIT 1""",
        office,
        UUID(task_id),
        type_name,
        holder.key,
    )
    return used is True


async def is_held(tx: Queries, office: str, type_name: str, holder: Holder) -> bool:
    """Tell whether the holder has, or had, a certificate of the type."""
    held = await tx.fetchval(
        "SELECT true FROM certificate WHERE office = $1 AND type = $2 AND holder = $3 AND NOT succeeded LIMIT 1",
        office,
        type_name,
        holder.key,
    )
    return held is True


async def status_of_natural_key(tx: Queries, office: str, type_name: str, holder: Holder, key: str) -> Status | None:
    """Give the status of the certificate that has a natural key; None when there is none."""
    status: Status | None = await tx.fetchval(
        """SELECT status FROM certificate
           WHERE office = $1 AND type = $2 AND holder = $3 AND natural_key = $4 AND NOT succeeded""",
        office,
        type_name,
        holder.key,
        key,
    )
    return status


async def free_natural_key(tx: Queries, c: Certificate, ended: Sequence[Status]) -> str | None:
    """Take a certificate's natural key from one that ended so, if there is one; give that one's id."""
    found = await tx.fetchval(
        """UPDATE certificate SET succeeded = true
           WHERE office = $1 AND type = $2 AND holder = $3 AND natural_key = $4 AND NOT succeeded
             AND status = ANY($5::text[])
           RETURNING id""",
        c.office,
        c.type,
        c.holder.key,
        c.natural_key,
        list(ended),
    )
    return None if found is None else str(found)


async def keep_natural_key(tx: Queries, office: str, certificate_id: str) -> None:
    """Give one that ended its natural key back: what was to follow it did not come."""
    await tx.execute(
        "UPDATE certificate SET succeeded = false WHERE office = $1 AND id = $2", office, UUID(certificate_id)
    )


async def read(tx: Queries, office: str, certificate_id: str) -> Certificate | None:
    """Give one certificate of the office."""
    row = await tx.fetchrow(
        """SELECT office, id, type, type_version, type_code, subject, organisation, natural_key, claims, version,
                  event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, case_id, task_id,
                  conditions, check_by, ruling, former_office, former_id, status_text
           FROM certificate WHERE office = $1 AND id = $2""",
        office,
        UUID(certificate_id),
    )
    return None if row is None else certificate_of(row)


async def find_live(tx: Queries, office: str, type_name: str, holder: Holder) -> list[Certificate]:
    """Give the certificates of a holder that are valid or suspended: none, one, or the first two."""
    rows = await tx.fetch(
        """SELECT office, id, type, type_version, type_code, subject, organisation, natural_key, claims, version,
                  event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, case_id, task_id,
                  conditions, check_by, ruling, former_office, former_id, status_text
           FROM certificate
           WHERE office = $1 AND type = $2 AND holder = $3 AND NOT succeeded AND status IN ('01', '02')
           ORDER BY natural_key LIMIT 2""",
        office,
        type_name,
        holder.key,
    )
    return [certificate_of(row) for row in rows]


async def read_many(tx: Queries, wanted: Sequence[tuple[str, str]]) -> dict[str, Certificate]:
    """Give certificates by id. wanted: (office, certificate id)."""
    rows = await tx.fetch(
        """SELECT c.office, c.id, c.type, c.type_version, c.type_code, c.subject, c.organisation, c.natural_key,
                  c.claims, c.version, c.event_seq, c.status, c.licence_id, c.valid_from, c.valid_to, c.issued_at,
                  c.credential, c.case_id, c.task_id, c.conditions, c.check_by, c.ruling, c.former_office,
                  c.former_id, c.status_text
           FROM unnest($1::text[], $2::uuid[]) AS w (office, id) JOIN certificate c USING (office, id)""",
        [office for office, _ in wanted],
        [UUID(certificate_id) for _, certificate_id in wanted],
    )
    return {str(row["id"]): certificate_of(row) for row in rows}


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
