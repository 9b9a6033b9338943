# SPDX-License-Identifier: EUPL-1.2
"""What the four programs share: their options, and how they end."""

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
REGISTERS = Path(__file__).parent / "registers"
SELF = "self"
"""What a certificate's claims say of its holder: no name. Who it is stands in the holder's alias, sealed."""

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


def say(line: str) -> None:
    """Print a line at once: somebody may be reading along."""
    print(line, flush=True)


def read_register(file: Path) -> list[dict[str, Any]]:
    """Read an office's own register, a YAML list of mappings."""
    rows: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return rows
