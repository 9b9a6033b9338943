# SPDX-License-Identifier: EUPL-1.2
"""Evidence requests, and the cases that are closed."""

from collections.abc import Sequence
from datetime import datetime

from exchange_bus.domain.requests import Look, Request
from kit.db import Queries, Row

_NEW = """request_id, exchange_id, case_id, step, asker, asker_system, holder, type, fields, purpose, basis, entry,
release, grant_id, state, code, event_seq, recorded_at, deadline"""
_COLUMNS = f"{_NEW}, preview_id, preview_deployment, preview_until"
_OPEN = "state IN ('waiting', 'previewing', 'deferred')"


_INSERT = f"""INSERT INTO evidence_request ({_NEW})
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"""  # noqa: S608
_FIND = f"""SELECT {_COLUMNS} FROM evidence_request WHERE request_id = ANY($1::uuid[])"""  # noqa: S608
_LOCK = f"""SELECT {_COLUMNS} FROM evidence_request WHERE request_id = ANY($1::uuid[])
            ORDER BY request_id FOR UPDATE"""  # noqa: S608
_LOCK_OPEN = f"""SELECT {_COLUMNS} FROM evidence_request
            WHERE (case_id = ANY($1::uuid[]) OR exchange_id = ANY($2::uuid[])) AND {_OPEN}
            ORDER BY request_id FOR UPDATE"""  # noqa: S608
_OVERDUE = f"""SELECT request_id FROM evidence_request WHERE {_OPEN} AND deadline <= $1 ORDER BY deadline LIMIT $2"""  # noqa: S608


def _request(row: Row) -> Request:
    values = dict(row)
    for name in ("request_id", "exchange_id", "case_id"):
        values[name] = str(values[name])
    where = [values.pop(name) for name in ("preview_id", "preview_deployment", "preview_until")]
    look = None if where[0] is None else Look(str(where[0]), where[1], where[2])
    return Request(**{**values, "fields": tuple(values["fields"]), "look": look})


async def insert(tx: Queries, request: Request) -> None:
    """Keep a new request. UniqueViolation `evidence_request_open`: the exchange has an open one."""
    await tx.execute(
        _INSERT,
        request.request_id,
        request.exchange_id,
        request.case_id,
        request.step,
        request.asker,
        request.asker_system,
        request.holder,
        request.type,
        list(request.fields),
        request.purpose,
        request.basis,
        request.entry,
        request.release,
        request.grant_id,
        request.state,
        request.code,
        request.event_seq,
        request.recorded_at,
        request.deadline,
    )


async def find(tx: Queries, request_ids: Sequence[str]) -> list[Request]:
    """Read requests as they are committed; unknown ids are left out."""
    rows = await tx.fetch(
        _FIND,
        list(request_ids),
    )
    return [_request(row) for row in rows]


async def lock(tx: Queries, request_ids: Sequence[str]) -> dict[str, Request]:
    """Lock requests in order of their ids and read them, by id; unknown ids are left out."""
    rows = await tx.fetch(
        _LOCK,
        list(request_ids),
    )
    return {str(row["request_id"]): _request(row) for row in rows}


async def lock_open(tx: Queries, case_ids: Sequence[str], exchange_ids: Sequence[str]) -> list[Request]:
    """Lock the open requests of cases and of exchanges, in order of their ids."""
    rows = await tx.fetch(
        _LOCK_OPEN,
        list(case_ids),
        list(exchange_ids),
    )
    return [_request(row) for row in rows]


async def save_states(tx: Queries, moved: Sequence[Request]) -> None:
    """Write what became of requests. The rows are locked."""
    looks = [request.look for request in moved]
    await tx.execute(
        """UPDATE evidence_request r SET state = t.state, code = t.code, event_seq = t.event_seq,
             preview_id = t.preview_id, preview_deployment = t.deployment, preview_until = t.until
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::timestamptz[])
             AS t (request_id, state, code, event_seq, preview_id, deployment, until)
           WHERE r.request_id = t.request_id""",
        [request.request_id for request in moved],
        [request.state for request in moved],
        [request.code for request in moved],
        [request.event_seq for request in moved],
        [look and look.preview_id for look in looks],
        [look and look.deployment for look in looks],
        [look and look.until for look in looks],
    )


async def overdue(tx: Queries, now: datetime, limit: int) -> list[str]:
    """Name open requests whose deadline has passed, the oldest first."""
    rows = await tx.fetch(
        _OVERDUE,
        now,
        limit,
    )
    return [str(row["request_id"]) for row in rows]


async def join_case(tx: Queries, case_id: str) -> None:
    """Hold a case for this transaction, beside others who do: it can't be closed under our hands."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 1))", case_id)


async def hold_cases(tx: Queries, case_ids: Sequence[str]) -> None:
    """Hold cases alone for this transaction, in order of their ids."""
    for case_id in sorted(case_ids):
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", case_id)


async def case_closed(tx: Queries, case_id: str) -> bool:
    """Say whether the case is known as closed."""
    return bool(await tx.fetchval("SELECT true FROM closed_case WHERE case_id = $1", case_id))


async def close_cases(tx: Queries, closed: Sequence[tuple[str, datetime]]) -> None:
    """Remember closed cases: (case, until when its proofs could still be shown)."""
    await tx.execute(
        """INSERT INTO closed_case (case_id, keep_until)
           SELECT case_id, keep_until FROM unnest($1::uuid[], $2::timestamptz[]) AS t (case_id, keep_until)
           ORDER BY case_id
           ON CONFLICT (case_id) DO UPDATE SET keep_until = greatest(closed_case.keep_until, excluded.keep_until)""",
        [case_id for case_id, _until in closed],
        [until for _case, until in closed],
    )


async def forget_cases(tx: Queries, now: datetime) -> int:
    """Drop closed cases whose proofs have all ended by themselves; gives how many."""
    return await tx.execute("DELETE FROM closed_case WHERE keep_until < $1", now)
