# SPDX-License-Identifier: EUPL-1.2
"""Everybody who plays a part in a demo, and what all demos wait for and measure."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from local_stack.demo.bus import Seen, Watch
from local_stack.demo.programs import Program
from local_stack.demo.screen import Screen
from local_stack.demo.target import Target
from local_stack.demo.told import Told
from local_stack.errors import StackError
from tongban import Citizen, Office, jose

OWNER, EMPLOYEE = "shop-owner", "cook"
PAPER = "premises-use"
"""What a clerk of the old school would still want from the applicant."""
PATIENCE_S = 40.0


@dataclass
class Stage:
    """numbers: persona -> citizen's number. offices, programs: by the program's name. hops: (what, milliseconds)."""

    target: Target
    screen: Screen
    watch: Watch
    told: Told
    numbers: Mapping[str, str]
    owner: Citizen
    employee: Citizen
    offices: Mapping[str, Office]
    programs: Mapping[str, Program]
    hops: list[tuple[str, float]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    handle: str = ""
    task_id: str = ""
    task_envelope: str = ""
    number: str = ""
    """The new licence's."""

    async def of_case(self, what: str, topic: str, kind: str) -> Seen:
        """Wait for a record of this case on *topic* whose type begins with *kind*."""
        case_id = self.told.case_id

        def matches(seen: Seen) -> bool:
            mine = case_id in (seen.record.attributes.get("caseid"), seen.record.key)
            return mine and seen.topic == topic and seen.record.type.startswith(kind)

        (found,) = await self.watch.until(what, matches)
        return found

    def check_sealed(self, seen: Seen) -> None:
        """Make sure that an envelope is sealed to the office whose topic it is on. Raises StackError (`NOT_SEALED`)."""
        receiver = self.offices["licensing"].directory.receivers().get(jose.kid_of(seen.text))
        if receiver is None or receiver[0] != seen.topic.split(".")[-2]:
            raise StackError("NOT_SEALED", f"a record on {seen.topic} is sealed to {receiver}")

    def refused(self, who: str, what: str, code: str, status: int) -> None:
        """Note and show a refusal."""
        self.refusals.append(code)
        self.screen.refusal(who, what, code, status)

    async def until(self, system: str, query: str, what: str, *arguments: object) -> None:
        """Wait until *query* on a deployment's database gives true. Raises StackError (`DEMO_WAITED_IN_VAIN`)."""
        connection = await asyncpg.connect(self.target.dsn(system))
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    if await connection.fetchval(query, *arguments):
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise StackError("DEMO_WAITED_IN_VAIN", f"not within {PATIENCE_S:g} s: {what}") from None
        finally:
            await connection.close()

    async def rows(self, system: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Ask a deployment's database."""
        connection = await asyncpg.connect(self.target.dsn(system))
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def handle_of_employee(self) -> None:
        """Turn the employee's number into a handle, at identity."""
        began = time.monotonic()
        self.handle = await self.owner.handle(self.numbers[EMPLOYEE])
        self.hops.append(("employee's number becomes a handle (identity)", ms_since(began)))
        self.screen.say(
            f"{OWNER} turns her employee's number into a handle at identity: {len(self.handle)} sealed characters, "
            "the same shape for a number that nobody has"
        )


def between_ms(first: Seen, then: Seen) -> float:
    """Give the milliseconds between two records, by their times."""
    return (then.record.time - first.record.time).total_seconds() * 1000


def ms_since(began: float) -> float:
    """Give the milliseconds since a monotonic moment."""
    return (time.monotonic() - began) * 1000
