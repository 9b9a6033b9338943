# SPDX-License-Identifier: EUPL-1.2
"""Case files, their subjects, and what the applicant gave."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Final

from cases.domain import Case, Input, Subject
from kit.db import Queries
from kit.db.queries import Row

_COLUMNS: Final = """case_id, life_event, applicant, state, uploads, text_version, opened_at, closed_at,
  coalesce(nullif(lead, ''), (SELECT s.office FROM step s WHERE s.case_id = case_file.case_id
    ORDER BY s.step_id LIMIT 1)) AS lead, previews, withdrawn_at, proof_until, event_seq, step_event_seq"""
"""A case opened before leads were kept has the office of its first step."""
_LOCK: Final = f"SELECT {_COLUMNS} FROM case_file WHERE case_id = $1 FOR UPDATE"  # noqa: S608 - column names only
_OF_APPLICANT: Final = f"SELECT {_COLUMNS} FROM case_file WHERE case_id = $1 AND applicant = $2"  # noqa: S608


async def insert_case(tx: Queries, case: Case, given: Input) -> None:
    """Open a case file."""
    await tx.execute(
        """INSERT INTO case_file (case_id, life_event, applicant, state, input, uploads, text_version, opened_at, lead,
             previews, event_seq, step_event_seq)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        case.case_id,
        case.life_event,
        case.applicant,
        case.state,
        json.dumps(given),
        case.uploads,
        case.text_version,
        case.opened_at,
        case.lead,
        case.previews,
        case.event_seq,
        case.step_event_seq,
    )


async def input_of(tx: Queries, case_id: str) -> Input:
    """Give what the applicant gave; files are long, so nobody reads it but who seals a task."""
    found: Input = json.loads(await tx.fetchval("SELECT input FROM case_file WHERE case_id = $1", case_id))
    return found


async def given_fields(tx: Queries, case_id: str) -> list[str]:
    """Name what the applicant gave, without a look at it."""
    rows = await tx.fetch("SELECT jsonb_object_keys(input) AS field FROM case_file WHERE case_id = $1", case_id)
    return [row["field"] for row in rows]


async def insert_subjects(tx: Queries, case_id: str, subjects: Sequence[Subject]) -> None:
    """Note whom a case is about."""
    await tx.executemany(
        "INSERT INTO case_subject (case_id, name, position, person, organisation) VALUES ($1, $2, $3, $4, $5)",
        [(case_id, s.name, s.position, s.person, s.organisation) for s in subjects],
    )


async def subjects_of(tx: Queries, case_id: str) -> list[Subject]:
    """Give the subjects of a case, by name and position."""
    rows = await tx.fetch(
        """SELECT name, position, person, organisation FROM case_subject
           WHERE case_id = $1 ORDER BY name, position""",
        case_id,
    )
    return [Subject(row["name"], row["position"], row["person"], row["organisation"]) for row in rows]


async def bind_organisation(tx: Queries, case_id: str, name: str, organisation: str) -> None:
    """Note the code of an organisation that a step founded. The case is locked."""
    await tx.execute(
        """UPDATE case_subject SET organisation = $3
           WHERE case_id = $1 AND name = $2 AND organisation IS NULL AND person IS NULL""",
        case_id,
        name,
        organisation,
    )


async def applicant_of(tx: Queries, case_id: str) -> str:
    """Give the applicant of a case (platform pseudonym)."""
    found: str = await tx.fetchval("SELECT applicant FROM case_file WHERE case_id = $1", case_id)
    return found


async def lock_case(tx: Queries, case_id: str) -> Case | None:
    """Give a case and keep it locked until the commit: whoever changes a step holds its case."""
    row = await tx.fetchrow(
        _LOCK,
        case_id,
    )
    return _case(row) if row is not None else None


async def case_of_applicant(tx: Queries, case_id: str, applicant: str) -> Case | None:
    """Give a case if it is this applicant's."""
    row = await tx.fetchrow(
        _OF_APPLICANT,
        case_id,
        applicant,
    )
    return _case(row) if row is not None else None


async def store_case(tx: Queries, case: Case) -> None:
    """Write what changes in a case."""
    await tx.execute(
        """UPDATE case_file SET state = $2, closed_at = $3, proof_until = $4, event_seq = $5, step_event_seq = $6,
             withdrawn_at = $7 WHERE case_id = $1""",
        case.case_id,
        case.state,
        case.closed_at,
        case.proof_until,
        case.event_seq,
        case.step_event_seq,
        case.withdrawn_at,
    )


async def bar(tx: Queries, person: str, until: date, case_id: str) -> None:
    """Note that a person's promise proved false; the longest bar counts."""
    await tx.execute(
        """INSERT INTO barred AS b (person, until, case_id) VALUES ($1, $2, $3)
           ON CONFLICT (person) DO UPDATE SET until = excluded.until, case_id = excluded.case_id
           WHERE b.until < excluded.until""",
        person,
        until,
        case_id,
    )


async def is_barred(tx: Queries, person: str, on: date) -> bool:
    """Say whether a person may not promise on that day."""
    found = await tx.fetchval("SELECT 1 FROM barred WHERE person = $1 AND until > $2", person, on)
    return found is not None


def _case(row: Row) -> Case:
    return Case(
        case_id=str(row["case_id"]),
        life_event=row["life_event"],
        applicant=row["applicant"],
        state=row["state"],
        uploads=row["uploads"],
        text_version=row["text_version"],
        opened_at=row["opened_at"],
        lead=row["lead"] or "",
        previews=row["previews"],
        closed_at=row["closed_at"],
        withdrawn_at=row["withdrawn_at"],
        proof_until=row["proof_until"],
        event_seq=row["event_seq"],
        step_event_seq=row["step_event_seq"],
    )
