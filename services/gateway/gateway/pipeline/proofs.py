# SPDX-License-Identifier: EUPL-1.2
"""Proofs of possession count once, in whichever process of the gateway they come."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from gateway import store
from kit.clock import Clock
from kit.db import Database
from kit.errors import Unavailable

SWEEP_S = 30.0
BATCH = 5000


class UsedProofs:
    """Proofs that were used, shared by all processes of the gateway through its database.

    Every request waits for this, so proofs that come while a statement runs share the next one: a commit for each
    would cost the database more than the rest of the request does.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._waiting: dict[str, tuple[datetime, asyncio.Future[bool]]] = {}
        self._noting: asyncio.Task[None] | None = None

    async def claim(self, name: str, until: float) -> bool:
        """Note *name* until that moment (seconds since the epoch); False if it was noted before. Raises Unavailable."""
        if name in self._waiting:
            return False
        noted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[name] = datetime.fromtimestamp(until, UTC), noted
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note(), name="gateway.proofs")
        return await noted

    async def _note(self) -> None:
        """Note what waits, all of it in one statement, until nothing does."""
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            result = await self._write({name: until for name, (until, _) in batch.items()})
            for name, (_, noted) in batch.items():
                if noted.done():
                    continue  # its caller left
                if isinstance(result, Exception):
                    noted.set_exception(result)
                else:
                    noted.set_result(name in result)

    async def _write(self, until: Mapping[str, datetime]) -> set[str] | Exception:
        try:
            async with self._db.read() as tx:
                return await store.claim_proofs(tx, until)
        except Exception as why:  # noqa: BLE001 - it belongs to those who wait
            return why

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every half minute until *stop*."""
        while not stop.is_set():
            with suppress(Unavailable):
                async with self._db.read() as tx:
                    await store.forget_proofs(tx, self._clock(), BATCH)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SWEEP_S)
