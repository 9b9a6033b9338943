# SPDX-License-Identifier: EUPL-1.2
"""Case files and their subjects."""

import json
from collections.abc import Sequence

from cases.domain import Case, Subject
from kit.db import Queries
from kit.db.queries import Row


async def insert_case(tx: Queries, case: Case) -> None:
    """Open a case file."""
    await tx.execute(
        """INSERT INTO case_file (case_id, life_event, applicant, state, input, uploads, text_version, opened_at,
             event_seq, step_event_seq)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        case.case_id,
        case.life_event,
        case.applicant,
        case.state,
        json.dumps(case.input),
        case.uploads,
        case.text_version,
        case.opened_at,
        case.event_seq,
        case.step_event_seq,
    )


async def insert_subjects(tx: Queries, case_id: str, subjects: Sequence[Subject]) -> None:
    """Note the persons of a case."""
    await tx.executemany(
        "INSERT INTO case_subject (case_id, name, position, person) VALUES ($1, $2, $3, $4)",
        [(case_id, s.name, s.position, s.person) for s in subjects],
    )


async def subjects_of(tx: Queries, case_id: str) -> list[Subject]:
    """Give the persons of a case, by name and position."""
    rows = await tx.fetch(
        "SELECT name, position, person FROM case_subject WHERE case_id = $1 ORDER BY name, position", case_id
    )
    return [Subject(row["name"], row["position"], row["person"]) for row in rows]


async def applicant_of(tx: Queries, case_id: str) -> str:
    """Give the applicant of a case (platform pseudonym)."""
    found: str = await tx.fetchval("SELECT applicant FROM case_file WHERE case_id = $1", case_id)
    return found


async def lock_case(tx: Queries, case_id: str) -> Case | None:
    """Give a case and keep it locked until the commit: whoever changes a step holds its case."""
    row = await tx.fetchrow(
        """SELECT case_id, life_event, applicant, state, input, uploads, text_version, opened_at, closed_at,
             proof_until, event_seq, step_event_seq
           FROM case_file WHERE case_id = $1 FOR UPDATE""",
        case_id,
    )
    return _case(row) if row is not None else None


async def case_of_applicant(tx: Queries, case_id: str, applicant: str) -> Case | None:
    """Give a case if it is this applicant's."""
    row = await tx.fetchrow(
        """SELECT case_id, life_event, applicant, state, input, uploads, text_version, opened_at, closed_at,
             proof_until, event_seq, step_event_seq
           FROM case_file WHERE case_id = $1 AND applicant = $2""",
        case_id,
        applicant,
    )
    return _case(row) if row is not None else None


async def store_case(tx: Queries, case: Case) -> None:
    """Write what changes in a case."""
    await tx.execute(
        """UPDATE case_file SET state = $2, closed_at = $3, proof_until = $4, event_seq = $5, step_event_seq = $6
           WHERE case_id = $1""",
        case.case_id,
        case.state,
        case.closed_at,
        case.proof_until,
        case.event_seq,
        case.step_event_seq,
    )


def _case(row: Row) -> Case:
    return Case(
        case_id=str(row["case_id"]),
        life_event=row["life_event"],
        applicant=row["applicant"],
        state=row["state"],
        input=json.loads(row["input"]),
        uploads=row["uploads"],
        text_version=row["text_version"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        proof_until=row["proof_until"],
        event_seq=row["event_seq"],
        step_event_seq=row["step_event_seq"],
    )
