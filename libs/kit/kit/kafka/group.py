# SPDX-License-Identifier: EUPL-1.2
"""One member of a consumer group: explicit topics, explicit offsets, static membership."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from kit.kafka.client import METADATA_MS, Raw, bounded_stop, kafka_errors

Place = tuple[str, int]
"""(topic, partition)"""

SESSION_MS: Final = 6_000
HEARTBEAT_MS: Final = 1_500
CALL_S: Final = 5.0

_NOT_OURS_NOW = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, on_revoke: Callable[[], Awaitable[None]]) -> None:
        self._on_revoke = on_revoke

    async def on_partitions_revoked(self, revoked: object) -> None:
        await self._on_revoke()

    async def on_partitions_assigned(self, assigned: object) -> None:
        pass


class GroupReader:
    """Reads what its group assigns to it, from the earliest record where nothing is committed.

    member: a name that no other member of the group has; one that comes back under it within 6 s keeps its partitions.
    on_revoke: awaited before partitions move: commit what is done.
    """

    def __init__(self, bootstrap: str, group: str, member: str, on_revoke: Callable[[], Awaitable[None]]) -> None:
        self._listener = _Listener(on_revoke)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            group_instance_id=member,
            client_id=member,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=300_000,
            rebalance_timeout_ms=15_000,
            metadata_max_age_ms=METADATA_MS,
            request_timeout_ms=20_000,
            # A record can wait this long: while one topic's records are handled, a fetch for the others is under way,
            # and the next one starts only after it. At 500 ms a case of two asks took twice as long.
            fetch_max_wait_ms=100,
        )

    async def start(self) -> None:
        """Connect. Raises KafkaAway."""
        with kafka_errors():
            await self._consumer.start()

    async def stop(self) -> None:
        """Close, bounded. A static member doesn't leave: its successor finds its partitions."""
        await bounded_stop(self._consumer.stop())

    def subscribe(self, topics: Sequence[str]) -> None:
        """Read these topics from now on; those that don't exist yet are joined when they do."""
        self._consumer.subscribe(list(topics), listener=self._listener)

    async def poll(self, timeout_s: float, max_records: int) -> list[Raw]:
        """Give what is there, in order per partition; [] after *timeout_s*. Raises KafkaAway."""
        with kafka_errors():
            found = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return [
            Raw(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
            for records in found.values()
            for r in records
        ]

    def assigned(self) -> set[Place]:
        """Give the partitions that are ours now."""
        return {(place.topic, place.partition) for place in self._consumer.assignment()}

    async def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Commit the next offset of partitions that are still ours; False when the group moved on meanwhile.

        Work whose offsets don't get committed comes again, and the gate drops it. Raises KafkaAway.
        """
        ours = self.assigned()
        wanted = {TopicPartition(*place): offset for place, offset in offsets.items() if place in ours}
        if not wanted:
            return True
        with kafka_errors():
            try:
                async with asyncio.timeout(CALL_S):
                    await self._consumer.commit(wanted)
            except _NOT_OURS_NOW:
                return False
        return True

    async def end_offsets(self, places: Iterable[Place]) -> dict[Place, int]:
        """Ask for the offset after the newest record of each partition. Raises KafkaAway."""
        with kafka_errors():
            async with asyncio.timeout(CALL_S):
                ends = await self._consumer.end_offsets([TopicPartition(*place) for place in places])
        return {(place.topic, place.partition): offset for place, offset in ends.items()}

    async def positions(self) -> dict[Place, int]:
        """Give the offset of the next record to be polled, for each partition whose position is known."""
        found: dict[Place, int] = {}
        with kafka_errors():
            async with asyncio.timeout(CALL_S):
                for place in self._consumer.assignment():
                    found[place.topic, place.partition] = await self._consumer.position(place)
        return found
