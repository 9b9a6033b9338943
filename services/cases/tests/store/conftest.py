# SPDX-License-Identifier: EUPL-1.2
"""A house with cases in it: a real database, the demo catalogue, and stand-ins for the two services that it calls."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from cases.clients import AliasKey
from cases.errors import PersonUnknown
from cases.service import Applying, Deciding, Facts, Gathering, Heard, Opening, Parts, Sealing, Viewing
from contracts.cases import CaseView, OpenCase
from contracts.catalogue import Catalogue
from contracts.catalogue.check import check
from contracts.certificates.api import Fact
from contracts.exchange_bus import AskEvidence, DemandAccepted, DemandProof, EvidenceRequest
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from kit import aliases
from kit.db import Database, Idem, open_db
from kit.errors import ServiceError, Unavailable
from kit.jose import PrivateKey, PublicKey
from kit.receipts import ReceiptSigner
from local_stack.testing import DatabaseAt, FreshDatabase
from tongban.catalogue_files import load_entries

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MARKET = "1199990000000006XB"
OWNER, COOK = "o" * 43, "c" * 43
ROOT = Path(__file__).parents[4]


class Keys:
    """One key for each (party, use)."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], PrivateKey] = {}
        self.gone: set[tuple[str, str]] = set()

    def private(self, party: str, use: str) -> PrivateKey:
        return self.made.setdefault((party, "answering" if party == PLATFORM else use), PrivateKey.generate())

    def public(self, party: str, use: str) -> PublicKey | None:
        return None if (party, use) in self.gone else self.private(party, use).public


class FakeIdentity:
    """Mints real aliases; unknown persons are unknown. away: as when it is down."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.away = False
        self.known = {OWNER, COOK}
        self.calls: list[tuple[str, tuple[AliasKey, ...]]] = []

    async def aliases(self, subject: str, to: Sequence[AliasKey]) -> Mapping[AliasKey, str]:
        if self.away:
            raise Unavailable
        if subject not in self.known:
            raise PersonUnknown
        self.calls.append((subject, tuple(to)))
        return {
            (p, u): aliases.mint(self.keys.private(p, u).public, p, subject[0] + p[:42].ljust(42, "x")) for p, u in to
        }


class FakeBus:
    """Takes asks and remembers their bytes; refuses what a test tells it to."""

    def __init__(self) -> None:
        self.asks: dict[str, tuple[bytes, Exchange]] = {}
        self.refusal: ServiceError | None = None
        self.demands: list[DemandProof] = []

    async def ask(self, body: bytes, ask_id: str, exchange: Exchange) -> EvidenceRequest:
        if self.refusal is not None:
            raise self.refusal
        self.asks[ask_id] = (body, exchange)
        return self.state(ask_id, "waiting")

    async def demand(self, demand: DemandProof, key: str, exchange: Exchange) -> DemandAccepted:
        if self.refusal is not None:
            raise self.refusal
        self.demands.append(demand)
        return DemandAccepted(demand_id=str(uuid7()), entry="P-0201", release=1)

    def state(self, ask_id: str, state: str, code: str | None = None) -> EvidenceRequest:
        body, exchange = self.asks[ask_id]
        ask = AskEvidence.model_validate_json(body)
        person = ask.subject.person
        said = {
            "requestId": ask_id,
            "exchangeId": exchange.exchange_id,
            "caseId": ask.case_id,
            "step": ask.step,
            "asker": ask.asker,
            "holder": next(iter(person.holders)) if person is not None else MARKET,
            "type": ask.type,
            "state": state,
            "code": code,
            "deadline": ask.deadline,
        }
        return EvidenceRequest.model_validate(said)


class House:
    """cases with everything it needs; `now` stands still until a test moves it."""

    def __init__(self, db: Database, keys: Keys, signing: PrivateKey) -> None:
        self.db, self.keys, self.now = db, keys, NOW
        self.identity, self.bus = FakeIdentity(keys), FakeBus()
        entries, faults = check(load_entries(ROOT / "catalogue"), test_area=True)
        assert not faults
        self.catalogue = Catalogue(7, entries)
        platform = keys.private(PLATFORM, "answering")
        parts = Parts(
            db=db,
            catalogue=lambda: self.catalogue,
            office_key=keys.public,
            platform_keys={platform.kid: platform},
            system="cases",
            key=signing,
            identity=self.identity,
            exchange_bus=self.bus,
            clock=lambda: self.now,
            ask_deadline_s=3600,
        )
        self.key = signing
        self.parts = parts
        self.opening, self.viewing, self.applying = Opening(parts), Viewing(parts), Applying(parts)
        self.gathering, self.sealing = Gathering(parts), Sealing(parts)
        self.deciding, self.facts = Deciding(parts), Facts(parts)

    def handle(self, person: str = COOK) -> str:
        return aliases.mint(self.keys.private(PLATFORM, "answering").public, PLATFORM, person)

    async def open(self, key: str = "k1", **wish: object) -> CaseView:
        asked = {"lifeEvent": "food-licence", "subjects": {"staff": [self.handle()]}, "input": {"tradeName": "Noodles"}}
        body = OpenCase.model_validate({**asked, **wish})
        answer = await self.opening.open(OWNER, body, Idem(OWNER, key, b"f" + key.encode()))
        return CaseView.model_validate_json(answer.body)

    async def hear(self, fact: Fact, kind: Literal["issued", "amended", "revoked"] = "issued") -> None:
        async with self.db.transaction() as tx:
            await self.facts.on_facts(tx, [Heard(kind, fact)])

    async def view(self, case_id: str, applicant: str = OWNER) -> CaseView:
        return await self.viewing.view(applicant, case_id)

    async def events(self, topic: str) -> list[tuple[str, int, bytes]]:
        async with self.db.read() as tx:
            rows = await tx.fetch("SELECT type, keyseq, payload FROM outbox WHERE topic = $1 ORDER BY id", topic)
        return [(row["type"], row["keyseq"], row["payload"]) for row in rows]

    async def receipts(self) -> list[dict[str, object]]:
        batches = [json.loads(payload) for _, _, payload in await self.events("receipts.receipt.v1")]
        return [receipt["leaf"] for batch in batches for receipt in batch["receipts"]]

    async def answer_all(self, state: str = "answered", code: str | None = None) -> None:
        async with self.db.transaction() as tx:
            states = [self.bus.state(ask_id, state, code) for ask_id in self.bus.asks]
            await self.gathering.on_request_states(tx, states)


@pytest.fixture
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    keys, signing, ledger = Keys(), PrivateKey.generate(), PrivateKey.generate()
    signer = ReceiptSigner("cases", "119999000000002030", "zz", signing, lambda: ledger.public, lambda: NOW)
    dsn = await fresh_database("cases")
    async with open_db(DatabaseAt(dsn), signer=signer, clock=lambda: NOW) as db:
        yield House(db, keys, signing)


Opened = Callable[..., CaseView]
