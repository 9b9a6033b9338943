# SPDX-License-Identifier: EUPL-1.2
"""A pytest plugin: real PostgreSQL and real Kafka for ``store`` tests, started once per session, thrown away after.

Fixtures: ``postgres_server`` and ``kafka_server`` (session), ``empty_kafka_server`` (a broker of one test file, where
no other test's registry or catalogue stands), ``fresh_database`` (a function per test)::

    async def test_a_certificate_is_found_again(fresh_database):
        dsn = await fresh_database("certificates")

A database is a clone of a template that holds all migrations of that package, made on first use. ``DatabaseAt(dsn)``
is what ``kit.db.open_db`` takes for settings.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit import migrations
from local_stack import databases, kafka, postgres
from local_stack.account import Account, ordinary
from local_stack.child import Child
from local_stack.ports import choose

FreshDatabase = Callable[[str], Awaitable[str]]
PHASES: tuple[migrations.Phase, ...] = ("pre", "post")


class PostgresServer:
    """A running throw-away PostgreSQL (no fsync). dsn: as superuser, with the password in it."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.folder = folder
        self.cluster = postgres.Cluster(account.make_folder(folder), account, choose(), throw_away=True)
        self.log = folder / "postgres.log"
        self.child: Child | None = None
        self._templates: dict[str, str] = {}
        self._count = 0

    @property
    def dsn(self) -> str:
        """The superuser's address of the database ``postgres``."""
        return self.cluster.superuser_dsn

    def start(self) -> None:
        """Start it (again, after a kill) and wait until it answers."""
        self.cluster.make()
        child = self.cluster.start(self.log, lambda _code: None)
        self.child = child
        asyncio.run(databases.wait_ready(self.dsn, 20, lambda: child.alive))

    def stop(self) -> None:
        """Stop it at once: nothing in it is kept."""
        if self.child is not None:
            self.child.stop(postgres.STOP_SIGNAL, 5)

    async def fresh_database(self, package: str) -> str:
        """Make a new database that holds all migrations of *package*, kit's own first. Returns its address."""
        if package not in self._templates:
            template = f"template_{package}"
            await databases.ensure_database(self.dsn, template, "template")
            await migrate(databases.address(self.dsn, template), package)
            self._templates[package] = template
        self._count += 1
        return await databases.clone(self.dsn, self._templates[package], f"test_{package}_{self._count}")

    async def drop(self, dsn: str) -> None:
        """Drop a database that ``fresh_database`` made."""
        await databases.drop(self.dsn, dsn.rpartition("/")[2])


class KafkaServer:
    """A running throw-away broker. bootstrap: its address."""

    def __init__(self, folder: Path, account: Account) -> None:
        client = choose()
        ports = kafka.Ports(client=client, controller=choose([client]), advertised=client)
        self.folder = folder
        self.broker = kafka.Broker(account.make_folder(folder), account, ports)
        self.log = folder / "kafka.log"
        self.child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients."""
        return self.broker.bootstrap

    def start(self) -> None:
        """Start it (again, after a kill) and wait for a metadata answer."""
        self.broker.make()
        child = self.broker.start(self.log, lambda _code: None)
        self.child = child
        kafka.wait_ready(self.bootstrap, 60, alive=lambda: child.alive)
        kafka.wait_for_groups(self.bootstrap, 20)

    def stop(self) -> None:
        """Stop it within 10 s."""
        if self.child is not None:
            self.child.stop(kafka.STOP_SIGNAL, 10)


@dataclass(frozen=True)
class DatabaseAt:
    """What ``kit.db`` wants to know of a service's settings, for a database at *database_url*."""

    database_url: str
    database_password_file: Path | None = None
    database_pool_size: int = 10
    source: str = "/zz/119999000000002030/test"


async def migrate(dsn: str, package: str) -> None:
    """Bring the database at *dsn* to the newest schema, as a release does: ``pre``, then ``post``."""
    for phase in PHASES:
        await migrations.migrate(DatabaseAt(dsn), package, phase)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test session."""
    with _Folder("pg") as folder:
        server = PostgresServer(folder / "postgres", ordinary())
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    """A Kafka broker of this test session."""
    with _broker() as server:
        yield server


@pytest.fixture(scope="module")
def empty_kafka_server() -> Iterator[KafkaServer]:
    """A Kafka broker of this test file alone."""
    with _broker() as server:
        yield server


@contextmanager
def _broker() -> Iterator[KafkaServer]:
    with _Folder("kafka") as folder:
        server = KafkaServer(folder / "kafka", ordinary())
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def fresh_database(postgres_server: PostgresServer) -> Iterator[FreshDatabase]:
    """Gives a function that makes a database for this test: await it with a package, such as ``identity``."""
    made: list[str] = []

    async def fresh(package: str) -> str:
        made.append(await postgres_server.fresh_database(package))
        return made[-1]

    yield fresh
    for dsn in made:
        asyncio.run(postgres_server.drop(dsn))


class _Folder:
    """A temporary folder that the ordinary user can enter; removed at the end."""

    def __init__(self, label: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"tongban-test-{label}-"))
        ordinary().make_folder(self.path)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
