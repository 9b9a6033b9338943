# SPDX-License-Identifier: EUPL-1.2
"""From the table to running things: what each node of the stack does when it comes up."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from local_stack import databases, kafka, plain_http, postgres, seed, topics
from local_stack.account import Account, environment
from local_stack.child import Child
from local_stack.environment import Surroundings, server_of
from local_stack.errors import StackError
from local_stack.keys import Keyring
from local_stack.layout import Layout
from local_stack.ports import LOOPBACK, choose, choose_from, take
from local_stack.supervisor import Managed, Step, Supervisor, tail
from local_stack.table import DEPLOYMENTS, GATEWAY_PORT, Deployment, Process, Profile, graph, processes

INFRASTRUCTURE = ("postgres", "kafka")
PORTS_OF = {"postgres": ("sql",), "kafka": ("client", "controller")}


@dataclass(frozen=True)
class Options:
    """How a stack is to be built.

    gateway_port: counted up from there while taken; None = any. proxies: process -> port of a fault proxy that clients
    are sent to instead (`kafka`, `postgres`). existing: use DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS where set.
    """

    profile: Profile = "laptop"
    infra_only: bool = False
    gateway_port: int | None = GATEWAY_PORT
    existing: bool = True
    spans: bool = False
    seeded: bool = True
    proxies: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Plan:
    """Everything that is decided before anything starts: folders, accounts, ports, addresses."""

    layout: Layout
    account: Account
    services_account: Account
    options: Options
    ports: dict[str, dict[str, int]]
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        """Put the parts together; nothing runs yet."""
        own = os.environ if self.options.existing else {}
        self.foreign_database = own.get("DATABASE_URL")
        self.foreign_kafka = own.get("KAFKA_BOOTSTRAP_SERVERS")
        client = self.ports["kafka"]["client"]
        kafka_ports = kafka.Ports(client, self.ports["kafka"]["controller"], self.options.proxies.get("kafka", client))
        self.cluster = postgres.Cluster(self.layout.run / "postgres", self.account, self.ports["postgres"]["sql"])
        self.broker = kafka.Broker(self.layout.run / "kafka", self.account, kafka_ports)
        self.keyring = Keyring(self.layout, self.account)
        self.surroundings = Surroundings(
            layout=self.layout,
            profile=self.options.profile,
            ports=self.ports,
            database_server=self._database_server(),
            kafka=self.foreign_kafka or self.broker.bootstrap,
            spans=self.options.spans,
        )

    @property
    def superuser_dsn(self) -> str:
        """Where roles and databases are made."""
        return self.foreign_database or self.cluster.superuser_dsn

    def nodes(self) -> dict[str, Step | Managed]:
        """All nodes of the graph, ready to be given to a Supervisor."""
        needs = graph(self.options.profile)
        made: dict[str, Step | Managed] = {"postgres": self._postgres(), "kafka": self._kafka()}
        if self.options.infra_only:
            return made
        steps = {"databases": self._databases, "topics": self._topics, "migrations": self._migrations}
        made |= {name: Step(name, needs[name], run) for name, run in steps.items()}
        made["seed"] = Step("seed", needs["seed"], self._seed if self.options.seeded else lambda: None)
        made["door"] = Step("door", needs["door"], self._door)
        made |= {process.name: self._service(process) for process in processes(self.options.profile)}
        return made

    def supervisor(self, changed: Callable[[], None] = lambda: None) -> Supervisor:
        """A supervisor over this plan."""
        return Supervisor(self.nodes(), self.say, changed)

    # ------------------------------------------------------------------ infrastructure
    def _postgres(self) -> Step | Managed:
        if self.foreign_database:
            return Step("postgres", (), lambda: asyncio.run(self._existing_postgres()))
        log = self.layout.log("postgres")

        def ready(alive: Callable[[], bool], timeout_s: float) -> None:
            asyncio.run(databases.wait_ready(self.superuser_dsn, timeout_s, alive))

        return Managed(
            *("postgres", (), lambda on_exit: self.cluster.start(log, on_exit), ready, log),
            ports=self.ports["postgres"],
            prepare=self.cluster.make,
            stop_signal=postgres.STOP_SIGNAL,
        )

    async def _existing_postgres(self) -> None:
        await databases.wait_ready(self.superuser_dsn, 10)
        await databases.require_version(self.superuser_dsn, postgres.OLDEST)

    def _kafka(self) -> Step | Managed:
        if self.foreign_kafka:
            address = self.foreign_kafka
            return Step("kafka", (), lambda: kafka.wait_ready(address, 10, nodes=None))
        log = self.layout.log("kafka")

        def ready(alive: Callable[[], bool], timeout_s: float) -> None:
            kafka.wait_ready(f"{LOOPBACK}:{self.ports['kafka']['client']}", timeout_s, alive=alive)

        return Managed(
            *("kafka", (), lambda on_exit: self.broker.start(log, on_exit), ready, log),
            ports=self.ports["kafka"],
            prepare=lambda: self.broker.make(self._jar_progress),
            stop_signal=kafka.STOP_SIGNAL,
        )

    def _jar_progress(self, done: int, of: int) -> None:
        if done % 10 == 0 or done == of:
            self.say(f"{'kafka':<24} jars {done} of {of}")

    # ------------------------------------------------------------------ steps
    def _databases(self) -> None:
        asyncio.run(self._make_databases())

    async def _make_databases(self) -> None:
        for deployment in DEPLOYMENTS.values():
            password = self.layout.password(deployment.database).read_text().strip()
            dsn = await databases.ensure_database(self.superuser_dsn, deployment.database, password)
            await databases.wait_ready(dsn, 10)

    def _topics(self) -> None:
        topics.make(self.surroundings.kafka)
        kafka.wait_for_groups(self.surroundings.kafka, 20)

    def _migrations(self) -> None:
        # Two at a time: each is a Python program of its own, and a laptop has few cores.
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._migrate, DEPLOYMENTS.values()))
        if not self.foreign_database:
            # Thousands of new files: written out now, so that the first recovery after a kill needn't.
            asyncio.run(databases.checkpoint(self.superuser_dsn))

    def _migrate(self, deployment: Deployment) -> None:
        name = f"migrate-{deployment.system}"
        first = next(process for process in processes(self.options.profile) if process.deployment == deployment.system)
        log = self.layout.log(name)
        keep_last(log)
        with log.open("ab") as sink:
            done = subprocess.run(
                [sys.executable, "-m", deployment.package, "migrate"],
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment(self.surroundings.of(first)),
                timeout=120,
                check=False,
                **self.services_account.popen(),
            )
        if done.returncode != 0:
            raise StackError("MIGRATION_FAILED", f"{deployment.system}: code {done.returncode}\n{tail(log)}")

    def _seed(self) -> None:
        seed.run(self.layout, self.keyring, self.surroundings, self.say)

    def _door(self) -> None:
        url = f"{self.surroundings.public_url}/v1/records/catalogue.entry.v1"
        answer = plain_http.call("GET", url)
        if answer.status != 200:
            raise StackError("DOOR_CLOSED", f"GET {url}: {answer.status} {answer.body[:500].decode(errors='replace')}")

    # ------------------------------------------------------------------ services
    def _service(self, process: Process) -> Managed:
        log = self.layout.log(process.name)
        command = [sys.executable, "-m", DEPLOYMENTS[process.deployment].package, process.verb]

        def launch(on_exit: Callable[[int], None]) -> Child:
            return Child(command, self.services_account, log, self.surroundings.of(process), on_exit)

        def ready(alive: Callable[[], bool], timeout_s: float) -> None:
            plain_http.wait_ready(self.ports[process.name]["internal"], timeout_s, alive)

        return Managed(
            *(process.name, graph(self.options.profile)[process.name], launch, ready, log),
            ports=self.ports[process.name],
            prepare=lambda: self._folders(process),
        )

    def _folders(self, process: Process) -> None:
        self.account.make_folder(self.layout.replica(process.name))
        if self.options.spans:
            self.account.make_folder(self.layout.run / "spans")

    def _database_server(self) -> str:
        if self.foreign_database:
            return server_of(self.foreign_database)
        return f"{LOOPBACK}:{self.options.proxies.get('postgres', self.ports['postgres']['sql'])}"


def make_plan(layout: Layout, account: Account, options: Options, say: Callable[[str], None]) -> Plan:
    """Decide everything and make keys; starts nothing. Logs of the last run get the ending ``.1``."""
    services_account = account if can_run_services(account) else Account("root", 0, 0, foreign=False)
    if services_account != account:
        say(f"note: {account.name} can't enter this Python or checkout, so services run as {services_account.name}")
    for log in (layout.state / "logs").glob("*.log"):
        if log.name != "supervisor.log":
            keep_last(log)
    ports = choose_ports(layout, options)
    plan = Plan(layout, account, services_account, options, ports, say)
    if not options.infra_only:
        plan.keyring.make()
    return plan


def can_run_services(account: Account) -> bool:
    """Whether *account* can run this Python with our packages; root's home, for one, is closed to others."""
    return not account.foreign or account.can_run([sys.executable, "-c", "import contracts, kit"])


def choose_ports(layout: Layout, options: Options) -> dict[str, dict[str, int]]:
    """A port for every purpose of every process; those of the last run again where still free."""
    known = _known_ports(layout)
    wanted = [(name, purpose) for name, purposes in PORTS_OF.items() for purpose in purposes]
    wanted += [(process.name, purpose) for process in processes(options.profile) for purpose in ("public", "internal")]
    ports: dict[str, dict[str, int]] = {}
    taken: set[int] = set(options.proxies.values())
    for name, purpose in wanted:
        port = _choose_one(name, purpose, options, known.get(name, {}).get(purpose), taken)
        taken.add(port)
        ports.setdefault(name, {})[purpose] = port
    layout.ports_file.write_text(json.dumps(ports, indent=1))
    return ports


def new_run_id() -> str:
    """A name for one run of a stack."""
    return secrets.token_hex(4)


def keep_last(log: Path) -> None:
    """Give an existing log the ending ``.1``, so that the last run's is kept beside this one's."""
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))


def _choose_one(name: str, purpose: str, options: Options, last: int | None, taken: set[int]) -> int:
    if (name, purpose) == ("gateway", "public") and options.gateway_port is not None:
        return choose_from(options.gateway_port, taken)
    if last is not None and last not in taken and take(last):
        return last
    return choose(taken)


def _known_ports(layout: Layout) -> dict[str, dict[str, int]]:
    try:
        known: dict[str, dict[str, int]] = json.loads(layout.ports_file.read_text())
    except (OSError, ValueError):
        return {}
    return known
