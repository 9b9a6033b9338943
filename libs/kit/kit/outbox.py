# SPDX-License-Identifier: EUPL-1.2
"""The outbox: events become rows with their transaction, go to Kafka by the relay, and stay as the archive."""

import asyncio
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Final

from kit.db import Database
from kit.db.flush import key_hash, write_events, write_receipts
from kit.errors import Unavailable
from kit.relay import Relay
from kit.telemetry import fault, get_logger

log = get_logger()

__all__ = ["Relay", "Upkeep", "archive_partitions", "key_hash", "revive_refused", "write_events", "write_receipts"]

AHEAD_DAYS: Final = 7
KEPT_DAYS: Final = 14
"""Longer than any topic keeps its records (7 days), so that a lost topic could be filled again."""


async def archive_partitions(db: Database, *, ahead_days: int = AHEAD_DAYS, kept_days: int = KEPT_DAYS) -> list[str]:
    """Make the outbox's partitions for the days ahead, drop those past *kept_days* that are published whole.

    Also drops stored answers that expired. Gives the names of what was made and dropped. Run it daily and at start;
    two at a time do no harm. Raises Unavailable.
    """
    changed: list[str] = []
    today = db.clock().astimezone(UTC).date()
    async with db.transaction() as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(hashtext('outbox-partitions'))")
        rows = await tx.fetch(
            """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'outbox'::regclass"""
        )
        have = {row["relname"] for row in rows}
        for day in (today + timedelta(days=n) for n in range(ahead_days + 1)):
            if _name(day) not in have:
                await tx.execute(
                    f"CREATE TABLE {_name(day)} PARTITION OF outbox"
                    f" FOR VALUES FROM ('{_start(day)}') TO ('{_end(day)}')"
                )
                changed.append(_name(day))
        await tx.execute("DELETE FROM idem WHERE expires_at < now()")
    oldest = _name(today - timedelta(days=kept_days))
    past = sorted(name for name in have if name.removeprefix("outbox_").isdigit() and name < oldest)
    return changed + [name for name in past if await _drop(db, name)]


class Upkeep:
    """A worker part that calls `archive_partitions` at start and every hour."""

    def __init__(self, db: Database, *, every_s: float = 3600.0) -> None:
        self._db = db
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Keep up until *stop*; a database that is away is asked again after a while."""
        while not stop.is_set():
            wait_s = self._every_s
            try:
                for name in await archive_partitions(self._db):
                    log.info("outbox_partition", table=name)
            except Unavailable as why:
                log.warning("upkeep_interrupted", **fault(why))
                wait_s = min(wait_s, 10.0)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await stop.wait()


async def revive_refused(db: Database) -> int:
    """Send again what the broker refused for good, once its cause is mended; gives how many rows."""
    async with db.transaction() as tx:
        tx.notify("outbox")
        return await tx.execute("UPDATE outbox_todo SET dead_at = NULL, reason = NULL WHERE dead_at IS NOT NULL")


async def _drop(db: Database, name: str) -> bool:
    """Drop a day that has nothing left to publish. Not DETACH CONCURRENTLY: a default partition forbids it."""
    async with db.transaction() as tx:
        waiting = await tx.fetchval(
            f"SELECT EXISTS (SELECT 1 FROM outbox_todo t WHERE t.id IN (SELECT o.id FROM {name} o))"  # noqa: S608
        )
        if not waiting:
            await tx.execute(f"DROP TABLE {name}")
    return not waiting


def _name(day: date) -> str:
    return f"outbox_{day:%Y%m%d}"


def _start(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()


def _end(day: date) -> str:
    return _start(day + timedelta(days=1))
