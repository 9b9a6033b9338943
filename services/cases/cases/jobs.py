# SPDX-License-Identifier: EUPL-1.2
"""The third door: what cases does because a row waits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from cases.service import WORK_CHANNEL
from kit.db import Database
from kit.errors import ServiceError
from kit.telemetry import get_logger

log = get_logger()
POLL_S = 1.0
"""Longest wait for a hint: a lost one costs no more than this."""

Job = Callable[[], Awaitable[int]]


class CaseWork:
    """Runs the jobs whenever there is a hint, and every second without one."""

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
