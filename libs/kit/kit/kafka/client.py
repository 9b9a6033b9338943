# SPDX-License-Identifier: EUPL-1.2
"""What all uses of the client library share: its errors in our words, a bounded end, and records without its types."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka.errors import ConsumerStoppedError, KafkaError

from kit.errors import Unavailable

STOP_S: Final = 5.0
REQUEST_MS: Final = 10_000
METADATA_MS: Final = 5_000
"""How old the client's picture of topics may get: new topics and partitions are seen within this time."""


class KafkaAway(Unavailable):
    """503: the broker doesn't answer, or the client is stuck; build another and go on."""

    code, title = "KAFKA_UNAVAILABLE", "The bus is not available at the moment"


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it lies on the bus."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@contextmanager
def kafka_errors() -> Iterator[None]:
    """Turn whatever the client raises into KafkaAway. Time-outs mean *unknown*, and nobody here treats them as no.

    The client also lets cancellations of its own tasks out, when its connection is lost in the wrong moment. To us they
    would look like our own end: the task would be gone without a word, and a TaskGroup takes that for a good end.
    """
    try:
        yield
    except asyncio.CancelledError as why:
        if _meant_for_us():
            raise
        raise KafkaAway(type(why).__name__) from why
    except (KafkaError, ConsumerStoppedError, OSError, TimeoutError, AssertionError) as why:
        raise KafkaAway(type(why).__name__) from why


async def bounded_stop(stopping: Awaitable[None]) -> None:
    """Stop a client, but never wait for it longer than a moment: a stuck one is left to the garbage collector."""
    try:
        async with asyncio.timeout(STOP_S):
            await stopping
    except asyncio.CancelledError:
        if _meant_for_us():
            raise
    except Exception:  # noqa: BLE001, S110 - we are getting rid of it; how it dies doesn't matter
        pass


def _meant_for_us() -> bool:
    """Tell whether this task was asked to end, or only met a cancellation of the client's own."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
