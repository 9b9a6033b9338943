# SPDX-License-Identifier: EUPL-1.2
"""Identity as a process of its own, on a real PostgreSQL and a real Kafka, called as the gateway calls it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from contracts import topics
from kit.clock import monotonic, system_clock
from kit.errors import Unavailable
from kit.http import Forwarder, HttpAnswer
from kit.jose import b64u
from kit.kafka import ensure_topics
from kit.registry import Registry
from local_stack.ports import choose
from local_stack.testing import FreshDatabase, KafkaServer, PostgresServer

MARKET = "1199990000000006XB"
COOK = "999900198908220138"
DEADLINE_S = 120.0


@dataclass(frozen=True)
class Answer:
    """An answer with the names that the house uses."""

    raw: HttpAnswer

    @property
    def status_code(self) -> int:
        return self.raw.status

    @property
    def text(self) -> str:
        return self.raw.body.decode()

    def json(self) -> Any:
        return json.loads(self.raw.body)


class Process:
    """`python -m identity run` and a caller that speaks to it through the gateway's own forwarder."""

    def __init__(self, house: Any, folder: Path, dsn: str, bootstrap: str) -> None:
        port = choose()
        self.house, self.folder, self.port, self.probes = house, folder, port, choose([port])
        self.child: subprocess.Popen[bytes] | None = None
        self.forwarder = Forwarder({"identity": [self._url(port)], "probes": [self._url(self.probes)]})
        self._write_secrets(dsn, bootstrap)
        house.send = self.send

    @staticmethod
    def _url(port: int) -> str:
        return f"http://127.0.0.1:{port}"

    def _write_secrets(self, dsn: str, bootstrap: str) -> None:
        house, parts = self.house, urlsplit(dsn)
        for name, key in (("sig", "identity"), ("registry", "registry"), ("token", "token")):
            (self.folder / f"{name}.jwk").write_text(json.dumps(house.key(key).jwk()))
        (self.folder / "master.key").write_text(b64u(bytes(range(32))))
        trusted = {name: house.key(name).public.jwk() for name in ("registry", "catalogue", "bootstrap")}
        (self.folder / "trust.json").write_text(json.dumps(trusted))
        (self.folder / "password").write_text(parts.password or "")
        netloc = f"{parts.username}@{parts.hostname}:{parts.port}"
        values = {
            "DATABASE_URL": urlunsplit((parts.scheme, netloc, parts.path, "", "")),
            "DATABASE_PASSWORD_FILE": str(self.folder / "password"),
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "PORT": str(self.port),
            "INTERNAL_PORT": str(self.probes),
            "SYSTEM": "identity",
            "OPERATOR": "119999000000002030",
            "PUBLIC_URL": "https://gate.example",
            "SECRETS_DIR": str(self.folder),
            "TRUST_FILE": str(self.folder / "trust.json"),
            "REPLICA_DIR": str(self.folder),
            "SANDBOX": "true",
        }
        self.environ = {**os.environ, **{f"IDENTITY_{name}": value for name, value in values.items()}}

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "identity", "run"], env=self.environ, stdout=log, stderr=log, cwd=self.folder
            )

    def log(self) -> str:
        return (self.folder / "log").read_text()

    async def ready(self) -> bool:
        assert self.child is not None
        assert self.child.poll() is None, self.log()
        try:
            answer = await self.forwarder.forward("probes", "GET", "/readyz", [], b"", 2)
        except Unavailable:  # not there yet
            return False
        return answer.status == 200

    async def send(self, path: str, content: bytes, headers: list[tuple[str, str]]) -> Answer:
        raw = [(name.encode(), value.encode()) for name, value in headers]
        return Answer(await self.forwarder.forward("identity", "POST", path, raw, content, 10))

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        assert self.child is not None
        self.child.send_signal(sig)
        return self.child.wait(25)


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    end = monotonic() + DEADLINE_S
    while not await holds():
        assert monotonic() < end, f"not in time: {what}"
        await asyncio.sleep(0.05)


@pytest.fixture
async def process(
    fresh_database: FreshDatabase,
    postgres_server: PostgresServer,
    empty_kafka_server: KafkaServer,
    make_house: Callable[..., Any],
    tmp_path: Path,
) -> AsyncIterator[Process]:
    await ensure_topics(empty_kafka_server.bootstrap, topics.TOPICS)
    house = make_house()
    house.clock = system_clock
    house.registry = Registry.from_bus(empty_kafka_server.bootstrap, house.trust, system_clock)
    made = Process(house, tmp_path, await fresh_database("identity"), empty_kafka_server.bootstrap)
    made.start()
    try:
        async with made.forwarder:
            await until(made.ready, "ready")
            yield made
    finally:
        if made.child is not None and made.child.poll() is None:
            made.child.kill()
            made.child.wait(5)


@pytest.mark.slow
async def test_an_empty_identity_takes_in_the_house_and_serves_it(process: Process) -> None:
    house, stop = process.house, asyncio.Event()
    following = asyncio.create_task(house.registry.run(stop))
    try:
        # Nothing is known of the ledger or the platform yet: tokens flow, personal data doesn't.
        house.now = system_clock()
        for name, role in (("identity", "identity"), ("gateway", "gateway")):
            assert (await _register(house, house.system(name, role, "119999000000002030", []))).status_code == 201
        assert (await _register(house, house.system("licensing", "office", MARKET))).status_code == 201
        token = await house.system_token("licensing")
        way = house.through_gateway(token)
        persona = {"persona": "cook", "number": COOK}
        key = {"idempotency_key": "persona"}
        assert (await house.post("/v1/sandbox/personas", persona, **key, **house.bootstrap())).status_code == 201

        async def believed() -> bool:
            return bool((await house.post("/v1/persons/resolve", {"numbers": [COOK]}, **way)).status_code == 503)

        await until(believed, "identity knows the gateway by its own record, off the bus")
        # The ledger and the platform come: the same call goes through.
        assert (await _register(house, house.system("ledger", "ledger", "119999000000002030", []))).status_code == 201
        platform = house.office("platform", "answering")
        answer = await house.post("/v1/offices", platform, idempotency_key="platform", **house.bootstrap())
        assert answer.status_code == 201

        async def resolved() -> bool:
            answer = await house.post("/v1/persons/resolve", {"numbers": [COOK]}, **way)
            return bool(answer.status_code == 200 and len(answer.json()["subjects"][0]) == 43)

        await until(resolved, "a number is resolved once its receipt can be written")

        async def everybody_knows() -> bool:
            held = house.registry.system("licensing")
            return house.registry.ready and held is not None and house.registry.ledger_key() is not None

        await until(everybody_knows, "the records are on the bus and verify")
        assert house.read_token(token)["office"] == MARKET
        # Revocation bites here too, off the bus.
        path = "/v1/systems/licensing/revocations"
        assert (await house.post(path, idempotency_key="revoke", **house.bootstrap())).status_code == 201

        async def refused() -> bool:
            return bool((await house.post("/v1/persons/resolve", {"numbers": [COOK]}, **way)).status_code == 401)

        await until(refused, "a token of a revoked system ends")
    finally:
        stop.set()
        await following
    assert process.stop() == 0, process.log()
    assert COOK not in process.log()


@pytest.mark.slow
async def test_what_was_accepted_is_there_after_a_kill(process: Process) -> None:
    house = process.house
    house.now = system_clock()
    record = house.system("licensing", "office", MARKET)
    assert (await _register(house, record)).status_code == 201
    form = house.credentials("licensing")
    assert (await house.form(form, house.proof("k"))).status_code == 200
    process.stop(signal.SIGKILL)
    process.start()
    await until(process.ready, "ready again")
    assert (await _register(house, record)).json() == {"id": "licensing", "version": 1}
    assert (await house.form(form, house.proof("k"))).json()["error"] == "invalid_client"  # still used up
    assert await house.system_token("licensing")


async def _register(house: Any, record: dict[str, Any]) -> Any:
    return await house.post("/v1/systems", record, idempotency_key=str(uuid4()), **house.bootstrap())
