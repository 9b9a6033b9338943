# SPDX-License-Identifier: EUPL-1.2
"""Steps, needs and demands."""

import json
from collections.abc import Sequence
from datetime import datetime

from cases.domain import Issue, Need, Step
from kit.db import Queries
from kit.db.queries import Row


async def insert_steps(tx: Queries, steps: Sequence[Step]) -> None:
    """Write the steps of a new case, all waiting."""
    await tx.executemany(
        """INSERT INTO step (step_id, case_id, step, office, service, mode, after_steps, issues, state)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        [
            (s.step_id, s.case_id, s.step, s.office, s.service, s.mode, list(s.after), _issues_text(s), s.state)
            for s in steps
        ],
    )


async def steps_of_case(tx: Queries, case_id: str) -> list[Step]:
    """Give all steps of a case, in the order of the life event."""
    rows = await tx.fetch(
        """SELECT step_id, case_id, step, office, service, mode, after_steps, issues, state, needs_count, deadline,
             case_proof, task_id, task_exchange_id, certificate_id, code
           FROM step WHERE case_id = $1 ORDER BY step_id""",
        case_id,
    )
    return [_step(row) for row in rows]


async def step_of_task(tx: Queries, task_id: str) -> Step | None:
    """Give the step that a task belongs to."""
    row = await tx.fetchrow(
        """SELECT step_id, case_id, step, office, service, mode, after_steps, issues, state, needs_count, deadline,
             case_proof, task_id, task_exchange_id, certificate_id, code
           FROM step WHERE task_id = $1""",
        task_id,
    )
    return _step(row) if row is not None else None


async def steps_to_prepare(tx: Queries, leave: Sequence[str], limit: int) -> list[str]:
    """Give ids of open cases with a step that may start, the oldest first. leave: cases that are left out."""
    rows = await tx.fetch(
        """SELECT DISTINCT s.case_id FROM step s JOIN case_file c USING (case_id)
           WHERE s.state = 'waiting' AND c.state = 'open' AND s.case_id <> ALL($1::uuid[])
             AND NOT EXISTS (SELECT 1 FROM step p WHERE p.case_id = s.case_id AND p.state <> 'done'
                             AND split_part(p.step, '/', 2) = ANY(s.after_steps))
           ORDER BY s.case_id LIMIT $2""",
        leave,
        limit,
    )
    return [str(row["case_id"]) for row in rows]


async def steps_to_seal(tx: Queries, leave: Sequence[str], limit: int) -> list[Step]:
    """Give steps whose task isn't sealed yet, the oldest first. leave: steps that are left out."""
    rows = await tx.fetch(
        """SELECT step_id, case_id, step, office, service, mode, after_steps, issues, state, needs_count, deadline,
             case_proof, task_id, task_exchange_id, certificate_id, code
           FROM step WHERE state = 'ready' AND step_id <> ALL($1::uuid[]) ORDER BY task_id LIMIT $2""",
        leave,
        limit,
    )
    return [_step(row) for row in rows]


async def store_step(tx: Queries, step: Step) -> None:
    """Write what changes in a step."""
    await tx.execute(
        """UPDATE step SET state = $2, needs_count = $3, deadline = $4, case_proof = $5, task_id = $6,
             task_exchange_id = $7, certificate_id = $8, code = $9 WHERE step_id = $1""",
        step.step_id,
        step.state,
        step.needs_count,
        step.deadline,
        step.case_proof,
        step.task_id,
        step.task_exchange_id,
        step.certificate_id,
        step.code,
    )


async def insert_needs(tx: Queries, needs: Sequence[Need]) -> None:
    """Write the needs of a step, asks with their exact bytes."""
    await tx.executemany(
        """INSERT INTO need (ask_id, step_id, position, type, subject_name, subject_position, proves, exchange_id,
             salt, body, state, code)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        [
            (
                n.ask_id, n.step_id, n.position, n.type, n.subject_name, n.subject_position, n.proves, n.exchange_id,
                n.salt, n.body, n.state, n.code,
            )
            for n in needs
        ],
    )  # fmt: skip


async def unsent_needs(tx: Queries, leave: Sequence[str], limit: int) -> list[Need]:
    """Give asks that exchange-bus doesn't have yet, the oldest first. leave: asks that are left out."""
    rows = await tx.fetch(
        """SELECT ask_id, step_id, position, type, subject_name, subject_position, proves, exchange_id, salt, body,
             state, request_id, code
           FROM need WHERE state = 'unsent' AND ask_id <> ALL($1::uuid[]) ORDER BY ask_id LIMIT $2""",
        leave,
        limit,
    )
    return [_need(row) for row in rows]


async def needs_of_step(tx: Queries, step_id: str) -> list[Need]:
    """Give a step's needs in order."""
    return await needs_of_steps(tx, [step_id])


async def needs_of_steps(tx: Queries, step_ids: Sequence[str]) -> list[Need]:
    """Give the needs of several steps, by step and position."""
    rows = await tx.fetch(
        """SELECT ask_id, step_id, position, type, subject_name, subject_position, proves, exchange_id, salt,
             NULL::bytea AS body, state, request_id, code
           FROM need WHERE step_id = ANY($1::uuid[]) ORDER BY step_id, position""",
        list(step_ids),
    )
    return [_need(row) for row in rows]


async def lock_need_of_exchange(tx: Queries, exchange_id: str) -> tuple[Need, str] | None:
    """Give the need that an exchange was for, and its case's id. The caller locks the case before it changes it."""
    row = await tx.fetchrow(
        """SELECT n.ask_id, n.step_id, n.position, n.type, n.subject_name, n.subject_position, n.proves, n.exchange_id,
             n.salt, NULL::bytea AS body, n.state, n.request_id, n.code, s.case_id
           FROM need n JOIN step s USING (step_id) WHERE n.exchange_id = $1""",
        exchange_id,
    )
    return (_need(row), str(row["case_id"])) if row is not None else None


async def mark_asked(tx: Queries, ask_id: str, request_id: str) -> None:
    """Note that exchange-bus has the ask. An answer that was quicker than this note stays."""
    await tx.execute(
        """UPDATE need SET state = CASE state WHEN 'unsent' THEN 'asked' ELSE state END,
             request_id = coalesce(request_id, $2), body = NULL WHERE ask_id = $1""",
        ask_id,
        request_id,
    )


async def refuse_need(tx: Queries, ask_id: str, code: str) -> int:
    """Note that the gate refused an ask; gives 0 if it was resolved before."""
    return await tx.execute(
        "UPDATE need SET state = 'refused', code = $2, body = NULL WHERE ask_id = $1 AND state = 'unsent'",
        ask_id,
        code,
    )


async def resolve_need(tx: Queries, ask_id: str, state: str, request_id: str, code: str | None) -> int:
    """Note an ask's end; gives 0 if it was resolved before."""
    return await tx.execute(
        """UPDATE need SET state = $2, request_id = $3, code = $4, body = NULL
           WHERE ask_id = $1 AND state IN ('unsent', 'asked')""",
        ask_id,
        state,
        request_id,
        code,
    )


async def insert_demand(tx: Queries, demand_id: str, task_id: str, proves: str, entry: str, now: datetime) -> None:
    """Keep a demand on the applicant that the gate let through."""
    await tx.execute(
        """INSERT INTO demand (demand_id, task_id, proves, entry, made_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (demand_id) DO NOTHING""",
        demand_id,
        task_id,
        proves,
        entry,
        now,
    )


def _issues_text(step: Step) -> str:
    return json.dumps([{"type": issue.type, "to": issue.to} for issue in step.issues])


def _step(row: Row) -> Step:
    return Step(
        step_id=str(row["step_id"]),
        case_id=str(row["case_id"]),
        step=row["step"],
        office=row["office"],
        service=row["service"],
        mode=row["mode"],
        after=tuple(row["after_steps"]),
        issues=tuple(Issue(item["type"], item["to"]) for item in json.loads(row["issues"])),
        state=row["state"],
        needs_count=row["needs_count"],
        deadline=row["deadline"],
        case_proof=row["case_proof"],
        task_id=_text(row["task_id"]),
        task_exchange_id=_text(row["task_exchange_id"]),
        certificate_id=_text(row["certificate_id"]),
        code=row["code"],
    )


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
        request_id=_text(row["request_id"]),
        code=row["code"],
    )


def _text(value: object) -> str | None:
    return str(value) if value is not None else None
