# SPDX-License-Identifier: EUPL-1.2
"""The relay's producer: idempotent, acks=all, whole batches per partition. Settings can't weaken it.

No logic rests on returned offsets: a repeated sequence is reported as success with offset -1.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from kit import crash
from kit.kafka.client import METADATA_MS, REQUEST_MS, KafkaAway, bounded_stop, kafka_errors

BATCH_BYTES: Final = 256 * 1024
ACK_S: Final = 10.0
"""Rows sent and no ack at all for this long: the producer is stuck and gets replaced."""

CONFIG: Final[Mapping[str, Any]] = {
    "enable_idempotence": True,
    "acks": "all",
    "linger_ms": 0,
    "max_batch_size": BATCH_BYTES,
    "max_request_size": 1_048_576,
    "request_timeout_ms": REQUEST_MS,
    "metadata_max_age_ms": METADATA_MS,
}

NO_TOPIC: Final = "NO_TOPIC"
TOO_LARGE: Final = "TOO_LARGE"
_FOR_GOOD: Final[Mapping[type[BaseException], str]] = {
    MessageSizeTooLargeError: TOO_LARGE,
    RecordListTooLargeError: TOO_LARGE,
    InvalidTopicError: "INVALID_TOPIC",
    TopicAuthorizationFailedError: "NOT_AUTHORIZED",
    UnknownTopicOrPartitionError: NO_TOPIC,
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to send. id: the outbox row's. khash: fixed with the row, so the partition costs nothing here."""

    id: int
    topic: str
    khash: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass
class Sent:
    """What became of the rows: acknowledged ids, and ids that the broker refuses for good with the reason's code."""

    acked: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


class BatchProducer:
    """Sends rows in order per partition. After KafkaAway the outcome is unknown: stop it, build another, send again."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **CONFIG)

    async def start(self) -> None:
        """Connect. Raises KafkaAway."""
        with kafka_errors():
            await self._producer.start()

    async def stop(self) -> None:
        """Close, bounded."""
        await bounded_stop(self._producer.stop())

    async def has_topic(self, topic: str) -> bool:
        """Tell whether *topic* exists now. Raises KafkaAway."""
        return await self._partitions(topic) is not None

    async def send(self, rows: Sequence[Outgoing]) -> Sent:
        """Send *rows* and wait for their acks. Raises KafkaAway when the outcome of any is unknown."""
        sent = Sent()
        by_place: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for topic, of_topic in _by_topic(rows).items():
            partitions = await self._partitions(topic)
            if partitions is None:
                sent.refused.update((row.id, NO_TOPIC) for row in of_topic)
                continue
            for row in of_topic:
                by_place[topic, row.khash % partitions].append(row)
        with kafka_errors():
            flights = [flight for place, part in by_place.items() for flight in await self._submit(place, part)]
            crash.point("relay.after_send")
            await _settle(flights, sent)
        return sent

    async def _partitions(self, topic: str) -> int | None:
        client = self._producer.client
        with kafka_errors():
            found = client.cluster.partitions_for_topic(topic)
            if found is None:
                client.add_topic(topic)
                async with asyncio.timeout(ACK_S):
                    updated = await client.force_metadata_update()
                if not updated:  # nobody answered: that says nothing about the topic
                    raise KafkaAway("no metadata")
                found = client.cluster.partitions_for_topic(topic)
        return len(found) if found else None

    async def _submit(self, place: tuple[str, int], rows: Sequence[Outgoing]) -> list["_Flight"]:
        topic, partition = place
        flights: list[_Flight] = []
        batch, held = self._producer.create_batch(), list[int]()
        for row in rows:
            if batch.append(timestamp=None, key=row.key, value=row.value, headers=row.headers) is None:
                flights.append(await self._fly(batch, held, topic, partition))
                batch, held = self._producer.create_batch(), []
                batch.append(timestamp=None, key=row.key, value=row.value, headers=row.headers)
            held.append(row.id)
        flights.append(await self._fly(batch, held, topic, partition))
        return flights

    async def _fly(self, batch: Any, ids: list[int], topic: str, partition: int) -> "_Flight":
        async with asyncio.timeout(ACK_S):  # waits while an earlier batch of this partition is on its way
            return _Flight(ids, await self._producer.send_batch(batch, topic, partition=partition))


@dataclass
class _Flight:
    ids: list[int]
    future: "asyncio.Future[object]"


async def _settle(flights: Sequence[_Flight], sent: Sent) -> None:
    """Wait for every flight as long as acks go on coming; then tell acked, refused and unknown apart."""
    waiting = {flight.future for flight in flights}
    unknown: BaseException | None = None
    while waiting:
        done, waiting = await asyncio.wait(waiting, timeout=ACK_S, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise TimeoutError
    for flight in flights:
        failure = flight.future.exception()
        reason = _FOR_GOOD.get(type(failure)) if failure is not None else None
        if failure is None:
            sent.acked += flight.ids
        elif reason is not None:
            sent.refused.update((row_id, reason) for row_id in flight.ids)
        else:
            unknown = failure
    if unknown is not None:
        raise KafkaAway(type(unknown).__name__) from unknown


def _by_topic(rows: Sequence[Outgoing]) -> dict[str, list[Outgoing]]:
    by_topic: dict[str, list[Outgoing]] = defaultdict(list)
    for row in rows:
        by_topic[row.topic].append(row)
    return by_topic
