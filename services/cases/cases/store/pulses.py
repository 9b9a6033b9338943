# SPDX-License-Identifier: EUPL-1.2
"""Signs of life of the deployments by which offices issue."""

from datetime import datetime

from cases.domain.clocks import Heartbeat
from kit.db import Queries


async def issuing_heartbeat(tx: Queries, system: str) -> Heartbeat | None:
    """Give the last beat of a certificates deployment."""
    row = await tx.fetchrow("SELECT beat_at, steady_since FROM issuing_heartbeat WHERE system = $1", system)
    return Heartbeat(row["beat_at"], row["steady_since"]) if row is not None else None


async def lock_issuing_heartbeat(tx: Queries, system: str, now: datetime) -> Heartbeat:
    """Give its last beat, locked until the commit; where there was none, *now* is the first."""
    await tx.execute(
        "INSERT INTO issuing_heartbeat (system, beat_at) VALUES ($1, $2) ON CONFLICT (system) DO NOTHING", system, now
    )
    row = await tx.fetchrow("SELECT beat_at, steady_since FROM issuing_heartbeat WHERE system = $1 FOR UPDATE", system)
    assert row is not None  # noqa: S101 - the row was made above, and nobody deletes it
    return Heartbeat(row["beat_at"], row["steady_since"])


async def store_issuing_heartbeat(tx: Queries, system: str, beat: Heartbeat) -> None:
    """Write a beat of a certificates deployment."""
    await tx.execute(
        "UPDATE issuing_heartbeat SET beat_at = $2, steady_since = $3 WHERE system = $1",
        system,
        beat.beat_at,
        beat.steady_since,
    )
