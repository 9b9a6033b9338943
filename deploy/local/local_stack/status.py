# SPDX-License-Identifier: EUPL-1.2
"""`status`: what runs, is it ready, and does anything pile up."""

import re
import time
from collections.abc import Iterable

import psutil
from rich.table import Table

from local_stack import plain_http
from local_stack.child import is_same
from local_stack.ports import LOOPBACK
from local_stack.state import ProcessState, StackState

OUTBOX_AGE = "tongban_outbox_oldest_seconds"
LAG = "tongban_consumer_lag_records"
SAMPLE = re.compile(r"^(?P<name>\w+)(\{[^}]*\})? (?P<value>[0-9.eE+-]+)", re.MULTILINE)


def render(state: StackState) -> Table:
    """One row a process: pid, age, whether it is ready, restarts, memory, age of the oldest outbox row, lag."""
    table = Table(title=f"tongban {state.profile} {state.revision} ({state.phase})", title_justify="left")
    for heading in ("process", "state", "pid", "port", "age", "restarts", "MB", "outbox s", "lag"):
        table.add_column(heading, justify="left" if heading in ("process", "state") else "right", no_wrap=True)
    for process in state.processes.values():
        table.add_row(*_cells(process))
    return table


def figure(metrics: str, name: str) -> float | None:
    """The sum of all samples of *name* in a page of metrics; None when it has none."""
    values = [float(found["value"]) for found in SAMPLE.finditer(metrics) if found["name"] == name]
    return sum(values) if values else None


def _cells(process: ProcessState) -> Iterable[str]:
    alive = bool(process.pid and process.started and is_same(process.pid, process.started))
    internal = process.ports.get("internal")
    metrics = _get(internal, "/metrics") if alive and internal else None
    port = process.ports.get("public", process.ports.get("sql", process.ports.get("client")))
    return (
        process.name,
        _state(process, internal, alive=alive),
        str(process.pid) if alive else "-",
        str(port),
        _age(time.time() - process.started) if alive and process.started else "-",
        str(process.restarts),
        str(_memory_mb(process.pid)) if alive and process.pid else "-",
        _number(metrics, OUTBOX_AGE),
        _number(metrics, LAG),
    )


def _state(process: ProcessState, internal: int | None, *, alive: bool) -> str:
    if not alive:
        return f"{process.state} ({process.exit_code})" if process.exit_code is not None else process.state
    if internal is None or process.state != "ready":
        return process.state
    return "ready" if _get(internal, "/readyz") is not None else "not ready"


def _get(port: int | None, path: str) -> str | None:
    try:
        answer = plain_http.call("GET", f"http://{LOOPBACK}:{port}{path}", timeout_s=1)
    except OSError:
        return None
    return answer.body.decode(errors="replace") if answer.status == 200 else None


def _number(metrics: str | None, name: str) -> str:
    value = figure(metrics, name) if metrics else None
    return "-" if value is None else f"{value:g}"


def _memory_mb(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss) // 1_000_000
    except psutil.Error:
        return 0


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
