# SPDX-License-Identifier: EUPL-1.2
"""The parent of everything: starts a graph of nodes in order, each gated on readiness, and stops it in reverse.

It knows nothing about Tongban. A node is a step that runs once, or a process with a readiness check; see ``nodes``.
"""

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from local_stack.child import Child
from local_stack.errors import StackError
from local_stack.state import ProcessState
from local_stack.table import in_order

SAY_LINES = 25
AT_ONCE = 8


@dataclass
class Step:
    """Something that is done once on the way up. A second start of the stack does it again: it must be repeatable."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[], None]


@dataclass
class Managed:
    """A process with its readiness check.

    launch: makes the child. ready: returns once it is ready, raises StackError when that can't be any more or in time.
    prepare: done before each launch (folders, formatting).
    """

    name: str
    needs: tuple[str, ...]
    launch: Callable[[Callable[[int], None]], Child]
    ready: Callable[[Callable[[], bool], float], None]
    log: Path
    ports: dict[str, int] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    ready_within_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 25.0


@dataclass(frozen=True)
class Exit:
    """A process ended though nobody asked it to. code: -n means signal n."""

    name: str
    code: int
    at: float


class Supervisor:
    """Runs a graph of steps and processes. All methods may be called from any thread."""

    def __init__(
        self,
        nodes: Mapping[str, Step | Managed],
        say: Callable[[str], None] = lambda _line: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """say: lines for a person. changed: called after each change of a process, for the state file."""
        self._nodes = dict(nodes)
        in_order({name: node.needs for name, node in self._nodes.items()})  # raises for a cycle, before anything runs
        self._say = say
        self._changed = changed
        self._children: dict[str, Child] = {}
        self._expected: set[str] = set()
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self.exits: list[Exit] = []
        self.took: dict[str, float] = {}
        self.states = {
            name: ProcessState(name, "waiting", ports=node.ports, log=str(node.log))
            for name, node in self._nodes.items()
            if isinstance(node, Managed)
        }

    # ------------------------------------------------------------------ the whole
    def start(self) -> None:
        """Bring everything up. On a failure all that runs is stopped again, and StackError tells which node and why."""
        try:
            self._start_in_order()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything in reverse order; what doesn't go within its grace time is killed. Repeatable."""
        self._stopping.set()
        _walk(self._needed_by(), self._bring_down)

    def _start_in_order(self) -> None:
        _walk({name: node.needs for name, node in self._nodes.items()}, self._bring_up, self._check)

    def _needed_by(self) -> dict[str, list[str]]:
        """The graph turned round: a process may stop once all that need it have stopped."""
        return {name: [other for other, node in self._nodes.items() if name in node.needs] for name in self._nodes}

    def _bring_down(self, name: str) -> None:
        if name in self._children:
            self.stop_one(name)

    def _check(self, future: Future[None], name: str) -> None:
        problem = future.exception()
        if problem is None:
            return
        # The others give up at their next look instead of waiting for their own time to pass.
        self._stopping.set()
        if isinstance(problem, StackError):
            raise StackError(problem.code, f"{name}: {problem.text}") from problem
        detail = "".join(traceback.format_exception_only(problem)).strip()
        raise StackError("STEP_FAILED", f"{name}: {detail}") from problem

    def _bring_up(self, name: str) -> None:
        if self._stopping.is_set():
            raise StackError("STOPPED", "the stack was stopped on its way up")
        began = time.monotonic()
        node = self._nodes[name]
        if isinstance(node, Step):
            node.run()
        else:
            self.start_one(name)
        self.took[name] = time.monotonic() - began
        verb = "done" if isinstance(node, Step) else "ready"
        self._say(f"{name:<24} {verb} in {self.took[name]:.1f} s")

    # ------------------------------------------------------------------ one process
    def start_one(self, name: str, *, wait_ready: bool = True) -> int:
        """Start a process that isn't running and wait until it is ready. Returns its pid."""
        node = self._managed(name)
        with self._lock:
            if name in self._children and self._children[name].alive:
                raise StackError("RUNS_ALREADY", f"{name} runs already")
            node.prepare()
            self._expected.discard(name)
            child = node.launch(lambda code: self._on_exit(name, code))
            self._children[name] = child
            self._set(name, "starting", child)
        if wait_ready:
            self.wait_ready(name)
        return child.pid

    def wait_ready(self, name: str, timeout_s: float | None = None) -> float:
        """Wait until *name* is ready. Returns the seconds it took; StackError holds the end of its log."""
        node = self._managed(name)
        child = self._child(name)
        began = time.monotonic()
        try:
            node.ready(lambda: child.alive and not self._stopping.is_set(), timeout_s or node.ready_within_s)
        except StackError as problem:
            how = f"ended with code {child.exit_code}. " if not child.alive else ""
            raise StackError(problem.code, f"{how}{problem.text}\n{tail(node.log)}") from problem
        with self._lock:
            if self._children.get(name) is child and child.alive:
                self._set(name, "ready", child)
        return time.monotonic() - began

    def stop_one(self, name: str) -> str:
        """Stop a process with its own signal, after its grace time with SIGKILL. Returns the signal that did it."""
        node = self._managed(name)
        child = self._child(name)
        self._expected.add(name)
        if not child.alive:
            return "gone already"
        used = child.stop(node.stop_signal, node.grace_s)
        if used == "SIGKILL":
            self._say(f"{name:<24} didn't stop within {node.grace_s:g} s and was killed")
        return used

    def restart(self, name: str, *, wait_ready: bool = True) -> int:
        """Stop the process if it runs, start it again. Returns the new pid."""
        self.stop_one(name)
        self.states[name].restarts += 1
        return self.start_one(name, wait_ready=wait_ready)

    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> int:
        """Send *sig* to the process alone, as a crash would come. Returns the pid. Its end then is no surprise."""
        child = self._child(name)
        self._expected.add(name)
        if not child.send(sig):
            raise StackError("NOT_RUNNING", f"{name} isn't running")
        if sig == signal.SIGKILL:
            child.wait(10)
        return child.pid

    def expect_exit(self, name: str) -> None:
        """The process is about to end by itself, as a crash point makes it: no surprise."""
        self._expected.add(name)

    def wait_exit(self, name: str, timeout_s: float) -> int:
        """Wait until the process has ended. Returns its exit code. Raises StackError (`STILL_RUNNING`)."""
        child = self._child(name)
        if not child.wait(timeout_s):
            raise StackError("STILL_RUNNING", f"{name} still runs after {timeout_s:g} s")
        return child.exit_code or 0

    def pause(self, name: str) -> list[int]:
        """Freeze the process and its children (SIGSTOP). Returns the pids."""
        pids = self._child(name).send_tree(signal.SIGSTOP)
        self._set(name, "paused")
        return pids

    def resume(self, name: str) -> list[int]:
        """Thaw the process and its children (SIGCONT). Returns the pids."""
        pids = self._child(name).send_tree(signal.SIGCONT)
        self._set(name, "ready")
        return pids

    def pid(self, name: str) -> int | None:
        """The pid of a running process."""
        child = self._children.get(name)
        return child.pid if child is not None and child.alive else None

    # ------------------------------------------------------------------ inside
    def _managed(self, name: str) -> Managed:
        node = self._nodes.get(name)
        if not isinstance(node, Managed):
            known = ", ".join(self.states)
            raise StackError("PROCESS_UNKNOWN", f"there is no process {name!r}; there are: {known}")
        return node

    def _child(self, name: str) -> Child:
        self._managed(name)
        if name not in self._children:
            raise StackError("NOT_RUNNING", f"{name} wasn't started")
        return self._children[name]

    def _on_exit(self, name: str, code: int) -> None:
        with self._lock:
            expected = name in self._expected or self._stopping.is_set()
            state = self.states[name]
            state.exit_code = code
            if not expected:
                self.exits.append(Exit(name, code, time.time()))
            self._set(name, "stopped" if expected else "exited")
        if not expected:
            self._say(f"{name:<24} ended unexpectedly with code {code}; see {self._managed(name).log}")

    def _set(self, name: str, state: str, child: Child | None = None) -> None:
        with self._lock:
            process = self.states[name]
            process.state = state  # type: ignore[assignment]
            if child is not None:
                process.pid, process.started, process.command = child.pid, child.started, child.command
        self._changed()


def _walk(
    graph: Mapping[str, Iterable[str]],
    visit: Callable[[str], None],
    check: Callable[[Future[None], str], None] = lambda future, _name: future.result(),
) -> None:
    """Visit each node of *graph* after those it names, several at once. check: looks at each result, may raise."""
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="stack") as pool:
        while sorter.is_active():
            running |= {pool.submit(visit, name): name for name in sorter.get_ready()}
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                name = running.pop(future)
                check(future, name)
                sorter.done(name)


def tail(log: Path, lines: int = SAY_LINES) -> str:
    """The last *lines* of a log; at most the last 64 KiB are read."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 65536))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
