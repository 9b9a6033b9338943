# SPDX-License-Identifier: EUPL-1.2
"""What the four programs share: their options, and how they end."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from tongban import Office, TongbanError

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


def say(line: str) -> None:
    """Print a line at once: somebody may be reading along."""
    print(line, flush=True)


def read_register(file: Path) -> list[dict[str, Any]]:
    """Read an office's own register, a YAML list of mappings."""
    rows: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return rows
