# SPDX-License-Identifier: EUPL-1.2
"""Steps, their tasks, and the certificates that they led to."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cases.domain import Issue, Step, StepCertificate, Want, can_start
from kit.db import Queries
from kit.db.queries import Row

_COLUMNS: Final = """step_id, case_id, step, office, service, mode, after_steps, issues, state, wants, accountable,
  input_fields, commitment, visit, visit_days, visit_on, on_refusal, on_withdrawal, optional, accepted_at, needs_count,
  deadline, case_proof, task_id, task_exchange_id, task_seq, tasked_at, ended_at, deemed, escalated_at, again, undo_at,
  certificate_id, code, reason"""
_OF_CASE: Final = f"SELECT {_COLUMNS} FROM step WHERE case_id = $1 ORDER BY step_id"  # noqa: S608 - column names only
_OF_TASK: Final = f"SELECT {_COLUMNS} FROM step WHERE task_id = $1"  # noqa: S608
_OF_FORMER_TASK: Final = f"""SELECT {_COLUMNS} FROM step
  WHERE step_id = (SELECT step_id FROM former_task WHERE task_id = $1)"""  # noqa: S608
_OF_CERTIFICATE: Final = f"""SELECT {_COLUMNS} FROM step
  WHERE step_id IN (SELECT step_id FROM step_certificate WHERE certificate_id = $1) ORDER BY step_id"""  # noqa: S608
_TO_SEAL: Final = f"""SELECT {_COLUMNS} FROM step WHERE state = 'ready' AND step_id <> ALL($1::uuid[])
  UNION ALL
  SELECT {_COLUMNS} FROM step WHERE again IS NOT NULL AND state <> 'ready' AND step_id <> ALL($1::uuid[])
  ORDER BY task_id LIMIT $2"""  # noqa: S608


async def insert_steps(tx: Queries, steps: Sequence[Step]) -> None:
    """Write all steps of a new case, as they were laid out. may_start: the database keeps it from then on."""
    await tx.executemany(
        """INSERT INTO step (step_id, case_id, step, office, service, mode, after_steps, issues, state, wants,
             accountable, input_fields, commitment, visit, visit_days, on_refusal, on_withdrawal, optional, ended_at,
             may_start)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)""",
        [
            (
                s.step_id, s.case_id, s.step, s.office, s.service, s.mode, list(s.after), _issues_text(s), s.state,
                _wants_text(s), s.accountable, list(s.input_fields or ()), s.commitment, s.visit, s.visit_days,
                s.on_refusal, s.on_withdrawal, s.optional, s.ended_at, can_start(s, steps),
            )
            for s in steps
        ],
    )  # fmt: skip


async def steps_of_case(tx: Queries, case_id: str) -> list[Step]:
    """Give all steps of a case, in the order of the life event."""
    rows = await tx.fetch(
        _OF_CASE,
        case_id,
    )
    return [read_step(row) for row in rows]


async def step_of_task(tx: Queries, task_id: str) -> Step | None:
    """Give the step that a task belongs to."""
    row = await tx.fetchrow(_OF_TASK, task_id)
    return read_step(row) if row is not None else None


async def step_of_former_task(tx: Queries, task_id: str) -> Step | None:
    """Give the step that a task belonged to until the step went back."""
    row = await tx.fetchrow(_OF_FORMER_TASK, task_id)
    return read_step(row) if row is not None else None


async def keep_former_tasks(tx: Queries, steps: Sequence[Step], reason: str, now: datetime) -> None:
    """Remember the tasks of steps that go back. One that had none since it went back last is remembered already."""
    await tx.executemany(
        """INSERT INTO former_task (task_id, step_id, reason, at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (task_id) DO NOTHING""",
        [(s.task_id, s.step_id, reason, now) for s in steps if s.task_id is not None],
    )


async def steps_of_certificate(tx: Queries, certificate_id: str) -> list[Step]:
    """Give the steps that led to a certificate: one, several where others led to later versions, none of no case."""
    rows = await tx.fetch(_OF_CERTIFICATE, certificate_id)
    return [read_step(row) for row in rows]


async def steps_to_prepare(tx: Queries, leave: Sequence[str], limit: int) -> list[str]:
    """Give ids of open cases with a step that may start, the oldest first. leave: cases that are left out."""
    rows = await tx.fetch(
        """SELECT DISTINCT s.case_id FROM step s JOIN case_file c USING (case_id)
           WHERE s.state = 'waiting' AND s.may_start AND c.state = 'open' AND s.case_id <> ALL($1::uuid[])
           ORDER BY s.case_id LIMIT $2""",
        leave,
        limit,
    )
    return [str(row["case_id"]) for row in rows]


async def steps_to_seal(tx: Queries, leave: Sequence[str], limit: int) -> list[Step]:
    """Give steps whose task isn't sealed yet, or is to be sealed again, the oldest first. leave: left out."""
    rows = await tx.fetch(
        _TO_SEAL,
        leave,
        limit,
    )
    return [read_step(row) for row in rows]


async def store_step(tx: Queries, step: Step) -> None:
    """Write what changes in a step; a clock that begins anew forgets when it was looked at. The case is locked."""
    await tx.execute(
        """UPDATE step SET due_at = CASE WHEN deadline IS NOT DISTINCT FROM $7 THEN due_at END,
             state = $2, accountable = $3, visit_on = $4, accepted_at = $5, needs_count = $6,
             deadline = $7, case_proof = $8, task_id = $9, task_exchange_id = $10, task_seq = $11, tasked_at = $12,
             ended_at = $13, deemed = $14, escalated_at = $15, again = $16, undo_at = $17, certificate_id = $18,
             code = $19, reason = $20 WHERE step_id = $1""",
        step.step_id,
        step.state,
        step.accountable,
        step.visit_on,
        step.accepted_at,
        step.needs_count,
        step.deadline,
        step.case_proof,
        step.task_id,
        step.task_exchange_id,
        step.task_seq,
        step.tasked_at,
        step.ended_at,
        step.deemed,
        step.escalated_at,
        step.again,
        step.undo_at,
        step.certificate_id,
        step.code,
        step.reason,
    )


async def attach(tx: Queries, certificate: StepCertificate) -> None:
    """Note that a step led to a certificate; the same one again changes nothing."""
    await tx.execute(
        """INSERT INTO step_certificate (step_id, certificate_id, type, version, provisional)
           VALUES ($1, $2, $3, $4, $5) ON CONFLICT (step_id, certificate_id) DO NOTHING""",
        certificate.step_id,
        certificate.certificate_id,
        certificate.type,
        certificate.version,
        certificate.provisional,
    )


async def end_certificate(tx: Queries, step_id: str, certificate_id: str, status: str) -> None:
    """Note the status that ended a certificate of a step."""
    await tx.execute(
        "UPDATE step_certificate SET ended = $3 WHERE step_id = $1 AND certificate_id = $2",
        step_id,
        certificate_id,
        status,
    )


async def certificates_of(tx: Queries, step_id: str) -> list[StepCertificate]:
    """Give the certificates that a step led to."""
    rows = await tx.fetch(
        """SELECT step_id, certificate_id, type, version, provisional, ended FROM step_certificate
           WHERE step_id = $1 ORDER BY certificate_id""",
        step_id,
    )
    return [
        StepCertificate(
            str(row["step_id"]),
            str(row["certificate_id"]),
            row["type"],
            row["version"],
            row["provisional"],
            row["ended"],
        )
        for row in rows
    ]


def read_step(row: Row) -> Step:
    """Read a row that has all columns of a step."""
    return Step(
        step_id=str(row["step_id"]),
        case_id=str(row["case_id"]),
        step=row["step"],
        office=row["office"],
        service=row["service"],
        mode=row["mode"],
        after=tuple(row["after_steps"]),
        issues=tuple(Issue(i["type"], i["to"], i.get("amends", False)) for i in json.loads(row["issues"])),
        state=row["state"],
        wants=_wants(row["wants"]),
        accountable=row["accountable"] or row["office"],
        input_fields=None if row["input_fields"] is None else tuple(row["input_fields"]),
        commitment=row["commitment"],
        visit=row["visit"],
        visit_days=row["visit_days"],
        visit_on=row["visit_on"],
        on_refusal=row["on_refusal"],
        on_withdrawal=row["on_withdrawal"],
        optional=row["optional"],
        accepted_at=row["accepted_at"],
        needs_count=row["needs_count"],
        deadline=row["deadline"],
        case_proof=row["case_proof"],
        task_id=_text(row["task_id"]),
        task_exchange_id=_text(row["task_exchange_id"]),
        task_seq=row["task_seq"],
        tasked_at=row["tasked_at"],
        ended_at=row["ended_at"],
        deemed=row["deemed"],
        escalated_at=row["escalated_at"],
        again=row["again"],
        undo_at=row["undo_at"],
        certificate_id=_text(row["certificate_id"]),
        code=row["code"],
        reason=row["reason"],
    )


def _issues_text(step: Step) -> str:
    return json.dumps([{"type": i.type, "to": i.to, "amends": i.amends} for i in step.issues])


def _wants_text(step: Step) -> str:
    return json.dumps([{"ways": [list(way) for way in w.alternatives], "each": w.each} for w in step.wants or ()])


def _wants(text: str | None) -> tuple[Want, ...] | None:
    if text is None:
        return None
    raw: list[dict[str, Any]] = json.loads(text)
    return tuple(Want(tuple((kind, of) for kind, of in one["ways"]), one["each"]) for one in raw)


def _text(value: object) -> str | None:
    return str(value) if value is not None else None
