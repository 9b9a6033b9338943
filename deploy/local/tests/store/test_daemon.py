# SPDX-License-Identifier: EUPL-1.2
"""`up`, `down` and the supervisor between them, with PostgreSQL and Kafka alone."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack import control, daemon
from local_stack.account import ordinary
from local_stack.child import is_same, wait_until_gone
from local_stack.errors import StackError
from local_stack.layout import Layout, open_layout
from local_stack.plan import Options
from local_stack.ports import is_free
from local_stack.state import StackState

INFRASTRUCTURE = Options(infra_only=True, gateway_port=None, existing=False)


@pytest.fixture(autouse=True)
def _no_existing_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = open_layout(tmp_path, ordinary())
    yield layout
    daemon.down(tmp_path, lambda _line: None)
    shutil.rmtree(layout.run)  # called by root, it lies outside tmp_path


def _up(layout: Layout) -> StackState:
    return daemon.up(layout.state, INFRASTRUCTURE, lambda _line: None)


def _nothing_left(state: StackState) -> bool:
    ports = [port for process in state.processes.values() for port in process.ports.values()]
    alive = [one for one in state.processes.values() if one.pid and is_same(one.pid, one.started or 0)]
    return not alive and all(is_free(port) for port in ports)


def test_up_twice_says_that_it_runs_and_down_leaves_no_process_and_no_port(layout: Layout) -> None:
    lines: list[str] = []
    first = _up(layout)
    second = daemon.up(layout.state, INFRASTRUCTURE, lines.append)
    assert lines == ["it runs already"]
    assert second.run_id == first.run_id
    assert daemon.down(layout.state, lines.append)
    assert _nothing_left(first)
    assert wait_until_gone(*first.supervisor, 10)
    assert not Path(first.control).exists()
    assert not daemon.down(layout.state, lines.append)


def test_everything_ends_with_a_supervisor_that_is_killed(layout: Layout) -> None:
    state = _up(layout)
    pid, started = state.supervisor
    os.kill(pid, signal.SIGKILL)
    for process in state.processes.values():
        assert wait_until_gone(process.pid or 0, process.started or 0, 20)
    assert wait_until_gone(pid, started, 10)
    assert not daemon.down(layout.state, lambda _line: None)
    assert _nothing_left(state)


def test_down_finds_what_a_dead_supervisor_left_behind(layout: Layout) -> None:
    state = _up(layout)
    pid, started = state.supervisor
    os.kill(state.processes["kafka"].pid or 0, signal.SIGSTOP)  # frozen, it hears nothing
    os.kill(pid, signal.SIGKILL)
    assert wait_until_gone(pid, started, 10)
    assert not _nothing_left(state)
    assert daemon.down(layout.state, lambda _line: None)
    assert _nothing_left(state)


def test_a_restart_over_the_socket_gives_a_new_process(layout: Layout) -> None:
    state = _up(layout)
    control.ask(Path(state.control), "kill", name="postgres", signal="SIGKILL")
    control.ask(Path(state.control), "restart", name="postgres")
    now = daemon.find(layout)
    assert now is not None
    assert now.processes["postgres"].restarts == 1
    assert now.processes["postgres"].pid != state.processes["postgres"].pid
    with pytest.raises(StackError, match="PROCESS_UNKNOWN"):
        control.ask(Path(state.control), "restart", name="nobody")


def test_kafka_keeps_its_data_when_it_has_to_move_to_other_ports(layout: Layout) -> None:
    first = _up(layout)
    daemon.down(layout.state, lambda _line: None)
    layout.ports_file.unlink()
    second = _up(layout)
    assert second.processes["kafka"].ports != first.processes["kafka"].ports
