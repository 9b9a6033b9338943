# SPDX-License-Identifier: EUPL-1.2
"""Proofs of possession count once, in whichever process of the gateway they come."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from gateway import store
from kit.clock import Clock
from kit.db import Database
from kit.errors import Unavailable

SWEEP_S = 30.0
BATCH = 5000


class UsedProofs:
    """Proofs that were used, shared by all processes of the gateway through its database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def claim(self, name: str, until: float) -> bool:
        """Note *name* until that moment (seconds since the epoch); False if it was noted before."""
        async with self._db.read() as tx:
            return await store.claim_proof(tx, name, datetime.fromtimestamp(until, UTC))

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every half minute until *stop*."""
        while not stop.is_set():
            with suppress(Unavailable):
                async with self._db.read() as tx:
                    await store.forget_proofs(tx, self._clock(), BATCH)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SWEEP_S)
