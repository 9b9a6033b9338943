# SPDX-License-Identifier: EUPL-1.2
"""A town: a stack, every office's program at work on it as a process of its own, and an applicant with a case.

What tests of life events share. Nothing here may do what an office or a citizen may not, but `Town.rows`, which looks.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

from contracts.cases import CaseView, ClockMoved, MoveClock, StepView
from contracts.envelopes import Task
from contracts.topics import envelope_topic
from local_stack.demo import bus
from local_stack.demo.programs import SYSTEMS
from local_stack.demo.target import Target
from local_stack.harness import Stack
from local_stack.seed import read_all
from local_stack.spawn import spawn
from tongban import Citizen, NotBelieved, Office
from tongban.citizen import file

T = TypeVar("T")
POLL_S: Final = 0.1
OPEN: Final = "the desk is open"
"""What a program says once it takes tasks."""
REGISTERS: Final = (
    "health",
    "land",
    "housing",
    "court",
    "medical_insurance",
    "provident_fund",
    "licensing",
    "public_security",
)
"""Offices that have something to say before anybody applies; each writes down what it knows, and ends."""
DESKS: Final[dict[str, tuple[str, ...]]] = {
    "licensing": (),
    "public_security": (),
    "tax": (),
    "hrss": (),
    "fire": (),
    "urban": ("--silent",),
    "tobacco": ("--by-rule",),
    "data_office": (),
}
"""Offices that decide -> their programs' options."""
FORM: Final[dict[str, Any]] = {
    "tradeName": "Canal House",
    "scope": "restaurant",
    "bankAccount": "9999 0000 4711 0815",
    "floorPlan": file("plan.pdf", "application/pdf", b"%PDF-1.4\n% kitchen, hall, two exits\n%%EOF\n"),
    "signText": "Canal House, 3 m",
    "fireCommitment": True,
}
"""What the owner of a restaurant fills in."""


class WaitedInVain(AssertionError):
    """Something never came."""


async def until(question: Callable[[], Awaitable[T | None]], what: str, within_s: float = 30.0) -> T:
    """Ask again until there is an answer that counts. Raises WaitedInVain with *what* when the time is up."""
    end = time.monotonic() + within_s
    while True:
        answer = await question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise WaitedInVain(f"waited {within_s} s for {what}")
        await asyncio.sleep(POLL_S)


@dataclass
class Town:
    """Offices at work. logs: a folder for what their programs print. programs: name -> its process."""

    stack: Stack
    logs: Path
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find everything on the stack, which runs."""
        stack = self.stack
        self.target = Target(stack.url("gateway"), stack.kafka_bootstrap, stack.superuser_dsn, stack.layout)
        self.numbers: dict[str, str] = {row["persona"]: row["number"] for row in read_all(stack.layout)[1]}

    def start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start an office's program; it remembers in its state folder what it did before."""
        command = [sys.executable, "-m", f"example_offices.{name}", "--gateway", self.target.url]
        command += ["--secrets", str(self.target.secrets(SYSTEMS[name])), "--trust", str(self.target.trust_file)]
        command += ["--state", str(self.target.state(name)), *options]
        with (self.logs / f"{name}.log").open("ab") as log:
            return spawn(command, signal.SIGTERM, stdout=log, stderr=subprocess.STDOUT)

    def fill_registers(self, names: Sequence[str] = REGISTERS) -> None:
        """Let these offices write down what they know; two at a time, since each is a process of its own."""
        for pair in (names[at : at + 2] for at in range(0, len(names), 2)):
            for name, process in [(name, self.start(name, "--once")) for name in pair]:
                if process.wait(60) != 0:
                    raise AssertionError(self.said(name))

    def open_desk(self, name: str, *options: str) -> None:
        """Keep an office's program running."""
        self.programs[name] = self.start(name, *options)

    def wait_open(self, within_s: float = 180.0) -> None:
        """Wait until every desk is open: an office's own register stands before that."""
        end = time.monotonic() + within_s
        for name, process in self.programs.items():
            while OPEN not in self.said(name):
                if process.poll() is not None or time.monotonic() > end:
                    raise WaitedInVain(f"the desk of {name} isn't open: {self.said(name)}")
                time.sleep(POLL_S)

    def close_desk(self, name: str, *, kill: bool = False) -> None:
        """End an office's program; what it had in hand comes again next time."""
        process = self.programs.pop(name)
        process.kill() if kill else process.terminate()
        process.wait(20)

    def close(self) -> None:
        """End all programs."""
        for name in list(self.programs):
            self.close_desk(name)

    async def clerk(self, name: str, *words: str) -> None:
        """Let the clerk of an office decide, once it is her turn."""
        command = [sys.executable, "-m", "example_offices.clerk", "--state", str(self.target.state(name)), *words]

        async def done() -> bool:
            process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
            return await process.wait() == 0

        await until(done, f"the clerk of {name}: {words}", 60)

    def said(self, name: str) -> str:
        """Give what a program has printed."""
        return (self.logs / f"{name}.log").read_text()

    async def pass_days(self, working_days: int) -> ClockMoved:
        """Move the clock by which deadlines are reckoned."""
        wish = MoveClock(working_days=working_days).wire()
        said = await asyncio.to_thread(self.target.bootstrap, "cases", "/v1/sandbox/clock", wish)
        return ClockMoved.model_validate(said)

    async def rows(self, system: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """Look into a deployment's database, as no service may into another's."""
        connection = await asyncpg.connect(self.stack.dsn(system))
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()

    async def tasks(self, office: Office, code: str, case_id: str) -> list[Task]:
        """Open every task that lies on the bus for an office about a case; code: the office's USCC."""
        found = []
        for seen in await bus.scan(self.target.kafka, envelope_topic(code)):
            if seen.record.type == "envelope.task.v1" and seen.record.attributes.get("caseid") == case_id:
                try:
                    body = (await office.open(seen.text)).body
                except NotBelieved:
                    continue
                if isinstance(body, Task):
                    found.append(body)
        return found


@contextmanager
def at_work(stack: Stack, logs: Path, desks: dict[str, tuple[str, ...]] | None = None) -> Iterator[Town]:
    """Fill the registers of a running stack and open the desks; all programs end with the block."""
    town = Town(stack, logs)
    try:
        town.fill_registers()
        for name, options in (DESKS if desks is None else desks).items():
            town.open_desk(name, *options)
        town.wait_open()
        yield town
    finally:
        town.close()


@dataclass
class Applicant:
    """A person with a case, and what she sees of it."""

    town: Town
    citizen: Citizen

    async def apply(
        self, event: str, *, staff: str = "cook", form: dict[str, Any] | None = None, **more: Any
    ) -> CaseView:
        """Apply with the restaurant's form: one call."""
        handle = await self.citizen.handle(self.town.numbers[staff])
        return await self.citizen.open_case(event, subjects={"staff": [handle]}, data=form or FORM, **more)

    async def steps(self, case_id: str, step: str) -> list[StepView]:
        """Give a step, one for each of its offices."""
        view = await self.citizen.case(case_id)
        return [one for one in view.steps if one.step.endswith(f"/{step}")]

    async def until_step(
        self, case_id: str, step: str, holds: Callable[[StepView], bool] | str, within_s: float = 60
    ) -> list[StepView]:
        """Wait until a step is so at all its offices; a text: its state."""
        check = (lambda one: one.state == holds) if isinstance(holds, str) else holds

        async def there() -> list[StepView] | None:
            found = await self.steps(case_id, step)
            return found if all(check(one) for one in found) else None

        return await until(there, f"{step} of {case_id}: {holds}", within_s)

    async def until_case(self, case_id: str, state: str, within_s: float = 60) -> CaseView:
        """Wait until the case is so."""

        async def there() -> CaseView | None:
            view = await self.citizen.case(case_id)
            return view if view.state == state else None

        return await until(there, f"{case_id}: {state}", within_s)

    async def task_id(self, case_id: str, step: str) -> str:
        """Give the id of a step's task."""
        sql = "SELECT task_id::text AS id FROM step WHERE case_id = $1 AND step LIKE $2"

        async def there() -> str | None:
            rows = await self.town.rows("cases", sql, case_id, f"%/{step}")
            return rows[0]["id"] if rows else None

        return await until(there, f"the task of {step}")
