# SPDX-License-Identifier: EUPL-1.2
"""Outages, the heartbeat, the sandbox's clock, and the steps whose time is up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cases.domain.clocks import Heartbeat, Outage
from contracts import topics
from kit.db import Queries


@dataclass(frozen=True)
class DueStep:
    """A step whose time is up, as far as was known when it was looked at last."""

    step_id: str
    case_id: str
    task_id: str


async def insert_outage(tx: Queries, outage_id: str, outage: Outage, source: str, now: datetime) -> None:
    """Keep an outage. source: `recorded` by the data office, or `heartbeat`."""
    await tx.execute(
        "INSERT INTO outage (outage_id, office, starts_at, ends_at, source, noted_at) VALUES ($1, $2, $3, $4, $5, $6)",
        outage_id,
        outage.office,
        outage.starts_at,
        outage.ends_at,
        source,
        now,
    )


async def outages_since(tx: Queries, since: datetime, offices: Sequence[str]) -> list[Outage]:
    """Give the outages that ended after *since*, of these offices and of the platform."""
    rows = await tx.fetch(
        """SELECT office, starts_at, ends_at FROM outage
           WHERE ends_at > $1 AND (office IS NULL OR office = ANY($2::text[])) ORDER BY starts_at""",
        since,
        list(offices),
    )
    return [Outage(row["office"], row["starts_at"], row["ends_at"]) for row in rows]


async def heartbeat(tx: Queries) -> Heartbeat | None:
    """Give the last beat."""
    row = await tx.fetchrow("SELECT beat_at, steady_since FROM heartbeat")
    return Heartbeat(row["beat_at"], row["steady_since"]) if row is not None else None


async def lock_heartbeat(tx: Queries, now: datetime) -> Heartbeat:
    """Give the last beat, locked until the commit; where there was none, *now* is the first."""
    await tx.execute("INSERT INTO heartbeat (beat_at) VALUES ($1) ON CONFLICT (single) DO NOTHING", now)
    row = await tx.fetchrow("SELECT beat_at, steady_since FROM heartbeat FOR UPDATE")
    assert row is not None  # noqa: S101 - the row was made above, and nobody deletes it
    return Heartbeat(row["beat_at"], row["steady_since"])


async def store_heartbeat(tx: Queries, beat: Heartbeat) -> None:
    """Write a beat."""
    await tx.execute("UPDATE heartbeat SET beat_at = $1, steady_since = $2", beat.beat_at, beat.steady_since)


async def oldest_unsent(tx: Queries) -> timedelta:
    """Give how long the oldest event has waited for the bus; what the broker refused for good doesn't count."""
    waited: timedelta | None = await tx.fetchval(
        "SELECT clock_timestamp() - min(created_at) FROM outbox_todo WHERE dead_at IS NULL"
    )
    return waited or timedelta()


async def task_is_unsent(tx: Queries, task_id: str, topic: str) -> bool:
    """Say whether a task still waits to leave this house."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT 1 FROM outbox_todo t JOIN outbox o ON o.id = t.id AND o.created_at = t.created_at
                          WHERE o.topic = $1 AND o.key = $2)""",
        topic,
        task_id,
    )
    return found


async def fact_is_parked(tx: Queries, task_id: str) -> bool:
    """Say whether a certificate that a task led to is known here but could not take effect yet, or ever."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT 1 FROM parked WHERE topic = $1 AND position(convert_to($2, 'UTF8') IN payload) > 0)""",
        topics.CERTIFICATE,
        task_id,
    )
    return found


async def refused_tasks(tx: Queries) -> list[str]:
    """Give the tasks whose envelope the broker refused: they wait in the outbox until that is mended."""
    rows = await tx.fetch(
        """SELECT DISTINCT o.key FROM outbox_todo t JOIN outbox o ON o.id = t.id AND o.created_at = t.created_at
           WHERE t.dead_at IS NOT NULL AND o.type = 'envelope.task.v1'"""
    )
    return [row["key"] for row in rows]


async def restart_clock(tx: Queries, step_id: str, tasked_at: datetime, deadline: datetime) -> None:
    """Let the clock of an open task begin anew."""
    await tx.execute(
        "UPDATE step SET tasked_at = $2, deadline = $3, due_at = NULL WHERE step_id = $1 AND state = 'tasked'",
        step_id,
        tasked_at,
        deadline,
    )


async def steps_due(tx: Queries, now: datetime, leave: Sequence[str], limit: int) -> list[DueStep]:
    """Give open tasks whose deadline, as it was seen last, has come and that nobody escalated. leave: left out.

    Likewise what passed by silence and isn't issued in the time that its office had for that.
    """
    rows = await tx.fetch(
        """SELECT step_id, case_id, task_id, coalesce(due_at, deadline) AS due FROM step
           WHERE state = 'tasked' AND escalated_at IS NULL AND coalesce(due_at, deadline) <= $1
             AND step_id <> ALL($2::uuid[])
           UNION ALL
           SELECT step_id, case_id, task_id, coalesce(due_at, deadline) FROM step
           WHERE state = 'done' AND deemed AND certificate_id IS NULL AND issues <> '[]' AND again IS NULL
             AND undo_at IS NULL AND escalated_at IS NULL AND coalesce(due_at, deadline) <= $1
             AND step_id <> ALL($2::uuid[])
           ORDER BY due, step_id LIMIT $3""",
        now,
        leave,
        limit,
    )
    return [DueStep(str(row["step_id"]), str(row["case_id"]), str(row["task_id"])) for row in rows]


async def offers_due(tx: Queries, now: datetime, leave: Sequence[str], limit: int) -> list[tuple[str, str]]:
    """Give (step, case) of offers whose end, as it was seen last, has come, or that have none. leave: left out."""
    rows = await tx.fetch(
        """SELECT step_id, case_id FROM step
           WHERE state = 'offered' AND coalesce(due_at, deadline, '-infinity') <= $1 AND step_id <> ALL($2::uuid[])
           ORDER BY coalesce(due_at, deadline, '-infinity'), step_id LIMIT $3""",
        now,
        leave,
        limit,
    )
    return [(str(row["step_id"]), str(row["case_id"])) for row in rows]


async def look_again(tx: Queries, step_id: str, due_at: datetime) -> None:
    """Note the deadline that outages moved, so that the step rests until then."""
    await tx.execute("UPDATE step SET due_at = $2 WHERE step_id = $1", step_id, due_at)


async def clock_ahead(tx: Queries) -> timedelta:
    """Give how far the sandbox's clock is ahead of the real one."""
    ahead: timedelta | None = await tx.fetchval("SELECT ahead FROM sandbox_clock")
    return ahead or timedelta()


async def lock_clock_ahead(tx: Queries) -> timedelta:
    """Give how far the sandbox's clock is ahead, locked until the commit."""
    await tx.execute("INSERT INTO sandbox_clock (ahead) VALUES (interval '0') ON CONFLICT (single) DO NOTHING")
    ahead: timedelta = await tx.fetchval("SELECT ahead FROM sandbox_clock FOR UPDATE")
    return ahead


async def set_clock_ahead(tx: Queries, ahead: timedelta, now: datetime) -> None:
    """Move the sandbox's clock, and keep when (in real time) it was moved."""
    await tx.execute("UPDATE sandbox_clock SET ahead = $1", ahead)
    await tx.execute("INSERT INTO clock_move (moved_at, ahead) VALUES ($1, $2)", now, ahead)


async def clock_ahead_at(tx: Queries, moment: datetime) -> timedelta:
    """Give how far the sandbox's clock was ahead at a moment of real time."""
    ahead: timedelta | None = await tx.fetchval(
        "SELECT ahead FROM clock_move WHERE moved_at <= $1 ORDER BY move_id DESC LIMIT 1", moment
    )
    return ahead or timedelta()
