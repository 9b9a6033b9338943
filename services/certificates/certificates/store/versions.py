# SPDX-License-Identifier: EUPL-1.2
"""Versions of a certificate: the next one, and those that were."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from certificates.domain import Certificate, Done, Operation, Status
from certificates.store.rows import provisional_of
from kit.db import Queries, Row
from kit.strictjson import dumps, loads


async def supersede(tx: Queries, next_one: Certificate, *, left: Status) -> bool:
    """Put the next version in the place of the one before, which is kept as it was. left: the old version's status.

    Gives False, and does nothing, when the latest isn't the version before. Raises UniqueViolation when the next one's
    natural key is another certificate's.
    """
    c = next_one
    updated = await tx.fetchval(
        """WITH old AS (
             INSERT INTO certificate_version (office, certificate_id, version, type_version, natural_key, claims,
               status, licence_id, valid_from, valid_to, issued_at, replaced_at, credential, format, conditions,
               check_by)
             SELECT office, id, version, type_version, natural_key, claims, $4, licence_id, valid_from, valid_to,
               issued_at, $12, credential, format, conditions, check_by
             FROM certificate WHERE office = $1 AND id = $2 AND version = $3::int - 1)
           UPDATE certificate SET version = $3, type_version = $5, natural_key = $6, claims = $7, status = $8,
             licence_id = $9, valid_from = $10, valid_to = $11, issued_at = $12, credential = $13, format = $14,
             conditions = $15, check_by = $16, event_seq = $17, status_text = NULL
           WHERE office = $1 AND id = $2 AND version = $3::int - 1
           RETURNING true""",
        c.office,
        UUID(c.id),
        c.version,
        left,
        c.type_version,
        c.natural_key,
        dumps(dict(c.claims)),
        c.status,
        c.licence_id,
        c.valid_from,
        c.valid_to,
        c.issued_at,
        c.credential,
        c.format,
        c.provisional and dumps(list(c.provisional.conditions)),
        c.provisional and c.provisional.check_by,
        c.event_seq,
    )
    return updated is True


async def former(tx: Queries, latest: Certificate) -> list[Certificate]:
    """Give the versions before the latest, the first one first."""
    rows = await tx.fetch(
        """SELECT version, type_version, natural_key, claims, status, licence_id, valid_from, valid_to, issued_at,
                  credential, conditions, check_by
           FROM certificate_version WHERE office = $1 AND certificate_id = $2 ORDER BY version""",
        latest.office,
        UUID(latest.id),
    )
    return [_version_of(row, latest) for row in rows]


async def operations(tx: Queries, office: str, certificate_id: str) -> list[Done]:
    """Give all that was done to a certificate, in order."""
    rows = await tx.fetch(
        """SELECT version, operation, status_after, at
           FROM certificate_operation WHERE office = $1 AND certificate_id = $2 ORDER BY event_seq""",
        office,
        UUID(certificate_id),
    )
    return [Done(row["version"], Operation(row["operation"]), row["status_after"], row["at"]) for row in rows]


async def status_of_licence(tx: Queries, office: str, licence_id: str) -> Status | None:
    """Give the status of a former version by its licence id; None when there was none."""
    status: Status | None = await tx.fetchval(
        "SELECT status FROM certificate_version WHERE office = $1 AND licence_id = $2", office, licence_id
    )
    return status


def _version_of(row: Row, latest: Certificate) -> Certificate:
    """Give a former version: what versions share is the latest's."""
    claims: Mapping[str, Any] = loads(row["claims"])
    return replace(
        latest,
        version=row["version"],
        type_version=row["type_version"],
        natural_key=row["natural_key"],
        claims=claims,
        status=row["status"],
        licence_id=row["licence_id"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        issued_at=row["issued_at"],
        credential=row["credential"],
        provisional=provisional_of(row),
        status_text=None,
    )
