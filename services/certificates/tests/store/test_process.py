# SPDX-License-Identifier: EUPL-1.2
"""A deployment as a process of its own, on a real PostgreSQL and a real Kafka: issue, share, ask, answer, stop."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from fastapi import Depends

from contracts import topics
from contracts.catalogue import Manifest
from contracts.catalogue.entries import record_key
from contracts.certificates import formats
from contracts.envelopes import Answer
from contracts.identity import Alias, Aliases, MintAliases
from kit import crash, envelopes
from kit.api import StrictRouter, create_api, from_state
from kit.catalogue import sign_manifest
from kit.clock import system_clock
from kit.errors import ServiceError
from kit.http import Forwarder
from kit.jose import PrivateKey, b64u, digest
from kit.kafka import BatchProducer, Outgoing, Raw, ensure_topics, tail
from kit.process import listen, server
from kit.registry import sign_record
from local_stack.ports import choose
from local_stack.testing import FreshDatabase, KafkaServer

PATIENCE_S = 120.0


class Process:
    """The house around the process: its files, its bus, its identity, and calls to it."""

    def __init__(self, world: Any, folder: Path, dsn: str, bootstrap: str) -> None:
        self.world = world
        self.folder = folder
        self.bootstrap = bootstrap
        self.dsn = dsn
        self.port, self.internal_port, self.identity_port = (choose() for _ in range(3))
        self.registry_key, self.catalogue_key = PrivateKey.generate(), PrivateKey.generate()
        self.process: asyncio.subprocess.Process | None = None
        self.dies_at: str | None = None

    # -------------------------------------------------------------------------------------- files, environment
    def write_files(self) -> None:
        """Write the secrets and the trust file."""
        secrets = {
            "sig.jwk": self.world.keys.sig,
            **{f"issuing-{office}.jwk": key for office, key in self.world.issuing.items()},
            **{f"answering-{o}.jwk": key for o, key in self.world.answering.items() if o != "platform"},
        }
        for name, key in secrets.items():
            (self.folder / name).write_text(json.dumps(key.jwk()))
        (self.folder / "share.key").write_text(b64u(self.world.keys.share_key))
        trust = {"registry": self.registry_key, "catalogue": self.catalogue_key, "bootstrap": self.world.bootstrap}
        (self.folder / "trust.json").write_text(json.dumps({name: key.public.jwk() for name, key in trust.items()}))

    def environment(self) -> dict[str, str]:
        """Give the settings as variables."""
        parts = urlsplit(self.dsn)
        (self.folder / "password").write_text(parts.password or "")
        where = f"{parts.username}@{parts.hostname}:{parts.port}"
        settings = {
            "DATABASE_URL": urlunsplit((parts.scheme, where, parts.path, "", "")),
            "DATABASE_PASSWORD_FILE": str(self.folder / "password"),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "PORT": str(self.port),
            "INTERNAL_PORT": str(self.internal_port),
            "SYSTEM": "certificates-1",
            "OPERATOR": "11999900000000035X",
            "PUBLIC_URL": "https://gate.example",
            "SECRETS_DIR": str(self.folder),
            "TRUST_FILE": str(self.folder / "trust.json"),
            "REPLICA_DIR": str(self.folder),
            "OFFICES": ",".join(self.world.issuing),
            "IDENTITY_URLS": f"http://127.0.0.1:{self.identity_port}",
        }
        if self.dies_at is not None:
            settings |= {"SANDBOX": "true", "CRASH_POINT": self.dies_at}
        return {**os.environ, **{f"CERTIFICATES_{name}": value for name, value in settings.items()}}

    # -------------------------------------------------------------------------------------- the bus
    async def publish(self, topic: str, records: list[tuple[str, bytes]], **headers: str) -> None:
        """Put records onto the bus as the owner of a topic would."""
        producer = BatchProducer(self.bootstrap)
        await producer.start()
        try:
            rows = [self._row(n, topic, key, value, headers) for n, (key, value) in enumerate(records)]
            sent = await producer.send(rows)
            assert len(sent.acked) == len(records)
        finally:
            await producer.stop()

    def _row(self, number: int, topic: str, key: str, value: bytes, headers: dict[str, str]) -> Outgoing:
        known = {
            "specversion": "1.0",
            "id": f"01970000-0000-7000-8000-{number:012d}",
            "source": "/zz/119999000000002030/seed",
            "type": "seeded",
            "time": self.world.now.isoformat(),
            "keyseq": "1",
            **headers,
        }
        packed = [(f"ce_{name}", text.encode()) for name, text in known.items()]
        return Outgoing(number, topic, 0, key.encode(), value, packed)

    async def seed(self) -> None:
        """Register everybody and publish the catalogue."""
        await ensure_topics(
            self.bootstrap, [*topics.TOPICS, *topics.office_topics(sorted(self.world.offices.held))[:-2]]
        )
        now = self.world.now

        def signed(held: dict[str, Any]) -> list[tuple[str, bytes]]:
            return [
                (name, sign_record(one.record, self.registry_key, issuer="identity", now=now))
                for name, one in held.items()
            ]

        await self.publish(topics.SYSTEM, signed(self.world.systems.held))
        await self.publish(topics.OFFICE, signed(self.world.offices.held))
        entries = {record_key(entry): entry.wire_bytes() for entry in self.world.catalogue.entries}
        manifest = Manifest(
            iss="exchange-bus", iat=int(now.timestamp()), release=12, at=now,
            entries={key: digest(data) for key, data in entries.items()},
        )  # fmt: skip
        release = sign_manifest(manifest, self.catalogue_key)
        await self.publish(topics.CATALOGUE_ENTRY, [*entries.items(), ("release/12", release)])

    async def arrived(self, topic: str, good: Callable[[Raw], bool]) -> Raw:
        """Wait for a record on the bus."""
        async with asyncio.timeout(PATIENCE_S), aclosing(tail(self.bootstrap, topic)) as batches:
            async for records, _ in batches:
                for record in records:
                    if good(record):
                        return record
        raise AssertionError("the topic ended")

    # -------------------------------------------------------------------------------------- the process
    async def start(self) -> None:
        """Migrate, start `run`, and wait until it is ready."""
        migrated = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "certificates", "migrate", env=self.environment()
        )
        assert await migrated.wait() == 0
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "certificates", "run", env=self.environment(), stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S), Forwarder({"p": [f"http://127.0.0.1:{self.internal_port}"]}) as probes:
            while self.process.returncode is None:
                try:
                    if (await probes.forward("p", "GET", "/readyz", [], b"", 2)).status == 200:
                        return
                except Exception:  # noqa: BLE001 - not listening yet
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.1)
        raise AssertionError("the process ended by itself")

    async def stop(self) -> int:
        """Ask the process to stop; give its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def post(self, office: str, path: str, body: Any, key: str) -> dict[str, Any]:
        """POST as that office's system, through our own hop."""
        return await self.call("POST", path, self.world.headers(office, idempotency_key=key), body)

    async def call(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> dict[str, Any]:
        """Call with the headers that the gateway would send; gives the body of an answer that is no refusal."""
        sent = {**headers, "host": f"127.0.0.1:{self.port}"}
        packed = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        raw = b"" if body is None else json.dumps(body).encode()
        async with Forwarder({"c": [f"http://127.0.0.1:{self.port}"]}) as calls:
            answer = await calls.forward("c", method, f"/v1{path}", packed, raw, 10)
        assert answer.status in (200, 201), answer.body
        return dict(answer.json())


identity = StrictRouter(prefix="/v1")


@identity.post("/aliases")
async def mint(order: MintAliases, world: Annotated[Any, Depends(from_state("world"))]) -> Aliases:
    """Mint as identity does."""
    uses = [(one.party, one.use) for one in order.to]
    made = await world.mint(order.from_, order.subject, uses)
    return Aliases(aliases=[Alias(party=p, use=use, alias=a) for (p, use), a in zip(uses, made, strict=True)])


@pytest.fixture
async def running(
    make_world: Any, tmp_path: Path, fresh_database: FreshDatabase, empty_kafka_server: KafkaServer
) -> AsyncIterator[Process]:
    """A ready process with the house around it."""
    made = Process(
        make_world(system_clock()), tmp_path, await fresh_database("certificates"), empty_kafka_server.bootstrap
    )
    made.write_files()
    await made.seed()
    api = create_api(made.world.settings(port=made.identity_port), routers=[identity], state={"world": made.world})
    doors = server(api, 1)
    serving = asyncio.create_task(doors.serve(sockets=[listen("127.0.0.1", made.identity_port)]))
    try:
        await made.start()
        yield made
    finally:
        if made.process is not None and made.process.returncode is None:
            await made.stop()
        doors.should_exit = True
        await serving


async def test_a_process_issues_shares_answers_and_stops_well(
    running: Process, names: Any, licence: Any, title: Any
) -> None:
    world = running.world
    # 1. A licence is issued: its fact and the tax office's share arrive.
    issued = await running.post(names.market, "/certificates", licence(), "one")
    fact = await running.arrived(topics.CERTIFICATE, lambda raw: raw.key == issued["certificateId"].encode())
    assert json.loads(fact.value or b"")["type"] == "food-licence"
    share = await running.arrived(topics.envelope_topic(names.tax), lambda _raw: True)
    opened = open_as(world, names.tax, share)
    assert (opened.kind, opened.body.grant_id, opened.body.status) == ("share", "G-0902", "01")
    # 2. A title is issued; a request about its holder is answered, sealed to the asker.
    await running.post(names.land, "/certificates", title(), "two")
    ask = world.ask()
    record = world.record(ask)
    await running.publish(
        record.topic, [(record.key, record.data)], id=str(record.id), source="/zz/119999000000002030/exchange-bus"
    )
    raw = await running.arrived(topics.envelope_topic(names.market), lambda one: one.key == ask.request_id.encode())
    answer = open_as(world, names.market, raw).body
    assert isinstance(answer, Answer)
    assert (answer.outcome, answer.code) == ("answered", None)
    # 3. Receipts went with them, and the process stops in order.
    await running.arrived(topics.RECEIPT, lambda one: ask.request_id.encode() not in (one.value or b""))
    assert await running.stop() == 0


async def test_a_process_killed_between_sealing_and_commit_of_a_decision_sends_it_once(
    running: Process, names: Any, title: Any
) -> None:
    world, ann = running.world, names.pseudonym(names.land, "ann")
    await running.post(names.land, "/certificates", title(), "one")
    ask = world.ask(preview=True, deadline=world.now + timedelta(minutes=57))
    record = world.record(ask)
    await running.publish(
        record.topic, [(record.key, record.data)], id=str(record.id), source="/zz/119999000000002030/exchange-bus"
    )
    topic, mine = topics.envelope_topic(names.market), ask.request_id.encode()
    first = await running.arrived(topic, lambda one: one.key == mine)
    path = f"/previews/{dict(first.headers)['ce_previewid'].decode()}"
    await running.call("GET", path, world.citizen(ann))
    # It dies with her decision sealed and nothing written.
    assert await running.stop() == 0
    running.dies_at = "release.after_seal"
    await running.start()
    decision = {"items": [{"id": "place", "accept": True}, {"id": "use", "accept": False}]}
    headers = world.citizen(ann, **{"idempotency-key": "d", "content-type": "application/json"})
    with pytest.raises(ServiceError):
        await running.call("POST", f"{path}/decision", headers, decision)
    assert running.process is not None
    assert await running.process.wait() == crash.EXIT_STATUS
    # Nothing went; she says it again, twice, and it goes once.
    running.dies_at = None
    await running.start()
    assert (await running.call("GET", path, world.citizen(ann)))["state"] == "opened"
    for _ in range(2):
        assert (await running.call("POST", f"{path}/decision", headers, decision))["released"] == ["place"]
    numbers: list[bytes] = []

    def is_last(one: Raw) -> bool:
        if one.key == mine:
            numbers.append(dict(one.headers)["ce_keyseq"])
        return numbers[-1:] == [b"2"]

    last = await running.arrived(topic, is_last)
    assert numbers == [b"1", b"2"]
    answer = open_as(world, names.market, last).body
    assert formats.disclosed(answer.presentation.credential) == {"place"}


def open_as(world: Any, office: str, raw: Raw) -> Any:
    """Open an envelope as the office that it is for."""
    key = world.inbox[office]
    return envelopes.open_envelope(
        (raw.value or b"").decode(), keys={key.kid: key}, registry=world.registry, expect_kinds={"answer", "share"},
        office=office, now=system_clock(),
    )  # fmt: skip
