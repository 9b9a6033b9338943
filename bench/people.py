# SPDX-License-Identifier: EUPL-1.2
"""Fictional people in plenty. One person's receipts form a chain, so all load on one person would measure its lock."""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime

from bench.world import World
from contracts.identifiers import TEST_AREA, IdentifierInvalid, parse_citizen_number
from kit.clock import system_clock
from kit.jose import b64u_decode, json_object
from local_stack.seed import Bootstrap
from local_stack.table import PLATFORM_AUDIENCE
from tongban.http import Http
from tongban.tokens import SandboxTokens

BORN = date(1961, 7, 1)


async def register(world: World, count: int, born: date = BORN) -> list[tuple[str, str]]:
    """Register *count* people, all born on one day; gives (persona, number) of each.

    born: a day of one's own keeps others from giving the same people a second title.
    """
    batch = secrets.token_hex(3)
    people = [(f"bench-{batch}-{i}", number) for i, number in enumerate(_numbers(count, born))]
    bootstrap = Bootstrap(world.stack.plan.keyring.bootstrap(), world.stack.url)

    def post() -> None:
        for persona, number in people:
            bootstrap.post("identity", "/v1/sandbox/personas", {"persona": persona, "number": number})

    await asyncio.to_thread(post)
    return people


async def platform_pseudonyms(world: World, personas: Sequence[str]) -> list[str]:
    """What the platform calls each of them: the subject of her own token."""
    found = []
    async with Http(world.stack.url("gateway")) as http:
        for persona in personas:
            token = (await SandboxTokens(http, persona, system_clock).token(PLATFORM_AUDIENCE)).text
            found.append(str(json_object(b64u_decode(token.split(".")[1]), "claims")["sub"]))
    return found


def _numbers(count: int, born: date) -> list[str]:
    """Numbers that are right in themselves, of the area that nobody lives in."""
    today, start = datetime.now(UTC).date(), secrets.randbelow(900 - count)
    return [_checked(f"{TEST_AREA}{born:%Y%m%d}{start + i:03d}", today) for i in range(count)]


def _checked(digits: str, today: date) -> str:
    for check in "0123456789X":
        try:
            return parse_citizen_number(digits + check, today=today).text
        except IdentifierInvalid:
            continue
    raise ValueError("no check character fits")
