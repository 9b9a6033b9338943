# SPDX-License-Identifier: EUPL-1.2
"""Parts 1 and 2: how long the stack takes to be ready, and how much memory it takes."""

import time
from pathlib import Path

from bench.machine import Meter
from bench.report import Row
from local_stack.harness import Stack

AIM_S = "25 s"
AIM_MB, AIM_ALL_MB = "120 MB", "2,000 MB"
SERVERS = ("postgres", "kafka")


def start(folder: Path, label: str) -> tuple[Stack, list[Row]]:
    """Start a stack in *folder* and give it with its rows: the whole, then what its parts took (they overlap)."""
    stack = Stack(profile="laptop", folder=folder)
    began = time.monotonic()
    meter = Meter(None)
    with meter.measured() as used:
        stack.start()
    whole = time.monotonic() - began
    took = sorted(stack.supervisor.took.items(), key=lambda pair: pair[1], reverse=True)
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in took)
    # All that the machine did meanwhile counts as others here: the children are ours, and so is most of it.
    note = f"parts, several at once: {parts}"
    return stack, [Row("start", label, whole, "s", aim=AIM_S, others=used.others, note=note)]


def memory(stack: Stack, label: str) -> list[Row]:
    """Rows of memory, as of now. Shared pages are divided among those who share them (PSS)."""
    held = Meter(stack).memory_mb()
    services = {name: mb for name, mb in held.items() if name not in SERVERS}
    most = max(services.items(), key=lambda pair: pair[1])
    each = ", ".join(f"{name} {mb:.0f}" for name, mb in held.items())
    return [
        Row("memory", f"all processes, {label}", sum(held.values()), "MB", aim=AIM_ALL_MB, note=each),
        Row("memory", f"largest service, {label}", most[1], "MB", aim=AIM_MB, note=most[0]),
    ]
