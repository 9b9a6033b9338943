# SPDX-License-Identifier: EUPL-1.2
"""A coalescing writer: what queues up while one commit runs becomes the next commit, whole.

No timer: alone, an item waits for nobody; in a crowd, the disk's flush is shared. One writer is one connection, so its
receipts are numbered in one slot.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from kit.db.database import Database
from kit.db.transaction import Transaction
from kit.errors import Unavailable, is_passing

BATCH_ITEMS: Final = 256
QUEUE_ITEMS: Final = 4096

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")

WriteMany = Callable[[Transaction, Sequence[I]], Awaitable[Sequence[R | Exception]]]
"""Writes items with set-based SQL and gives a result for each, in order; an Exception as result fails that item alone,
and then none of its effects may be in the transaction."""


@dataclass
class _Queued(Generic[I, R]):
    item: I
    result: "asyncio.Future[R]"


class Coalescer(Generic[I, R]):
    """Give items to `submit`; each call returns once its item is committed. Made by `coalescing`."""

    def __init__(self, db: Database, write: WriteMany[I, R], *, batch_items: int, queue_items: int) -> None:
        self._db = db
        self._write = write
        self._batch_items = batch_items
        self._queue_items = queue_items
        self._queue: deque[_Queued[I, R]] = deque()
        self._filled = asyncio.Event()
        self._closed = False

    async def submit(self, item: I) -> R:
        """Write *item* and give its result after the commit.

        Raises the item's own exception; Unavailable when the queue is full or the database is away (the outcome may be
        unknown: submit again under the same idempotency key).
        """
        if self._closed or len(self._queue) >= self._queue_items:
            raise Unavailable
        queued: _Queued[I, R] = _Queued(item, asyncio.get_running_loop().create_future())
        self._queue.append(queued)
        self._filled.set()
        return await queued.result

    async def run(self) -> None:
        """Write batch after batch until closed and empty."""
        while not self._closed or self._queue:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                count = min(len(self._queue), self._batch_items)
                batch = [self._queue.popleft() for _ in range(count)]
                await self._write_batch([queued for queued in batch if not queued.result.done()])

    def close(self) -> None:
        """Take nothing new; what is queued is still written."""
        self._closed = True
        self._filled.set()

    async def _write_batch(self, batch: Sequence[_Queued[I, R]]) -> None:
        if not batch:
            return
        try:
            results = await self._together([queued.item for queued in batch])
        except Exception as why:  # noqa: BLE001 - it belongs to a caller: each gets it, or its own result
            if is_passing(why) or len(batch) == 1:
                results = [why] * len(batch)
            else:
                results = await self._one_by_one([queued.item for queued in batch])
        for queued, result in zip(batch, results, strict=True):
            if queued.result.done():
                continue  # its caller left; the effect stands, as after a lost answer
            if isinstance(result, Exception):
                queued.result.set_exception(result)
            else:
                queued.result.set_result(result)

    async def _together(self, items: Sequence[I]) -> Sequence[R | Exception]:
        async with self._db.transaction() as tx:
            results = await self._write(tx, items)
            if len(results) != len(items):
                raise RuntimeError(f"{len(results)} results for {len(items)} items")
        return results

    async def _one_by_one(self, items: Sequence[I]) -> Sequence[R | Exception]:
        """The rare way: a savepoint for each item, so that the one that raises fails alone."""
        results: list[R | Exception] = []
        try:
            async with self._db.transaction() as tx:
                results += [await self._one(tx, item) for item in items]
        except Exception as why:  # noqa: BLE001 - the commit itself failed: nothing of it stands
            return [why] * len(items)
        return results

    async def _one(self, tx: Transaction, item: I) -> R | Exception:
        try:
            async with tx.savepoint():
                return (await self._write(tx, [item]))[0]
        except Exception as why:
            if is_passing(why):
                raise
            return why


@asynccontextmanager
async def coalescing(
    db: Database,
    write: WriteMany[I, R],
    *,
    batch_items: int = BATCH_ITEMS,
    queue_items: int = QUEUE_ITEMS,
) -> AsyncIterator[Coalescer[I, R]]:
    """Run a coalescing writer; at the end, what is queued is still written."""
    writer = Coalescer(db, write, batch_items=batch_items, queue_items=queue_items)
    task = asyncio.create_task(writer.run(), name="kit.db.coalesce")
    try:
        yield writer
    finally:
        writer.close()
        with suppress(asyncio.CancelledError):
            await task
