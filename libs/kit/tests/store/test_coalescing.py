# SPDX-License-Identifier: EUPL-1.2
"""The coalescing writer: many callers, few commits, each its own result."""

import asyncio
from collections.abc import Sequence

import pytest

from kit.db import Database, Transaction, coalescing
from kit.errors import Unavailable


class Numbers:
    """Inserts numbers; 13 breaks the statement, negative ones are refused by result."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def write(self, tx: Transaction, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(len(items))
        good = [n for n in items if n >= 0]
        await tx.execute("INSERT INTO number (n) SELECT 10 / (n - 13) * 0 + n FROM unnest($1::int[]) AS u (n)", good)
        return [n * 2 if n >= 0 else ValueError("negative") for n in items]


@pytest.fixture
async def table(db: Database) -> Database:
    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE number (n int)")
    return db


async def stored(db: Database) -> list[int]:
    async with db.read() as reader:
        return [row["n"] for row in await reader.fetch("SELECT n FROM number ORDER BY n")]


async def test_a_crowd_shares_commits_and_each_gets_its_own_result(table: Database) -> None:
    numbers = Numbers()
    async with coalescing(table, numbers.write) as writer:
        results = await asyncio.gather(*(writer.submit(n) for n in range(20, 220)))
    assert results == [n * 2 for n in range(20, 220)]
    assert await stored(table) == list(range(20, 220))
    assert len(numbers.batches) < 20


async def test_the_one_that_breaks_the_statement_fails_alone(table: Database) -> None:
    numbers = Numbers()
    async with coalescing(table, numbers.write) as writer:
        results = await asyncio.gather(*(writer.submit(n) for n in (11, 12, 13, 14, -1)), return_exceptions=True)
    assert results[:2] + results[3:4] == [22, 24, 28]
    assert type(results[2]).__name__ == "DivisionByZeroError"
    assert isinstance(results[4], ValueError)
    assert await stored(table) == [11, 12, 14]


async def test_a_full_queue_refuses_at_once(table: Database) -> None:
    async with coalescing(table, Numbers().write, queue_items=2) as writer:
        results = await asyncio.gather(*(writer.submit(n) for n in (20, 21, 22)), return_exceptions=True)
    assert [type(one) for one in results] == [int, int, Unavailable]


async def test_what_is_queued_at_the_end_is_still_written(table: Database) -> None:
    async with coalescing(table, Numbers().write) as writer:
        waiting = [asyncio.create_task(writer.submit(n)) for n in (20, 21)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == [40, 42]
    with pytest.raises(Unavailable):
        await writer.submit(1)
