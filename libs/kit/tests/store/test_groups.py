# SPDX-License-Identifier: EUPL-1.2
"""What operators do with a consumer group: look how far it is, and let it read everything again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from contracts.topics import Topic
from kit import kafka
from kit.kafka import (
    BatchProducer,
    GroupReader,
    KafkaAway,
    Outgoing,
    end_offsets,
    ensure_topics,
    group_offsets,
    rewind,
)
from local_stack.testing import KafkaServer

RECORDS = 3


@pytest.fixture
async def topic(kafka_server: KafkaServer) -> str:
    """A topic with a few records."""
    spec = Topic(f"test.t{uuid4().hex[:8]}.v1", compacted=False, retention_ms=None, city_partitions=1)
    await ensure_topics(kafka_server.bootstrap, [spec])
    producer = BatchProducer(kafka_server.bootstrap)
    await producer.start()
    try:
        sent = await producer.send([Outgoing(n, spec.name, 0, b"key", b"value", []) for n in range(RECORDS)])
    finally:
        await producer.stop()
    assert len(sent.acked) == RECORDS
    return spec.name


@asynccontextmanager
async def reading(kafka_server: KafkaServer, group: str, topic: str) -> AsyncIterator[GroupReader]:
    async def nothing() -> None:
        return

    reader = GroupReader(kafka_server.bootstrap, group, f"{group}-1", nothing)
    await reader.start()
    try:
        reader.subscribe([topic])
        yield reader
    finally:
        await reader.stop()


async def read_all(reader: GroupReader, topic: str) -> None:
    """Read and commit what lies in the topic."""
    read = 0
    while read < RECORDS:
        read += len(await reader.poll(5.0, 10))
    assert await reader.commit({(topic, 0): RECORDS})


async def test_a_group_that_was_rewound_reads_everything_again(kafka_server: KafkaServer, topic: str) -> None:
    bootstrap, group, place = kafka_server.bootstrap, f"group-{uuid4().hex[:8]}", (topic, 0)
    for _ in range(2):
        async with reading(kafka_server, group, topic) as reader:
            await read_all(reader, topic)
        assert (await group_offsets(bootstrap))[group] == await end_offsets(bootstrap, [place]) == {place: RECORDS}
        await rewind(bootstrap, group, [place])
        assert (await group_offsets(bootstrap))[group] == {place: 0}


async def test_a_group_with_a_member_is_left_alone(
    kafka_server: KafkaServer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka.groups, "EMPTY_S", 1.0)
    group = f"group-{uuid4().hex[:8]}"
    async with reading(kafka_server, group, topic) as reader:
        await read_all(reader, topic)
        with pytest.raises(KafkaAway):
            await rewind(kafka_server.bootstrap, group, [(topic, 0)])
        assert (await group_offsets(kafka_server.bootstrap))[group] == {(topic, 0): RECORDS}
