# SPDX-License-Identifier: EUPL-1.2
"""Requests that wait for the person they are about."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from certificates.domain import Preview, Seen
from kit.db import Queries, Row

_COLUMNS: Final = """id, office, subject, request_id, event_id, exchange_id, asker, type, purpose, basis, case_id, step,
  ask, deadline, state, until, made_at, opened_at, seen_id, seen_seq, code"""
_WAITING: Final = f"""SELECT {_COLUMNS} FROM preview
  WHERE subject = $1 AND state IN ('waiting', 'opened') AND until >= $2
  ORDER BY made_at, id"""  # noqa: S608 - column names only, here and below
_OWN: Final = f"SELECT {_COLUMNS} FROM preview WHERE id = $1 AND subject = $2"  # noqa: S608
_LOCK: Final = f"SELECT {_COLUMNS} FROM preview WHERE id = $1 FOR UPDATE"  # noqa: S608
_LOCK_UNSETTLED: Final = f"""SELECT {_COLUMNS} FROM preview
  WHERE (office, request_id) IN (SELECT office, id FROM unnest($1::text[], $2::uuid[]) AS w (office, id))
    AND state IN ('waiting', 'opened')
  ORDER BY id FOR UPDATE"""  # noqa: S608


async def insert(tx: Queries, previews: Sequence[Preview]) -> None:
    """Keep new previews."""
    await tx.executemany(
        """INSERT INTO preview (id, office, subject, request_id, event_id, exchange_id, asker, type, purpose, basis,
             case_id, step, ask, deadline, state, until, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)""",
        [
            (
                *(p.id, p.office, p.subject, p.request_id, p.event_id, p.exchange_id, p.asker, p.type, p.purpose),
                *(p.basis, p.case_id, p.step, p.ask, p.deadline, p.state, p.until, p.made_at),
            )
            for p in previews
        ],
    )


async def waiting(tx: Queries, subject: str, now: datetime) -> list[Preview]:
    """Give a person's previews that wait for her, the oldest first. subject: what the office calls her."""
    rows = await tx.fetch(_WAITING, subject, now)
    return [_preview(row) for row in rows]


async def read(tx: Queries, subject: str, preview_id: str) -> Preview | None:
    """Give one of a person's own previews; None for an unknown one and for another person's alike."""
    row = await tx.fetchrow(_OWN, UUID(preview_id), subject)
    return None if row is None else _preview(row)


async def lock(tx: Queries, preview_id: str) -> Preview:
    """Give one preview, locked until the commit. It must be there: none is ever deleted."""
    row = await tx.fetchrow(_LOCK, UUID(preview_id))
    if row is None:
        raise LookupError("a preview is gone")
    return _preview(row)


async def lock_unsettled(tx: Queries, requests: Sequence[tuple[str, str]]) -> list[Preview]:
    """Give the unsettled previews of *requests*, (office, request id) each, locked until the commit."""
    rows = await tx.fetch(
        _LOCK_UNSETTLED,
        [office for office, _ in requests],
        [UUID(request_id) for _, request_id in requests],
    )
    return [_preview(row) for row in rows]


async def save(tx: Queries, preview: Preview) -> None:
    """Write how a preview stands; the request itself goes with its end."""
    seen = preview.seen
    await tx.execute(
        """UPDATE preview
           SET state = $2, until = $3, opened_at = $4, seen_id = $5, seen_seq = $6, code = $7,
               ask = CASE WHEN $2 IN ('waiting', 'opened') THEN ask END
           WHERE id = $1""",
        UUID(preview.id),
        preview.state,
        preview.until,
        preview.opened_at,
        None if seen is None else UUID(seen.certificate_id),
        None if seen is None else seen.event_seq,
        preview.code,
    )


async def overdue(tx: Queries, now: datetime, limit: int) -> list[tuple[str, str]]:
    """Give (id, subject) of previews whose time is over, the longest overdue first."""
    rows = await tx.fetch(
        """SELECT id, subject FROM preview
           WHERE state IN ('waiting', 'opened') AND until < $1 AND (put_off IS NULL OR put_off <= $1)
           ORDER BY until, id LIMIT $2""",
        now,
        limit,
    )
    return [(str(row["id"]), row["subject"]) for row in rows]


async def put_off(tx: Queries, preview_id: str, until: datetime) -> None:
    """Let a preview that can't be answered now come again at *until*."""
    await tx.execute("UPDATE preview SET put_off = $2 WHERE id = $1", UUID(preview_id), until)


def _preview(row: Row) -> Preview:
    seen = None if row["seen_id"] is None else Seen(str(row["seen_id"]), row["seen_seq"])
    return Preview(
        id=str(row["id"]),
        office=row["office"],
        subject=row["subject"],
        request_id=str(row["request_id"]),
        event_id=str(row["event_id"]),
        exchange_id=str(row["exchange_id"]),
        asker=row["asker"],
        type=row["type"],
        purpose=row["purpose"],
        basis=row["basis"],
        case_id=str(row["case_id"]),
        step=row["step"],
        ask=row["ask"] or b"",
        deadline=row["deadline"],
        state=row["state"],
        until=row["until"],
        made_at=row["made_at"],
        opened_at=row["opened_at"],
        seen=seen,
        code=row["code"],
    )
