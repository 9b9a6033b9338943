# SPDX-License-Identifier: EUPL-1.2
"""Roles and databases in the runner's PostgreSQL, and whether it is ready for them.

"Accepting connections" comes before our roles exist, so ready means: ``SELECT 1`` as the service's own role.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from local_stack.errors import StackError

NOT_YET = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


def address(superuser_dsn: str, database: str, role: str | None = None, password: str | None = None) -> str:
    """The address of *database* on the same server, as *role* where given."""
    parts = urlsplit(superuser_dsn)
    netloc = parts.netloc
    if role is not None:
        netloc = f"{quote(role)}:{quote(password or '', safe='')}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit((parts.scheme, netloc, f"/{database}", parts.query, ""))


async def answers(dsn: str) -> bool:
    """Whether ``SELECT 1`` at *dsn* answers now, within 3 s."""
    try:
        async with asyncio.timeout(3):
            connection = await asyncpg.connect(dsn)
            try:
                return bool(await connection.fetchval("SELECT 1") == 1)
            finally:
                await connection.close(timeout=1)
    except NOT_YET:
        return False


async def wait_ready(dsn: str, timeout_s: float, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait for ``SELECT 1`` at *dsn*. Raises StackError (`POSTGRES_NOT_READY`) in time or when *alive* says no."""
    end = asyncio.get_running_loop().time() + timeout_s
    while not await answers(dsn):
        if not alive() or asyncio.get_running_loop().time() > end:
            raise StackError("POSTGRES_NOT_READY", f"no answer to SELECT 1 within {timeout_s:g} s; see its log")
        await asyncio.sleep(0.05)


async def checkpoint(superuser_dsn: str) -> None:
    """Have the server write everything out to disk."""

    async def work(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await connection.execute("CHECKPOINT")

    await as_superuser(superuser_dsn, work)


async def require_version(dsn: str, oldest: int) -> None:
    """Refuse an existing server that is too old. Raises StackError (`POSTGRES_TOO_OLD`)."""

    async def work(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        found = connection.get_server_version()
        if found.major < oldest:
            text = f"DATABASE_URL: PostgreSQL {found.major} is too old, {oldest} or later is needed"
            raise StackError("POSTGRES_TOO_OLD", text)

    await as_superuser(dsn, work)


async def as_superuser(dsn: str, work: Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[None]]) -> None:
    """Run *work* on one connection to *dsn*."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await work(connection)
    finally:
        await connection.close(timeout=5)


async def ensure_database(superuser_dsn: str, name: str, password: str) -> str:
    """Make the role and the database *name* (the role owns it; nobody else may connect). Returns its address.

    Repeatable: an existing role gets *password* anew.
    """

    async def work(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        quoted, secret = _identifier(name), _literal(password)
        known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name)
        await connection.execute(f"{'ALTER' if known else 'CREATE'} ROLE {quoted} LOGIN PASSWORD {secret}")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f"CREATE DATABASE {quoted} OWNER {quoted}")
        await connection.execute(f"REVOKE ALL ON DATABASE {quoted} FROM PUBLIC")

    await as_superuser(superuser_dsn, work)
    return address(superuser_dsn, name, name, password)


async def clone(superuser_dsn: str, template: str, name: str) -> str:
    """Make database *name* as a copy of *template*, which nobody may be using. Returns its address."""

    async def work(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await connection.execute(f"CREATE DATABASE {_identifier(name)} TEMPLATE {_identifier(template)}")

    await as_superuser(superuser_dsn, work)
    return address(superuser_dsn, name)


async def drop(superuser_dsn: str, name: str) -> None:
    """Drop database *name* and end who is still connected to it. A server that is away is no error here."""

    async def work(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await connection.execute(f"DROP DATABASE IF EXISTS {_identifier(name)} WITH (FORCE)")

    with contextlib.suppress(*NOT_YET):
        await as_superuser(superuser_dsn, work)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
