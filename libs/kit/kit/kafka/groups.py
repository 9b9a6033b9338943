# SPDX-License-Identifier: EUPL-1.2
"""What operators do with consumer groups: see how far each is, and let one read everything again.

A replay is harmless: the gate drops what took effect already. It mends a store that was restored from an old copy.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError

from kit.clock import monotonic
from kit.kafka.admin import admin
from kit.kafka.client import bounded_stop, kafka_errors
from kit.kafka.group import Place

EMPTY_S: Final = 30.0
"""How long a group may need to notice that its members are gone: a static one counts for 6 s after its end."""
PAUSE_S: Final = 0.5
_HAS_MEMBERS = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


async def group_offsets(bootstrap: str) -> dict[str, dict[Place, int]]:
    """Give the next offset that each group will read, by group and partition. Raises KafkaAway."""
    async with admin(bootstrap) as client:
        names = sorted(name for name, *_ in await client.list_consumer_groups())
        found = {name: await client.list_consumer_group_offsets(name) for name in names}
    return {
        name: {(place.topic, place.partition): at.offset for place, at in offsets.items()}
        for name, offsets in found.items()
    }


async def end_offsets(bootstrap: str, places: Iterable[Place]) -> dict[Place, int]:
    """Give the offset after the newest record of each partition. Raises KafkaAway."""
    async with _reader(bootstrap, None) as reader:
        ends = await reader.end_offsets([TopicPartition(*place) for place in places])
    return {(place.topic, place.partition): offset for place, offset in ends.items()}


async def rewind(bootstrap: str, group: str, places: Iterable[Place]) -> None:
    """Let a group begin at the first record of these partitions again. Its members must have ended.

    Waits until the broker has noticed that. Raises KafkaAway, also for a group that keeps a member.
    """
    start = {TopicPartition(*place): 0 for place in places}
    until = monotonic() + EMPTY_S
    async with _reader(bootstrap, group) as reader:
        reader.assign(list(start))
        while True:
            try:
                await reader.commit(start)
                return
            except _HAS_MEMBERS:
                if monotonic() > until:
                    raise
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def _reader(bootstrap: str, group: str | None) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that reads nothing."""
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    with kafka_errors():
        try:
            await reader.start()
            yield reader
        finally:
            await bounded_stop(reader.stop())
