# SPDX-License-Identifier: EUPL-1.2
"""Work that a table or the clock starts: sealing shares, letting certificates lapse."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from certificates.service import SHARE_CHANNEL, Changing, Previewing, Sharing, Snapshots
from kit.clock import monotonic
from kit.db import Database, Hint
from kit.errors import Unavailable
from kit.telemetry import fault, get_logger

log = get_logger()

POLL_S: Final = 1.0
PACE_S: Final = 0.01
"""Between two batches, so that a small one may grow: each costs a commit."""
AWAY_S: Final = 1.0
EXPIRY_S: Final = 60.0
PREVIEWS_S: Final = 5.0
"""Far less than the minute that an asker waits longer than its holder."""
COUNT_S: Final = 5.0
LEADER: Final = "certificates-share"


class ShareJob:
    """Seals what waits. One process at a time does it, so that batches don't collide; another stands by.

    Where nothing waits, the snapshots of new grants go on: they stand behind whatever happens now.
    """

    def __init__(self, db: Database, sharing: Sharing, snapshots: Snapshots) -> None:
        self._db = db
        self._sharing = sharing
        self._snapshots = snapshots
        self._epoch: int | None = None
        self._count_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Seal until *stop*; waits out a database, an identity or a ledger's key that is away."""
        with self._db.listen(SHARE_CHANNEL) as hint:
            while not stop.is_set():
                done = await _survive("share_job_waits", self._round)
                if done is None:
                    await _sleep(stop, AWAY_S)
                elif done == 0:
                    await self._count()
                    await self._idle(stop, hint)
                else:
                    await asyncio.sleep(PACE_S)

    async def _round(self) -> int:
        if not await self._leads():
            return 0
        await self._snapshots.begin()
        return await self._sharing.share_next() or await self._snapshots.queue_next()

    async def _count(self) -> None:
        if monotonic() >= self._count_at:
            self._count_at = monotonic() + COUNT_S
            with suppress(Unavailable):
                await self._sharing.count_waiting()

    async def _leads(self) -> bool:
        """Tell whether the work is ours: the claim lives as long as the connection behind it."""
        if self._epoch is None or self._epoch != self._db.claim_epoch:
            number, epoch = await self._db.claim(LEADER)
            self._epoch = epoch if number == 0 else None
        return self._epoch is not None

    async def _idle(self, stop: asyncio.Event, hint: Hint) -> None:
        waits = [asyncio.ensure_future(hint.wait(POLL_S)), asyncio.ensure_future(stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


class ExpiryJob:
    """Lets certificates lapse after their last day."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    async def run(self, stop: asyncio.Event) -> None:
        """Look once a minute until *stop*, and go on at once while there is more."""
        while not stop.is_set():
            if not await _survive("expiry_job_waits", self._changing.expire):
                await _sleep(stop, EXPIRY_S)


class PreviewJob:
    """Answers for people who didn't open a preview, or didn't decide, in time."""

    def __init__(self, previewing: Previewing) -> None:
        self._previewing = previewing

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until *stop*, and go on at once while there is more."""
        while not stop.is_set():
            if not await _survive("preview_job_waits", self._previewing.expire):
                await _sleep(stop, PREVIEWS_S)


async def _survive(event: str, work: Callable[[], Awaitable[int]]) -> int | None:
    """Do one round; None when it has to be tried again, since something we need is away."""
    try:
        return await work()
    except Unavailable as why:
        log.warning(event, reason=why.code, **fault(why))
        return None


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
