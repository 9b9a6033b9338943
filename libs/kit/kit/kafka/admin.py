# SPDX-License-Identifier: EUPL-1.2
"""Topics and the cluster's state. Topics are declared in `contracts` and made by one command, never by use."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from contracts.topics import Topic
from kit.clock import monotonic
from kit.kafka.client import REQUEST_MS, KafkaAway, bounded_stop, kafka_errors

_EXISTS: Final = 36  # TOPIC_ALREADY_EXISTS
READY_S: Final = 20.0


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a client of the cluster while the block runs. Raises KafkaAway."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_MS)
    with kafka_errors():
        try:
            await client.start()
            yield client
        finally:
            await bounded_stop(client.close())


async def ensure_topics(bootstrap: str, specs: Iterable[Topic], *, replication: int = 1, city: bool = False) -> None:
    """Make those of *specs* that don't exist, and wait until each has leaders. Existing topics stay as they are.

    replication: copies of each partition. city: as many partitions as a city starts with, else one.
    Raises KafkaAway, also when the broker refuses a topic.
    """
    wanted = list(specs)
    async with admin(bootstrap) as client:
        known = set(await client.list_topics())
        missing = [_new_topic(spec, replication, city=city) for spec in wanted if spec.name not in known]
        if missing:
            answer = await client.create_topics(missing, timeout_ms=REQUEST_MS)
            refused = [row[0] for row in answer.topic_errors if row[1] not in (0, _EXISTS)]
            if refused:
                raise KafkaAway(f"topics refused: {', '.join(refused)}")
        await _wait_for_leaders(client, [spec.name for spec in wanted])


async def existing_topics(bootstrap: str) -> frozenset[str]:
    """Name the topics that exist. Raises KafkaAway."""
    async with admin(bootstrap) as client:
        return frozenset(await client.list_topics())


async def cluster_ready(bootstrap: str, nodes: int = 1) -> bool:
    """Tell whether a metadata answer comes, with at least *nodes* brokers in it. An open port proves nothing."""
    try:
        async with admin(bootstrap) as client:
            cluster = await client.describe_cluster()
            return len(cluster["brokers"]) >= nodes
    except KafkaAway:
        return False


async def _wait_for_leaders(client: AIOKafkaAdminClient, names: list[str]) -> None:
    until = monotonic() + READY_S
    while names:
        topics = {topic["topic"]: topic for topic in await client.describe_topics(names)}
        if all(name in topics and _has_leaders(topics[name]) for name in names):
            return
        if monotonic() > until:
            raise KafkaAway("topics have no leaders")
        await asyncio.sleep(0.1)


def _has_leaders(topic: dict[str, object]) -> bool:
    partitions = topic["partitions"]
    return (
        topic["error_code"] == 0
        and isinstance(partitions, list)
        and bool(partitions)
        and all(partition["leader"] >= 0 for partition in partitions)
    )


def _new_topic(spec: Topic, replication: int, *, city: bool) -> NewTopic:
    configs = {"cleanup.policy": "compact" if spec.compacted else "delete"}
    if spec.retention_ms is not None:
        configs["retention.ms"] = str(spec.retention_ms)
    if replication >= 3:
        configs["min.insync.replicas"] = "2"
    return NewTopic(
        name=spec.name,
        num_partitions=spec.city_partitions if city else 1,
        replication_factor=replication,
        topic_configs=configs,
    )
