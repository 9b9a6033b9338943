# SPDX-License-Identifier: EUPL-1.2
"""An office's inbox: every delivery is handled once, and acknowledged only after that.

The platform delivers until it hears the acknowledgement, so a delivery may come twice. What was handled is noted on
disk first and acknowledged second: a crash in between costs a repeated acknowledgement and nothing else. A crash while
handling brings the delivery again, so a handler's own writes must bear that (its calls do: same Idempotency-Key).
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.exchange_bus import Delivery
from tongban.clock import Clock

KEPT: Final = timedelta(days=30)
"""How long a handled event is remembered: longer than the platform keeps anything to deliver (7 days)."""

Fetch = Callable[[], Awaitable[Sequence[Delivery]]]
Acknowledge = Callable[[Sequence[str]], Awaitable[None]]


class Handled:
    """The ids of events that were handled, in a file that survives a crash of process or machine."""

    def __init__(self, file: Path, clock: Clock) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS handled (event_id TEXT PRIMARY KEY, at TEXT NOT NULL)")
        self._forget_old(clock())

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def has(self, event_id: str) -> bool:
        """Tell whether the event was handled."""
        found = self._db.execute("SELECT 1 FROM handled WHERE event_id = ?", (event_id,)).fetchone()
        return found is not None

    def note(self, event_id: str) -> None:
        """Note durably that the event was handled."""
        self._db.execute("INSERT OR IGNORE INTO handled VALUES (?, ?)", (event_id, self._clock().isoformat()))

    def _forget_old(self, now: datetime) -> None:
        self._db.execute("DELETE FROM handled WHERE at < ?", ((now - KEPT).isoformat(),))


async def deliveries(
    fetch: Fetch, acknowledge: Acknowledge, handled: Handled, *, once: bool = False
) -> AsyncIterator[Delivery]:
    """Go through an inbox, oldest first; asking for the next delivery says that the one before is handled.

    fetch: gives unacknowledged deliveries, waiting a while for the first. once: end when there are none.
    """
    while True:
        page = await fetch()
        if not page and once:
            return
        for delivery in page:
            if not handled.has(delivery.event_id):
                yield delivery
                handled.note(delivery.event_id)
            await acknowledge([delivery.delivery_id])
