# SPDX-License-Identifier: EUPL-1.2
"""`python -m local_stack demo`: a life event from application to licence, live, on the real stack.

It exits 0 only if all of it really happened: the check at its end recomputes every figure in code of its own.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from kit.clock import system_clock
from local_stack import daemon, demo_check, demo_end, demo_story, seed
from local_stack.account import ordinary
from local_stack.demo_bus import Seen, Watch, topics_of, watching
from local_stack.demo_programs import SYSTEMS, running
from local_stack.demo_screen import Screen
from local_stack.demo_story import EMPLOYEE, OWNER, PAPER, Stage
from local_stack.demo_target import Target, target
from local_stack.demo_told import Told
from local_stack.errors import StackError
from local_stack.layout import STATE_FOLDER, open_layout
from local_stack.table import HEALTH, MARKET_REGULATION, NATURAL_RESOURCES, TAX
from tongban import Citizen, NotBelieved, Office, TongbanError, jose

EVENTS = ("food-licence",)
POINTS: tuple[tuple[str, Callable[[Stage], Awaitable[None]]], ...] = (
    ("A citizen applies: one call, no paper", demo_story.apply),
    ("Offices are asked, instead of the citizen", demo_story.gather),
    ("The office decides by its own system", demo_story.decide),
    ("Tax hears of the licence, as far as it was granted to", demo_story.share),
    ("The licence is suspended, and reinstated", demo_story.suspend),
    ("Three refusals", demo_end.refuse),
    ("Who looked at my data?", demo_end.look),
)


def main(event: str | None = None) -> int:
    """Run the demo of *event*; gives the exit code."""
    name = event or EVENTS[0]
    if name not in EVENTS:
        sys.stderr.write(f"no demo of {name!r}; there is: {', '.join(EVENTS)}\n")
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
        differences = asyncio.run(demo_check.check(where, told))
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
    watch = Watch(told.since, lambda seen: screen.bus(seen, _kid(seen)))
    numbers = {one["persona"]: one["number"] for one in personas}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            watching(where.kafka, topics_of((HEALTH, NATURAL_RESOURCES, MARKET_REGULATION, TAX)), watch)
        )
        stage = await _stage(stack, where, screen, watch, told, numbers)
        await _register(where, screen)
        for number, (title, play) in enumerate(POINTS, 1):
            screen.point(number, title)
            await play(stage)
        await demo_end.count(stage)
    screen.hops(stage.hops)
    screen.summary(told)
    told.save(where.told)
    differences = await demo_check.check(where, told)
    screen.verdict(differences)
    return 1 if differences else 0


async def _register(where: Target, screen: Screen) -> None:
    """What offices did long before: health and natural resources attest what stands in their registers."""
    screen.say("before: two offices have their registers on the platform (nothing is issued twice)")

    async def once(name: str) -> None:
        async with running(where, name, screen.program, "--once") as program:
            await program.ended()

    await asyncio.gather(once("health"), once("land"))


async def _stage(
    stack: AsyncExitStack, where: Target, screen: Screen, watch: Watch, told: Told, numbers: dict[str, str]
) -> Stage:
    offices = [await stack.enter_async_context(_office(where, name)) for name in ("licensing", "tax")]
    screen.know_keys(offices[0].directory.receivers())
    licensing = await stack.enter_async_context(running(where, "licensing", screen.program, "--demand", PAPER))
    tax = await stack.enter_async_context(running(where, "tax", screen.program))
    return Stage(
        target=where,
        screen=screen,
        watch=watch,
        told=told,
        numbers=numbers,
        owner=await stack.enter_async_context(Citizen(where.url, OWNER)),
        employee=await stack.enter_async_context(Citizen(where.url, EMPLOYEE)),
        licensing_office=offices[0],
        tax_office=offices[1],
        licensing=licensing,
        tax=tax,
    )


def _office(where: Target, name: str) -> Office:
    system = SYSTEMS[name]
    return Office(where.url, system, where.secrets(system), where.state(f"demo-{name}"), trust_file=where.trust_file)


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
