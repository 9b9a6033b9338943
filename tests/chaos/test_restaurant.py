# SPDX-License-Identifier: EUPL-1.2
"""Restaurants under way, everything killed once in mid-case: each is completed once, and our outages deem nothing.

Part of the short run. All tests share one stack and its offices; what one leaves behind, the next one checks too.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from checker.accepted import one_licence
from checker.bus import bus_is_stored, keyseq_whole, stored_is_on_bus
from checker.effects import effect_once
from checker.quiet import nothing_waits
from checker.sides import receipt_chains, receipt_sides
from drive import faults, restaurants
from drive.collect import collect
from drive.history import HistoryFile
from drive.quiet import wait_quiet
from drive.restaurants import EVENT, completed, owner_of, reaches, steps_done, whole
from example_offices.clerk import Clerk, Verdict
from local_stack.harness import Stack
from local_stack.town import Town, at_work, until
from tongban.clock import system_clock

CHECKS = (
    stored_is_on_bus,
    bus_is_stored,
    keyseq_whole,
    effect_once,
    receipt_sides,
    receipt_chains,
    one_licence,
    nothing_waits,
)
"""What must hold of any run, whoever asked for what: the clients here keep no history."""
DESKS = {
    "licensing": ("--by-rule",),
    "public_security": (),
    "tax": (),
    "hrss": (),
    "fire": (),
    "urban": ("--by-rule",),
    "data_office": (),
}
AWAY_S = 1.0
LONG_AWAY_S = 30.0
"""How long an office is really away: ten minutes, shortened to one twentieth."""
PILE = 3
"""Restaurants whose fire check waits in its inbox meanwhile."""
PULSE = {"BEAT_S": "0.5", "OUTAGE_GAP_S": "3", "OUTAGE_SETTLE_S": "2"}
"""A quicker pulse of cases, so that an outage of seconds is one."""
LEFT_S = 10.0
"""What is left of an office's time when the outage begins, and so when it is over: enough for a slow machine."""


@dataclass
class Scene:
    """A town that is hurt, and what is drawn for it."""

    town: Town
    chance: random.Random
    seed: int
    folder: Path

    async def nothing_is_lost_or_doubled(self) -> None:
        """Wait for quiet, lay every database and topic side by side, and fail with every breach."""
        await wait_quiet(self.town.stack)
        history = self.folder / "history.jsonl"
        with HistoryFile(history):
            run = await collect(self.town.stack, history)
        breaches = [str(breach) for check in CHECKS for breach in check(run)]
        assert not breaches, f"seed {self.seed}: {len(breaches)} breaches\n" + "\n".join(breaches[:30])
        self.town.stack.check()

    def say(self, line: str) -> None:
        """Report what was done."""
        print(f"\n{line}; seed {self.seed}")  # noqa: T201 - the report of a chaos run


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[Scene]:
    """One process of each service, the offices' programs, all registers filled."""
    folder = tmp_path_factory.mktemp("restaurants")
    stack = Stack(profile="laptop").prepare()
    stack.env_override("cases", PULSE)
    with stack, at_work(stack, folder, DESKS) as town:
        yield Scene(town, random.Random(seed), seed, folder)


async def kill_program(town: Town, name: str) -> str:
    """Kill an office's program, leave it away, start it again with the state that it left."""
    town.close_desk(name, kill=True)
    await asyncio.sleep(AWAY_S)
    town.open_desk(name, *DESKS[name])
    return f"SIGKILL to the program {name}"


async def put_through(scene: Scene, victim: str, step: str, state: str) -> None:
    """Open two restaurants, kill *victim* when the first has come to that step, see both through, check everything."""
    town = scene.town
    async with owner_of(town) as owner:
        first = (await owner.apply(EVENT)).case_id
        second = (await owner.apply(EVENT)).case_id
        await reaches(town, first, step, state)
        await asyncio.sleep(scene.chance.uniform(0.0, 0.3))
        done = await steps_done(town, first)
        killing = kill_program(town, victim) if victim in DESKS else faults.kill(town.stack, victim, away_s=AWAY_S)
        said, began = await killing, time.monotonic()
        assert done < len(restaurants.ISSUED), f"{victim} was killed too late: the case was through"
        for case_id in (first, second):
            await completed(owner, case_id)
        took = time.monotonic() - began
    await scene.nothing_is_lost_or_doubled()
    for case_id in (first, second):
        await whole(town, case_id)
    scene.say(f"{said} with {done} steps done; both completed {took:.1f} s later")


@pytest.mark.parametrize(
    "victim",
    [
        *("certificates-1", "certificates-2", "certificates-3", "exchange-bus", "cases", "identity", "ledger"),
        *("gateway", "postgres", "kafka"),
    ],
)
async def test_a_kill_in_mid_case_costs_nothing_but_time(scene: Scene, victim: str) -> None:
    """Once the business exists, six offices are at work and every service with them."""
    await put_through(scene, victim, "r1", "done")


@pytest.mark.parametrize(("program", "step"), [("licensing", "r1"), ("fire", "r5")])
async def test_an_offices_program_that_dies_goes_on_where_it_was(scene: Scene, program: str, step: str) -> None:
    await put_through(scene, program, step, "tasked")


async def test_an_office_that_is_away_for_long_does_all_that_piled_up_when_it_is_back(scene: Scene) -> None:
    """Everybody else goes on; what is its own waits in its inbox, and each case is delayed by that and no more."""
    town = scene.town
    town.close_desk("fire", kill=True)
    try:
        async with owner_of(town) as owner:
            cases = [(await owner.apply(EVENT)).case_id for _ in range(PILE)]
            for case_id in cases:
                await reaches(town, case_id, "r5", "tasked")
            await asyncio.sleep(LONG_AWAY_S)
            for case_id in cases:  # all but the fire check, and the result pack that waits for it
                await reaches(town, case_id, "r5", "tasked", 0.1)
                await until(partial(_all_but_the_check, town, case_id), f"the rest of {case_id}", 60)
            town.open_desk("fire", *DESKS["fire"])
            began = time.monotonic()
            for case_id in cases:
                await completed(owner, case_id)
            took = time.monotonic() - began
    finally:
        if "fire" not in town.programs:
            town.open_desk("fire", *DESKS["fire"])
    await scene.nothing_is_lost_or_doubled()
    for case_id in cases:
        await whole(town, case_id)
    scene.say(f"fire was away for {LONG_AWAY_S:g} s with {PILE} tasks in its inbox; all were done {took:.1f} s later")


async def _all_but_the_check(town: Town, case_id: str) -> bool:
    return await steps_done(town, case_id) == len(restaurants.ISSUED) - 2


def decide(town: Town, task_id: str) -> None:
    """Let the clerk of urban management approve what lies on her desk."""
    clerk = Clerk(town.target.state("urban"))
    try:
        clerk.decide(task_id, Verdict(True, system_clock().date()))
    finally:
        clerk.close()


@pytest.fixture
def clerks(scene: Scene) -> Iterator[None]:
    """Urban management decides by its clerk, who may take her time."""
    scene.town.close_desk("urban")
    scene.town.open_desk("urban")
    yield
    scene.town.close_desk("urban")
    scene.town.open_desk("urban", *DESKS["urban"])


async def to_the_silence(scene: Scene, case_id: str) -> str:
    """Wait until nothing but the sign is open and its task lies on the clerk's desk; gives the task's id."""
    town = scene.town

    async def there() -> str | None:
        if await steps_done(town, case_id) < len(restaurants.ISSUED) - 1:
            return None
        [row] = [row for row in await town.rows("cases", restaurants.STEPS, case_id) if row["step"] == "r6"]
        return row["task"] if f"task {row['task']}: shop-sign waits for the clerk" in town.said("urban") else None

    return await until(there, "the sign to lie on the clerk's desk", 60)


@pytest.mark.usefixtures("clerks")
@pytest.mark.parametrize("victim", ["cases", "kafka", "exchange-bus", "postgres", "gateway", "certificates-3"])
async def test_what_an_office_decided_while_we_were_away_counts(scene: Scene, victim: str) -> None:
    """The office's time ends while it can't reach us: that is our outage and not its silence."""
    town, stack = scene.town, scene.town.stack
    async with owner_of(town) as owner:
        case_id = (await owner.apply(EVENT)).case_id
        task_id = await to_the_silence(scene, case_id)
        before = await restaurants.silence(town, case_id, "r6")
        await restaurants.move_before(town, before.deadline, LEFT_S)
        stack.kill(victim)
        await asyncio.sleep(LEFT_S + 1)
        decide(town, task_id)
        await asyncio.to_thread(stack.start_one, victim)
        await completed(owner, case_id)
    await scene.nothing_is_lost_or_doubled()
    await whole(town, case_id)
    after = await restaurants.silence(town, case_id, "r6")
    assert after.ended_at is not None
    assert after.ended_at + after.ahead > before.deadline, "the outage ended before the office's time was up"
    scene.say(f"{victim} was away for {LEFT_S + 1:g} s when the time was up; what was decided meanwhile counted")


@pytest.mark.usefixtures("clerks")
async def test_silence_counts_only_after_the_time_that_an_outage_took(scene: Scene) -> None:
    town, stack = scene.town, scene.town.stack
    async with owner_of(town) as owner:
        case_id = (await owner.apply(EVENT)).case_id
        await to_the_silence(scene, case_id)
        before = await restaurants.silence(town, case_id, "r6")
        await restaurants.move_before(town, before.deadline, LEFT_S)
        stack.kill("cases")
        await asyncio.sleep(LEFT_S + 1)
        await asyncio.to_thread(stack.start_one, "cases")
        await completed(owner, case_id, 90)
    await scene.nothing_is_lost_or_doubled()
    await whole(town, case_id, deemed=["r6"])
    after = await restaurants.silence(town, case_id, "r6")
    assert after.ended_at is not None
    late = (after.ended_at + after.ahead - before.deadline).total_seconds()
    assert late >= LEFT_S + 1, f"deemed {late:.1f} s after the deadline, though nobody could reach us for longer"
    scene.say(f"cases was away for {LEFT_S + 1:g} s when the time was up; silence counted {late:.1f} s later")
