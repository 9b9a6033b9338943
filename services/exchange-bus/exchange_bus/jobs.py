# SPDX-License-Identifier: EUPL-1.2
"""What exchange-bus does by the clock: end requests whose deadline has passed."""

import asyncio
from contextlib import suppress

from exchange_bus.service import Closing
from kit.errors import ServiceError
from kit.telemetry import get_logger

log = get_logger()
SWEEP_S = 1.0


class ExpirySweep:
    """Sweeps every second, until nothing is overdue."""

    def __init__(self, closing: Closing) -> None:
        self._closing = closing

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until *stop*; a database that is away is asked again."""
        while not stop.is_set():
            ended = 0
            try:
                ended = await self._closing.expire()
            except ServiceError as why:
                log.warning("sweep_failed", code=why.code)
            if not ended:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), SWEEP_S)
