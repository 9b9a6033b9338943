# SPDX-License-Identifier: EUPL-1.2
"""Reading a whole topic without a group, for replicas: from the earliest record, then on and on."""

from collections.abc import AsyncGenerator

from aiokafka import AIOKafkaConsumer

from kit.kafka.client import METADATA_MS, Raw, bounded_stop, kafka_errors


async def tail(
    bootstrap: str, topic: str, *, start: dict[int, int] | None = None, poll_s: float = 0.5
) -> AsyncGenerator[tuple[list[Raw], bool], None]:
    """Give (records, caught up) again and again; records may be []. Close the iterator to end.

    start: the offset to begin at, by partition; the earliest record otherwise. *Caught up*: all that lay in the topic
    when we began has been given. Raises KafkaAway (also when the topic doesn't exist): begin anew.
    """
    # Without a group: every partition of the topic is assigned, and its start fails when there is no such topic.
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        metadata_max_age_ms=METADATA_MS,
        request_timeout_ms=20_000,
    )
    try:
        with kafka_errors():
            await consumer.start()
            places = sorted(consumer.assignment())
            ends = await consumer.end_offsets(places)
            for place in places:
                if start and place.partition in start:
                    consumer.seek(place, start[place.partition])
        behind = {place for place in places if ends[place] > 0}
        while True:
            with kafka_errors():
                found = await consumer.getmany(timeout_ms=int(poll_s * 1000), max_records=2000)
                for place in tuple(behind):
                    if await consumer.position(place) >= ends[place]:
                        behind.discard(place)
            records = [
                Raw(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
                for part in found.values()
                for r in part
            ]
            yield records, not behind
    finally:
        await bounded_stop(consumer.stop())
