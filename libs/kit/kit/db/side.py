# SPDX-License-Identifier: EUPL-1.2
"""The process's one connection beside the pool: hints out (NOTIFY), hints in (LISTEN), and claimed numbers.

A hint is no promise: it may be lost with the connection, so whoever waits also polls. NOTIFY never runs inside a
business transaction, where PostgreSQL would hold one global lock through the commit and end group commit.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import asyncpg

from kit.db.errors import translated
from kit.errors import Unavailable
from kit.telemetry import fault, get_logger

log = get_logger()

PACE_S: Final = 0.003
"""Hints that come within this time travel as one."""
RETRY_S: Final = 0.5
QUERY_S: Final = 5.0

Connect = Callable[[], Awaitable[Any]]


class Hint:
    """Something may be there to do. `wait` gives True when woken, False after the time is up."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Wake the waiter, now or at its next wait."""
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait until woken, at most *timeout_s*. Wakes since the last wait count."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Side:
    """Keeps the connection, restores it when lost, and then wakes everybody, since hints may have been missed."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._hints: dict[str, set[Hint]] = {}
        self._listened: set[str] = set()
        self._pending: set[str] = set()
        self._work = asyncio.Event()
        self._connection: Any = None
        self._using = asyncio.Lock()
        self.epoch = 0
        """Rises with each new connection; numbers claimed under an older one are lost."""

    def notify(self, channel: str) -> None:
        """Wake the listeners of *channel* here at once, and those of other processes a moment later."""
        for hint in self._hints.get(channel, ()):
            hint.wake()
        self._pending.add(channel)
        self._work.set()

    @contextmanager
    def listen(self, channel: str) -> Iterator[Hint]:
        """Give a hint that wakes with every notification of *channel*."""
        hint = Hint()
        self._hints.setdefault(channel, set()).add(hint)
        self._work.set()
        try:
            yield hint
        finally:
            self._hints[channel].discard(hint)

    async def claim(self, name: str, limit: int = 1000) -> int:
        """Take the lowest number of *name* that no process holds; it stays ours as long as this connection lives.

        Raises Unavailable without a database, RuntimeError when all *limit* numbers are taken.
        """
        connection = await self._connected()
        async with self._using:
            with translated():
                return await take_number(connection, name, limit)

    async def run(self) -> None:
        """Send and listen until cancelled. Never fails: a lost connection is opened again."""
        while True:
            await self._work.wait()
            self._work.clear()
            await asyncio.sleep(PACE_S)
            try:
                await self._exchange(await self._connected())
            except Exception as why:  # noqa: BLE001 - hints must go on whatever happened to one connection
                if not isinstance(why, Unavailable):
                    log.warning("hints_interrupted", **fault(why))
                self._work.set()  # what was pending goes out with the next connection
                await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Close the connection; claimed numbers become free."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with suppress(Unavailable), translated():
                await connection.close(timeout=1)

    async def _connected(self) -> Any:
        async with self._using:
            if self._connection is None or self._connection.is_closed():
                with translated():
                    self._connection = await self._connect()
                self._connection.add_termination_listener(self._on_loss)
                self.epoch += 1
                self._listened.clear()
                self._work.set()
        return self._connection

    async def _exchange(self, connection: Any) -> None:
        async with self._using:
            with translated():
                missing = self._hints.keys() - self._listened
                for channel in missing:
                    await connection.add_listener(channel, self._on_notification)
                    self._listened.add(channel)
                    self._wake(channel)
                pending, self._pending = self._pending, set()
                try:
                    if pending:
                        await connection.execute(
                            "SELECT pg_notify(c, '') FROM unnest($1::text[]) AS t (c)", list(pending), timeout=QUERY_S
                        )
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                    self._pending |= pending
                    raise

    def _on_notification(self, connection: Any, pid: int, channel: str, _payload: object) -> None:
        if pid != connection.get_server_pid():  # our own: the waiters here were woken when it was sent
            self._wake(channel)

    def _on_loss(self, _connection: object) -> None:
        self._work.set()

    def _wake(self, channel: str) -> None:
        for hint in self._hints.get(channel, ()):
            hint.wake()


async def take_number(connection: Any, name: str, limit: int = 1000) -> int:
    """Take the lowest free number of *name* by a session lock. Raises RuntimeError when all are taken."""
    space = lock_space(name)
    for number in range(limit):
        if await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", space, number):
            return number
    raise RuntimeError(f"all {limit} numbers of {name} are taken")


def lock_space(name: str) -> int:
    """Give the first half of a two-part advisory lock for *name*."""
    return zlib.crc32(name.encode()) - 2**31
