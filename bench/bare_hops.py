# SPDX-License-Identifier: EUPL-1.2
"""The floor of an ask: three commits and two hops over Kafka, by the bare clients, one record at a time."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.world import BenchDatabase
from contracts.topics import Topic
from kit.kafka import ensure_topics

BODY = secrets.token_bytes(1500).hex().encode()
INSERT = "INSERT INTO bench_hop (id, payload) VALUES ($1, $2)"


class Hops:
    """Two topics, one table. `pass_through`: commit, produce, consume, commit, produce, consume, commit."""

    def __init__(self, bootstrap: str, settings: BenchDatabase) -> None:
        self._bootstrap = bootstrap
        self._dsn = settings.database_url
        self._topics = [f"bench.hop-{secrets.token_hex(4)}.v1" for _ in range(2)]
        self._waiting: dict[bytes, asyncio.Future[None]] = {}
        self._exits = AsyncExitStack()
        self._listening: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Connect, and begin to listen."""
        await ensure_topics(self._bootstrap, [Topic(name, False, None, 1) for name in self._topics])
        self._pool: Any = await asyncpg.create_pool(self._dsn, min_size=4, max_size=10)
        self._exits.push_async_callback(self._pool.close)
        await self._pool.execute("CREATE TABLE bench_hop (id uuid, payload bytea)")
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True, acks="all")
        await self._producer.start()
        self._exits.push_async_callback(self._producer.stop)
        for topic in self._topics:
            consumer = AIOKafkaConsumer(topic, bootstrap_servers=self._bootstrap, auto_offset_reset="earliest")
            await consumer.start()
            self._exits.push_async_callback(consumer.stop)
            self._listening.append(asyncio.create_task(self._listen(consumer, topic), name=f"bench.{topic}"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await self._exits.aclose()

    async def pass_through(self) -> None:
        """Go the whole way once."""
        key = str(uuid4()).encode()
        arrived = self._waiting[key] = asyncio.get_running_loop().create_future()
        await self._pool.execute(INSERT, uuid4(), BODY)
        await self._producer.send_and_wait(self._topics[0], BODY, key=key, partition=0)
        await arrived

    async def _listen(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                await asyncio.gather(*(self._arrive(topic, record.key) for record in records))

    async def _arrive(self, topic: str, key: bytes) -> None:
        await self._pool.execute(INSERT, uuid4(), BODY)
        if topic == self._topics[0]:
            await self._producer.send_and_wait(self._topics[1], BODY, key=key, partition=0)
        else:
            self._waiting.pop(key).set_result(None)
