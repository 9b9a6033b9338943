# SPDX-License-Identifier: EUPL-1.2
"""The dead-letter table: records as received, with the reason, until a retry or an operator frees them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from kit.consumer.gate import BEHIND, GAP, Parking
from kit.db import Queries, Row
from kit.events import Record
from kit.kafka import Raw

MAX_TRIES: Final = 5
_DELAYS_S: Final = (2, 4, 8, 16)
"""After the first, second, third and fourth try: the fifth comes within 60 s."""

STATES: Final = ("gap", "behind", "retry", "dead")


def delay_after(tries: int) -> timedelta | None:
    """Give the wait after *tries* tries (from 1), None when they are used up."""
    return timedelta(seconds=_DELAYS_S[tries - 1]) if tries < MAX_TRIES else None


async def park(tx: Queries, consumer: str, parkings: Sequence[Parking]) -> None:
    """Insert *parkings*. One that is there already stays as it is."""
    first = delay_after(1)
    await tx.execute(
        """INSERT INTO parked (consumer, event_id, source, topic, key, key_id, keyseq, record, payload, state, reason,
                               tries, next_try_at)
           SELECT $1, event_id, source, topic, key, key_id, keyseq, record, payload,
                  CASE WHEN behind THEN 'behind' ELSE state END, CASE WHEN behind THEN $14 ELSE reason END, tries,
                  CASE WHEN state = 'retry' THEN now() + $13::interval END
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::bytea[],
                       $9::bytea[], $10::text[], $11::text[], $12::int[])
                AS u (event_id, source, topic, key, key_id, keyseq, record, payload, state, reason, tries),
                LATERAL (SELECT state = 'gap' AND EXISTS (
                  SELECT 1 FROM parked p WHERE p.consumer = $1 AND p.source = u.source AND p.topic = u.topic
                    AND p.key = u.key AND p.keyseq < u.keyseq) AS behind) b
           ORDER BY event_id
           ON CONFLICT (consumer, event_id) DO NOTHING""",
        consumer,
        [p.record.id for p in parkings],
        [p.record.source for p in parkings],
        [p.record.topic for p in parkings],
        [p.record.key for p in parkings],
        [p.record.state_key for p in parkings],
        [p.record.keyseq for p in parkings],
        [encode(p.record) for p in parkings],
        [p.record.data for p in parkings],
        [_state(p) for p in parkings],
        [p.reason for p in parkings],
        [0 if p.waits else 1 for p in parkings],
        first,
        BEHIND,
    )


def unreadable(raw: Raw, reason: str) -> Parking:
    """Make a parking of bytes that aren't an event of ours: found again under its place on the bus, never retried."""
    place = f"{raw.topic}/{raw.partition}/{raw.offset}"
    record = Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=place,
        id=uuid5(NAMESPACE_URL, place),
        type="",
        source="",
        time=datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
        keyseq=0,
        attributes={},
        data=raw.value,
    )
    return Parking(record, reason, dead=True)


def encode(record: Record) -> bytes:
    """Write a record's headers and place; its body has a column of its own."""
    return orjson.dumps(
        {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "key": record.key,
            "id": str(record.id),
            "type": record.type,
            "source": record.source,
            "time": record.time.isoformat(),
            "keyseq": record.keyseq,
            "attributes": dict(record.attributes),
            "traceparent": record.traceparent,
        }
    )


def decode(row: Row) -> Record:
    """Read a record back from its `record` and `payload` columns."""
    told: dict[str, Any] = orjson.loads(row["record"])
    told["id"] = UUID(told["id"])
    told["time"] = datetime.fromisoformat(told["time"])
    return Record(**told, data=row["payload"])


def _state(parking: Parking) -> str:
    if parking.dead:
        return "dead"
    if not parking.waits:
        return "retry"
    return "gap" if parking.reason == GAP else "behind"
