# SPDX-License-Identifier: EUPL-1.2
"""What the clock starts."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from kit.errors import is_passing
from kit.telemetry import get_logger

log = get_logger()


class Every:
    """Does the same use case again and again. interval_s: pause between two rounds."""

    def __init__(self, interval_s: float, work: Callable[[], Awaitable[object]]) -> None:
        self._interval_s = interval_s
        self._work = work

    async def run(self, stop: asyncio.Event) -> None:
        """Run until *stop*. A database that is away costs a round, nothing else."""
        while not stop.is_set():
            try:
                await self._work()
            except Exception as why:
                if not is_passing(why):
                    raise
                log.warning("job_put_off", code=getattr(why, "code", type(why).__name__))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await stop.wait()
