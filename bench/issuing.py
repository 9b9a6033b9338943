# SPDX-License-Identifier: EUPL-1.2
"""Part 3: issuing certificates, 32 at once, through the gateway and at the service, beside bare group commit."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import count, cycle

from bench import people
from bench.bare_commit import GroupCommit, take_sample
from bench.load import closed_loop
from bench.machine import Used
from bench.report import Row, median_row
from bench.world import MARKET, Caller, World, expect, post
from contracts import http as headers_of
from contracts.ids import uuid7
from kit.clock import system_clock
from kit.http.wire import Wire
from kit.tokens import HopSigner

AT_ONCE = 32
PEOPLE = 64
DEPLOYMENT, SYSTEM, PATH = "certificates-2", "licensing", "/v1/certificates"

Way = Callable[[], Awaitable[object]]


class Orders:
    """Orders for food licences, each with a number of its own: one grant and the directory call for a share each."""

    def __init__(self, subjects: Sequence[str]) -> None:
        self._subjects = cycle(subjects)
        self._numbers = count()
        self._run = uuid7().hex[-8:]
        self._today = datetime.now(UTC).date().isoformat()

    def next(self) -> bytes:
        """The body of one order."""
        claims = {
            "holder": "self",
            "tradeName": "Noodles and more, a name of usual length",
            "place": "7 Canal Street, Old Town, second floor",
            "number": f"FL-{self._run}-{next(self._numbers)}",
        }
        order = {
            "office": MARKET,
            "type": "food-licence",
            "holder": {"subject": next(self._subjects)},
            "claims": claims,
            "validFrom": self._today,
        }
        return json.dumps(order, ensure_ascii=False).encode()


async def rows(world: World, rounds: int, seconds: float) -> list[Row]:
    """Three ways in turn, and afterwards how fast the job seals what was issued."""
    async with AsyncExitStack() as exits:
        ways = await _ways(world, exits)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        used: dict[str, Used] = {}
        sealing: list[float] = []
        for _ in range(rounds):
            for name, work in ways.items():
                with world.meter.measured() as taken:
                    taken.operations = await closed_loop(work, AT_ONCE, seconds)
                rates[name].append(taken.operations / taken.seconds)
                used[name] = taken
                if name != "bare":
                    sealing.append(await _drain(world))
    return _table(rates, used, sealing)


def _table(rates: dict[str, list[float]], used: dict[str, Used], sealing: list[float]) -> list[Row]:
    floor = sorted(rates["bare"])[len(rates["bare"]) // 2]
    notes = {
        "at the service": "the same call with the gateway's hop, no DPoP, no gateway",
        "through the gateway": "DPoP proof, used-proof row, route, hop",
    }
    table = []
    for name, note in notes.items():
        table.append(
            median_row(
                *("issue", f"issue, {AT_ONCE} at once, {name}", rates[name], "/s"),
                floor=floor,
                floor_name="/s bare group commit",
                cpu=used[name].per(),
                floor_cpu=used["bare"].per(),
                others=used[name].others,
                note=note,
            )
        )
    table.append(
        median_row(
            "issue", "shares sealed after the rush", sealing, "/s", note="two for each: the grant's, directory's"
        )
    )
    return table


async def _ways(world: World, exits: AsyncExitStack) -> dict[str, Way]:
    office = await exits.enter_async_context(world.office(SYSTEM))
    subjects = await office.resolve([number for _, number in await people.register(world, PEOPLE)])
    orders = Orders([subject for subject in subjects if subject is not None])
    caller = Caller(world, SYSTEM, DEPLOYMENT)
    exits.push_async_callback(caller.close)
    wire = Wire(world.stack.url(DEPLOYMENT))
    exits.push_async_callback(wire.close)
    hops = HopSigner("gateway", world.key("gateway"), system_clock)

    async def through_gateway() -> None:
        expect(await caller.post(PATH, orders.next(), _fresh_key()), 201)

    async def at_service() -> None:
        token = await caller.token()
        proof = {"authorization": f"DPoP {token}", headers_of.HOP: hops.hop(DEPLOYMENT, token)}
        expect(await post(wire, PATH, orders.next(), {**_fresh_key(), **proof}), 201)

    await asyncio.gather(*(through_gateway() for _ in range(AT_ONCE)), *(at_service() for _ in range(AT_ONCE)))
    await world.quiet()
    sample = await take_sample(world, DEPLOYMENT)
    bare = await exits.enter_async_context(GroupCommit(await world.database("certificates"), sample))
    return {"bare": bare.submit, "at the service": at_service, "through the gateway": through_gateway}


def _fresh_key() -> dict[str, str]:
    return {headers_of.IDEMPOTENCY_KEY: str(uuid7())}


async def _drain(world: World) -> float:
    """Wait until all is sealed; gives the shares a second."""
    [row] = await world.query(DEPLOYMENT, "SELECT count(*) AS n FROM share_todo")
    began = time.monotonic()
    await world.quiet()
    return float(row["n"]) / max(time.monotonic() - began, 0.001)
