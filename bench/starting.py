# SPDX-License-Identifier: EUPL-1.2
"""Parts 1 and 2: how long the stack takes to be ready, and how much memory it takes."""

import time
from pathlib import Path

from bench import machine
from bench.machine import Meter
from bench.report import Row
from local_stack.harness import Stack

AIM_S = "25 s"
AIM_MB, AIM_ALL_MB = "120 MB", "2,000 MB"
SERVERS = ("postgres", "kafka")


def start(folder: Path, label: str) -> tuple[Stack, list[Row]]:
    """Start a stack in *folder*; gives it and its row: the whole, and what each part took (several run at once)."""
    stack = Stack(profile="laptop", folder=folder)
    before, own, began = machine.busy_s(), machine.own_s(), time.monotonic()
    stack.start()
    whole = time.monotonic() - began
    spent = machine.own_s() - own + sum(Meter(stack).cpu_s().values())
    others = max(0.0, machine.busy_s() - before - spent) / whole
    took = sorted(stack.supervisor.took.items(), key=lambda pair: pair[1], reverse=True)
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in took)
    cpu = f"{spent:.0f} s in all"
    return stack, [Row("start", label, whole, "s", aim=AIM_S, cpu=cpu, others=others, note=f"parts: {parts}")]


def memory(stack: Stack, label: str) -> list[Row]:
    """Rows of memory, as of now: of all, shared pages counted once (PSS); of each service, all that it maps (RSS)."""
    shares, whole = Meter(stack).memory_mb()
    services = {name: mb for name, mb in whole.items() if name not in SERVERS}
    most = max(services.items(), key=lambda pair: pair[1])
    each = ", ".join(f"{name} {mb:.0f}" for name, mb in shares.items())
    sizes = ", ".join(f"{name} {mb:.0f}" for name, mb in services.items())
    return [
        Row("memory", f"all processes, {label} (PSS)", sum(shares.values()), "MB", aim=AIM_ALL_MB, note=each),
        Row("memory", f"largest service, {label} (RSS)", most[1], "MB", aim=AIM_MB, note=sizes),
    ]
