# SPDX-License-Identifier: EUPL-1.2
"""The five verbs that store functions use, on whatever connection they are given."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import asyncpg

from kit.db.errors import translated

Row = asyncpg.Record


class Driver(Protocol):
    """What we use of an asyncpg connection or of its pool's proxy."""

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...
    async def fetchrow(self, query: str, *args: Any) -> Any: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...
    async def execute(self, query: str, *args: Any) -> str: ...
    async def executemany(self, command: str, args: Iterable[Sequence[Any]]) -> None: ...


class Queries:
    """Queries on one connection, driver errors translated (`kit.db.errors`). Arguments are `$1`, `$2`, ..."""

    def __init__(self, connection: Driver) -> None:
        self._connection = connection

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        """Give all rows."""
        with translated():
            return await self._connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Row | None:
        """Give the first row, None if there is none."""
        with translated():
            row: Row | None = await self._connection.fetchrow(query, *args)
            return row

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Give the first column of the first row, None if there is none."""
        with translated():
            return await self._connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> int:
        """Run a statement; give how many rows it touched (0 for statements that touch none)."""
        with translated():
            status = await self._connection.execute(query, *args)
        last = status.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def executemany(self, query: str, args: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each tuple of arguments."""
        with translated():
            await self._connection.executemany(query, args)
