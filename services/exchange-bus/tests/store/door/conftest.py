# SPDX-License-Identifier: EUPL-1.2
"""A house with an exchange-bus in it: a real database, the demo catalogue, its API, and everybody who calls it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from contracts import signing, topics
from contracts.cases import CaseProof, ExplicitSlot, ProofNeed
from contracts.catalogue import Catalogue
from contracts.catalogue.check import check
from contracts.http import Exchange
from contracts.identity import OfficeRecord, SystemRecord
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from contracts.topics import ask_topic, envelope_topic
from exchange_bus.app import UseCases, build_api
from exchange_bus.service import Releasing
from exchange_bus.settings import Settings
from kit import aliases, envelopes, jose, tokens
from kit.clock import system_clock
from kit.consumer import Bad
from kit.db import Database, open_db
from kit.envelopes import OpenedEnvelope
from kit.events import Record
from kit.health import Health
from kit.http import asgi_client
from kit.jose import PrivateKey, b64u
from kit.receipts import ReceiptSigner
from kit.registry import Registered, Registry
from kit.tokens import AssertionSigner, HopSigner
from kit.trust import Trust
from local_stack.testing import DatabaseAt, FreshDatabase
from tongban.catalogue_files import load_entries

ROOT = Path(__file__).parents[5]
DATA_OFFICE = "119999000000002030"
MARKET, TAX = "1199990000000006XB", "119999000000000941"
HEALTH, LAND = "11999900000000035X", "11999900000000107N"
STEP = "food-licence/f1"
RELEASE = 3
ROLES = {
    "identity": ("identity", DATA_OFFICE, [DATA_OFFICE]),
    "gateway": ("gateway", DATA_OFFICE, [DATA_OFFICE]),
    "cases": ("cases", DATA_OFFICE, [DATA_OFFICE]),
    "ledger": ("ledger", DATA_OFFICE, [DATA_OFFICE]),
    "exchange-bus": ("exchange-bus", DATA_OFFICE, [DATA_OFFICE]),
    "certificates-1": ("certificates", HEALTH, [HEALTH, LAND]),
    "certificates-2": ("certificates", MARKET, [MARKET]),
    "licensing": ("office", MARKET, [MARKET]),
    "tax-office": ("office", TAX, [TAX]),
}


def pseudonym(party: str, person: str) -> str:
    """What *party* calls *person*."""
    return b64u(sha256(f"{party}:{person}".encode()).digest())


Client = Any
"""The test client of kit.http; only kit may name the library behind it."""
Answered = Any
"""What that client gives."""


class Table:
    """A replica that is loaded."""

    ready = True

    def __init__(self, held: Mapping[str, Any]) -> None:
        self.held = dict(held)

    def get(self, key: str) -> Any:
        return self.held.get(key)

    def items(self) -> Mapping[str, Any]:
        return self.held


class Lists:
    """The catalogue replica: the demo country in force."""

    ready = True

    def __init__(self) -> None:
        self.entries = load_entries(ROOT / "catalogue")
        read, faults = check(self.entries, test_area=True)
        assert not faults
        self._current = Catalogue(RELEASE, read)

    def current(self) -> Catalogue:
        return self._current


class Clockwork:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = system_clock()

    def __call__(self) -> datetime:
        return self.now


class House:
    """exchange-bus with everything around it. `now` stands still until a test moves it."""

    def __init__(self, db: Database, folder: Path, keys: Mapping[str, PrivateKey], clock: Clockwork) -> None:
        self.db, self.keys, self._clock = db, keys, clock
        self.offices = {o: PrivateKey.generate() for o in (MARKET, TAX, HEALTH, LAND)}
        self.platform, self.catalogue_key = PrivateKey.generate(), PrivateKey.generate()
        self.systems_table = Table({name: self._system(name) for name in ROLES})
        self.offices_table = Table({name: self._office(name) for name in (*self.offices, PLATFORM)})
        self.registry = Registry(self.systems_table, self.offices_table, clock)
        other = PrivateKey.generate().public
        self.trust = Trust(registry=other, catalogue=other, bootstrap=keys["bootstrap"].public)
        for name, key in (("platform", self.platform), ("catalogue", self.catalogue_key)):
            (folder / f"{name}.jwk").write_text(json.dumps(key.jwk()))
        self.settings = _settings(folder)
        self.health, self.lists = Health(), Lists()
        sig = keys["exchange-bus"]
        self.uses = UseCases(self.settings, db, self.registry, self.lists, sig, self.health, clock)  # type: ignore[arg-type]
        self.topics_made: list[str] = []
        self.uses.releasing = Releasing(
            db, self.catalogue_key, "exchange-bus", self._make_topics, clock, test_area=True
        )
        self.envelopes, self.holdings, self.closed_cases = self.uses.handlers()

    @property
    def now(self) -> datetime:
        return self._clock.now

    def later(self, **delta: float) -> None:
        """Let time pass."""
        self._clock.now += timedelta(**delta)

    async def _make_topics(self, offices: Sequence[str]) -> None:
        self.topics_made += offices

    # -------------------------------------------------------------------------------------------- callers
    def client(self) -> AbstractAsyncContextManager[Client]:
        """Give a client of the API."""
        return asgi_client(build_api(self.settings, self.uses, self.registry, self.trust, self._clock))

    def office(self, system: str = "licensing", **more: str) -> dict[str, str]:
        """Give the headers of a call by an office's system, as the gateway forwards it."""
        office, now = ROLES[system][1], int(self.now.timestamp())
        claims = {
            "iss": "identity", "sub": system, "client_id": system, "aud": self.settings.platform_audience,
            "office": office, "role": "office", "cnf": {"jkt": "x" * 43}, "iat": now, "nbf": now, "exp": now + 300,
            "jti": str(uuid7()),
        }  # fmt: skip
        token = tokens.sign(signing.ACCESS_TOKEN, claims, self.keys["token"])
        hop = HopSigner("gateway", self.keys["gateway"], self._clock).hop("exchange-bus", token)
        return _headers({"authorization": f"DPoP {token}", "tongban-hop": hop}, more)

    def service(self, system: str = "cases", **more: str) -> dict[str, str]:
        """Give the headers of a call by one of our own services, or by `bootstrap`."""
        signer = AssertionSigner(system, self.keys[system], self._clock)
        return _headers({"authorization": f"Bearer {signer.assertion('exchange-bus')}"}, more)

    # -------------------------------------------------------------------------------------------- papers
    def alias(self, party: str, person: str) -> str:
        """Seal *party*'s pseudonym of *person* to it."""
        key = self.platform if party == PLATFORM else self.offices[party]
        return aliases.mint(key.public, party, pseudonym(party, person))

    def proof(self, needs: Sequence[ProofNeed], case: str, *, signer: str = "cases", **more: Any) -> str:
        """Sign a case proof of licensing's step."""
        now = int(self.now.timestamp())
        claims = CaseProof(
            **{
                "iss": signer, "jti": str(uuid7()), "iat": now, "exp": now + 5 * 86400, "case_id": case,
                "step": STEP, "office": MARKET, "service": "food-licence", "needs": list(needs), "issues": [],
                "explicit_request": ExplicitSlot(at=self.now, text_version="2026-11", session_assurance="high"),
                **more,
            }
        )  # fmt: skip
        return tokens.sign(signing.CASE_PROOF, claims.wire(), self.keys[signer])

    def ask(
        self, *, title: bool = True, person: str = "ann", proof: Mapping[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Write a request of market regulation: for a title, or for a health certificate."""
        holder, kind = (LAND, "title") if title else (HEALTH, "staff-health")
        platform, held = self.alias(PLATFORM, person), self.alias(holder, person)
        need = ProofNeed(type=kind, platform=aliases.digest(platform), holders={holder: aliases.digest(held)})
        case_id = more.get("caseId", str(uuid7()))
        wish = {
            "caseId": case_id, "step": STEP, "caseProof": self.proof([need], case_id, **(proof or {})),
            "entry": "P-0204" if title else "P-0205", "release": RELEASE, "type": kind, "typeVersion": 1,
            "fields": ["place", "use"] if title else ["result"],
            "subject": {"person": {"platform": platform, "holders": {holder: held}}},
            "purpose": "premises-check" if title else "staff-health-check",
            "legalBasis": {"kind": "request" if title else "law"},
            "deadline": (self.now + timedelta(minutes=5)).isoformat(), **more,
        }  # fmt: skip
        return {name: value for name, value in wish.items() if value is not None}

    async def asked(self, client: Client, **more: Any) -> dict[str, Any]:
        """Have market regulation ask, and expect 202."""
        headers = self.office(idempotency_key=str(uuid7()), tongban_exchange=Exchange.new().header())
        answer = await client.post("/v1/evidence-requests", json=self.ask(**more), headers=headers)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def sent_ask(self, *, office: str = LAND) -> OpenedEnvelope:
        """Open the one ask that was sent to *office*, as it does."""
        [envelope] = await self.asks_to(office)
        key = self.offices[office]
        return envelopes.open_envelope(
            envelope.decode(), keys={key.kid: key}, registry=self.registry, expect_kinds={"ask"}, office=office,
            now=self.now,
        )  # fmt: skip

    # -------------------------------------------------------------------------------------------- the bus
    def record(self, topic: str, key: str, kind: str, data: bytes | None, *, sender: str, **more: Any) -> Record:
        """Give an event as it arrives."""
        said = {
            "topic": topic, "partition": 0, "offset": 0, "key": key, "id": uuid7(), "type": kind, "keyseq": 1,
            "source": f"/zz/{ROLES[sender][1]}/{sender}", "time": self.now, "attributes": {}, "data": data, **more,
        }  # fmt: skip
        return Record(**said)

    def envelope(
        self, kind: str, key: str, *, office: str = MARKET, sender: str = "certificates-1", size: int = 20,
        exchange_id: str | None = None, **attributes: str,
    ) -> Record:  # fmt: skip
        """Give a sealed envelope of *kind* to *office* as it arrives; what is in it, nobody here can read."""
        sealed = jose.seal(b"x" * size, self.offices[office].public)
        found = {"exchangeid": exchange_id or str(uuid7()), **attributes}
        return self.record(
            envelope_topic(office), key, f"envelope.{kind}.v1", sealed.encode(), sender=sender, attributes=found
        )

    def answer(self, request: Mapping[str, Any], *, code: str | None = None, **more: Any) -> Record:
        """Give the holder's answer to *request* as it arrives."""
        outcome = {"outcome": "answered"} if code is None else {"outcome": "refused", "code": code}
        said = {"exchange_id": request["exchangeId"], **outcome, **more}
        return self.envelope("answer", request["requestId"], **said)

    async def hear(self, handler: Any, *records: Record) -> list[str]:
        """Let a batch take effect in one transaction; gives the reasons of what would be parked."""
        items = await handler.prepare(records)
        good = [(r, item) for r, item in zip(records, items, strict=True) if not isinstance(item, Bad)]
        if good:
            async with self.db.transaction() as tx:
                await handler.apply(tx, good)
        return [item.reason for item in items if isinstance(item, Bad)]

    # -------------------------------------------------------------------------------------------- what happened
    async def events(self, topic: str) -> list[tuple[str, int, bytes]]:
        """Give (type, keyseq, data) of what was emitted to a topic."""
        rows = await self.rows("SELECT type, keyseq, payload FROM outbox WHERE topic = $1 ORDER BY id", topic)
        return [(row["type"], row["keyseq"], row["payload"]) for row in rows]

    async def asks_to(self, office: str) -> list[bytes]:
        """Give the sealed asks to an office."""
        return [data for _, _, data in await self.events(ask_topic(office))]

    async def sent_to(self, office: str) -> None:
        """Wait until an ask to the office is committed."""
        async with asyncio.timeout(10):
            while not await self.asks_to(office):  # noqa: ASYNC110 - the outbox is the public sign of it
                await asyncio.sleep(0.01)

    async def receipts(self) -> list[dict[str, Any]]:
        """Give the leaves of all receipts written."""
        batches = [json.loads(data) for _, _, data in await self.events(topics.RECEIPT)]
        return [receipt["leaf"] for batch in batches for receipt in batch["receipts"]]

    async def journal(self) -> list[tuple[str, str | None]]:
        """Give (type, code) of the journal's rows."""
        rows = await self.rows("SELECT type, code FROM evidence_event ORDER BY id")
        return [(row["type"], row["code"]) for row in rows]

    async def rows(self, query: str, *args: Any) -> list[Any]:
        """Look into the database."""
        async with self.db.read() as tx:
            return await tx.fetch(query, *args)

    # -------------------------------------------------------------------------------------------- registry
    def _system(self, name: str) -> Any:
        role, operator, offices = ROLES[name]
        held = {"identity": [("token", "token")], "ledger": [("enc", "enc")]}.get(name, [(name, "sig")])
        keys = [(self.keys[key], use) for key, use in held]
        said = {"systemId": name, "operator": operator, "offices": offices, "role": role, "keys": _public(keys)}
        return _registered(SystemRecord.model_validate(said), keys)

    def _office(self, name: str) -> Any:
        key = self.platform if name == PLATFORM else self.offices[name]
        keys = [(key, "answering")]
        return _registered(OfficeRecord.model_validate({"office": name, "keys": _public(keys)}), keys)


def _headers(fixed: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"content-type": "application/json", **fixed, **named}


def _public(keys: Sequence[tuple[PrivateKey, str]]) -> list[dict[str, Any]]:
    since = "2026-01-01T00:00:00Z"
    return [{"kid": key.kid, "use": use, "jwk": key.public.jwk(), "from": since} for key, use in keys]


def _registered(record: Any, keys: Sequence[tuple[PrivateKey, str]]) -> Any:
    return Registered(record, tuple(zip(record.keys, [key.public for key, _ in keys], strict=True)))


def _settings(folder: Path) -> Settings:
    return Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        kafka_bootstrap_servers="127.0.0.1:1",
        port=7131,
        internal_port=7132,
        system="exchange-bus",
        operator=DATA_OFFICE,
        public_url="https://gate.example",
        secrets_dir=folder,
        trust_file=folder / "trust.json",
        replica_dir=folder,
        sandbox=True,
    )


@pytest.fixture
async def house(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[House]:
    keys = {name: PrivateKey.generate() for name in (*ROLES, "token", "enc", "bootstrap")}
    clock = Clockwork()
    signer = ReceiptSigner("exchange-bus", DATA_OFFICE, "zz", keys["exchange-bus"], lambda: keys["enc"].public, clock)
    dsn = await fresh_database("exchange_bus")
    async with open_db(DatabaseAt(dsn), signer=signer, clock=clock) as db:
        made = House(db, tmp_path, keys, clock)
        waiting = asyncio.create_task(made.uses.waiting.run(asyncio.Event()))
        yield made
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
