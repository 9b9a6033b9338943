# SPDX-License-Identifier: EUPL-1.2
"""The whole stack, two of each service that matters, started once; and people and offices to act on it."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import asyncpg
import pytest
import yaml

from contracts.cases import CaseView
from contracts.certificates.api import Holder, Issued
from example_offices.drawer import Drawer
from example_offices.licensing import Desk
from local_stack.harness import Stack
from tongban import Citizen, Office, Opened

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
HEALTH, LAND, MARKET, TAX = "11999900000000035X", "11999900000000107N", "1199990000000006XB", "119999000000000941"
SYSTEMS = {"licensing": MARKET, "tax-office": TAX, "health-registry": HEALTH, "land-registry": LAND}
PERSONAS: dict[str, str] = {
    row["persona"]: row["number"] for row in yaml.safe_load((ROOT / "catalogue/personas.yaml").read_text())
}
TODAY = date(2026, 11, 24)


async def until(question: Callable[[], Awaitable[T | None]], what: str, within_s: float = 30.0) -> T:
    """Ask again until there is an answer that counts; fail with *what* was waited for when the time is up."""
    end = time.monotonic() + within_s
    while True:
        answer = await question()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {within_s} s for {what}"
        await asyncio.sleep(0.1)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(profile="pairs", spans=True) as running:
        yield running


@dataclass
class World:
    """People and offices on a running stack. A fresh one for each test; the stack's data stays."""

    stack: Stack
    folder: Path
    exits: AsyncExitStack

    async def office(self, system: str) -> Office:
        """Open an office's system, with a state folder of its own."""
        folder = self.folder / f"{system}-{uuid4().hex[:8]}"
        folder.mkdir()
        secrets, trust = self.stack.secrets_dir(system), self.stack.trust_file
        return await self.exits.enter_async_context(
            Office(self.stack.url("gateway"), system, secrets, folder, trust_file=trust)
        )

    async def citizen(self, persona: str = "shop-owner") -> Citizen:
        """Log a persona in."""
        return await self.exits.enter_async_context(Citizen(self.stack.url("gateway"), persona))

    async def attest(self, system: str, kind: str, persona: str, claims: dict[str, object]) -> Issued:
        """Let an office issue a certificate to a persona, unless it has an equal one already."""
        office = await self.office(system)
        [subject] = await office.resolve([PERSONAS[persona]])
        key = hashlib.sha256(repr((kind, persona, sorted(claims.items()))).encode()).hexdigest()
        return await office.issue(kind, Holder(subject=subject), claims, valid_from=TODAY, key=key)

    async def registers(self) -> None:
        """Fill the two registers that a food licence rests on."""
        await self.attest("land-registry", "title", "shop-owner", TITLE)
        await self.attest("health-registry", "staff-health", "cook", FIT)

    async def apply(self, staff: str = "cook", trade_name: str = "Noodles") -> CaseView:
        """Apply for a food licence: one call."""
        owner = await self.citizen()
        handle = await owner.handle(PERSONAS[staff])
        return await owner.open_case("food-licence", subjects={"staff": [handle]}, data={"tradeName": trade_name})

    async def decide(self, case_id: str, habit: str | None = None) -> tuple[CaseView, list[str]]:
        """Let market regulation's program work until the case is closed; gives the case and what the program said."""
        said: list[str] = []
        office, owner = await self.office("licensing"), await self.citizen()
        drawer = Drawer(self.folder / f"drawer-{uuid4().hex[:8]}.sqlite")
        desk = Desk(office, drawer, said.append, habit)

        async def closed() -> CaseView | None:
            async for delivery in office.inbox(once=True):
                await desk.take(delivery)
            case = await owner.case(case_id)
            return case if case.state != "open" else None

        try:
            return await until(closed, "the case to close", 60), said
        finally:
            drawer.close()

    async def read_inbox(self, system: str) -> list[Opened]:
        """Take everything out of an office's inbox and open it."""
        office = await self.office(system)
        return [await office.open(delivery) async for delivery in office.inbox(once=True)]

    async def query(self, system: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """Look into a deployment's database, as no service may into another's."""
        connection = await asyncpg.connect(self.stack.dsn(system))
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()


TITLE: dict[str, object] = {"holder": "self", "place": "7 Canal Street", "use": "restaurant", "number": "T-7001"}
FIT: dict[str, object] = {"holder": "self", "result": "fit", "examinedOn": "2026-11-02"}


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as exits:
        yield World(stack, tmp_path, exits)
