# SPDX-License-Identifier: EUPL-1.2
"""Looking into a database while the stack runs, and waiting until it says what it should."""

import asyncio
import time
from typing import Any

import asyncpg

from local_stack.harness import Stack


async def value(stack: Stack, system: str, query: str, *args: object) -> Any:
    """Ask a deployment's database for one value."""
    connection = await asyncpg.connect(stack.dsn(system), timeout=5)
    try:
        return await connection.fetchval(query, *args)
    finally:
        await connection.close()


async def execute(stack: Stack, system: str, statement: str, *args: object) -> None:
    """Change a deployment's database behind its back."""
    connection = await asyncpg.connect(stack.dsn(system), timeout=5)
    try:
        await connection.execute(statement, *args)
    finally:
        await connection.close()


async def until(stack: Stack, system: str, query: str, *args: object, within_s: float = 30.0) -> Any:
    """Ask until the value counts (is true, not 0, not empty); gives it. Fails with the query when the time is up."""
    end = time.monotonic() + within_s
    while True:
        found = await value(stack, system, query, *args)
        if found:
            return found
        assert time.monotonic() < end, f"waited {within_s:g} s at {system} for: {query} {args}"
        await asyncio.sleep(0.2)
