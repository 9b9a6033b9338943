# SPDX-License-Identifier: EUPL-1.2
"""A stack under load, and the one thing that all chaos tests do with it: hurt it, heal it, wait for quiet, check."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from checker import check
from checker.rows import Run
from drive import history
from drive.client import Recorder
from drive.collect import collect
from drive.history import HistoryFile
from drive.load import EXPECTED_REFUSALS, RATE, Load, Memory, readers
from drive.people import People
from drive.quiet import wait_quiet
from local_stack.harness import Stack

SHOWN = 30
QUIET = "quiet, tenths of a second"


@dataclass(frozen=True)
class Scene:
    """What is there while the load runs: a test may act in it too."""

    stack: Stack
    people: People
    recorder: Recorder
    load: Load

    @property
    def accepted(self) -> int:
        """How many requests were answered 2xx so far."""
        return self.recorder.counts["ok"]


Harm = Callable[[Scene], Awaitable[str]]
"""Does the harm, heals it, and gives a line for the history."""


@dataclass
class Field:
    """One stack with the memory of its load. seed: whatever is drawn is drawn from it; a red run prints it."""

    stack: Stack
    folder: Path
    seed: int
    memory: Memory = field(init=False)
    totals: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.memory = Memory(self.seed)
        self.chance = random.Random(self.seed)
        self.history = self.folder / "history.jsonl"

    async def survives(self, harm: Harm, *, before_s: float = 1.0, after_s: float = 1.0, rate: float = RATE) -> Run:
        """Load, harm, load, quiet, check: fails with every breach, and with every refusal nobody meant."""
        with HistoryFile(self.history) as told:
            recorder = Recorder(told)
            async with People(self.stack, self.folder) as people, self.load(people, recorder, rate) as load:
                await asyncio.sleep(before_s)
                said = await harm(Scene(self.stack, people, recorder, load))
                told.write("fault", text=said)
                await asyncio.sleep(after_s)
                accepted = recorder.counts["ok"]
        return await self.judge(said, recorder, accepted)

    @asynccontextmanager
    async def load(self, people: People, recorder: Recorder, rate: float = RATE) -> AsyncIterator[Load]:
        """Steady load while inside; then everything under way is waited for, and inboxes are read until quiet."""
        load, enough, done = Load(people, recorder, self.memory, rate), asyncio.Event(), asyncio.Event()
        await load.prepare()
        async with asyncio.TaskGroup() as group:
            for reader in readers(people, recorder):
                group.create_task(reader.run(done))
            loading = group.create_task(load.run(enough))
            try:
                yield load
                enough.set()
                await loading
                took = await wait_quiet(self.stack, injected=history.read(self.history).injected)
                self.totals[QUIET] += int(took * 10)
            finally:
                enough.set()
                await load.give_up()
                done.set()

    async def judge(self, said: str, recorder: Recorder, accepted: int) -> Run:
        """Collect everything, check it, say how it went."""
        began = time.monotonic()
        run = await collect(self.stack, self.history)
        breaches = check(run)
        self.totals.update(recorder.counts)
        self.totals["faults"] += 1
        counts = ", ".join(f"{count} {what}" for what, count in recorder.counts.most_common())
        twice = len(run.bus) - len({record.event_id for record in run.bus})
        print(  # noqa: T201 - the report of a chaos run
            f"\n{said}; seed {self.seed}; {counts}; {len(run.history.requests)} requests, {len(run.bus)} records"
            f" ({twice} twice), {len(run.ledger)} receipts; checked in {time.monotonic() - began:.1f} s"
        )
        found = "\n".join(str(breach) for breach in breaches[:SHOWN])
        assert not breaches, f"{said}, seed {self.seed}: {len(breaches)} breaches\n{found}"
        unmeant = {what: count for what, count in recorder.refusals.items() if what not in EXPECTED_REFUSALS}
        assert not unmeant, f"{said}, seed {self.seed}: refused though nothing was wrong: {unmeant}"
        assert not recorder.counts["given up"], f"{said}, seed {self.seed}: requests never got an answer"
        assert accepted, f"{said}, seed {self.seed}: nothing was accepted"
        self.stack.check()
        return run

    def report(self, victim: str) -> None:
        """Say what a run of kills came to."""
        counts = ", ".join(f"{count} {what}" for what, count in self.totals.most_common() if what != QUIET)
        quiet_s = self.totals[QUIET] / 10 / max(self.totals["faults"], 1)
        print(  # noqa: T201 - the report of a chaos run
            f"\n{victim}: {counts}; quiet after {quiet_s:.1f} s on average; 0 lost, 0 doubled; seed {self.seed}"
        )
