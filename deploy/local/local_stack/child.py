# SPDX-License-Identifier: EUPL-1.2
"""One operating-system process that we are the parent of: start, signal, freeze, reap.

Only a parent can reap, and a killed process that nobody reaped still counts as running. So each child has a thread
that waits for it. Threads and not asyncio: a stack outlives the event loops of the tests that share it.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from local_stack.account import Account, environment
from local_stack.spawn import spawn


class Child:
    """A running process, its log file and the thread that reaps it."""

    def __init__(
        self,
        command: list[str],
        account: Account,
        log: Path,
        env: dict[str, str],
        on_exit: Callable[[int], None],
        *,
        last_word: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start *command* as *account*; both output streams go to *log*. on_exit gets the code (-n: signal n).

        last_word: what it gets when we end without having stopped it.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            self._popen = spawn(
                command,
                last_word,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment(env),
                # Its own session: Ctrl-C at the terminal reaches the supervisor alone, which then stops in order.
                start_new_session=True,
                **account.popen(),
            )
        self.command = command
        self.pid = self._popen.pid
        self.started = start_time(self.pid)
        self._gone = threading.Event()
        self._on_exit = on_exit
        threading.Thread(target=self._reap, name=f"reap-{self.pid}", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process hasn't been reaped yet."""
        return not self._gone.is_set()

    @property
    def exit_code(self) -> int | None:
        """How it ended; -n: by signal n. None while it runs."""
        return self._popen.returncode if self._gone.is_set() else None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is gone and reaped; False when *timeout_s* has passed first."""
        return self._gone.wait(timeout_s)

    def send(self, sig: signal.Signals) -> bool:
        """Send *sig* to the process alone; False when it is gone already."""
        if not self.alive:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, sig)
            return True
        return False

    def send_tree(self, sig: signal.Signals) -> list[int]:
        """Send *sig* to the process and all its descendants. Returns the pids it reached.

        A walk and not a signal to the group: each PostgreSQL backend is its own session and group.
        """
        pids = [self.pid, *descendants(self.pid)]
        reached = []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
                reached.append(pid)
        return reached

    def stop(self, first: signal.Signals, grace_s: float) -> str:
        """Ask with *first*, wait *grace_s*, then SIGKILL the whole tree. Returns what ended it: the signal's name."""
        rest = {pid: start_time(pid) for pid in descendants(self.pid)}
        self.send_tree(signal.SIGCONT)
        self.send(first)
        if self.wait(grace_s):
            used = first.name
        else:
            self.send_tree(signal.SIGKILL)
            self.wait(10)
            used = "SIGKILL"
        for pid, started in rest.items():
            kill_if_same(pid, started)
        return used

    def _reap(self) -> None:
        code = self._popen.wait()
        self._gone.set()
        self._on_exit(code)


def descendants(pid: int) -> list[int]:
    """The pids of all processes below *pid*; empty when it is gone."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def is_same(pid: int, started: float) -> bool:
    """Whether *pid* is still the process that began at *started*: pids are used again."""
    return started > 0 and abs(start_time(pid) - started) < 1.0


def kill_if_same(pid: int, started: float) -> bool:
    """SIGKILL *pid* if it lives and began at *started*. Returns whether a signal was sent."""
    if not is_same(pid, started):
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def wait_until_gone(pid: int, started: float, timeout_s: float) -> bool:
    """Wait until a process that isn't our child is gone; False when *timeout_s* has passed first."""
    end = time.monotonic() + timeout_s
    while is_same(pid, started):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def start_time(pid: int) -> float:
    """When process *pid* began, in seconds since 1970; 0 when there is none or it waits to be reaped."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return 0.0
