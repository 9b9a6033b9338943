# SPDX-License-Identifier: EUPL-1.2
"""What steps need, and the asks for it."""

import json
from collections.abc import Sequence
from typing import Final

from cases.domain import Alternative, Look, Need
from kit.db import Queries
from kit.db.queries import Row

_COLUMNS: Final = """n.ask_id, n.step_id, n.position, n.type, n.subject_name, n.subject_position, n.former, n.proves,
  n.exchange_id, n.salt, n.state, n.request_id, n.code, n.alternatives, n.holder, n.preview_id, n.preview_deployment,
  n.preview_until"""
_UNSEEN: Final = f"{_COLUMNS}, NULL::bytea AS body"
"""Without the ask's bytes, which only the sender of asks reads."""
_TO_SEND: Final = f"""SELECT {_COLUMNS}, n.body FROM need n JOIN step s USING (step_id)
  WHERE n.state = 'unsent' AND s.state = 'gathering' AND NOT n.former AND n.ask_id <> ALL($1::uuid[])
  ORDER BY n.ask_id LIMIT $2"""  # noqa: S608 - column names only, here and below
_TO_GO_ON: Final = f"""SELECT {_UNSEEN} FROM need n JOIN step s USING (step_id)
  WHERE n.state = 'next' AND s.state = 'gathering' AND NOT n.former AND n.ask_id <> ALL($1::uuid[])
  ORDER BY n.ask_id LIMIT $2"""  # noqa: S608
_OF_STEPS: Final = f"""SELECT {_UNSEEN} FROM need n WHERE n.step_id = ANY($1::uuid[])
  ORDER BY n.step_id, n.position"""  # noqa: S608
_OF_EXCHANGE: Final = f"""SELECT {_UNSEEN}, s.case_id FROM need n JOIN step s USING (step_id)
  WHERE n.exchange_id = $1"""  # noqa: S608


async def insert_needs(tx: Queries, needs: Sequence[Need]) -> None:
    """Write the needs of a step, asks with their exact bytes."""
    await tx.executemany(
        """INSERT INTO need (ask_id, step_id, position, type, subject_name, subject_position, proves, exchange_id,
             salt, body, state, code, alternatives, holder)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
        [
            (
                n.ask_id, n.step_id, n.position, n.type, n.subject_name, n.subject_position, n.proves, n.exchange_id,
                n.salt, n.body, n.state, n.code, _alternatives_text(n), n.holder,
            )
            for n in needs
        ],
    )  # fmt: skip


async def unsent_needs(tx: Queries, leave: Sequence[str], limit: int) -> list[Need]:
    """Give asks that exchange-bus doesn't have yet, the oldest first. leave: asks that are left out."""
    rows = await tx.fetch(
        _TO_SEND,
        leave,
        limit,
    )
    return [_need(row) for row in rows]


async def needs_to_go_on(tx: Queries, leave: Sequence[str], limit: int) -> list[Need]:
    """Give needs whose next alternative is to be asked, the oldest first. leave: asks that are left out."""
    rows = await tx.fetch(
        _TO_GO_ON,
        leave,
        limit,
    )
    return [_need(row) for row in rows]


async def needs_of_step(tx: Queries, step_id: str) -> list[Need]:
    """Give a step's needs in order, without those that another took the place of, or that count no more."""
    return [need for need in await needs_of_steps(tx, [step_id]) if need.state != "passed" and not need.former]


async def needs_of_steps(tx: Queries, step_ids: Sequence[str]) -> list[Need]:
    """Give all needs of several steps, by step and position, also passed and former ones."""
    rows = await tx.fetch(
        _OF_STEPS,
        list(step_ids),
    )
    return [_need(row) for row in rows]


async def lock_need_of_exchange(tx: Queries, exchange_id: str) -> tuple[Need, str] | None:
    """Give the need that an exchange was for, and its case's id. The caller locks the case before it changes it."""
    row = await tx.fetchrow(
        _OF_EXCHANGE,
        exchange_id,
    )
    return (_need(row), str(row["case_id"])) if row is not None else None


async def mark_asked(tx: Queries, ask_id: str, request_id: str) -> bool:
    """Note that exchange-bus has the ask; gives whether it counts no more. A quicker answer than this note stays."""
    return bool(
        await tx.fetchval(
            """UPDATE need SET state = CASE state WHEN 'unsent' THEN 'asked' ELSE state END,
                 request_id = coalesce(request_id, $2), body = NULL WHERE ask_id = $1 RETURNING former""",
            ask_id,
            request_id,
        )
    )


async def resolve_need(
    tx: Queries, ask_id: str, state: str, code: str | None, *, request_id: str | None = None, holder: str | None = None
) -> int:
    """Note an ask's end; gives 0 if it was resolved before. holder: who was asked, once that is known."""
    return await tx.execute(
        """UPDATE need SET state = $2, code = $3, request_id = coalesce($4, request_id),
             holder = coalesce($5, holder), body = NULL
           WHERE ask_id = $1 AND state IN ('unsent', 'asked')""",
        ask_id,
        state,
        code,
        request_id,
        holder,
    )


async def note_look(tx: Queries, ask_id: str, look: Look, *, request_id: str, holder: str) -> int:
    """Note where a person looks before the answer comes; gives 0 if it came, or another ask took its place."""
    return await tx.execute(
        """UPDATE need SET state = 'asked', preview_id = $2, preview_deployment = $3, preview_until = $4,
             request_id = $5, holder = $6, body = NULL
           WHERE ask_id = $1 AND state IN ('unsent', 'asked')""",
        ask_id,
        look.preview_id,
        look.deployment,
        look.until,
        request_id,
        holder,
    )


async def leave_needs(tx: Queries, step_ids: Sequence[str]) -> list[str]:
    """Let the needs of steps that go back to waiting count no more; gives the exchanges that wait for an answer."""
    rows = await tx.fetch(
        """UPDATE need SET former = true WHERE step_id = ANY($1::uuid[]) AND NOT former
           RETURNING exchange_id, state""",
        list(step_ids),
    )
    return [str(row["exchange_id"]) for row in rows if row["state"] == "asked"]


async def leave_next(tx: Queries, ask_id: str, state: str) -> int:
    """Note what became of a need whose next alternative was due: `passed` or `refused`. 0: somebody else did it."""
    return await tx.execute("UPDATE need SET state = $2 WHERE ask_id = $1 AND state = 'next'", ask_id, state)


def _alternatives_text(need: Need) -> str:
    return json.dumps([[a.type, a.name, a.position] for a in need.alternatives])


def _need(row: Row) -> Need:
    return Need(
        ask_id=str(row["ask_id"]),
        step_id=str(row["step_id"]),
        position=row["position"],
        type=row["type"],
        subject_name=row["subject_name"],
        subject_position=row["subject_position"],
        exchange_id=str(row["exchange_id"]),
        salt=row["salt"],
        state=row["state"],
        proves=row["proves"],
        body=row["body"],
        request_id=None if row["request_id"] is None else str(row["request_id"]),
        code=row["code"],
        alternatives=tuple(Alternative(*one) for one in json.loads(row["alternatives"])),
        holder=row["holder"],
        former=row["former"],
        look=_look(row),
    )


def _look(row: Row) -> Look | None:
    found = row["preview_id"]
    return None if found is None else Look(str(found), row["preview_deployment"], row["preview_until"])
