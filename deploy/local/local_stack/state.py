# SPDX-License-Identifier: EUPL-1.2
"""What is known about a running stack, in one file: replaced atomically, mode 0600, never with a secret in it."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Phase = Literal["starting", "ready", "failed", "stopping"]


@dataclass
class ProcessState:
    """One process as of now. A pid counts only together with its start time: pids are used again."""

    name: str
    state: Literal["waiting", "starting", "ready", "stopped", "paused", "exited"]
    pid: int | None = None
    started: float | None = None
    ports: dict[str, int] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    log: str = ""
    restarts: int = 0
    exit_code: int | None = None


@dataclass
class StackState:
    """The stack as of now. supervisor: its pid and start time; control: its Unix socket."""

    run_id: str
    revision: str
    profile: str
    phase: Phase
    supervisor: tuple[int, float]
    control: str = ""
    url: str = ""
    trouble: str = ""
    processes: dict[str, ProcessState] = field(default_factory=dict)


def write(path: Path, state: StackState) -> None:
    """Replace *path* by *state*; a reader sees the old one or the new one, whole."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read(path: Path) -> StackState | None:
    """The state in *path*; None when there is none or it isn't readable as one."""
    try:
        raw = json.loads(path.read_text())
        known = {name: ProcessState(**process) for name, process in raw.pop("processes").items()}
        pid, started = raw.pop("supervisor")
        return StackState(**raw, supervisor=(pid, started), processes=known)
    except (OSError, ValueError, TypeError, KeyError):
        return None
