# SPDX-License-Identifier: EUPL-1.2
"""The third door: what cases does because a row waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from cases.service import WORK_CHANNEL
from kit.db import Database
from kit.errors import ServiceError
from kit.telemetry import get_logger

log = get_logger()
POLL_S = 1.0
"""Longest wait for a hint: a lost one costs no more than this."""

BEAT_LIMIT_S = 10.0
"""Longest time that a beat may take: one that hangs is none."""

Job = Callable[[], Awaitable[int]]
Beat = Callable[[], Awaitable[bool]]


class CaseWork:
    """Runs its jobs one after another whenever there is a hint, and every second without one."""

    def __init__(self, db: Database, jobs: Sequence[Job]) -> None:
        self._db = db
        self._jobs = jobs

    async def run(self, stop: asyncio.Event) -> None:
        """Work until *stop*. A service that is away ends a round, not the worker."""
        with self._db.listen(WORK_CHANNEL) as hint:
            while not stop.is_set():
                done = await self._round()
                if not done:
                    await hint.wait(POLL_S)

    async def _round(self) -> int:
        done = 0
        for job in self._jobs:
            try:
                done += await job()
            except ServiceError as why:
                log.warning("job_failed", code=why.code)
        return done


class Heart:
    """Says again and again that the way to the offices is open. Apart from the work, which may wait for others."""

    def __init__(self, beat: Beat, every_s: float) -> None:
        self._beat = beat
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until *stop*. A beat that fails is a gap, and a gap is noted by the next one that doesn't."""
        while not stop.is_set():
            await self._try()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await stop.wait()

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(BEAT_LIMIT_S):
                if not await self._beat():
                    log.warning("beat_missed", code="NO_WAY_TO_OFFICES")
        except TimeoutError:
            log.warning("beat_missed", code="TIMEOUT")
        except ServiceError as why:
            log.warning("beat_missed", code=why.code)
