# SPDX-License-Identifier: EUPL-1.2
"""A running stack with callers that cost little: keys from its secrets folders, and the house's small HTTP client."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import asyncpg

from bench.machine import Meter
from kit.clock import system_clock
from kit.http import HttpAnswer
from kit.http.wire import Wire
from kit.jose import PrivateKey
from kit.migrations import migrate
from kit.tokens import AssertionSigner
from local_stack import databases
from local_stack.harness import Stack
from local_stack.offices import DATA_OFFICE, MARKET_REGULATION, NATURAL_RESOURCES
from local_stack.table import INSTANCE
from tongban import Office
from tongban.http import Http
from tongban.jose import PrivateKey as SdkKey
from tongban.tokens import SystemTokens, dpop_proof

LAND, MARKET = NATURAL_RESOURCES, MARKET_REGULATION


UNPUBLISHED = "SELECT count(*) AS n FROM outbox_todo WHERE dead_at IS NULL"
UNSEALED = f"SELECT n + (SELECT count(*) FROM share_todo) AS n FROM ({UNPUBLISHED}) AS o"  # noqa: S608


class BenchFailedError(Exception):
    """Something answered otherwise than it must for the figures to mean anything."""


@dataclass(frozen=True)
class BenchDatabase:
    """A database of our own on the stack's server: what `kit.db.open_db` takes for settings."""

    database_url: str
    database_password_file: Path | None = None
    database_pool_size: int = 10
    source: str = f"/{INSTANCE}/{DATA_OFFICE}/bench"


class World:
    """The stack, its meter, and callers."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.meter = Meter(stack)
        self._made = 0

    def key(self, system: str, name: str = "sig.jwk") -> PrivateKey:
        """A private key of one system."""
        return PrivateKey.load(self.stack.secrets_dir(system) / name)

    def office(self, system: str) -> Office:
        """An office's system with the SDK; open it with `async with`."""
        folder = self.folder / f"{system}-{secrets.token_hex(4)}"
        folder.mkdir()
        secret, trust = self.stack.secrets_dir(system), self.stack.trust_file
        return Office(self.stack.url("gateway"), system, secret, folder, trust_file=trust)

    @cached_property
    def cases(self) -> AssertionSigner:
        """Signs calls as the service cases does."""
        return AssertionSigner("cases", self.key("cases"), system_clock)

    async def database(self, package: str) -> BenchDatabase:
        """Make a database of our own with all migrations of *package*, beside the services' on the same server."""
        self._made += 1
        name = f"bench_{package}_{self._made}_{secrets.token_hex(2)}"
        settings = BenchDatabase(await databases.ensure_database(self.stack.superuser_dsn, name, secrets.token_hex(16)))
        for phase in ("pre", "post"):
            await migrate(settings, package, phase)
        return settings

    async def query(self, system: str, sql: str, *args: object) -> list[Any]:
        """Look into a deployment's database."""
        connection = await asyncpg.connect(self.stack.dsn(system))
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()

    async def quiet(self, within_s: float = 180.0) -> None:
        """Wait until nothing is left to publish, seal or deliver."""
        for system in ("certificates-1", "certificates-2", "exchange-bus", "identity", "gateway", "cases"):
            sql = UNSEALED if system.startswith("certificates") else UNPUBLISHED
            await until(partial(self._empty, system, sql), f"{system} to be idle", within_s)

    async def _empty(self, system: str, sql: str) -> bool:
        [row] = await self.query(system, sql)
        return bool(row["n"] == 0)


class Caller:
    """An office's system that calls the gateway with DPoP-bound tokens, by raw HTTP."""

    def __init__(self, world: World, system: str, audience: str) -> None:
        self.url = world.stack.url("gateway")
        self.wire = Wire(self.url)
        self._audience = audience
        self._http = Http(self.url)
        self._tokens = SystemTokens(
            self._http, system, SdkKey.load(world.stack.secrets_dir(system) / "sig.jwk"), system_clock
        )

    async def token(self) -> str:
        """An access token for our audience, fetched when the last one ends."""
        return (await self._tokens.token(self._audience)).text

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """POST through the gateway, with a fresh proof of our key."""
        token = await self.token()
        proof = dpop_proof(self._tokens.key, method="POST", url=self.url + path, token=token, clock=system_clock)
        return await post(self.wire, path, body, {**headers, "authorization": f"DPoP {token}", "dpop": proof})

    async def close(self) -> None:
        """Close all connections."""
        await self.wire.close()
        await self._http.__aexit__(None, None, None)


async def post(wire: Wire, path: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
    """POST a JSON body by the small client."""
    raw = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    return await wire.request("POST", path, [*raw, (b"content-type", b"application/json")], body)


def expect(answer: HttpAnswer, *statuses: int) -> HttpAnswer:
    """Give *answer* if its status is one of those. Raises BenchFailedError with what it said."""
    if answer.status not in statuses:
        raise BenchFailedError(f"{answer.status}: {answer.body[:500].decode(errors='replace')}")
    return answer


async def until(
    question: Callable[[], Awaitable[bool]], what: str, within_s: float = 60.0, every_s: float = 0.02
) -> float:
    """Ask again until the answer is yes; gives the seconds that it took. Raises BenchFailedError in time."""
    began = time.monotonic()
    while not await question():
        if time.monotonic() - began > within_s:
            raise BenchFailedError(f"waited {within_s:.0f} s for {what}")
        await asyncio.sleep(every_s)
    return time.monotonic() - began
