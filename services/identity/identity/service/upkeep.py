# SPDX-License-Identifier: EUPL-1.2
"""What time does: proofs, sessions and counts that are over are removed."""

from identity import store
from kit.clock import Clock
from kit.db import Database


class Upkeep:
    """Keeps the short-lived tables short."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def sweep(self) -> int:
        """Remove what has expired. Gives how many rows. Raises Unavailable."""
        async with self._db.read() as connection:
            return await store.sweep(connection, self._clock())
