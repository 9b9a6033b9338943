# SPDX-License-Identifier: EUPL-1.2
"""The floor of delivery: the bare client of Kafka and COPY, nothing of the kit.

Same durability (acks=all, idempotent; a commit for each batch), same bytes, same headers, one loop for both sides.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

Connection = asyncpg.Connection
Work = Callable[[int], Awaitable[None]]

BATCH = 500
HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/zz/119999000000002030/bench"),
    ("ce_type", b"bench.v1"),
    ("ce_keyseq", b"1"),
    ("ce_time", b"2026-11-24T00:00:00.000000Z"),
    ("content-type", b"application/json"),
)


class Bare:
    """Sends and receives on one topic of one partition."""

    def __init__(self, bootstrap: str, dsn: str, topic: str, size: int) -> None:
        self._bootstrap = bootstrap
        self._dsn = dsn
        self._topic = topic
        self._body = secrets.token_bytes(size // 2).hex().encode()

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[Work]:
        """Give a function that sends so many events as whole batches and waits for every ack."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, enable_idempotence=True, acks="all", max_batch_size=256 * 1024
        )
        await producer.start()
        try:
            yield lambda events: self._send(producer, events)
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, events: int) -> None:
        acks, batch = [], producer.create_batch()
        for _ in range(events):
            if not self._append(batch):
                acks.append(await producer.send_batch(batch, self._topic, partition=0))
                batch = producer.create_batch()
                self._append(batch)
        acks.append(await producer.send_batch(batch, self._topic, partition=0))
        for ack in acks:
            await ack

    def _append(self, batch: object) -> bool:
        event_id = uuid4()
        headers = [*HEADERS, ("ce_id", str(event_id).encode())]
        added = batch.append(  # type: ignore[attr-defined]
            timestamp=None, key=str(event_id).encode(), value=self._body, headers=headers
        )
        return added is not None

    @asynccontextmanager
    async def receiver(self) -> AsyncIterator[Work]:
        """Give a function that reads so many events in batches and COPYs each batch into the table of effects."""
        consumer = AIOKafkaConsumer(
            self._topic, bootstrap_servers=self._bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
        )
        connection = await asyncpg.connect(self._dsn)
        await consumer.start()
        try:
            yield lambda events: self._receive(consumer, connection, events)
        finally:
            await consumer.stop()
            await connection.close()

    async def _receive(self, consumer: AIOKafkaConsumer, connection: Connection, events: int) -> None:
        while events > 0:
            found = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
            records = [(UUID(r.key.decode()), r.value) for of_one in found.values() for r in of_one]
            await self._copy(connection, records)
            events -= len(records)

    @staticmethod
    async def _copy(connection: Connection, records: Sequence[tuple[UUID, bytes]]) -> None:
        if records:
            await connection.copy_records_to_table("bench_effect", records=records, columns=["id", "payload"])
