# SPDX-License-Identifier: EUPL-1.2
"""Demands on the applicant: those that the proof gate let through, and those that it refused."""

from datetime import datetime

from kit.db import Queries


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


async def count_refused(
    tx: Queries, key: str, case_id: str, task_id: str, proves: str, code: str, now: datetime
) -> None:
    """Keep a demand that the gate refused; the same one again counts once."""
    await tx.execute(
        """INSERT INTO demand_refused (demand_key, case_id, task_id, proves, code, at) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (demand_key) DO NOTHING""",
        key,
        case_id,
        task_id,
        proves,
        code,
        now,
    )


async def demands_refused(tx: Queries, case_id: str) -> int:
    """Count the papers that offices wanted of the applicant and the gate refused."""
    found: int = await tx.fetchval("SELECT count(*) FROM demand_refused WHERE case_id = $1", case_id)
    return found
