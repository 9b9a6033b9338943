# SPDX-License-Identifier: EUPL-1.2
"""Databases, records as they lie on the bus, and a handler that writes down what took effect."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from contracts.ids import uuid7
from kit.consumer import Bad
from kit.db import Database, Transaction, open_db
from kit.errors import Unavailable
from kit.events import Record
from kit.kafka import Raw
from local_stack.testing import DatabaseAt, FreshDatabase

SOURCE = "/zz/119999000000002030/test"
EFFECTS = """CREATE TABLE IF NOT EXISTS effect (
  n bigint GENERATED ALWAYS AS IDENTITY, consumer text, key text, keyseq bigint, event_id uuid)"""


class Effects:
    """A handler that inserts one row for each record, and fails on what a test tells it to fail on."""

    def __init__(self, name: str = "test") -> None:
        self.name = name
        self.bad: set[UUID] = set()
        self.poison: set[UUID] = set()
        self.away = 0
        self.calls = 0

    async def prepare(self, records: Sequence[Record]) -> Sequence[object | Bad]:
        return [Bad("BAD_SIGNATURE") if record.id in self.bad else record.keyseq for record in records]

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        self.calls += 1
        if self.away > 0:
            self.away -= 1
            raise Unavailable
        await tx.executemany(
            "INSERT INTO effect (consumer, key, keyseq, event_id) VALUES ($1, $2, $3, $4)",
            [(self.name, record.key, record.keyseq, record.id) for record, _ in items],
        )
        if any(record.id in self.poison for record, _ in items):
            raise ValueError("poison")


class Bus:
    """Makes records as they would lie on the bus, in one partition."""

    def __init__(self, topic: str = "test.thing.v1") -> None:
        self.topic = topic
        self._offset = 0

    def raw(self, key: str, keyseq: int, *, event_id: UUID | None = None, data: bytes | None = b"{}") -> Raw:
        headers = {
            "specversion": "1.0",
            "id": str(event_id or uuid7()),
            "source": SOURCE,
            "type": "happened",
            "time": "2026-11-24T08:00:00.000Z",
            "keyseq": str(keyseq),
        }
        packed = [(f"ce_{name}", value.encode()) for name, value in headers.items()]
        self._offset += 1
        return Raw(self.topic, 0, self._offset - 1, 0, key.encode(), data, packed)


@asynccontextmanager
async def opened(dsn: str, **options: Any) -> AsyncIterator[Database]:
    size = options.pop("pool", 10)
    async with open_db(DatabaseAt(dsn, database_pool_size=size, source=SOURCE), **options) as database:
        yield database


@pytest.fixture
async def dsn(fresh_database: FreshDatabase) -> str:
    """A database with kit's tables and one of our own for effects."""
    address = await fresh_database("kit")
    async with opened(address) as database, database.transaction() as tx:
        await tx.execute(EFFECTS)
    return address


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    async with opened(dsn) as database:
        yield database


@pytest.fixture
async def open_more(dsn: str) -> AsyncIterator[Callable[..., Awaitable[Database]]]:
    """Open the same database as another process would."""
    async with AsyncExitStack() as stack:

        async def more(**options: Any) -> Database:
            return await stack.enter_async_context(opened(dsn, **options))

        yield more


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def handler() -> Effects:
    return Effects()


@pytest.fixture
def effects_of(db: Database) -> Callable[..., Awaitable[list[tuple[str, int]]]]:
    """Read (key, keyseq) of all effects, in the order in which they happened."""

    async def read(consumer: str = "test") -> list[tuple[str, int]]:
        async with db.read() as reader:
            rows = await reader.fetch("SELECT key, keyseq FROM effect WHERE consumer = $1 ORDER BY n", consumer)
        return [(row["key"], row["keyseq"]) for row in rows]

    return read


@pytest.fixture
def parked_of(db: Database) -> Callable[[], Awaitable[list[tuple[str, int, str, str]]]]:
    """Read (key, keyseq, state, reason) of what is parked, in order of keys and numbers."""

    async def read() -> list[tuple[str, int, str, str]]:
        async with db.read() as reader:
            rows = await reader.fetch("SELECT key, keyseq, state, reason FROM parked ORDER BY key, keyseq")
        return [(row["key"], row["keyseq"], row["state"], row["reason"]) for row in rows]

    return read


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait until a condition holds, or fail with what it last gave."""

    async def wait(condition: Callable[[], Awaitable[Any]], wanted: Any = True, timeout_s: float = 20.0) -> None:
        end = asyncio.get_running_loop().time() + timeout_s
        while (found := await condition()) != wanted:
            assert asyncio.get_running_loop().time() < end, f"still {str(found)[:300]}, wanted {str(wanted)[:300]}"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def outbox_of(db: Database) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """Read the outbox's rows in order, headers as a dict."""

    async def read() -> list[dict[str, Any]]:
        async with db.read() as reader:
            rows = await reader.fetch("SELECT id, topic, key, keyseq, type, headers, payload FROM outbox ORDER BY id")
        return [{**dict(row), "headers": json.loads(row["headers"])} for row in rows]

    return read
