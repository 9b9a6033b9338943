# SPDX-License-Identifier: EUPL-1.2
"""A process for crash tests: publishes, relays and consumes until all its events took effect, or until it dies."""

import asyncio
import sys
from collections.abc import Sequence

from contracts.ids import uuid7
from kit import crash
from kit.consumer import Consumer, Record
from kit.db import Database, Idem, Transaction, fingerprint, open_db
from kit.errors import Unavailable
from kit.events import Event
from kit.relay import Relay
from local_stack.testing import DatabaseAt

EVENTS = 5


class Effects:
    """Inserts one row for each record."""

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        return [None for _ in records]

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        await tx.executemany(
            "INSERT INTO effect (consumer, key, keyseq, event_id) VALUES ('test', $1, $2, $3)",
            [(record.key, record.keyseq, record.id) for record, _ in items],
        )


async def publish(db: Database, topic: str) -> None:
    """Post every event under its own key: a process that comes back posts them again."""
    for n in range(1, EVENTS + 1):

        async def work(tx: Transaction, n: int = n) -> tuple[int, bytes]:
            tx.emit(Event(topic, "k", "happened", b"{}", n, id=uuid7()))
            return 201, b"{}"

        await db.once(Idem("crash", str(n), fingerprint(b"%d" % n)), work)


async def main(dsn: str, bootstrap: str, topic: str, point: str) -> None:
    crash.arm(point or None)
    stop = asyncio.Event()
    async with open_db(DatabaseAt(dsn)) as db:
        await publish(db, topic)
        consumer = Consumer(db, bootstrap, f"c.{topic}", lambda: [topic], Effects(), gaps="strict")
        parts = [asyncio.ensure_future(part(stop)) for part in (Relay(db, bootstrap).run, consumer.run)]
        while await missing(db) and not any(part.done() for part in parts):
            await asyncio.wait(parts, timeout=0.05)
        stop.set()
        await asyncio.gather(*parts)


async def missing(db: Database) -> int:
    try:
        async with db.read() as reader:
            effects = await reader.fetchval("SELECT count(DISTINCT keyseq) FROM effect")
            waiting = await reader.fetchval("SELECT count(*) FROM outbox_todo")
    except Unavailable:
        return EVENTS
    return EVENTS - int(effects) + int(waiting)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
