# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench`: start a stack of its own, measure part by part, print rows. Asserts nothing.

make bench                              all parts, about twenty minutes
python -m bench --quick                 every part once and short: does it work at all?
python -m bench --only issue,evidence   some parts
python -m bench --json figures.json     the rows as JSON too
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvloop

from bench import crypto, delivery, evidence, issuing, lists, machine, restaurants, starting
from bench.report import Report, Row
from bench.world import BenchFailedError, World
from local_stack.harness import Stack

PARTS = ("crypto", "lists", "start", "memory", "delivery", "issue", "evidence", "cases")


@dataclass(frozen=True)
class Size:
    """How much is measured. rounds: of each; floor and ours take turns.

    restaurants: applications at once. finished: cases that lie in the tables besides, the second time.
    """

    rounds: int
    crypto_s: float
    issue_s: float
    events: int
    evidence_s: float
    restaurants: int
    finished: int


FULL = Size(rounds=3, crypto_s=0.5, issue_s=8.0, events=20_000, evidence_s=15.0, restaurants=100, finished=100_000)
QUICK = Size(rounds=1, crypto_s=0.05, issue_s=1.0, events=2_000, evidence_s=2.0, restaurants=10, finished=10_000)


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the stack beside its floors.")
    parser.add_argument("--quick", action="store_true", help="every part once and short")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, help="how often floor and ours take turns (3; quick: 1)")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    asked = parser.parse_args(argv)
    wanted = asked.only.split(",")
    if unknown := sorted(set(wanted) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}")
    parts = [part for part in PARTS if part in wanted]
    command = {"command": " ".join(["python -m bench", *argv])}
    report = Report({**command, **machine.state()})
    report.begin()
    folder = Path(tempfile.mkdtemp(prefix="tongban-bench-"))
    try:
        size = QUICK if asked.quick else FULL
        measure(report, parts, replace(size, rounds=asked.rounds or size.rounds), folder, twice=not asked.quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.json:
        report.write(asked.json)
    return 1 if report.failed else 0


def measure(report: Report, parts: Sequence[str], size: Size, folder: Path, *, twice: bool) -> None:
    """Run *parts* in order; one stack serves them all."""
    if "crypto" in parts:
        report.add("Signatures, seals, gate: in one process", crypto.rows(size.rounds, size.crypto_s))
    if "lists" in parts:
        report.add("Lists: in one process", lists.rows(size.rounds, size.crypto_s))
    if set(parts) <= {"crypto", "lists"}:
        return
    stack, rows = starting.start(folder / "stack", "start to ready, first time: new databases, keys and topics")
    try:
        if "start" in parts:
            if twice:
                stack.stop()
                stack, again = starting.start(folder / "stack", "start to ready, again: all is there")
                rows += again
            report.add("Start", rows)
        _on_stack(report, parts, size, stack, folder)
    finally:
        stack.stop()
        shutil.rmtree(stack.layout.run, ignore_errors=True)


def _on_stack(report: Report, parts: Sequence[str], size: Size, stack: Stack, folder: Path) -> None:
    world = World(stack, folder)
    jobs: dict[str, tuple[str, Callable[[], Coroutine[Any, Any, list[Row]]]]] = {
        "delivery": (
            "Outbox, Kafka, inbox: 1 KB events, one partition",
            lambda: delivery.rows(world, size.rounds, size.events),
        ),
        "issue": ("Issuing", lambda: issuing.rows(world, size.rounds, size.issue_s)),
        "evidence": ("Evidence", lambda: evidence.rows(world, size.rounds, size.evidence_s)),
        "cases": (
            "Restaurants: from the form to the last step",
            lambda: restaurants.rows(world, size.rounds, size.restaurants, size.finished),
        ),
    }
    memory = starting.memory(stack, "idle after start") if "memory" in parts else []
    for part in parts:
        if part in jobs:
            title, work = jobs[part]
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    report.add(title, runner.run(work()))
            except* BenchFailedError as why:
                report.fail(title, why)
    if "memory" in parts:
        report.add("Memory", memory + (starting.memory(stack, "after the load") if set(parts) & jobs.keys() else []))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
