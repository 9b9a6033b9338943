# SPDX-License-Identifier: EUPL-1.2
"""The floor of issuing: the very rows of one issue, by bare group commit.

What queued while the last commit ran goes into one statement, one commit. No HTTP, no tokens, no rules, no signature,
nothing of the kit: the driver and the database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import asyncpg

from bench.world import BenchDatabase, World
from contracts.topics import CERTIFICATE

MOST = 256

STATEMENT = """WITH q AS MATERIALIZED (
  SELECT t.id, t.key, t.client, t.event_id FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[])
    AS t (id, key, client, event_id)),
c AS (INSERT INTO certificate (office, id, type, type_version, type_code, subject, organisation, natural_key, claims,
    version, event_seq, status, licence_id, valid_from, valid_to, issued_at, credential, format)
  SELECT $5, id, $6, 1, $7, $8, NULL, key, $9, 1, 1, '01', $10, current_date, NULL, now(), $11, $12 FROM q),
i AS (INSERT INTO idem (client_id, key, fingerprint, status, response, headers, expires_at)
  SELECT client, key, $13, 201::smallint, $14, $15, now() + interval '1 day' FROM q),
s AS (INSERT INTO share_todo (office, stream, grant_id, certificate_id, version, event_seq, fact, status)
  SELECT $5, CASE g WHEN 1 THEN id::text ELSE key END, CASE g WHEN 1 THEN NULL ELSE 'G-0902' END, id, 1, 1, 'issued',
    '01'
  FROM q CROSS JOIN generate_series(1, $16::int) AS g),
o AS (INSERT INTO outbox (event_id, lane, khash, topic, key, keyseq, type, headers, payload)
  SELECT event_id, 0::smallint, 7, $17, id::text, 1, $18, $19, $20 FROM q RETURNING lane, id, created_at)
INSERT INTO outbox_todo (lane, id, created_at) SELECT lane, id, created_at FROM o"""


@dataclass(frozen=True)
class Sample:
    """The bytes that one real issue wrote, in the order of the statement's arguments 5 to 20."""

    values: tuple[Any, ...]


async def take_sample(world: World, deployment: str) -> Sample:
    """Read what the newest issue of *deployment* wrote."""
    [c] = await world.query(
        deployment,
        """SELECT office, id, type, type_code, subject, claims, licence_id, credential, format
           FROM certificate ORDER BY issued_at DESC LIMIT 1""",
    )
    [o] = await world.query(
        deployment,
        "SELECT topic, type, headers, payload FROM outbox WHERE topic = $1 AND key = $2",
        CERTIFICATE,
        str(c["id"]),
    )
    [i] = await world.query(
        deployment,
        "SELECT fingerprint, response, headers FROM idem WHERE status = 201 ORDER BY expires_at DESC LIMIT 1",
    )
    shares = 2
    certificate = tuple(
        c[name] for name in ("office", "type", "type_code", "subject", "claims", "licence_id", "credential", "format")
    )
    outbox = tuple(o[name] for name in ("topic", "type", "headers", "payload"))
    return Sample((*certificate, i["fingerprint"], i["response"], i["headers"], shares, *outbox))


class GroupCommit:
    """Writes sample rows; `submit` returns after its own commit."""

    def __init__(self, settings: BenchDatabase, sample: Sample) -> None:
        self._dsn = settings.database_url
        self._sample = sample
        self._queue: list[asyncio.Future[None]] = []
        self._filled = asyncio.Event()
        self._numbers = count()
        self._connection: Any = None

    async def __aenter__(self) -> Self:
        """Connect, and begin to write."""
        self._connection = await asyncpg.connect(self._dsn, server_settings={"jit": "off"})
        self._task = asyncio.create_task(self._run(), name="bench.group-commit")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._connection.close()

    async def submit(self) -> None:
        """Write one item's rows."""
        written = asyncio.get_running_loop().create_future()
        self._queue.append(written)
        self._filled.set()
        await written

    async def _run(self) -> None:
        statement = await self._connection.prepare(STATEMENT)
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                batch, self._queue = self._queue[:MOST], self._queue[MOST:]
                await self._write(statement.fetch, len(batch))
                for written in batch:
                    written.set_result(None)

    async def _write(self, run: Callable[..., Awaitable[object]], items: int) -> None:
        ids: list[UUID] = [uuid4() for _ in range(items)]
        keys = [f"bench-{next(self._numbers)}" for _ in range(items)]
        await run(ids, keys, ["system:bench"] * items, [uuid4() for _ in range(items)], *self._sample.values)
