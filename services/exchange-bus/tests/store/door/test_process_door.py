# SPDX-License-Identifier: EUPL-1.2
"""exchange-bus as a process of its own, on a real PostgreSQL and a real Kafka: publish, ask, deliver, die, go on."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from contracts import topics
from contracts.http import Exchange
from contracts.ids import uuid7
from kit.clock import system_clock
from kit.errors import Unavailable
from kit.events import Record
from kit.http import Forwarder, HttpAnswer
from kit.jose import PrivateKey
from kit.kafka import BatchProducer, Outgoing, Raw, ensure_topics, tail
from kit.registry import sign_record
from local_stack.ports import choose
from local_stack.testing import FreshDatabase, KafkaServer

from .conftest import DATA_OFFICE, LAND, MARKET, House

PATIENCE_S = 120.0


class Process:
    """The process under test, its files, its bus, and calls to it."""

    def __init__(self, house: House, folder: Path, dsn: str, bootstrap: str) -> None:
        self.house, self.folder, self.dsn, self.bootstrap = house, folder, dsn, bootstrap
        self.port, self.internal_port = choose(), choose()
        self.registry_key = PrivateKey.generate()
        self.process: asyncio.subprocess.Process | None = None

    def environment(self) -> dict[str, str]:
        """Write the secrets and give the settings as variables."""
        trust = {"registry": self.registry_key, "catalogue": self.house.catalogue_key}
        known = {**trust, "bootstrap": self.house.keys["bootstrap"]}
        (self.folder / "trust.json").write_text(json.dumps({name: key.public.jwk() for name, key in known.items()}))
        (self.folder / "sig.jwk").write_text(json.dumps(self.house.keys["exchange-bus"].jwk()))
        parts = urlsplit(self.dsn)
        (self.folder / "password").write_text(parts.password or "")
        where = f"{parts.username}@{parts.hostname}:{parts.port}"
        settings = {
            "DATABASE_URL": urlunsplit((parts.scheme, where, parts.path, "", "")),
            "DATABASE_PASSWORD_FILE": str(self.folder / "password"),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "PORT": str(self.port),
            "INTERNAL_PORT": str(self.internal_port),
            "SYSTEM": "exchange-bus",
            "OPERATOR": DATA_OFFICE,
            "PUBLIC_URL": "https://gate.example",
            "SECRETS_DIR": str(self.folder),
            "TRUST_FILE": str(self.folder / "trust.json"),
            "REPLICA_DIR": str(self.folder),
            "SANDBOX": "true",
        }
        return {**os.environ, **{f"EXCHANGE_BUS_{name}": value for name, value in settings.items()}}

    # -------------------------------------------------------------------------------------- the bus
    async def register(self) -> None:
        """Put everybody's keys onto the bus, as identity does."""
        await ensure_topics(self.bootstrap, topics.TOPICS)
        for topic, table in ((topics.SYSTEM, self.house.systems_table), (topics.OFFICE, self.house.offices_table)):
            for name, held in table.held.items():
                data = sign_record(held.record, self.registry_key, issuer="identity", now=self.house.now)
                await self.put(self.house.record(topic, name, "registered", data, sender="identity"))

    async def put(self, record: Record) -> None:
        """Put a record onto the bus as its owner does."""
        said = {
            "specversion": "1.0", "id": str(record.id), "source": record.source, "type": record.type,
            "time": record.time.isoformat(), "keyseq": str(record.keyseq), **record.attributes,
        }  # fmt: skip
        headers = [(f"ce_{name}", text.encode()) for name, text in said.items()]
        producer = BatchProducer(self.bootstrap)
        await producer.start()
        try:
            sent = await producer.send([Outgoing(0, record.topic, 0, record.key.encode(), record.data, headers)])
            assert len(sent.acked) == 1
        finally:
            await producer.stop()

    async def arrived(self, topic: str, key: str) -> Raw:
        """Wait for the record under *key*."""
        async with asyncio.timeout(PATIENCE_S), aclosing(tail(self.bootstrap, topic)) as batches:
            async for records, _ in batches:
                for record in records:
                    if record.key == key.encode():
                        return record
        raise AssertionError("the topic ended")

    # -------------------------------------------------------------------------------------- the process
    async def start(self) -> None:
        """Start `run` and wait until it is ready."""
        environment = self.environment()
        migrated = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "exchange_bus", "migrate", env=environment
        )
        assert await migrated.wait() == 0
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "exchange_bus", "run", env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S), Forwarder({"p": [f"http://127.0.0.1:{self.internal_port}"]}) as probes:
            while self.process.returncode is None:
                try:
                    if (await probes.forward("p", "GET", "/readyz", [], b"", 2)).status == 200:
                        return
                except Unavailable:  # not listening yet
                    pass
                await asyncio.sleep(0.1)
        raise AssertionError("the process ended by itself")

    async def end(self, how: signal.Signals) -> int:
        """End the process; gives its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def call(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> HttpAnswer:
        """Call the API as the gateway or one of our services would."""
        raw = b"" if body is None else json.dumps(body).encode()
        sent = [(b"host", f"127.0.0.1:{self.port}".encode())]
        sent += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        async with Forwarder({"c": [f"http://127.0.0.1:{self.port}"]}) as calls:
            return await calls.forward("c", method, f"/v1{path}", sent, raw, 20)

    async def ask(self) -> dict[str, Any]:
        """Ask until the release has reached the process."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                headers = self.house.office(idempotency_key=str(uuid7()), tongban_exchange=Exchange.new().header())
                answer = await self.call("POST", "/evidence-requests", headers, self.house.ask(release=1))
                if answer.status == 202:
                    return dict(answer.json())
                assert answer.json()["code"] == "REFERENCE_UNKNOWN"
                await asyncio.sleep(0.1)

    async def inbox(self, wait_s: int, *, after: int = 0) -> list[dict[str, Any]]:
        """Pull licensing's inbox, past the number *after*."""
        headers = {**self.house.office(), "tongban-deadline": "20000"}
        answer = await self.call("GET", f"/inbox?wait={wait_s}&after={after}", headers)
        assert answer.status == 200, answer.body
        return list(answer.json()["deliveries"])

    async def acknowledge(self, delivery: Mapping[str, Any]) -> int:
        """Say that licensing has stored a delivery."""
        body = {"deliveryIds": [delivery["deliveryId"]]}
        answer = await self.call("POST", "/inbox/acknowledgements", self.house.office(), body)
        return int(answer.json()["acknowledged"])


@pytest.fixture
async def running(
    house: House, tmp_path: Path, fresh_database: FreshDatabase, empty_kafka_server: KafkaServer
) -> AsyncIterator[Process]:
    """A ready process that nobody has given a catalogue yet."""
    made = Process(house, tmp_path, await fresh_database("exchange_bus"), empty_kafka_server.bootstrap)
    await made.register()
    try:
        await made.start()
        yield made
    finally:
        if made.process is not None:
            await made.end(signal.SIGTERM)


async def test_a_process_that_was_killed_delivers_once_and_goes_on(running: Process, house: House) -> None:
    # 1. The first release is published; its records follow.
    headers = house.service("bootstrap", idempotency_key="k1")
    answer = await running.call("POST", "/catalogue/releases", headers, {"entries": house.lists.entries})
    assert answer.status == 201, answer.body
    await running.arrived(topics.CATALOGUE_ENTRY, "release/1")
    # 2. A request goes to its holder, whose answer comes back.
    request = await running.ask()
    ask = await running.arrived(topics.ask_topic(LAND), request["requestId"])
    assert ask.value is not None
    record = house.answer(request)
    await running.put(record)
    [delivery] = await running.inbox(15)
    assert (delivery["key"], delivery["envelope"].encode()) == (request["requestId"], record.data)
    # 3. Killed before the office has acknowledged: after the restart it is there still, and once.
    assert await running.end(signal.SIGKILL) == -signal.SIGKILL
    await running.start()
    house.later(seconds=(system_clock() - house.now).total_seconds())
    await running.put(record)
    task = house.envelope("task", str(uuid7()), sender="cases")
    await running.put(task)
    assert [one["key"] for one in await running.inbox(15, after=delivery["seq"])] == [task.key]
    found = await running.inbox(0)
    assert [one["key"] for one in found] == [request["requestId"], task.key]
    assert [await running.acknowledge(found[0]), await running.acknowledge(found[0])] == [1, 0]
    assert [one["key"] for one in await running.inbox(0)] == [task.key]
    # 4. The end was told on the bus, and the process stops in order.
    state = await house_state(running, request["requestId"])
    assert state == "answered"
    assert await running.end(signal.SIGTERM) == 0


async def house_state(running: Process, request_id: str) -> str:
    """Give the request's state as its asker sees it."""
    answer = await running.call("GET", f"/evidence-requests/{request_id}", running.house.office())
    assert answer.json()["asker"] == MARKET
    return str(answer.json()["state"])
