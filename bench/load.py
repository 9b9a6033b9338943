# SPDX-License-Identifier: EUPL-1.2
"""Ways to put load on something: so many at once, or so many a second whatever the answers do."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence

from bench.world import BenchFailedError

MISSED = object()
Work = Callable[[], Awaitable[object]]


async def closed_loop(work: Work, at_once: int, seconds: float) -> int:
    """*at_once* callers, each again as soon as it has its answer, for *seconds*. Gives how many were done."""
    end, done = time.monotonic() + seconds, 0

    async def caller() -> None:
        nonlocal done
        while time.monotonic() < end:
            await work()
            done += 1

    async with asyncio.TaskGroup() as callers:
        for _ in range(at_once):
            callers.create_task(caller())
    return done


async def open_loop(works: Sequence[Work], rate: float, *, limit_s: float = 60.0) -> list[float]:
    """Begin each of *works* at its own time, *rate* a second. Gives milliseconds from that time to its end.

    A late begin counts as waiting, so a server that stands still for a second shows it in every request of that second.
    Work that gives MISSED never got what it came for: it took for ever.
    """
    began, took = time.monotonic() + 0.1, [0.0] * len(works)

    async def one(index: int, work: Work) -> None:
        due = began + index / rate
        await asyncio.sleep(due - time.monotonic())
        result = await work()
        took[index] = math.inf if result is MISSED else (time.monotonic() - due) * 1000

    try:
        async with asyncio.timeout(len(works) / rate + limit_s), asyncio.TaskGroup() as running:
            for index, work in enumerate(works):
                running.create_task(one(index, work))
    except TimeoutError as why:
        raise BenchFailedError(f"open loop at {rate:g}/s fell behind by more than {limit_s:.0f} s") from why
    return took


def quantile(values: Sequence[float], share: float) -> float:
    """The value that *share* of *values* don't pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
