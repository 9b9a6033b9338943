# SPDX-License-Identifier: EUPL-1.2
"""On what was measured, what processes used, and how much of the machine others took meanwhile."""

import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from local_stack import jars, layout, postgres
from local_stack.harness import Stack

LIBRARIES = ("uvloop", "uvicorn", "fastapi", "pydantic", "asyncpg", "aiokafka", "cryptography", "orjson")
CLIENT = "bench"


def state() -> dict[str, str]:
    """The machine and versions, as the first lines of every result."""
    memory = psutil.virtual_memory().total / 2**30
    kernel = platform.release()
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": layout.revision(),
        "machine": f"{psutil.cpu_count()} cores, {_model()}, {memory:.0f} GiB, {platform.system()} {kernel}",
        "load before": " ".join(f"{one:.1f}" for one in os.getloadavg()),
        "python": platform.python_version(),
        "servers": f"PostgreSQL {postgres.find().version} (fsync on), Kafka {_kafka()} (one node)",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def _kafka() -> str:
    return next(jar.version for jar in jars.read_list() if jar.artifact == "kafka-clients")


def _model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@dataclass
class Used:
    """What one measured stretch of *operations* took.

    cpu: seconds of processor time by process. others: cores that other programs kept busy.
    """

    operations: int = 0
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    others: float = 0.0

    def per(self) -> str:
        """Microseconds of processor time for each operation: the sum, then who took most."""
        share = 1e6 / max(1, self.operations)
        parts = sorted(((seconds * share, name) for name, seconds in self.cpu.items()), reverse=True)
        named = ", ".join(f"{name} {us:.0f}" for us, name in parts[:5] if us >= 5)
        return f"{sum(us for us, _ in parts):.0f} ({named})"


class Meter:
    """Reads the processor time of a stack's processes and of this one."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    @contextmanager
    def measured(self) -> Iterator[Used]:
        """Fill the given Used when the block ends."""
        used = Used()
        before, busy, began = self._read(), busy_s(), time.monotonic()
        yield used
        used.seconds = time.monotonic() - began
        busy = busy_s() - busy
        after = self._read()
        used.cpu = {name: max(0.0, after[name] - before.get(name, 0.0)) for name in after}
        used.others = max(0.0, (busy - sum(used.cpu.values())) / used.seconds)

    def memory_mb(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Memory of each process in MB, with its children: its share of pages that several use (PSS), and RSS."""
        families = self._families()
        shares = {name: sum(map(_pss_mb, family)) for name, family in families.items()}
        return shares, {name: sum(map(_rss_mb, family)) for name, family in families.items()}

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds of each process of the stack since it began."""
        return {name: sum(map(_cpu_s, family)) for name, family in self._families().items()}

    def _read(self) -> dict[str, float]:
        return {**self.cpu_s(), CLIENT: time.process_time()}

    def _families(self) -> dict[str, list[psutil.Process]]:
        found: dict[str, list[psutil.Process]] = {}
        for name, known in self._stack.supervisor.states.items():
            with suppress(psutil.Error):
                parent = psutil.Process(known.pid)
                # Looking for children reads all of /proc, and only the database has any.
                found[name] = [parent, *(parent.children() if name == "postgres" else [])]
        return found


def _cpu_s(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except (psutil.Error, AttributeError):
        return _rss_mb(process)


def _rss_mb(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(process.memory_info().rss) / 1e6
    return 0.0


def own_s() -> float:
    """Processor seconds of this process and of children that have ended (migrations, initdb)."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def busy_s() -> float:
    """Processor seconds that all cores have worked since boot, whoever for."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + getattr(times, "irq", 0) + getattr(times, "softirq", 0))
