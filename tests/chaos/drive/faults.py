# SPDX-License-Identifier: EUPL-1.2
"""Faults: what is done to a running stack, and how it is healed. Each gives a line for the history."""

import asyncio
import random
from typing import Final

from kit.crash import EXIT_STATUS
from local_stack.harness import Stack

DIES_WITHIN_S: Final = 40.0


async def kill(stack: Stack, process: str, *, away_s: float = 0.0) -> str:
    """SIGKILL a process at once, leave it away for a while, start it again and wait until it is ready."""
    said = stack.kill(process)
    await asyncio.sleep(away_s)
    await asyncio.to_thread(stack.start_one, process)
    took = await asyncio.to_thread(stack.wait_ready, process)
    return f"{said}; back (asked again for {took:.1f} s)"


async def die_at(stack: Stack, process: str, point: str) -> str:
    """Restart a process so that it dies at *point*, wait until it has, start it again without.

    The load brings it there. Raises StackError (`STILL_RUNNING`) when it never came to that point.
    """
    stack.env_override(process, {"CRASH_POINT": point})
    try:
        await asyncio.to_thread(stack.stop_one, process)
        await asyncio.to_thread(stack.start_one, process, wait_ready=False)
        stack.supervisor.expect_exit(process)
        code = await asyncio.to_thread(stack.wait_exit, process, DIES_WITHIN_S)
    finally:
        stack.env_override(process, {})
    if stack.supervisor.pid(process) is not None:
        await asyncio.to_thread(stack.stop_one, process)
    await asyncio.to_thread(stack.start_one, process)
    assert code == EXIT_STATUS, f"{process} ended with {code} instead of at {point}"
    return f"{process} died at {point}"


async def outage(stack: Stack, process: str, away_s: float) -> str:
    """Stop a process in good order, start it again after *away_s*."""
    await asyncio.to_thread(stack.stop_one, process)
    await asyncio.sleep(away_s)
    await asyncio.to_thread(stack.start_one, process)
    return f"{process} was away for {away_s:g} s"


def victim_of(stack: Stack, name: str, chance: random.Random) -> str:
    """Draw a process of a deployment; PostgreSQL and Kafka are their own."""
    return name if name in ("postgres", "kafka") else chance.choice(stack.processes(name))
