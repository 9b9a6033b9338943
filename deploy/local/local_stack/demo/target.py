# SPDX-License-Identifier: EUPL-1.2
"""The stack that a demo runs on: the one that `make up` keeps, or one of its own that goes away again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.jose import PrivateKey
from local_stack import daemon, databases, state
from local_stack.account import ordinary
from local_stack.daemon import Say
from local_stack.errors import StackError
from local_stack.harness import Stack
from local_stack.layout import STATE_FOLDER, Layout, open_layout
from local_stack.ports import LOOPBACK
from local_stack.seed import Bootstrap
from local_stack.state import StackState
from local_stack.table import DEPLOYMENTS


@dataclass(frozen=True)
class Target:
    """Where everything is. kafka: host:port. database_server: a superuser's address there, never logged."""

    url: str
    kafka: str
    database_server: str
    layout: Layout

    @property
    def trust_file(self) -> Path:
        """The pinned keys."""
        return self.layout.trust_file

    def secrets(self, system: str) -> Path:
        """The folder with an office system's private keys."""
        return self.layout.secrets(system)

    def state(self, name: str) -> Path:
        """A folder for what one program must remember from demo to demo; it goes when the stack's data goes."""
        folder = self.layout.run / "demo" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def bootstrap(self, system: str, path: str, body: object) -> Any:
        """POST to a service as the runner, which may do what no office may. Raises StackError (`SEED_REFUSED`)."""
        return Bootstrap(PrivateKey.load(self.layout.bootstrap_key), self._url_of).post(system, path, body)

    def _url_of(self, system: str) -> str:
        found = state.read(self.layout.state_file)
        ports = next(one.ports for one in (found.processes.values() if found else ()) if one.name.startswith(system))
        return f"http://{LOOPBACK}:{ports['public']}"

    @property
    def told(self) -> Path:
        """The file with the last demo's claims."""
        return self.layout.run / "demo" / "told.json"

    def dsn(self, system: str) -> str:
        """Address of a deployment's database, as its own role, with the password: never log it."""
        name = DEPLOYMENTS[system].database
        return databases.address(self.database_server, name, name, self.layout.password(name).read_text().strip())


@contextmanager
def target(say: Say) -> Iterator[Target]:
    """Give the running stack, which is left running, or start one and stop it afterwards. Raises StackError."""
    layout = open_layout(STATE_FOLDER, ordinary())
    running = daemon.find(layout)
    if running is not None:
        if running.phase != "ready":
            raise StackError("NOT_READY", f"the stack is {running.phase}; make status shows what it waits for")
        say(f"using the stack that runs at {running.url}")
        yield _of_state(running, layout)
        return
    say("no stack runs: starting one for this demo")
    with Stack(profile="laptop", say=say) as stack:
        yield Target(stack.url("gateway"), stack.kafka_bootstrap, stack.superuser_dsn, stack.layout)
        say("stopping the demo's own stack")


def _of_state(running: StackState, layout: Layout) -> Target:
    kafka, postgres = running.processes.get("kafka"), running.processes.get("postgres")
    kafka_address = f"{LOOPBACK}:{kafka.ports['client']}" if kafka and kafka.ports else None
    server = f"postgresql://{LOOPBACK}:{postgres.ports['sql']}/postgres" if postgres and postgres.ports else None
    return Target(
        running.url,
        kafka_address or os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        server or os.environ["DATABASE_URL"],
        layout,
    )
