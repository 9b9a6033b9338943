# SPDX-License-Identifier: EUPL-1.2
"""exchange-bus with a real database, the demo catalogue, and the papers that cases would send."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import signing
from contracts.cases import CaseProof
from contracts.catalogue import Catalogue
from contracts.catalogue.check import check
from contracts.envelopes import Ask, EnvelopeClaims
from contracts.exchange_bus import AskEvidence, EvidenceRequest
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.receipts import Asker
from contracts.roles import PLATFORM
from exchange_bus.domain.records import Arrived
from exchange_bus.service import Asking, Closing, Delivering, Demanding, Keys, Releasing, Signed, Waiting
from kit import aliases, envelopes, jose, strictjson, tokens
from kit.db import Answer, Database, Idem, open_db
from kit.jose import PrivateKey, PublicKey
from kit.receipts import ReceiptSigner
from local_stack.testing import DatabaseAt, FreshDatabase
from tongban.catalogue_files import load_entries

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HEALTH, LAND, MARKET, TAX = "11999900000000035X", "11999900000000107N", "1199990000000006XB", "119999000000000941"
OWNER, COOK = "o" * 43, "c" * 43
STEP = "food-licence/f1"
CASE = "01a20cc1-5d3e-7632-8da3-5edc4b46fab8"
ENTRIES = load_entries(Path(__file__).parents[5] / "catalogue")
TITLE: dict[str, Any] = {
    "type": "title", "entry": "P-0204", "holder": LAND, "fields": ["place", "use"], "purpose": "premises-check",
    "basis": "request", "person": OWNER,
}  # fmt: skip
HEALTH_CHECK: dict[str, Any] = {
    "type": "staff-health", "entry": "P-0205", "holder": HEALTH, "fields": ["result"],
    "purpose": "staff-health-check", "basis": "law", "person": COOK,
}  # fmt: skip


class House:
    """All use cases, and the keys of everybody who takes part. `now` stands still until a test moves it."""

    def __init__(self, db: Database, sig: PrivateKey) -> None:
        self.db, self.now, self.stopping = db, NOW, asyncio.Event()
        self.cases, self.platform, self.catalogue_key = (PrivateKey.generate() for _ in range(3))
        self.answering = {office: PrivateKey.generate() for office in (HEALTH, LAND)}
        self.sig = sig
        entries, faults = check(ENTRIES, test_area=True)
        assert not faults
        self.catalogue = Catalogue(1, entries)
        keys = Keys(
            system="exchange-bus",
            sig=sig,
            platform={self.platform.kid: self.platform},
            answering=self.answering_key,
            cases=lambda iss, _kid: self.cases.public if iss == "cases" else None,
        )
        self.waiting = Waiting(db, self.stopping)
        self.asking = Asking(db, lambda: self.catalogue, keys, self.waiting, self.clock)
        self.delivering = Delivering(db, lambda: self.catalogue, self.clock, self.stopping)
        self.closing = Closing(db, self.clock)
        self.demanding = Demanding(db, lambda: self.catalogue, keys.platform, self.clock)
        self.topics: list[str] = []
        self.releasing = Releasing(db, self.catalogue_key, "exchange-bus", self.make_topics, self.clock, test_area=True)

    def clock(self) -> datetime:
        return self.now

    def answering_key(self, office: str) -> PublicKey | None:
        key = self.answering.get(office)
        return key.public if key is not None else None

    async def make_topics(self, offices: Any) -> None:
        self.topics += offices

    def question(self, about: dict[str, Any] = TITLE, **changes: Any) -> AskEvidence:
        """Write a question as cases does, with a proof that fits it; *changes* then make it not fit."""
        platform = aliases.mint(self.platform.public, PLATFORM, about["person"])
        holder = aliases.mint(self.answering[about["holder"]].public, about["holder"], about["person"])
        need = {"type": about["type"], "platform": aliases.digest(platform),
                "holders": {about["holder"]: aliases.digest(holder)}}  # fmt: skip
        said = {
            "caseId": CASE,
            "step": STEP,
            "caseProof": self.proof([need]),
            "entry": about["entry"],
            "release": 1,
            "type": about["type"],
            "typeVersion": 1,
            "fields": about["fields"],
            "subject": {"person": {"platform": platform, "holders": {about["holder"]: holder}}},
            "purpose": about["purpose"],
            "legalBasis": {"kind": about["basis"]},
            "asker": MARKET,
            "deadline": NOW + timedelta(hours=1),
        }
        return AskEvidence.model_validate({**said, **changes})

    def proof(self, needs: list[dict[str, Any]], *, key: PrivateKey | None = None, **changes: Any) -> str:
        said = {
            "iss": "cases",
            "jti": str(uuid7()),
            "iat": int(NOW.timestamp()),
            "exp": int(NOW.timestamp()) + 86400,
            "caseId": CASE,
            "step": STEP,
            "office": MARKET,
            "service": "food-licence",
            "explicitRequest": {"at": NOW, "textVersion": "2026-11", "sessionAssurance": "low"},
            "needs": needs,
            "issues": [],
        }
        claims = CaseProof.model_validate({**said, **changes})
        return tokens.sign(signing.CASE_PROOF, claims.wire(), key or self.cases)

    async def ask(
        self, body: AskEvidence, *, key: str = "k", office: str = MARKET, exchange: Exchange | None = None
    ) -> Answer:
        raw = body.wire_bytes()
        asker = Asker(office=office, system="cases")
        return await self.asking.ask(asker, body, raw, exchange or Exchange.new(), Idem("cases", key, raw))

    async def asked(self, body: AskEvidence | None = None) -> EvidenceRequest:
        answer = await self.ask(body or self.question(), key=str(uuid7()))
        assert answer.status == 202
        return EvidenceRequest.model_validate_json(answer.body)

    async def deliver(self, *arrived: Signed) -> None:
        async with self.db.transaction() as tx:
            await self.delivering.deliver(tx, list(arrived))

    async def open_ask(self, request: EvidenceRequest) -> Ask:
        [(_, _, envelope)] = await self.events(f"evidence.ask.{request.holder}.v1")
        key = self.answering[request.holder]
        signed = jose.read_jws(jose.open_sealed(envelope.decode(), {key.kid: key}).decode(), typ=signing.ENVELOPE)
        claims = EnvelopeClaims.model_validate_json(jose.verify_jws(signed, self.sig.public))
        return Ask.model_validate_json(strictjson.dumps(claims.body))

    async def events(self, topic: str) -> list[tuple[str, int, bytes]]:
        async with self.db.read() as tx:
            rows = await tx.fetch("SELECT type, keyseq, payload FROM outbox WHERE topic = $1 ORDER BY id", topic)
        return [(row["type"], row["keyseq"], row["payload"]) for row in rows]

    async def receipts(self) -> list[dict[str, Any]]:
        batches = [json.loads(payload) for _, _, payload in await self.events("receipts.receipt.v1")]
        return [receipt["leaf"] for batch in batches for receipt in batch["receipts"]]

    async def journal(self) -> list[tuple[str, str | None]]:
        async with self.db.read() as tx:
            rows = await tx.fetch("SELECT type, code FROM evidence_event ORDER BY id")
        return [(row["type"], row["code"]) for row in rows]


def arrived(
    kind: str, key: str, *, exchange: str, office: str = MARKET, sender: frozenset[str] = frozenset({LAND}), **said: str
) -> Signed:
    """An envelope as it came off the bus."""
    sealed = jose.seal(b"what only the office can read", PrivateKey.generate().public)
    one = Arrived(
        event_id=str(uuid7()),
        office=office,
        kind=kind,
        key=key,
        keyseq=1,
        at=NOW,
        attributes={"exchangeid": exchange, **said},
        traceparent=None,
        envelope=sealed,
        digest=envelopes.digest(sealed),
    )
    return Signed(one, sender)


@pytest.fixture
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    sig, ledger = PrivateKey.generate(), PrivateKey.generate()
    signer = ReceiptSigner("exchange-bus", "119999000000002030", "zz", sig, lambda: ledger.public, lambda: NOW)
    dsn = await fresh_database("exchange_bus")
    async with open_db(DatabaseAt(dsn), signer=signer, clock=lambda: NOW) as db:
        yield House(db, sig)
