# SPDX-License-Identifier: EUPL-1.2
"""A whole stack as an object: what ``make up`` runs, and what tests/integration and tests/chaos start and hurt.

::

    async with Stack(profile="pairs") as stack:
        stack.url("gateway")
        stack.kill("certificates-1-work-1")
        await asyncio.to_thread(stack.restart, "certificates-1-work-1")

Methods that wait are plain functions, since a stack outlives the event loops of the tests that share it; call them in a
thread where a loop must go on turning.
"""

import asyncio
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack import databases, state
from local_stack.account import ordinary
from local_stack.child import start_time
from local_stack.errors import StackError
from local_stack.layout import Layout, open_layout, revision
from local_stack.plan import Options, Plan, make_plan, new_run_id
from local_stack.ports import LOOPBACK, release
from local_stack.state import Phase, StackState
from local_stack.supervisor import Exit, Supervisor
from local_stack.table import DEPLOYMENTS, Profile, names_of

CRASHED = 137
"""The exit code of a process that died at a crash point."""
KEEP = "TONGBAN_KEEP_STACK"
"""Set it to look at the folders of a test's stack afterwards."""


class Stack:
    """One stack with folders of its own; several can run side by side."""

    def __init__(
        self,
        profile: Profile = "pairs",
        *,
        infra_only: bool = False,
        seeded: bool = True,
        spans: bool = False,
        proxies: Mapping[str, int] | None = None,
        options: Options | None = None,
        folder: Path | None = None,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """Nothing starts yet.

        infra_only: PostgreSQL and Kafka without services. seeded: register offices and release the catalogue.
        proxies: `kafka` or `postgres` -> port of a fault proxy that services are sent to. folder: kept afterwards;
        without it a temporary one is used and removed by ``stop``. options: all of it at once, in place of the others.
        """
        self.options = options or Options(
            profile=profile,
            infra_only=infra_only,
            gateway_port=None,
            existing=False,
            spans=spans,
            seeded=seeded,
            proxies=dict(proxies or {}),
        )
        self._temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="tongban-stack-"))
        self._say = say
        self._lock = threading.Lock()
        self._phase: Phase = "starting"
        self.trouble = ""
        """Why the start failed; empty when it didn't."""
        self._revision = revision()
        self.run_id = new_run_id()
        self.control = ""
        self._plan: Plan | None = None
        self._supervisor: Supervisor | None = None

    # ------------------------------------------------------------------ the whole
    def prepare(self) -> Self:
        """Decide ports and make keys, start nothing: a fault proxy has to know where it leads. Repeatable."""
        if self._plan is None:
            self._plan = make_plan(open_layout(self._folder, ordinary()), ordinary(), self.options, self._say)
            self._supervisor = self._plan.supervisor(self._write_state)
        return self

    def start(self) -> Self:
        """Start everything and wait until all of it is ready. Raises StackError; nothing is left running then."""
        self.prepare()
        self._write_state()
        try:
            self.supervisor.start()
        except BaseException as problem:
            self.trouble = str(problem)
            self._enter("failed")
            self._clean_up()
            raise
        self._enter("ready")
        return self

    def stop(self) -> None:
        """Stop everything in reverse order. Repeatable."""
        if self._supervisor is not None:
            self._enter("stopping")
            self._supervisor.stop()
        self._clean_up()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    # ------------------------------------------------------------------ addresses
    @property
    def plan(self) -> Plan:
        """What was decided at start."""
        if self._plan is None:
            raise StackError("NOT_STARTED", "the stack wasn't started")
        return self._plan

    @property
    def supervisor(self) -> Supervisor:
        """The parent of all processes."""
        if self._supervisor is None:
            raise StackError("NOT_STARTED", "the stack wasn't started")
        return self._supervisor

    @property
    def layout(self) -> Layout:
        """Folders and files."""
        return self.plan.layout

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's address for clients."""
        return self.plan.surroundings.kafka

    @property
    def superuser_dsn(self) -> str:
        """PostgreSQL's database ``postgres`` as superuser."""
        return self.plan.superuser_dsn

    @property
    def trust_file(self) -> Path:
        """Public keys that every service pins."""
        return self.layout.trust_file

    def url(self, system: str) -> str:
        """Address of a deployment (of its first serving process)."""
        return self.urls(system)[0]

    def urls(self, system: str) -> list[str]:
        """Addresses of all serving processes of a deployment."""
        return self.plan.surroundings.urls(system)

    def internal_url(self, process: str) -> str:
        """Address of probes and metrics of one process."""
        return f"http://{LOOPBACK}:{self.plan.ports[process]['internal']}"

    def processes(self, system: str) -> list[str]:
        """Names of the processes of a deployment."""
        return names_of(self.options.profile, system)

    def dsn(self, system: str) -> str:
        """Address of a deployment's database, as its own role, with the password: never log it."""
        name = DEPLOYMENTS[system].database
        password = self.layout.password(name).read_text().strip()
        return databases.address(self.superuser_dsn, name, name, password)

    def secrets_dir(self, system: str) -> Path:
        """The folder with a system's private keys (ours, or an office's for the SDK)."""
        return self.layout.secrets(system)

    # ------------------------------------------------------------------ doing harm, and mending it
    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> str:
        """Send *sig* to one process, as a crash would come. Each of these returns what it did, for a history."""
        return f"{sig.name} to {name} (pid {self.supervisor.kill(name, sig)})"

    def pause(self, name: str) -> str:
        """Freeze a process and its children."""
        return f"SIGSTOP to {name} (pids {self.supervisor.pause(name)})"

    def resume(self, name: str) -> str:
        """Thaw a process and its children."""
        return f"SIGCONT to {name} (pids {self.supervisor.resume(name)})"

    def start_one(self, name: str, *, wait_ready: bool = True) -> str:
        """Start a process that was stopped or killed."""
        return f"started {name} (pid {self.supervisor.start_one(name, wait_ready=wait_ready)})"

    def stop_one(self, name: str) -> str:
        """Stop a process by its own signal, after its grace time by SIGKILL."""
        return f"stopped {name} ({self.supervisor.stop_one(name)})"

    def restart(self, name: str, *, wait_ready: bool = True) -> str:
        """Stop a process if it runs, and start it again."""
        return f"restarted {name} (pid {self.supervisor.restart(name, wait_ready=wait_ready)})"

    def wait_ready(self, name: str, timeout_s: float | None = None) -> float:
        """Wait until a process is ready. Returns the seconds it took."""
        return self.supervisor.wait_ready(name, timeout_s)

    def wait_exit(self, name: str, timeout_s: float = 30.0) -> int:
        """Wait until a process has ended. Returns its exit code; -n: by signal n."""
        return self.supervisor.wait_exit(name, timeout_s)

    def env_override(self, name: str, values: Mapping[str, str]) -> None:
        """Set variables (without the service's prefix) for a process from its next start on; {} takes them back."""
        self.supervisor.states[name]  # an unknown name is refused here
        self.plan.surroundings.extra[name] = dict(values)

    def run_crash_point(self, name: str, point: str, drive: Callable[[], None], timeout_s: float = 30.0) -> str:
        """Restart a process so that it dies at *point*, *drive* it there, start it again without.

        Raises StackError (`STILL_RUNNING`) when it never came to that point.
        """
        self.env_override(name, {"CRASH_POINT": point})
        self.restart(name)
        self.supervisor.expect_exit(name)
        try:
            drive()
            code = self.wait_exit(name, timeout_s)
        finally:
            self.env_override(name, {})
        self.restart(name)
        return f"{name} died at {point} with code {code} and came back"

    # ------------------------------------------------------------------ looking
    def logs(self, name: str) -> str:
        """All that a process has written since this stack was started."""
        log = self.layout.log(name)
        return log.read_text(errors="replace") if log.exists() else ""

    @property
    def exits(self) -> list[Exit]:
        """Processes that ended though nobody asked them to."""
        return self.supervisor.exits

    def check(self) -> None:
        """Raise StackError (`UNEXPECTED_EXIT`) if any process ended by itself; a fixture calls it after each test."""
        if self.exits:
            ended = ", ".join(f"{one.name} (code {one.code})" for one in self.exits)
            raise StackError("UNEXPECTED_EXIT", f"ended by themselves: {ended}")

    # ------------------------------------------------------------------ inside
    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._write_state()

    def _write_state(self) -> None:
        with self._lock:
            if self._supervisor is None or self._plan is None:
                return
            now = StackState(
                run_id=self.run_id,
                revision=self._revision,
                profile=self.options.profile,
                phase=self._phase,
                supervisor=(os.getpid(), start_time(os.getpid())),
                control=self.control,
                url="" if self.options.infra_only else self._plan.surroundings.public_url,
                trouble=self.trouble,
                processes=self._supervisor.states,
            )
            state.write(self._plan.layout.state_file, now)

    def _clean_up(self) -> None:
        if self._plan is not None:
            release(port for ports in self._plan.ports.values() for port in ports.values())
        if self._temporary and not os.environ.get(KEEP):
            if self._plan is not None:
                shutil.rmtree(self._plan.layout.run, ignore_errors=True)
            shutil.rmtree(self._folder, ignore_errors=True)
