# SPDX-License-Identifier: EUPL-1.2
"""What people do in a demo: a clerk decides at the desk of an office, and somebody turns the clock."""

import asyncio
import sys
from datetime import datetime

from contracts.cases import ClockMoved, MoveClock
from local_stack.demo.stage import Stage
from local_stack.errors import StackError


async def approve(stage: Stage, program: str, task_id: str) -> None:
    """Let the clerk of *program* approve a task that waits for a person."""
    await stage.programs[program].line(task_id, "waits for the clerk")
    await _desk(stage, program, "approve", task_id)


async def inspect(stage: Stage, program: str, task_id: str, result: str) -> None:
    """Let the clerk of *program* note what the inspection found: `passed` or `false`."""
    await _desk(stage, program, "inspect", task_id, result)


async def _desk(stage: Stage, program: str, *words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "example_offices.clerk", "--state", str(stage.target.state(program)), *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    for line in said.decode().splitlines():
        stage.screen.program("clerk", line)
    if process.returncode != 0:
        raise StackError("CLERK_FAILED", f"the clerk's desk ended with {process.returncode}: {said.decode()[-300:]}")


async def move_clock(stage: Stage, working_days: int) -> datetime:
    """Move the clock by which cases reckons deadlines; gives the moment that it shows."""
    said = await asyncio.to_thread(
        stage.target.bootstrap, "cases", "/v1/sandbox/clock", MoveClock(working_days=working_days).wire()
    )
    return ClockMoved.model_validate(said).now
