# SPDX-License-Identifier: EUPL-1.2
"""`python -m local_stack demo`: a life event from application to licence, live, on the real stack.

It exits 0 only if all of it really happened: the check at its end recomputes every figure in code of its own.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from kit.clock import system_clock
from local_stack import daemon, offices, seed
from local_stack.account import ordinary
from local_stack.demo import end, food, food_check, food_end, restaurant, restaurant_check
from local_stack.demo.bus import Seen, Watch, topics_of, watching
from local_stack.demo.programs import SYSTEMS, running
from local_stack.demo.screen import Screen
from local_stack.demo.stage import EMPLOYEE, OWNER, PAPER, Stage
from local_stack.demo.target import Target, target
from local_stack.demo.told import Told
from local_stack.errors import StackError
from local_stack.layout import STATE_FOLDER, open_layout
from local_stack.offices import HEALTH, MARKET_REGULATION, NATURAL_RESOURCES, TAX
from tongban import Citizen, NotBelieved, Office, TongbanError, jose

Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Demo:
    """One life event to watch. watched: offices whose topics are shown. registers: programs that attest what they hold.

    programs: name -> options; they run all the while. offices: programs whose desk the demo itself sits at too.
    quiet: types of records that aren't shown. queries: how to find the figures again, printed at the end.
    """

    points: tuple[tuple[str, Play], ...]
    count: Play
    check: Callable[[Target, Told], Coroutine[Any, Any, list[str]]]
    watched: tuple[str, ...]
    registers: tuple[str, ...]
    programs: Mapping[str, tuple[str, ...]]
    offices: tuple[str, ...] = ("licensing", "tax")
    quiet: tuple[str, ...] = ()
    queries: Callable[[], list[str]] = list


FOOD_LICENCE = Demo(
    points=(
        ("A citizen applies: one call, no paper", food.apply),
        ("Offices are asked, instead of the citizen", food.gather),
        ("The office decides by its own system", food.decide),
        ("Tax hears of the licence, as far as it was granted to", food.share),
        ("The licence is suspended, and reinstated", food.suspend),
        ("Three refusals", food_end.refuse),
        ("Who looked at my data?", end.look),
    ),
    count=food_end.count,
    check=food_check.check,
    watched=(HEALTH, NATURAL_RESOURCES, MARKET_REGULATION, TAX),
    registers=("health", "land"),
    programs={"licensing": ("--demand", PAPER), "tax": ()},
)
OPEN_RESTAURANT = Demo(
    points=(
        ("Before anything is asked: what it will take", restaurant.plan),
        ("One form, one submit", restaurant.submit),
        ("She sees first what would go", restaurant.look_first),
        ("The business licence, by rule", restaurant.found),
        ("All that can start, starts at once", restaurant.spread),
        ("One visit for three offices, and a clerk decides", restaurant.visit),
        ("Silence is consent, and somebody is liable for it", restaurant.silence),
        ("The promise is checked", restaurant.inspect),
        ("What it cost and saved", restaurant.report),
        ("Who looked at my data?", end.look),
    ),
    count=restaurant.count,
    check=restaurant_check.check,
    watched=tuple(offices.SYSTEMS.values()),
    registers=("public_security", "land", "housing", "health", "licensing"),
    programs={
        "licensing": ("--demand", PAPER),
        "public_security": (),
        "tax": (),
        "hrss": (),
        "fire": (),
        "urban": ("--silent",),
        "data_office": (),
    },
    quiet=("certificates.holding", "evidence.request", "cases.step.gathering"),
    queries=restaurant_check.queries,
)
DEMOS = {"open-restaurant": OPEN_RESTAURANT, "food-licence": FOOD_LICENCE}


def main(event: str | None = None) -> int:
    """Run the demo of *event*; gives the exit code."""
    name = event or next(iter(DEMOS))
    if name not in DEMOS:
        sys.stderr.write(f"no demo of {name!r}; there is: {', '.join(DEMOS)}\n")
        return 2
    try:
        with target(_print) as where:
            return asyncio.run(run(where, name))
    except StackError as problem:
        sys.stderr.write(f"{problem.code}: {problem.text}\n")
    except TongbanError as error:
        sys.stderr.write(f"{error}\n")
    except BaseExceptionGroup as group:
        told = [one for one in _leaves(group) if isinstance(one, StackError | TongbanError)]
        if not told:
            raise
        sys.stderr.write("\n".join(str(one) for one in told) + "\n")
    return 1


def check_again(event: str | None = None) -> int:
    """Recompute what the last demo claimed, on the stack that still runs; without one, run the demo, check and all."""
    layout = open_layout(STATE_FOLDER, ordinary())
    running = daemon.find(layout)
    if running is None or running.phase != "ready":
        return main(event)
    with target(_print) as where:
        if not where.told.exists():
            return main(event)
        told = Told.load(where.told)
        differences = asyncio.run(DEMOS[told.event].check(where, told))
    Screen({}, told.since).verdict(differences)
    return 1 if differences else 0


async def run(where: Target, event: str) -> int:
    """Play *event* on a stack that runs, and check it; gives the exit code. Raises StackError, TongbanError."""
    entries, personas = seed.read_catalogue(seed.CATALOGUE)
    began = system_clock()
    told = Told(event, began.replace(microsecond=began.microsecond // 1000 * 1000))
    names = {entry["id"]: entry["name"]["en"] for entry in entries if entry["kind"] == "office"} | {
        "platform": "the platform"
    }
    screen = Screen(names, told.since)
    demo = DEMOS[event]
    watch = Watch(told.since, lambda seen: None if _is_quiet(demo, seen) else screen.bus(seen, _kid(seen)))
    numbers = {one["persona"]: one["number"] for one in personas}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(watching(where.kafka, topics_of(demo.watched), watch))
        desks = {name: await stack.enter_async_context(_office(where, name)) for name in demo.offices}
        screen.know_keys(desks[demo.offices[0]].directory.receivers())
        await _register(demo, where, screen)
        stage = Stage(
            target=where,
            screen=screen,
            watch=watch,
            told=told,
            numbers=numbers,
            owner=await stack.enter_async_context(Citizen(where.url, OWNER)),
            employee=await stack.enter_async_context(Citizen(where.url, EMPLOYEE)),
            offices=desks,
            programs={
                name: await stack.enter_async_context(running(where, name, screen.program, *options))
                for name, options in demo.programs.items()
            },
        )
        for number, (title, play) in enumerate(demo.points, 1):
            screen.point(number, title)
            await play(stage)
        await demo.count(stage)
    screen.hops(stage.hops)
    screen.summary(told)
    for query in demo.queries():
        screen.say(query)
    told.save(where.told)
    differences = await demo.check(where, told)
    screen.verdict(differences)
    return 1 if differences else 0


async def _register(demo: Demo, where: Target, screen: Screen) -> None:
    """What offices did long before: they attest what stands in their registers."""
    screen.say(f"before: {len(demo.registers)} offices have their registers on the platform (nothing is issued twice)")

    async def once(name: str) -> None:
        async with running(where, name, screen.program, "--once") as program:
            await program.ended()

    await asyncio.gather(*(once(name) for name in demo.registers))


def _office(where: Target, name: str) -> Office:
    system = SYSTEMS[name]
    return Office(where.url, system, where.secrets(system), where.state(f"demo-{name}"), trust_file=where.trust_file)


def _is_quiet(demo: Demo, seen: Seen) -> bool:
    return seen.record.type.startswith(demo.quiet) if demo.quiet else False


def _kid(seen: Seen) -> str | None:
    """Give the key that a record's value is sealed to; None for a value in the clear."""
    if not seen.topic.startswith(("evidence.ask.", "envelope.")):
        return None
    try:
        return jose.kid_of(seen.text)
    except NotBelieved:
        return None


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for one in group.exceptions:
        found += _leaves(one) if isinstance(one, BaseExceptionGroup) else [one]
    return found


def _print(line: str) -> None:
    print(line, flush=True)
