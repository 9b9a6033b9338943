# SPDX-License-Identifier: EUPL-1.2
"""A service's database: a pool, transactions, idempotent work and hints."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg

from contracts.base import Model
from kit import crash
from kit.clock import Clock, system_clock
from kit.db import flush
from kit.db.errors import translated
from kit.db.idem import Answer, Idem, TwinCommitted
from kit.db.idem import claim as claim_key
from kit.db.idem import store as store_answer
from kit.db.idem import stored as stored_answer
from kit.db.queries import Queries
from kit.db.side import Hint, Side, take_number
from kit.db.transaction import Transaction
from kit.errors import Unavailable
from kit.receipts import ReceiptSigner
from kit.telemetry import metrics

OUTBOX_CHANNEL: Final = "outbox"
ACQUIRE_S: Final = 5.0
CONNECT_S: Final = 5.0
COMMAND_S: Final = 15.0
SERVER_SETTINGS: Final = {
    "jit": "off",  # our statements are short: compiling them costs more than running them
    "max_parallel_workers_per_gather": "0",
    "lock_timeout": "4s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "synchronous_commit": "on",  # accepted means safe, whatever the server's default is
    "timezone": "UTC",
}

Work = Callable[[Transaction], Awaitable[tuple[int, Model | bytes]]]


class DatabaseSettings(Protocol):
    """What we read of a service's settings."""

    @property
    def database_url(self) -> str: ...
    @property
    def database_password_file(self) -> Path | None: ...
    @property
    def database_pool_size(self) -> int: ...
    @property
    def source(self) -> str: ...


class PooledConnection(asyncpg.Connection):
    """A pooled connection that remembers the receipt slot that it holds."""

    __slots__ = ("_slot",)

    async def receipt_slot(self) -> int:
        """Give this connection's own slot; the first time it is taken by a lock that lives as long as the session."""
        if getattr(self, "_slot", None) is None:
            self._slot: int = await take_number(self, "receipt-slot")
        return self._slot


class Database:
    """One service's database. All raise Unavailable (503) while PostgreSQL is away, and recover by themselves."""

    def __init__(
        self,
        pool: Any,
        side: Side,
        settings: DatabaseSettings,
        *,
        signer: ReceiptSigner | None,
        clock: Clock,
        lanes: int,
    ) -> None:
        self._pool = pool
        self._side = side
        self._settings = settings
        self._signer = signer
        self.clock = clock
        self.lanes = lanes
        self.source = settings.source

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Queries]:
        """Give a connection for reading: each statement sees what is committed at that moment."""
        async with self._borrowed() as connection:
            yield Queries(connection)

    @asynccontextmanager
    async def transaction(self, idem: Idem | None = None) -> AsyncIterator[Transaction]:
        """Run one transaction: commit when the body ends, roll back when it raises.

        idem: takes its lock first and gives the earlier answer in `tx.stored`; then `tx.answer` is stored with the
        commit. Most use `once` instead. Raises Unavailable (also when a commit's outcome is unknown: repeat with the
        same key), StillRunning, KeyReused, UniqueViolation, ForeignKeyViolation.
        """
        async with self._borrowed() as connection:
            outer = connection.transaction()
            with translated():
                await outer.start()
            tx = Transaction(connection, connection.transaction, idem)
            try:
                if idem is not None:
                    tx.stored = await claim_key(tx, idem)
                yield tx
                await self._flush(tx, connection)
                crash.point("write.before_commit")
            except BaseException:
                with suppress(Unavailable), translated():
                    await outer.rollback()
                raise
            with translated():
                await outer.commit()
            crash.point("write.after_commit")
        self._after_commit(tx)

    async def stored(self, idem: Idem) -> Answer | None:
        """Give the answer that a former request with this key got, else None. Raises KeyReused."""
        async with self.read() as reader:
            return await stored_answer(reader, idem)

    async def once(self, idem: Idem, work: Work) -> Answer:
        """Do *work* in one transaction with its answer, or give the answer that is stored already.

        work: gives (status, body); headers of the answer go into `tx.answer_headers`. What it raises is not stored.
        Raises StillRunning (`REQUEST_STILL_RUNNING`), KeyReused (`IDEMPOTENCY_KEY_REUSED`), Unavailable.
        """
        try:
            async with self.transaction(idem) as tx:
                if tx.stored is not None:
                    return tx.stored
                status, body = await work(tx)
                raw = body if isinstance(body, bytes) else body.wire_bytes()
                tx.answer = Answer(status, raw, dict(tx.answer_headers))
            return tx.answer
        except TwinCommitted:
            answer = await self.stored(idem)
            if answer is None:
                raise Unavailable from None
            return answer

    def notify(self, channel: str) -> None:
        """Hint at *channel* now, outside any transaction."""
        self._side.notify(channel)

    def listen(self, channel: str) -> AbstractContextManager[Hint]:
        """Give a Hint: `with db.listen("case") as hint: await hint.wait(1.0)`. A lost hint costs one poll."""
        return self._side.listen(channel)

    async def claim(self, name: str) -> tuple[int, int]:
        """Take the lowest number of *name* that no other process of this database holds.

        Gives (number, epoch); it is ours while `claim_epoch` equals that epoch.
        """
        number = await self._side.claim(name)
        return number, self._side.epoch

    @property
    def claim_epoch(self) -> int:
        """Rises when the connection that holds the claims was lost and opened again."""
        return self._side.epoch

    async def session(self) -> Any:
        """Open a connection of one's own, for session locks. The caller closes it. Raises Unavailable.

        Its commits don't wait for the disk, so a crash of the server may undo the last ones: for work that is done
        again then, and takes effect once all the same.
        """
        with translated():
            return await connect(self._settings, "session", durable=False)

    async def check(self) -> None:
        """Ask the database for a sign of life. Raises Unavailable."""
        async with self.read() as reader:
            await reader.fetchval("SELECT 1")

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Any]:
        with translated():
            connection = await self._pool.acquire(timeout=ACQUIRE_S)
        try:
            yield connection
        finally:
            with suppress(Unavailable), translated():
                await self._pool.release(connection, timeout=CONNECT_S)

    async def _flush(self, tx: Transaction, connection: Any) -> None:
        """Write what the transaction collected. Order of locks: chains and the slot's counter come last."""
        rules = flush.FlushRules(self.clock(), self.lanes, self._signer)
        if tx.idem is not None and tx.answer is not None:
            await store_answer(tx, tx.idem, tx.answer)
        if tx.drafts:
            with translated():
                slot = await connection.receipt_slot()
            await flush.write_receipts(tx, rules, f"{self.source}/{slot}", tx.drafts, tx.events, tx.traces)
        elif tx.events:
            await flush.write_events(tx, rules, tx.events, tx.traces)

    def _after_commit(self, tx: Transaction) -> None:
        if tx.events or tx.drafts:
            self._side.notify(OUTBOX_CHANNEL)
        for draft in tx.drafts:
            metrics.receipts.labels(draft.side, draft.decision).inc()
        for channel in dict.fromkeys(tx.channels):
            self._side.notify(channel)
        for callback in tx.callbacks:
            callback()


async def connect(settings: DatabaseSettings, label: str, *, durable: bool = True, **options: Any) -> Any:
    """Open one connection with our settings of the server. label: shows in pg_stat_activity.

    durable: False lets its commits return before they are on disk.
    """
    own = {} if durable else {"synchronous_commit": "off"}
    return await asyncpg.connect(
        settings.database_url,
        password=_password(settings),
        timeout=CONNECT_S,
        command_timeout=COMMAND_S,
        server_settings={**SERVER_SETTINGS, **own, "application_name": f"{settings.source}:{label}:{os.getpid()}"[:63]},
        **options,
    )


async def _reset(connection: Any) -> None:
    """Nothing to reset but an open transaction: we set nothing per session, and a slot's lock must stay."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


def _password(settings: DatabaseSettings) -> str | None:
    file = settings.database_password_file
    return None if file is None else file.read_text().strip()


@asynccontextmanager
async def open_db(
    settings: DatabaseSettings,
    *,
    signer: ReceiptSigner | None = None,
    clock: Clock = system_clock,
    lanes: int = 1,
) -> AsyncIterator[Database]:
    """Open the service's database; PostgreSQL may still be away.

    signer: without one, `tx.receipt` is an error. lanes: in how many lanes relays publish (all processes of one
    database must agree).
    """
    pool = await asyncpg.create_pool(
        min_size=0,
        max_size=settings.database_pool_size,
        max_queries=10**9,
        max_inactive_connection_lifetime=300,
        reset=_reset,
        connect=lambda *_args, **options: connect(
            settings, "pool", connection_class=PooledConnection, record_class=options["record_class"]
        ),
    )
    # Hints and locks only: a NOTIFY has a commit too, and nobody needs to find it after a crash.
    side = Side(lambda: connect(settings, "side", durable=False))
    pump = asyncio.create_task(side.run(), name="kit.db.side")
    try:
        yield Database(pool, side, settings, signer=signer, clock=clock, lanes=lanes)
    finally:
        pump.cancel()
        with suppress(asyncio.CancelledError):
            await pump
        await side.close()
        await _close_pool(pool)


async def _close_pool(pool: Any) -> None:
    try:
        async with asyncio.timeout(CONNECT_S):
            await pool.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        pool.terminate()  # a server that is away must not hold up our end
