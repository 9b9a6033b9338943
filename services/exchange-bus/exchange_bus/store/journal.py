# SPDX-License-Identifier: EUPL-1.2
"""The journal of evidence, and the demands on applicants. Insert only: the tables refuse everything else."""

from collections.abc import Sequence
from datetime import datetime

from exchange_bus.domain.records import JournalRow, ProofDemand, Refused
from kit.db import Queries


async def write(tx: Queries, rows: Sequence[JournalRow], now: datetime, traceparent: str | None) -> None:
    """Append rows, in the transaction of the effect that they record."""
    trace = traceparent.split("-")[1] if traceparent else None
    await tx.executemany(
        """INSERT INTO evidence_event (at, type, exchange_id, request_id, case_id, event_id, asker, holder, step, entry,
                                       release, evidence_type, digest, code, rule, trace_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)""",
        [
            (
                now,
                row.type,
                row.exchange_id,
                row.request_id,
                row.case_id,
                row.event_id,
                row.asker,
                row.holder,
                row.step,
                row.entry,
                row.release,
                row.evidence_type,
                row.digest,
                row.code,
                row.rule,
                trace,
            )
            for row in rows
        ],
    )


async def insert_demand(tx: Queries, demand: ProofDemand, now: datetime) -> bool:
    """Keep a demand on the applicant and its verdict; False where it was kept before."""
    written = await tx.execute(
        """INSERT INTO proof_demand (demand_id, demanded_at, asked_by, service, step, proves, cites, case_id, code,
                                     entry, release)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (demand_id) DO NOTHING""",
        demand.demand_id,
        now,
        demand.asked_by,
        demand.service,
        demand.step,
        demand.proves,
        demand.cites,
        demand.case_id,
        demand.code,
        demand.entry,
        demand.release,
    )
    return written > 0


async def refused_demands(tx: Queries, office: str) -> list[Refused]:
    """Count the demands of an office that were refused, by code and fact; the facts as the office named them."""
    rows = await tx.fetch(
        """SELECT code, proves AS fact, count(*) AS times FROM proof_demand
           WHERE asked_by = $1 AND code <> 'ACCEPTED' GROUP BY code, proves""",
        office,
    )
    return [Refused(row["code"], row["fact"], row["times"]) for row in rows]


async def refused_requests(tx: Queries, office: str) -> list[Refused]:
    """Count the evidence requests of an office that the gate refused, by code and type as the office named it."""
    rows = await tx.fetch(
        """SELECT code, evidence_type AS fact, count(*) AS times FROM evidence_event
           WHERE type = 'request-refused' AND asker = $1 GROUP BY code, evidence_type""",
        office,
    )
    return [Refused(row["code"], row["fact"], row["times"]) for row in rows]
