# SPDX-License-Identifier: EUPL-1.2
"""Records that no service of ours would write, put onto the bus by a raw producer with headers that look right."""

from collections.abc import Mapping

from contracts.ids import uuid7
from kit.events import SPEC_VERSION
from kit.kafka import BatchProducer, Outgoing
from local_stack.harness import Stack
from local_stack.seed import Bootstrap


async def put(
    stack: Stack,
    topic: str,
    key: str,
    keyseq: int,
    kind: str,
    value: bytes,
    *,
    source: str,
    attributes: Mapping[str, str] | None = None,
    event_id: str | None = None,
) -> str:
    """Put one record on the bus. Gives its event id."""
    event_id = event_id or str(uuid7())
    headers = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": kind,
        "ce_time": "2026-11-24T00:00:00.000Z",
        "ce_keyseq": str(keyseq),
        **{f"ce_{name}": text for name, text in (attributes or {}).items()},
    }
    producer = BatchProducer(stack.kafka_bootstrap)
    await producer.start()
    try:
        encoded = [(name, text.encode("ascii")) for name, text in headers.items()]
        await producer.send([Outgoing(1, topic, 0, key.encode("ascii"), value, encoded)])
    finally:
        await producer.stop()
    return event_id


def bootstrap(stack: Stack) -> Bootstrap:
    """Give the runner's own assertions: they register systems and free dead letters."""
    return Bootstrap(stack.plan.keyring.bootstrap(), stack.url)
