# SPDX-License-Identifier: EUPL-1.2
"""The supervisor as a program of its own, and how `up` and `down` deal with it.

It stays as the parent of everything, because only a parent can reap. `up` starts it in the background and shows its
lines until all is ready; it dies only with the stack.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_stack import child, control, state
from local_stack.account import ordinary
from local_stack.doctor import raise_descriptors
from local_stack.errors import StackError
from local_stack.harness import Stack
from local_stack.layout import Layout, open_layout
from local_stack.plan import Options
from local_stack.state import StackState

Say = Callable[[str], None]
POLL_S = 0.1


def supervise(folder: Path, options: Options) -> int:
    """Run the stack in *folder* until somebody says stop. Returns the exit code. Its lines go to stdout."""
    stop = threading.Event()
    raise_descriptors()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: stop.set())
    stack = Stack(options=options, folder=folder, say=_print)
    server = control.ControlServer(_layout(folder).control(), _verbs(stack, stop))
    stack.control = str(server.path)
    starter = threading.Thread(target=_start, args=(stack, stop), name="start")
    try:
        starter.start()
        stop.wait()
        stack.stop()
        starter.join()
    finally:
        server.close()
        stack.layout.state_file.unlink(missing_ok=True)
    return 1 if stack.trouble else 0


def up(folder: Path, options: Options, say: Say) -> StackState:
    """Start the stack in the background and wait until it is ready. Raises StackError when it doesn't become so."""
    layout = _layout(folder)
    running = find(layout)
    if running is not None:
        say("it runs already")
        return running
    clear_leftovers(layout, say)
    log = layout.log("supervisor")
    log.unlink(missing_ok=True)
    with log.open("ab") as sink:
        command = [sys.executable, "-m", "local_stack", "supervise", "--folder", str(folder)]
        command += ["--profile", options.profile, *(["--infra-only"] if options.infra_only else [])]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    # It outlives us when we are a program; when we are a test, somebody has to reap it.
    threading.Thread(target=process.wait, name="reap-supervisor", daemon=True).start()
    try:
        return _follow(layout, process, say)
    except KeyboardInterrupt:
        say("stopping")
        process.send_signal(signal.SIGTERM)
        process.wait(120)
        raise


def down(folder: Path, say: Say) -> bool:
    """Stop the stack, or what a dead supervisor left behind. Returns whether anything ran."""
    layout = _layout(folder)
    running = find(layout)
    if running is None:
        return clear_leftovers(layout, say)
    pid, started = running.supervisor
    try:
        control.ask(Path(running.control), "stop")
    except StackError:
        os.kill(pid, signal.SIGTERM)
    if not child.wait_until_gone(pid, started, 120):
        child.kill_if_same(pid, started)
        clear_leftovers(layout, say)
    return True


def find(layout: Layout) -> StackState | None:
    """The state of the stack whose supervisor lives; None when there is none."""
    known = state.read(layout.state_file)
    return known if known is not None and child.is_same(*known.supervisor) else None


def clear_leftovers(layout: Layout, say: Say) -> bool:
    """Stop processes of a run whose supervisor died, by pid and start time. Returns whether there were any."""
    known = state.read(layout.state_file)
    if known is None:
        return False
    alive = [one for one in known.processes.values() if one.pid and one.started and child.is_same(one.pid, one.started)]
    for process in alive:
        say(f"{process.name:<24} is left over from a dead run: stopping it")
        with contextlib.suppress(ProcessLookupError):
            # PostgreSQL takes SIGINT as its fast stop, and a frozen process needs a push to hear anything.
            os.kill(process.pid or 0, signal.SIGINT if process.name == "postgres" else signal.SIGTERM)
            os.kill(process.pid or 0, signal.SIGCONT)
    for process in alive:
        if not child.wait_until_gone(process.pid or 0, process.started or 0, 10):
            child.kill_if_same(process.pid or 0, process.started or 0)
    layout.state_file.unlink(missing_ok=True)
    return bool(alive)


def _follow(layout: Layout, process: "subprocess.Popen[bytes]", say: Say) -> StackState:
    shown = 0
    while True:
        ended = process.poll()
        lines = layout.log("supervisor").read_text(errors="replace").splitlines()
        for line in lines[shown:]:
            say(line)
        shown = len(lines)
        if ended is not None:
            raise StackError("START_FAILED", f"the stack didn't start; its logs are in {layout.state / 'logs'}")
        known = find(layout)
        if known is not None and known.phase == "ready":
            return known
        time.sleep(POLL_S)


def _start(stack: Stack, stop: threading.Event) -> None:
    try:
        stack.start()
    except StackError as problem:
        _print(f"failed: {problem.text}")
    except BaseException as problem:
        _print(f"failed: {type(problem).__name__}: {problem}")
        raise
    finally:
        if stack.trouble:
            stop.set()


def _verbs(stack: Stack, stop: threading.Event) -> dict[str, control.Verb]:
    def order_stop(_args: dict[str, Any]) -> str:
        stop.set()
        return "stopping"

    def kill(args: dict[str, Any]) -> str:
        return stack.kill(args["name"], signal.Signals[args["signal"]])

    return {
        "stop": order_stop,
        "kill": kill,
        "pause": lambda args: stack.pause(args["name"]),
        "resume": lambda args: stack.resume(args["name"]),
        "restart": lambda args: stack.restart(args["name"]),
        "wait_ready": lambda args: stack.wait_ready(args["name"], args.get("timeout_s")),
    }


def _layout(folder: Path) -> Layout:
    return open_layout(folder, ordinary())


def _print(line: str) -> None:
    print(line, flush=True)
