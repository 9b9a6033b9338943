# SPDX-License-Identifier: EUPL-1.2
"""The supervisor with tiny processes of our own: order, readiness, death, and nothing left behind."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local_stack import plain_http
from local_stack.account import Account
from local_stack.child import Child
from local_stack.errors import StackError
from local_stack.ports import choose, is_free
from local_stack.supervisor import Managed, Step, Supervisor

Nodes = dict[str, Step | Managed]
US = Account("us", 0, 0, foreign=False)
SERVER = """
import http.server, signal, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *_): pass
print("starting", flush=True)
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
stop = threading.Event()
signal.signal(signal.SIGTERM, (lambda *_: stop.set()) if sys.argv[2] == "polite" else signal.SIG_IGN)
stop.wait()
"""
DIES = "import sys; print('I have no settings', flush=True); sys.exit(3)"


def _process(
    folder: Path, name: str, needs: tuple[str, ...] = (), code: str = SERVER, manner: str = "polite"
) -> Managed:
    port = choose()
    log = folder / f"{name}.log"

    def launch(on_exit: Callable[[int], None]) -> Child:
        return Child([sys.executable, "-c", code, str(port), manner], US, log, {}, on_exit)

    def ready(alive: Callable[[], bool], timeout_s: float) -> None:
        plain_http.wait_ready(port, timeout_s, alive)

    return Managed(name, needs, launch, ready, log, ports={"public": port}, grace_s=1.0, ready_within_s=15)


def _gone(pids: list[int | None]) -> bool:
    return not any(pid is not None and psutil.pid_exists(pid) for pid in pids)


def _wait_for(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "condition didn't come true in time"
        time.sleep(0.02)


def test_each_starts_only_after_what_it_needs_is_ready_and_stops_before_it(tmp_path: Path) -> None:
    seen: list[str] = []
    database, api = _process(tmp_path, "database"), _process(tmp_path, "api", ("migrate",))

    def migrate() -> None:
        seen.append(f"migrate after database ready: {supervisor.states['database'].state}")

    nodes: Nodes = {"api": api, "migrate": Step("migrate", ("database",), migrate), "database": database}
    supervisor = Supervisor(nodes, say=seen.append)
    supervisor.start()
    pids = [supervisor.pid(name) for name in ("database", "api")]
    supervisor.stop()
    assert seen[1] == "migrate after database ready: ready"
    assert [line.split()[0] for line in seen] == ["database", "migrate", "migrate", "api"]
    assert {one.state for one in supervisor.states.values()} == {"stopped"}
    assert _gone(pids)
    assert is_free(database.ports["public"])
    assert is_free(api.ports["public"])


def test_a_failed_start_shows_the_end_of_that_log_and_leaves_nothing_running(tmp_path: Path) -> None:
    nodes = {"good": _process(tmp_path, "good"), "bad": _process(tmp_path, "bad", ("good",), code=DIES)}
    supervisor = Supervisor(nodes)
    with pytest.raises(StackError) as failed:
        supervisor.start()
    assert failed.value.text.startswith("bad: ended with code 3")
    assert "I have no settings" in failed.value.text
    assert supervisor.pid("good") is None


def test_a_step_that_fails_stops_what_it_stood_on(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("no such column")

    nodes: Nodes = {"database": _process(tmp_path, "database"), "migrate": Step("migrate", ("database",), fail)}
    supervisor = Supervisor(nodes)
    with pytest.raises(StackError, match="STEP_FAILED: migrate: ValueError: no such column"):
        supervisor.start()
    assert supervisor.pid("database") is None


def test_a_process_that_ends_by_itself_is_recorded_and_one_that_we_killed_is_not(tmp_path: Path) -> None:
    lines: list[str] = []
    supervisor = Supervisor({"a": _process(tmp_path, "a"), "b": _process(tmp_path, "b")}, say=lines.append)
    supervisor.start()
    try:
        supervisor.kill("a")
        psutil.Process(supervisor.pid("b")).kill()
        _wait_for(lambda: bool(supervisor.exits))
        assert [(one.name, one.code) for one in supervisor.exits] == [("b", -9)]
        assert any(line.startswith("b ") and "unexpectedly" in line for line in lines)
        assert (supervisor.states["a"].state, supervisor.states["b"].state) == ("stopped", "exited")
    finally:
        supervisor.stop()


def test_a_restarted_process_has_a_new_pid_and_the_same_port(tmp_path: Path) -> None:
    node = _process(tmp_path, "a")
    supervisor = Supervisor({"a": node})
    supervisor.start()
    try:
        before = supervisor.pid("a")
        supervisor.kill("a")
        after = supervisor.restart("a")
        assert after != before
        assert plain_http.call("GET", f"http://127.0.0.1:{node.ports['public']}/").status == 200
        assert (supervisor.states["a"].restarts, supervisor.exits) == (1, [])
    finally:
        supervisor.stop()


def test_a_paused_process_does_not_answer_until_it_is_resumed(tmp_path: Path) -> None:
    node = _process(tmp_path, "a")
    supervisor = Supervisor({"a": node})
    supervisor.start()
    url = f"http://127.0.0.1:{node.ports['public']}/"
    try:
        assert supervisor.pause("a") == [supervisor.pid("a")]
        with pytest.raises(TimeoutError):
            plain_http.call("GET", url, timeout_s=0.3)
        supervisor.resume("a")
        assert plain_http.call("GET", url).status == 200
    finally:
        supervisor.stop()


def test_one_that_ignores_sigterm_is_killed_after_its_grace_time_even_when_frozen(tmp_path: Path) -> None:
    supervisor = Supervisor({"deaf": _process(tmp_path, "deaf", manner="deaf")})
    supervisor.start()
    supervisor.pause("deaf")
    assert supervisor.stop_one("deaf") == "SIGKILL"
    assert supervisor.states["deaf"].exit_code == -signal.SIGKILL
    supervisor.stop()


def test_an_unknown_process_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    supervisor = Supervisor({"a": _process(tmp_path, "a")})
    with pytest.raises(StackError, match="PROCESS_UNKNOWN: there is no process 'x'; there are: a"):
        supervisor.kill("x")
    with pytest.raises(StackError, match="NOT_RUNNING"):
        supervisor.kill("a")
