# SPDX-License-Identifier: EUPL-1.2
"""What is left when a program that started things is killed: nothing of them."""

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from local_stack import ports
from local_stack.account import Account
from local_stack.child import Child, start_time, wait_until_gone
from local_stack.spawn import spawn

US = Account("us", 0, 0, foreign=False)
SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(120)"]
STARTS = """
import sys, threading
from pathlib import Path
from local_stack.account import Account
from local_stack.child import Child

def start():
    child = Child(sys.argv[2:], Account("us", 0, 0, foreign=False), Path(sys.argv[1]), {}, lambda code: None)
    print(child.pid, flush=True)

one = threading.Thread(target=start)  # as a stack is started: by a thread that ends when all is up
one.start(); one.join()
sys.stdin.read()
"""
SERVER = """
from local_stack.testing import PostgresServer
from local_stack.account import ordinary
from pathlib import Path
import sys
account = ordinary()
server = PostgresServer(account.make_folder(Path(sys.argv[1])) / "postgres", account)
server.start()
print(server.child.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def running(code: str, *args: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Run a program that says the pid of a child."""
    command = [sys.executable, "-c", code, *args]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            yield program, int(program.stdout.readline())
        finally:
            program.kill()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_children_end_with_a_program_that_is_killed_and_not_with_the_thread_that_ordered_them(
    tmp_path: Path, sig: signal.Signals
) -> None:
    with running(STARTS, str(tmp_path / "log"), *SLEEPS) as (program, pid):
        started = start_time(pid)
        assert started > 0  # the thread that ordered it is gone
        program.send_signal(sig)
        program.wait(10)
        assert wait_until_gone(pid, started, 10)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user of PostgreSQL can enter."""
    made = Path(tempfile.mkdtemp(prefix="tongban-test-spawn-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_postgres_stops_in_order_when_the_tests_that_started_it_are_killed(folder: Path) -> None:
    with running(SERVER, str(folder / "pg")) as (program, pid):
        started = start_time(pid)
        assert started > 0
        program.kill()
        program.wait(10)
        assert wait_until_gone(pid, started, 20)
    assert "database system is shut down" in (folder / "pg" / "postgres" / "postgres.log").read_text()


def test_a_command_that_is_not_there_is_told_to_whoever_ordered_it() -> None:
    with pytest.raises(FileNotFoundError):
        spawn(["/no/such/program"], signal.SIGTERM)


def test_children_are_made_from_any_thread(tmp_path: Path) -> None:
    made: list[Child] = []

    def start() -> None:
        made.append(Child(SLEEPS, US, tmp_path / "log", {}, lambda _code: None))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert all(psutil.pid_exists(child.pid) for child in made)
    for child in made:
        assert child.stop(signal.SIGTERM, 5) == "SIGTERM"


HOLDS = """
import sys
from local_stack import ports
print(ports.choose_from(int(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_two_programs_that_choose_at_once_never_choose_the_same_port() -> None:
    first = ports.choose()
    ports.release([first])
    with running(HOLDS, str(first)) as (holder, theirs):
        assert theirs == first
        assert ports.is_free(first)  # nobody listens there yet, and still:
        assert not ports.take(first)
        assert ports.choose_from(first) != first
        holder.kill()
        holder.wait(10)
        assert ports.take(first)  # what the dead held is free again
        assert not ports.take(first)
    ports.release([first])
