# SPDX-License-Identifier: EUPL-1.2
"""The offices' own programs, as processes: what an office would run at home, talking to the gateway only."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from local_stack.demo.target import Target
from local_stack.errors import StackError
from local_stack.spawn import dying_with_us

SYSTEMS = {
    "civil_affairs": "civil-affairs",
    "court": "court",
    "data_office": "data-office-desk",
    "education": "education",
    "fire": "fire-brigade",
    "gas": "gas",
    "health": "health-registry",
    "housing": "housing",
    "hrss": "hrss",
    "land": "land-registry",
    "licensing": "licensing",
    "medical_insurance": "medical-insurance",
    "neighbour_police": "neighbour-police",
    "power": "power",
    "provident_fund": "provident-fund",
    "public_security": "public-security",
    "tax": "tax-office",
    "tobacco": "tobacco-office",
    "urban": "urban-management",
    "water": "water",
}
"""Program -> the system as which it is registered."""
OnLine = Callable[[str, str], None]


class Program:
    """A program that runs; lines: what it has printed so far."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, on_line: OnLine) -> None:
        self.name = name
        self.lines: list[str] = []
        self._process = process
        self._on_line = on_line
        self._news = asyncio.Condition()
        self.reading = asyncio.create_task(self._read())

    async def line(self, *texts: str, timeout_s: float = 40.0) -> str:
        """Wait for a line that contains all of *texts*. Raises StackError."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                while True:
                    found = [line for line in self.lines if all(text in line for text in texts)]
                    if found:
                        return found[0]
                    if self.reading.done():
                        raise StackError("PROGRAM_ENDED", f"{self.name} ended; it last said: {self.lines[-3:]}")
                    await self._news.wait()
        except TimeoutError:
            raise StackError("DEMO_WAITED_IN_VAIN", f"{self.name} never said {texts}") from None

    async def ended(self, timeout_s: float = 60.0) -> None:
        """Wait until it ends by itself, with success. Raises StackError (`PROGRAM_FAILED`)."""
        async with asyncio.timeout(timeout_s):
            code = await self._process.wait()
            await self.reading
        if code != 0:
            raise StackError("PROGRAM_FAILED", f"{self.name} ended with {code}: {self.lines[-3:]}")

    async def stop(self) -> None:
        """End it; whatever it had in hand comes again next time."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        await self._process.wait()
        await self.reading

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - we asked for a pipe
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            async with self._news:
                self.lines.append(line)
                self._on_line(self.name, line)
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def running(target: Target, name: str, on_line: OnLine, *options: str) -> AsyncIterator[Program]:
    """Run an office's program while the block runs."""
    command = [sys.executable, "-m", f"example_offices.{name}", "--gateway", target.url]
    command += ["--secrets", str(target.secrets(SYSTEMS[name])), "--trust", str(target.trust_file)]
    command += ["--state", str(target.state(name)), *options]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=dying_with_us(signal.SIGTERM),  # the thread of this loop lasts as long as the play
    )
    program = Program(name, process, on_line)
    try:
        yield program
    finally:
        await program.stop()
