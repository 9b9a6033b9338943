# SPDX-License-Identifier: EUPL-1.2
"""Deliveries: what lies in each office's inbox."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from contracts.ids import uuid7
from exchange_bus.domain.records import Arrived, Delivery
from kit import strictjson
from kit.db import Queries, Row

_COLUMNS = """delivery_id, office, seq, event_id, kind, key, keyseq, event_at, attributes, traceparent, envelope,
digest"""


PAGE_BYTES = 4 * 1024 * 1024
"""About so many bytes of envelopes come in one page, and always one envelope."""

_INSERT = f"""INSERT INTO delivery ({_COLUMNS}, delivered_at)
            SELECT delivery_id, office, seq, event_id, kind, key, keyseq, event_at, attributes::jsonb, traceparent,
                   envelope, digest, $13
            FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::bigint[],
                        $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[]) AS t ({_COLUMNS})"""  # noqa: S608
_PAGE = f"""SELECT {_COLUMNS} FROM (
              SELECT {_COLUMNS}, sum(octet_length(envelope)) OVER (ORDER BY seq) AS bytes,
                     row_number() OVER (ORDER BY seq) AS place
              FROM (SELECT {_COLUMNS} FROM delivery WHERE office = $1 AND seq > $2 AND acknowledged_at IS NULL
                    ORDER BY seq LIMIT $3) t) p
            WHERE bytes <= $4 OR place = 1 ORDER BY seq"""  # noqa: S608
_LOCK_UNACKNOWLEDGED = f"""SELECT {_COLUMNS} FROM delivery WHERE office = $1 AND delivery_id = ANY($2::uuid[])
            AND acknowledged_at IS NULL ORDER BY seq FOR UPDATE"""  # noqa: S608


def _delivery(row: Row) -> Delivery:
    attributes: dict[str, str] = strictjson.loads(row["attributes"].encode())
    arrived = Arrived(
        event_id=str(row["event_id"]),
        office=row["office"],
        kind=row["kind"],
        key=row["key"],
        keyseq=row["keyseq"],
        at=row["event_at"],
        attributes=attributes,
        traceparent=row["traceparent"],
        envelope=row["envelope"],
        digest=row["digest"],
    )
    return Delivery(delivery_id=str(row["delivery_id"]), seq=row["seq"], arrived=arrived)


async def take_numbers(tx: Queries, arrived: Sequence[Arrived]) -> dict[str, int]:
    """Count the inboxes on, in order of offices, and hold them; gives office -> the first new number.

    The counter's row is held until the commit, so numbers become visible in their order and no reader skips one.
    """
    counts = Counter(one.office for one in arrived)
    offices = sorted(counts)
    rows = await tx.fetch(
        """INSERT INTO inbox_counter AS c (office, last_seq)
           SELECT office, added FROM unnest($1::text[], $2::bigint[]) AS t (office, added) ORDER BY office
           ON CONFLICT (office) DO UPDATE SET last_seq = c.last_seq + excluded.last_seq RETURNING office, last_seq""",
        offices,
        [counts[office] for office in offices],
    )
    return {row["office"]: row["last_seq"] - counts[row["office"]] + 1 for row in rows}


async def insert(tx: Queries, numbered: Sequence[tuple[int, Arrived]], now: datetime) -> None:
    """Put envelopes into inboxes: (seq, envelope)."""
    await tx.execute(
        _INSERT,
        [uuid7() for _ in numbered],
        [one.office for _seq, one in numbered],
        [seq for seq, _one in numbered],
        [one.event_id for _seq, one in numbered],
        [one.kind for _seq, one in numbered],
        [one.key for _seq, one in numbered],
        [one.keyseq for _seq, one in numbered],
        [one.at for _seq, one in numbered],
        [strictjson.dumps(dict(one.attributes)).decode() for _seq, one in numbered],
        [one.traceparent for _seq, one in numbered],
        [one.envelope for _seq, one in numbered],
        [one.digest for _seq, one in numbered],
        now,
    )


async def page(tx: Queries, office: str, after: int, limit: int) -> list[Delivery]:
    """Read an office's oldest deliveries that aren't acknowledged, past the number *after*: PAGE_BYTES at most."""
    rows = await tx.fetch(_PAGE, office, after, limit, PAGE_BYTES)
    return [_delivery(row) for row in rows]


async def answer_to(tx: Queries, request_id: str) -> str | None:
    """Give the sealed answer to a request, None once the office has acknowledged it."""
    envelope: str | None = await tx.fetchval(
        "SELECT envelope FROM delivery WHERE kind = 'answer' AND key = $1 LIMIT 1", request_id
    )
    return envelope


async def lock_unacknowledged(tx: Queries, office: str, delivery_ids: Sequence[str]) -> list[Delivery]:
    """Lock those of the office's deliveries that aren't acknowledged yet, in order; foreign ids are left out."""
    rows = await tx.fetch(
        _LOCK_UNACKNOWLEDGED,
        office,
        list(delivery_ids),
    )
    return [_delivery(row) for row in rows]


async def acknowledge(tx: Queries, delivery_ids: Sequence[str], now: datetime) -> None:
    """Note that the office has stored these. The bodies go: what is delivered isn't kept a second time."""
    await tx.execute(
        "UPDATE delivery SET acknowledged_at = $2, envelope = NULL WHERE delivery_id = ANY($1::uuid[])",
        list(delivery_ids),
        now,
    )
