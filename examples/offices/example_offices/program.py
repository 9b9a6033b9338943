# SPDX-License-Identifier: EUPL-1.2
"""What all programs share: their options, their two loops, and how they end."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from contracts.exchange_bus import Delivery
from tongban import NoAnswer, Office, Problem, TongbanError, is_away

PAUSE_S = 2.0
POLL_S = 0.5
"""How often a program looks for what its clerk decided (seconds)."""
REGISTERS = Path(__file__).parent / "registers"

Say = Callable[[str], None]
Work = Callable[[Office, argparse.Namespace], Awaitable[None]]


def options(purpose: str) -> argparse.ArgumentParser:
    """Give the options that every program has."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--gateway", required=True, help="address of the platform's gateway")
    parser.add_argument("--secrets", required=True, type=Path, help="folder with sig.jwk and inbox.jwk")
    parser.add_argument("--trust", required=True, type=Path, help="the platform's pinned keys")
    parser.add_argument("--state", required=True, type=Path, help="folder for what must survive a restart")
    parser.add_argument("--once", action="store_true", help="do what is there, then end")
    return parser


def run(system: str, parser: argparse.ArgumentParser, work: Work) -> None:
    """Open the office's connection as *system* and do *work*; a refusal is one line and exit 1."""
    given = parser.parse_args()

    async def main() -> None:
        async with Office(given.gateway, system, given.secrets, given.state, trust_file=given.trust) as office:
            await work(office, given)

    try:
        asyncio.run(main())
    except TongbanError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        sys.exit(130)


async def take_all(office: Office, given: argparse.Namespace, take: Callable[[Delivery], Awaitable[None]]) -> None:
    """Take every delivery, until told to stop, or with --once until nothing is left.

    The platform may go away in the middle of one: it comes again, and what was done about it is not done twice.
    """
    while True:
        try:
            async for delivery in office.inbox(once=given.once):
                await take(delivery)
            return
        except (NoAnswer, Problem) as why:
            if given.once or not is_away(why):
                raise
            say(f"the platform is away ({why.code}): trying again")
            await asyncio.sleep(PAUSE_S)


async def look_again(given: argparse.Namespace, look: Callable[[], Awaitable[None]]) -> None:
    """Look for what was decided at home, every half second until told to stop, or once with --once."""
    while True:
        try:
            await look()
            if given.once:
                return
            await asyncio.sleep(POLL_S)
        except (NoAnswer, Problem) as why:
            if given.once or not is_away(why):
                raise
            say(f"the platform is away ({why.code}): trying again")
            await asyncio.sleep(PAUSE_S)


async def attend(
    office: Office,
    given: argparse.Namespace,
    take: Callable[[Delivery], Awaitable[None]],
    look: Callable[[], Awaitable[None]],
) -> None:
    """Do both at once; with --once one after the other. If either dies, so does the program: nobody restarts half."""
    if given.once:
        await take_all(office, given, take)
        await look_again(given, look)
        return
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(take_all(office, given, take))
            both.create_task(look_again(given, look))
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


def say(line: str) -> None:
    """Print a line at once: somebody may be reading along."""
    print(line, flush=True)


def read_register(file: Path) -> list[dict[str, Any]]:
    """Read an office's own register, a YAML list of mappings."""
    rows: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return rows
