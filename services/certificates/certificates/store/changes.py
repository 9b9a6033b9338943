# SPDX-License-Identifier: EUPL-1.2
"""Operations on certificates that are there, under their lock."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from certificates.domain import Change, Former, Standing
from certificates.store.rows import uuid
from kit.db import Queries, Row


async def lock(tx: Queries, office: str, certificate_id: str) -> Standing | None:
    """Lock one certificate of the office until the commit, and give where it stands."""
    row = await tx.fetchrow(
        """SELECT office, id, type, type_code, version, event_seq, status, valid_to, licence_id, organisation,
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
        """SELECT office, id, type, type_code, version, event_seq, status, valid_to, licence_id, organisation,
                  check_by IS NOT NULL AS provisional
           FROM certificate WHERE valid_to < $1 AND status IN ('01', '02', '99')
           ORDER BY valid_to LIMIT $2 FOR UPDATE SKIP LOCKED""",
        today,
        limit,
    )
    return sorted((_standing(row) for row in rows), key=lambda one: (one.office, one.id))


async def save(tx: Queries, changes: Sequence[Change], *, reason: str | None, system: str | None, at: datetime) -> None:
    """Write new statuses of locked certificates, with a row in the journal each. system: who did it; None is the clock.

    The reason is also what status 99 means.
    """
    after = [change.after for change in changes]
    await tx.execute(
        """UPDATE certificate c SET status = n.status, event_seq = n.event_seq,
             status_text = CASE n.status WHEN '99' THEN $5::text END
           FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[]) AS n (office, id, status, event_seq)
           WHERE c.office = n.office AND c.id = n.id""",
        [one.office for one in after],
        [UUID(one.id) for one in after],
        [one.status for one in after],
        [one.event_seq for one in after],
        reason,
    )
    await write_journal(tx, changes, reason=reason, system=system, at=at)


async def write_journal(
    tx: Queries, changes: Sequence[Change], *, reason: str | None, system: str | None, at: datetime
) -> None:
    """Append operations to the journal; one that made a version stands under the new one."""
    after = [change.after for change in changes]
    await tx.execute(
        """INSERT INTO certificate_operation (office, certificate_id, event_seq, version, operation, status_before,
             status_after, reason, system, at, case_id, task_id)
           SELECT office, id, event_seq, version, operation, before, status, $10, $11, $12, case_id, task_id
           FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::int[], $6::text[], $7::text[],
                       $8::uuid[], $9::uuid[])
                AS t (office, id, event_seq, status, version, operation, before, case_id, task_id)""",
        [one.office for one in after],
        [UUID(one.id) for one in after],
        [one.event_seq for one in after],
        [one.status for one in after],
        [one.version for one in after],
        [change.operation.value for change in changes],
        [change.before for change in changes],
        [uuid(change.case_id) for change in changes],
        [uuid(change.task_id) for change in changes],
        reason,
        system,
        at,
    )


async def hold_tasks(tx: Queries, tasks: Iterable[tuple[str, str]]) -> None:
    """Let nothing else that is issued or changed for these (office, task) go on until the commit.

    A statement of its own, so that the next one sees what was committed by whoever held them before; in one order, so
    that two writers never wait for each other crosswise.
    """
    names = sorted({f"{office} {task_id}" for office, task_id in tasks})
    if names:
        await tx.execute(
            """SELECT pg_advisory_xact_lock(number)
               FROM (SELECT DISTINCT hashtextextended(t, 0) AS number FROM unnest($1::text[]) AS t ORDER BY 1) AS o""",
            names,
        )


async def arrived(tx: Queries, former: Former) -> bool:
    """Tell whether an office of this deployment took a certificate over."""
    found = await tx.fetchval(
        "SELECT true FROM certificate WHERE former_office = $1 AND former_id = $2 LIMIT 1",
        former.office,
        UUID(former.certificate_id),
    )
    return found is True


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
        organisation=row["organisation"],
    )
