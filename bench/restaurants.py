# SPDX-License-Identifier: EUPL-1.2
"""Part 8: many restaurants at once, from the form to the last step, beside the same rows written to PostgreSQL alone.

Then the same again with many finished cases in the tables of cases. Offices are `responders`: nobody thinks, nobody is
silent. A task is `ready` when its id is made (it is a UUIDv7), in the commit that notes the last answer.
"""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from bench import archive, people
from bench.bare_life import BareLife
from bench.load import quantile
from bench.machine import Used
from bench.report import Row, median_row
from bench.responders import DESKS, PLACE, Client, Responder, fill, system_client
from bench.starting import AIM_MB
from bench.world import BenchFailedError, World, expect, until
from contracts.cases import CaseView, OpenCase
from contracts.identity import Handle, MakeHandle
from contracts.ids import uuid7
from kit.clock import system_clock
from kit.http.wire import Wire
from local_stack.demo.restaurant import EVENT, FORM
from tongban import Office
from tongban.http import Http
from tongban.tokens import SandboxTokens

AIM = "1,000 ms"
OWNERS_BORN, STAFF_BORN = date(1971, 3, 2), date(1981, 5, 3)
WARM = 5
"""Restaurants before the clock runs: keys, plans and pools, and the rows that the floor writes again."""
WITHIN_S = 900.0
REGISTERS: Sequence[tuple[str, str, bool, Mapping[str, str]]] = (
    ("public-security", "citizen", True, {"record": "only", "name": "Lin He", "bornOn": "1971-03-02", "alive": "yes"}),
    ("land-registry", "title", True, {"place": PLACE, "use": "restaurant", "number": "LT"}),
    ("housing", "building-fire-acceptance", True, {"place": PLACE, "acceptedOn": "2021-06-14", "number": "YS"}),
    ("licensing", "food-safety-officer", True, {"grade": "B", "number": "SA"}),
    ("health-registry", "staff-health", False, {"result": "fit", "examinedOn": "2026-01-12"}),
)
"""System, type, whether it is about owners (else staff), what it says."""
STEPS = """SELECT step, state, code, task_id, ended_at FROM step
           WHERE case_id = ANY($1::uuid[]) AND state <> 'skipped'"""
CLOSED = (
    "SELECT count(*) AS n, max(closed_at) AS last FROM case_file WHERE case_id = ANY($1::uuid[]) AND state <> 'open'"
)
DELIVERED = "SELECT key, delivered_at FROM delivery WHERE kind = 'task' AND key = ANY($1::text[])"


@dataclass
class Town:
    """Who takes part. owners: a client for each; wishes: what each applies for."""

    world: World
    owners: Sequence[Client]
    wishes: Sequence[bytes]
    responders: Sequence[Responder]
    clients: Sequence[Client]

    def retried(self) -> int:
        """How many calls were put off by a busy platform, so far."""
        return sum(client.retried for client in [*self.owners, *self.clients])


@dataclass
class Rush:
    """What one rush of applications took. inbox_ms: from ready to the office's inbox; hands_ms: to the office."""

    cases: list[str] = field(default_factory=list)
    used: Used = field(default_factory=Used)
    seconds: float = 0.0
    opened_ms: list[float] = field(default_factory=list)
    inbox_ms: list[float] = field(default_factory=list)
    hands_ms: list[float] = field(default_factory=list)
    retried: int = 0


async def rows(world: World, rounds: int, restaurants: int, finished: int) -> list[Row]:
    """Floor and ours in turn, with new tables and then beside *finished* cases."""
    async with AsyncExitStack() as exits:
        town = await _town(world, exits, restaurants)
        warm = await rush(town, min(WARM, restaurants))
        await world.quiet()
        bare = await exits.enter_async_context(await BareLife.of(world, warm.cases[-1]))
        empty, floors = [], []
        for _ in range(rounds):
            floors.append(await bare.run(restaurants))
            empty.append(await _rush(town, restaurants))
        looks = await archive.looks(world, warm.cases[-1])
        filled = await archive.fill(world, warm.cases[-1], finished)
        full = [await _rush(town, restaurants) for _ in range(rounds)]
        return [
            *_table(f"{restaurants} restaurants at once", empty, floors),
            *_table(f"the same beside {finished:,} finished cases", full, floors),
            *archive.table(filled, looks, await archive.looks(world, warm.cases[-1])),
            _memory(world),
        ]


def _memory(world: World) -> Row:
    shares, whole = world.meter.memory_mb()
    note = f"its share of pages (PSS) {shares['cases']:.0f}, PostgreSQL's {shares['postgres']:.0f}"
    return Row("cases", "memory of cases afterwards (RSS)", whole["cases"], "MB", aim=AIM_MB, note=note)


def _table(title: str, rushes: Sequence[Rush], floors: Sequence[Used]) -> list[Row]:
    last, floor = rushes[-1], statistics.median(bare.operations / bare.seconds for bare in floors)
    opened, hands = quantile(last.opened_ms, 0.95), quantile(last.hands_ms, 0.95)
    more = f"; {last.retried} calls put off" if last.retried else ""
    steps = [rush.used.operations / rush.seconds for rush in rushes]
    waited = [quantile(rush.inbox_ms, 0.95) for rush in rushes]
    return [
        median_row(
            *("cases", f"{title}: steps", steps, "/s"),
            floor=floor,
            floor_name="/s its rows alone",
            cpu=last.used.per(),
            floor_cpu=floors[-1].per(),
            others=last.used.others,
            note=f"all in {last.seconds:.1f} s; application taken, p95 {opened:.0f} ms{more}",
        ),
        median_row(
            *("cases", f"{title}: ready to inbox, p95", waited, "ms"),
            aim=AIM,
            note=f"p50 {quantile(last.inbox_ms, 0.5):.0f} ms; in the office's hands, p95 {hands:.0f} ms",
        ),
    ]


async def _rush(town: Town, restaurants: int) -> Rush:
    done = await rush(town, restaurants)
    await town.world.quiet()
    return done


async def rush(town: Town, restaurants: int) -> Rush:
    """Let so many owners apply at once; the clock stops with the last step of the last case."""
    done, began, before = Rush(), time.time(), town.retried()
    with town.world.meter.measured() as done.used:
        await asyncio.gather(*(_apply(town, i, done) for i in range(restaurants)))

        async def closed() -> bool:
            [row] = await town.world.query("cases", CLOSED, done.cases)
            if row["last"] is not None:
                done.seconds = row["last"].timestamp() - began
            return bool(row["n"] == len(done.cases))

        await until(closed, f"{restaurants} restaurants to be open", WITHIN_S, every_s=0.25)
    await _look(town, done)
    done.retried = town.retried() - before
    return done


async def _apply(town: Town, place: int, done: Rush) -> None:
    began = time.monotonic()
    answer = await town.owners[place].call("POST", "/v1/cases", town.wishes[place], key=str(uuid7()))
    done.opened_ms.append((time.monotonic() - began) * 1e3)
    done.cases.append(CaseView.model_validate_json(expect(answer, 201).body).case_id)


async def _look(town: Town, done: Rush) -> None:
    """Fill in what was measured, from the rows. Raises BenchFailedError if a step ended otherwise than done."""
    steps = await town.world.query("cases", STEPS, done.cases)
    if failed := [(row["step"], row["state"], row["code"]) for row in steps if row["state"] != "done"]:
        raise BenchFailedError(f"{len(failed)} of {len(steps)} steps weren't done: {failed[0]}")
    done.used.operations = len(steps)
    made = {str(row["task_id"]): _born(row["task_id"]) for row in steps}
    for row in await town.world.query("exchange-bus", DELIVERED, list(made)):
        done.inbox_ms.append((row["delivered_at"].timestamp() - made[row["key"]]) * 1e3)
    for responder in town.responders:
        done.hands_ms += [(at - made[task]) * 1e3 for task, at in responder.seen.items() if task in made]
    if not len(done.inbox_ms) == len(done.hands_ms) == len(steps):
        raise BenchFailedError("tasks are missing in the inboxes")


def _born(task_id: UUID) -> float:
    """When a UUIDv7 was made: seconds since the epoch."""
    return (task_id.int >> 80) / 1e3


# ------------------------------------------------------------------ who takes part
async def _town(world: World, exits: AsyncExitStack, restaurants: int) -> Town:
    """Register owners and staff, fill the registers, open the desks."""
    http = await exits.enter_async_context(Http(world.stack.url("gateway")))
    wire = Wire(world.stack.url("gateway"))
    exits.push_async_callback(wire.close)
    owners = await people.register(world, restaurants, OWNERS_BORN)
    staff = await people.register(world, restaurants, STAFF_BORN)
    systems = {*DESKS, *(system for system, _, _, _ in REGISTERS)}
    offices = {system: await exits.enter_async_context(world.office(system)) for system in sorted(systems)}
    clients = {system: system_client(world, http, wire, system) for system in offices}
    for system, kind, of_owners, says in REGISTERS:
        numbers = [number for _, number in (owners if of_owners else staff)]
        await fill(clients[system], offices[system], kind, numbers, says)
    await world.quiet()
    citizens = [Client(wire, SandboxTokens(http, persona, system_clock)) for persona, _ in owners]
    wishes = [await _wish(citizen, number) for citizen, (_, number) in zip(citizens, staff, strict=True)]
    responders = await _desks(exits, offices, clients)
    return Town(world, citizens, wishes, responders, list(clients.values()))


async def _desks(
    exits: AsyncExitStack, offices: Mapping[str, Office], clients: Mapping[str, Client]
) -> list[Responder]:
    responders = [Responder(offices[system], clients[system]) for system in DESKS]
    tasks = await exits.enter_async_context(asyncio.TaskGroup())
    for responder in responders:
        exits.callback(tasks.create_task(responder.run()).cancel)
    return responders


async def _wish(owner: Client, number: str) -> bytes:
    """Give the application of one owner, who names one employee by a handle."""
    answer = await owner.call("POST", "/v1/persons/handles", MakeHandle(number=number).wire_bytes(), key=str(uuid7()))
    handle = Handle.model_validate_json(expect(answer, 200, 201).body).handle
    return OpenCase(life_event=EVENT, subjects={"staff": [handle]}, input=FORM).wire_bytes()
