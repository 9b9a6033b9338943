# SPDX-License-Identifier: EUPL-1.2
"""How a certificate lies in its row."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from certificates.domain import Certificate, Former, Holder, Provisional
from kit.db import Row
from kit.strictjson import loads


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
        case_id=text(row["case_id"]),
        task_id=text(row["task_id"]),
        provisional=provisional_of(row),
        ruling=row["ruling"],
        former=None if row["former_id"] is None else Former(row["former_office"], str(row["former_id"])),
        status_text=row["status_text"],
    )


def provisional_of(row: Row) -> Provisional | None:
    """Read what a certificate was given on."""
    if row["check_by"] is None:
        return None
    return Provisional(tuple(loads(row["conditions"])), row["check_by"])


def uuid(of: str | None) -> UUID | None:
    """Give a uuid column's value."""
    return None if of is None else UUID(of)


def text(of: UUID | None) -> str | None:
    """Give an id as it is everywhere else."""
    return None if of is None else str(of)
