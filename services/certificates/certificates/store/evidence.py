# SPDX-License-Identifier: EUPL-1.2
"""What answers to evidence requests need, and their journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from certificates.domain import Certificate
from certificates.store.rows import certificate_of
from kit.db import Queries


@dataclass(frozen=True, kw_only=True)
class JournalRow:
    """One row of `evidence_event`. subject: the alias as it came, sealed. subject_key: keyed HMAC of the pseudonym."""

    type: str
    event_id: str | None = None
    case_id: str | None = None
    exchange_id: str | None = None
    request_id: str | None = None
    answer_id: str | None = None
    asker: str | None = None
    holder: str | None = None
    step: str | None = None
    entry: str | None = None
    release: int | None = None
    evidence_type: str | None = None
    evidence_id: str | None = None
    evidence_version: int | None = None
    digest: str | None = None
    media_type: str | None = None
    code: str | None = None
    rule: str | None = None
    reason: str | None = None
    subject: str | None = None
    subject_key: str | None = None


_COLUMNS = (
    *("type", "event_id", "case_id", "exchange_id", "request_id", "answer_id", "asker", "holder"),
    *("step", "entry", "release", "evidence_type", "evidence_id", "evidence_version", "digest", "media_type"),
    *("code", "rule", "reason", "subject", "subject_key"),
)
"""The journal's columns after `at`, in the order of the statement."""


async def find_held(tx: Queries, wanted: Sequence[tuple[str, str, str]], today: date) -> list[list[Certificate]]:
    """Give, for each (office, type, holder), the certificates that may be shown today: none, one, or the first two.

    The condition on `succeeded` looks idle beside that on 01: by it the planner sees that the natural key's index fits.
    """
    rows = await tx.fetch(
        """SELECT w.ord, c.office, c.id, c.type, c.type_version, c.type_code, c.subject, c.organisation,
                  c.natural_key, c.claims, c.version, c.event_seq, c.status, c.licence_id, c.valid_from, c.valid_to,
                  c.issued_at, c.credential, c.case_id, c.task_id, c.conditions, c.check_by, c.ruling,
                  c.former_office, c.former_id, c.status_text
           FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w (office, type, holder, ord)
           CROSS JOIN LATERAL (
             SELECT office, id, type, type_version, type_code, subject, organisation, natural_key, claims, version,
                    event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, case_id, task_id,
                    conditions, check_by, ruling, former_office, former_id, status_text
             FROM certificate h
             WHERE h.office = w.office AND h.type = w.type AND h.holder = w.holder AND NOT h.succeeded
               AND h.status = '01' AND h.valid_from <= $4 AND (h.valid_to IS NULL OR h.valid_to >= $4)
             ORDER BY h.natural_key LIMIT 2) c
           ORDER BY w.ord""",
        [office for office, _, _ in wanted],
        [type_name for _, type_name, _ in wanted],
        [holder for _, _, holder in wanted],
        today,
    )
    found: list[list[Certificate]] = [[] for _ in wanted]
    for row in rows:
        found[row["ord"] - 1].append(certificate_of(row))
    return found


async def hold_still(tx: Queries, certificates: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Lock certificates against change until the commit; give their event_seq by id. certificates: (office, id)."""
    rows = await tx.fetch(
        """SELECT c.id, c.event_seq FROM certificate c
           WHERE (c.office, c.id) IN (SELECT office, id FROM unnest($1::text[], $2::uuid[]) AS w (office, id))
           ORDER BY c.office, c.id FOR SHARE""",
        [office for office, _ in certificates],
        [UUID(certificate_id) for _, certificate_id in certificates],
    )
    return {str(row["id"]): row["event_seq"] for row in rows}


async def write_journal(tx: Queries, rows: Sequence[JournalRow], at: datetime) -> None:
    """Append to the journal."""
    await tx.executemany(
        """INSERT INTO evidence_event (at, type, event_id, case_id, exchange_id, request_id, answer_id, asker, holder,
             step, entry, release, evidence_type, evidence_id, evidence_version, digest, media_type, code, rule, reason,
             subject, subject_key)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
             $21, $22)""",
        [(at, *(getattr(row, name) for name in _COLUMNS)) for row in rows],
    )
