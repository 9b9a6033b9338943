# SPDX-License-Identifier: EUPL-1.2
"""A deployment of certificates with the house around it: keys, clock, catalogue, callers, an identity of our own."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from certificates.app import UseCases, build_api
from certificates.clients import PartiesNotConnected
from certificates.errors import SubjectUnknown
from certificates.service import Keys, Rulebook
from certificates.settings import Settings
from contracts import signing, topics
from contracts.cases import CaseProof, ExplicitSlot, ProofIssue, ProofNeed
from contracts.catalogue import Catalogue, parse_entry
from contracts.envelopes import Ask, LegalBasis, PersonAliases
from contracts.identity import OfficeRecord, SystemRecord
from contracts.ids import uuid7
from contracts.receipts import Asker
from kit import aliases, envelopes, tokens
from kit.errors import UpstreamUnavailable
from kit.events import Record
from kit.http import asgi_client
from kit.jose import PrivateKey, b64u
from kit.receipts import ReceiptSigner
from kit.registry import Registered as Held
from kit.registry import Registry
from kit.tokens import HopSigner
from kit.trust import Trust

DATA_OFFICE = "119999000000002030"
HEALTH = "11999900000000035X"
LAND = "11999900000000107N"
MARKET = "1199990000000006XB"
TAX = "119999000000000941"
SYSTEM = "certificates-1"
SYSTEMS = {HEALTH: "health-registry", LAND: "land-registry", MARKET: "licensing", TAX: "tax-office"}
NOW = datetime(2026, 11, 24, 9, 30, 15, tzinfo=UTC)
SINCE = {"from": "2025-09-01"}
STEP = "food-licence/f1"
CASE = "0197a0b0-0000-7000-8000-00000000c0de"


def _office(code: str, deployment: str | None = None) -> dict[str, Any]:
    return {
        "kind": "office",
        "id": code,
        "name": {"en": "An office"},
        "level": "county",
        "deployment": deployment,
        **SINCE,
    }


def _type(
    name: str, code: str, holder: str, key: str, fields: Sequence[str], via: Sequence[str] = ("api",)
) -> dict[str, Any]:
    rows = [
        dict(zip(("name", "type"), field.split(":"), strict=True)) | {"sensitivity": "personal"} for field in fields
    ]
    return {
        "kind": "certificateType", "id": name, "typeCode": code, "source": code[:18], "holder": holder, "key": key,
        "category": "register", "sharing": {"class": "conditional"}, "via": list(via), "fields": rows, **SINCE,
    }  # fmt: skip


def _grant(name: str, consumer: str, provider: str, kind: str, fields: Sequence[str], **more: Any) -> dict[str, Any]:
    return {
        "kind": "grant", "id": name, "demand": f"DM-{name}", "consumer": consumer, "provider": provider, "type": kind,
        "fields": list(fields), "law": "A law", **SINCE, **more,
    }  # fmt: skip


def _power(name: str, office: str, service: str, kind: str | None, action: str = "attest") -> dict[str, Any]:
    return {
        "kind": "power", "id": name, "office": office, "service": service, "action": action, "type": kind,
        "law": "A law", **SINCE,
    }  # fmt: skip


def _proof(name: str, service: str, kind: str, source: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "proof", "id": name, "service": service, "askedBy": MARKET, "proves": "a-fact", "route": "register",
        "sources": [{"office": source, "type": kind}], "law": "A law", **SINCE, **more,
    }  # fmt: skip


ENTRIES: list[dict[str, Any]] = [
    *(_office(code, SYSTEM) for code in (HEALTH, LAND, MARKET)),
    _office(TAX),
    _type("title", f"{LAND}001", "either", "number", ["place:text", "use:code", "number:text"], ("api", "event")),
    _type("staff-health", f"{HEALTH}003", "person", "examinedOn", ["result:code", "examinedOn:date"]),
    _type("food-licence", f"{MARKET}002", "either", "number", ["number:text", "place:text"], ("api", "event"))
    | {"graceDays": 30},
    _type("measure", f"{LAND}009", "organisation", "size", ["size:integer", "share:decimal"]),
    _type("old-title", f"{LAND}008", "either", "number", ["number:text"]) | {"to": "2026-01-01"},
    _power("PW-1", LAND, "land-register", "title"),
    _power("PW-2", HEALTH, "staff-examination", "staff-health"),
    _power("PW-3", MARKET, "food-licence", "food-licence", "issue"),
    _power("PW-4", LAND, "land-register", "measure"),
    _power("PW-5", LAND, "land-register", "old-title"),
    _power("PW-6", HEALTH, "food-licence", "food-licence", "issue"),
    _proof("P-0204", "food-licence", "title", LAND, step=STEP, legalBasis="request"),
    _proof("P-0205", "food-licence", "staff-health", HEALTH, step=STEP, legalBasis="law"),
    _grant("G-0204", MARKET, LAND, "title", ["place", "use"], mode="onRequest", purpose="premises-check",
           basis="request", steps=[STEP]),
    _grant("G-0205", MARKET, HEALTH, "staff-health", ["result"], mode="onRequest", purpose="staff-check", basis="law",
           steps=[STEP]),
    _grant("G-0902", TAX, MARKET, "food-licence", ["number"], mode="onEvent", purpose="tax-registration", basis="law"),
    _grant("G-0903", LAND, MARKET, "food-licence", ["place"], mode="onEvent", purpose="zoning", basis="law"),
]  # fmt: skip


class Table:
    """A replica that is loaded."""

    ready = True

    def __init__(self, held: Mapping[str, Any]) -> None:
        self.held = dict(held)

    def get(self, key: str) -> Any:
        return self.held.get(key)

    def items(self) -> Mapping[str, Any]:
        return self.held


def pseudonym(party: str, person: str) -> str:
    """What *party* calls *person*."""
    return b64u(sha256(f"{party}:{person}".encode()).digest())


class World:
    """Everything around one deployment. Attributes may be changed by tests; nothing here is shared between them."""

    def __init__(self, now: datetime = NOW) -> None:
        self.start = self.now = now
        self.since = now - timedelta(days=30)
        self.catalogue = Catalogue(12, [parse_entry(json.loads(json.dumps(entry))) for entry in ENTRIES])
        self.sig = {name: PrivateKey.generate() for name in ("certificates-1", "exchange-bus", "cases", "gateway")}
        self.token, self.ledger, self.bootstrap = (PrivateKey.generate() for _ in range(3))
        self.issuing = {office: PrivateKey.generate() for office in (HEALTH, LAND, MARKET)}
        self.answering = {office: PrivateKey.generate() for office in (HEALTH, LAND, MARKET, "platform")}
        self.inbox = {office: PrivateKey.generate() for office in (LAND, MARKET, TAX)}
        self.systems = Table(self._systems())
        self.offices = Table(self._offices())
        self.registry = Registry(self.systems, self.offices, self.clock)
        self.keys = Keys(self.sig["certificates-1"], self.issuing, self.answering, bytes(range(32)))
        self.signer = ReceiptSigner(SYSTEM, HEALTH, "zz", self.keys.sig, self.registry.ledger_key, self.clock)
        self.rulebook = Rulebook(lambda: self.catalogue, self.clock)
        self.identity_away = False
        self.minted: list[tuple[str, str, Any]] = []
        self.people = ["ann", "bob", "eve"]

    def clock(self) -> datetime:
        return self.now

    # ---------------------------------------------------------------------------------------- registry
    def _systems(self) -> dict[str, Any]:
        return {
            **{
                n: self._held_system(n, n, [(k, "sig")], DATA_OFFICE)
                for n, k in self.sig.items()
                if n != "certificates-1"
            },
            "certificates-1": self._held_system(
                "certificates-1", "certificates", [(self.sig["certificates-1"], "sig")], HEALTH, [HEALTH, LAND, MARKET]
            ),
            "identity": self._held_system("identity", "identity", [(self.token, "token")], DATA_OFFICE),
            "ledger": self._held_system("ledger", "ledger", [(self.ledger, "enc")], DATA_OFFICE),
            **{name: self._held_system(name, "office", [], office) for office, name in SYSTEMS.items()},
        }

    def _offices(self) -> dict[str, Any]:
        uses = {"issuing": self.issuing, "answering": self.answering, "inbox": self.inbox}
        parties = (HEALTH, LAND, MARKET, TAX, "platform")
        return {p: self._held_office(p, [(k[p], use) for use, k in uses.items() if p in k]) for p in parties}

    def drop_key(self, office: str, use: str) -> None:
        """Take a key out of an office's record."""
        held = self.offices.held[office]
        kept = tuple((entry, key) for entry, key in held.keys if entry.use != use)
        self.offices.held[office] = Held(held.record, kept)

    def publish(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        """Publish the next release: *change* gives each entry anew, or None to drop it."""
        entries = [changed for entry in ENTRIES if (changed := change(dict(entry))) is not None]
        self.catalogue = Catalogue(self.catalogue.release + 1, [parse_entry(entry) for entry in entries])

    # ---------------------------------------------------------------------------------------- identity
    async def mint(self, office: str, subject: str, uses: Sequence[tuple[str, Any]]) -> list[str]:
        """Be identity."""
        if self.identity_away:
            raise UpstreamUnavailable
        person = next((p for p in self.people if pseudonym(office, p) == subject), None)
        if person is None:
            raise SubjectUnknown
        if any(party == "1199990000000014XY" for party, _ in uses):
            raise PartiesNotConnected
        self.minted += [(office, person, use) for use in uses]
        return [self.alias(party, person, use) for party, use in uses]

    def alias(self, party: str, person: str, use: str = "answering") -> str:
        """Seal *party*'s pseudonym of *person* to it."""
        keys = self.inbox if use == "inbox" else self.answering
        return aliases.mint(keys[party].public, party, pseudonym(party, person))

    # ---------------------------------------------------------------------------------------- callers
    def headers(self, office: str, **more: str) -> dict[str, str]:
        """Give the headers of a call by that office's system, as the gateway forwards it."""
        system = SYSTEMS[office]
        now = int(self.now.timestamp())
        claims = {
            "iss": "identity", "sub": system, "client_id": system, "aud": SYSTEM, "office": office, "role": "office",
            "cnf": {"jkt": "x" * 43}, "iat": now, "nbf": now, "exp": now + 300, "jti": str(uuid7()),
        }  # fmt: skip
        token = tokens.sign(signing.ACCESS_TOKEN, claims, self.token)
        hop = HopSigner("gateway", self.sig["gateway"], self.clock).hop(SYSTEM, token)
        fixed = {"authorization": f"DPoP {token}", "tongban-hop": hop, "content-type": "application/json"}
        return {**fixed, **{name.replace("_", "-"): value for name, value in more.items()}}

    def citizen(self, subject: str, audience: str = SYSTEM, **more: str) -> dict[str, str]:
        """Give the headers of a call by a person, by a token exchanged for this deployment."""
        now = int(self.now.timestamp())
        claims = {
            "iss": "identity", "sub": subject, "aud": audience, "role": "citizen", "scope": f"office:{LAND}",
            "sid": str(uuid7()), "cnf": {"jkt": "x" * 43}, "iat": now, "nbf": now, "exp": now + 300,
            "jti": str(uuid7()),
        }  # fmt: skip
        token = tokens.sign(signing.ACCESS_TOKEN, claims, self.token)
        hop = HopSigner("gateway", self.sig["gateway"], self.clock).hop(SYSTEM, token)
        return {"authorization": f"DPoP {token}", "tongban-hop": hop, **more}

    # ---------------------------------------------------------------------------------------- cases, exchange-bus
    def case_proof(self, *, signer: str = "cases", **more: Any) -> str:
        """Sign a case proof; *more* are members by their Python names."""
        proof = CaseProof(
            **{
                "iss": "cases", "jti": str(uuid7()), "iat": int(self.start.timestamp()), "case_id": CASE, "step": STEP,
                "exp": int((self.start + timedelta(days=5)).timestamp()), "office": MARKET, "service": "food-licence",
                "explicit_request": ExplicitSlot(at=self.start, text_version="2026-11", session_assurance="high"),
                "needs": [], "issues": [], **more,
            }
        )  # fmt: skip
        return tokens.sign(signing.CASE_PROOF, proof.wire(), self.sig[signer])

    def task(self, holder_alias: str, **more: Any) -> dict[str, Any]:
        """Give the `task` member of an issue for market regulation's food licence."""
        issues = more.pop("issues", [ProofIssue(type="food-licence", holder=aliases.digest(holder_alias))])
        proof = self.case_proof(issues=issues, **more.pop("proof", {}))
        return {"taskId": str(uuid7()), "caseId": CASE, "step": STEP, "caseProof": proof, **more}

    def ask(
        self, person: str = "ann", *, office: str = LAND, proof: Mapping[str, Any] | None = None, **more: Any
    ) -> Ask:
        """Make what exchange-bus would ask *office* about *person*."""
        title = office == LAND
        platform, holder = self.alias("platform", person), self.alias(office, person)
        kind = "title" if title else "staff-health"
        digests = {office: aliases.digest(holder)}
        need = ProofNeed(type=kind, platform=aliases.digest(platform), holders=digests)
        return Ask(
            **{
                "request_id": str(uuid7()), "request_hash": "h" * 43, "salt": "salt-of-the-exchange", "type": kind,
                "asker": Asker(office=MARKET, system="licensing"), "type_version": 1,
                "fields": ["place", "use"] if title else ["result"],
                "purpose": "premises-check" if title else "staff-check",
                "legal_basis": LegalBasis(kind="request" if title else "law"),
                "entry": "P-0204" if title else "P-0205", "release": 12, "grant_id": "G-0204" if title else "G-0205",
                "case_id": CASE, "step": STEP, "case_proof": self.case_proof(needs=[need], **(proof or {})),
                "aliases": PersonAliases(platform=platform, holder=holder), "recorded_at": self.start,
                "deadline": self.start + timedelta(minutes=5), **more,
            }
        )  # fmt: skip

    def record(self, ask: Ask, *, office: str = LAND, signer: str = "exchange-bus", **more: Any) -> Record:
        """Seal *ask* and give it as it arrives from the bus."""
        event_id = uuid7()
        jwe = envelopes.seal_envelope(
            "ask", ask, issuer_system=signer, audience_office=office, event_id=str(event_id),
            exchange_id=more.pop("exchange_id", str(uuid7())), key_sig=self.sig[signer],
            key_enc=self.answering[office].public, now=self.now,
        )  # fmt: skip
        fields = {
            "topic": topics.ask_topic(office), "partition": 0, "offset": 0, "key": ask.request_id, "id": event_id,
            "type": "evidence.ask.v1", "source": f"/zz/{DATA_OFFICE}/exchange-bus", "time": self.now, "keyseq": 1,
            "attributes": {}, "data": jwe.encode(),
        }  # fmt: skip
        return Record(**{**fields, **more})

    # ---------------------------------------------------------------------------------------- the deployment
    def settings(self, **more: Any) -> Settings:
        """Give settings that point nowhere."""
        return Settings(
            **{
                "database_url": "postgresql://nobody@127.0.0.1:1/none", "kafka_bootstrap_servers": "127.0.0.1:1",
                "port": 7121, "internal_port": 7122, "system": SYSTEM, "operator": HEALTH,
                "public_url": "https://gate.example", "secrets_dir": Path(), "trust_file": Path(),
                "replica_dir": Path(), "offices": (HEALTH, LAND, MARKET), "identity_urls": ("http://127.0.0.1:1",),
                **more,
            }
        )  # fmt: skip

    def uses(self, db: Any, writer: Any) -> UseCases:
        """Give all use cases over *db*."""
        return UseCases(self.settings(), self.clock, db, writer, self.keys, self.registry, self.rulebook, self)

    def client(self, uses: UseCases) -> AbstractAsyncContextManager[Any]:
        """Give a client of the deployment's API."""
        trust = Trust(self.bootstrap.public, self.bootstrap.public, self.bootstrap.public)
        return asgi_client(build_api(self.settings(), uses, self.registry, trust, self.clock))

    def _held_system(
        self, name: str, role: str, keys: Sequence[tuple[PrivateKey, str]], operator: str, offices: Sequence[str] = ()
    ) -> Any:
        record = SystemRecord.model_validate(
            {
                "systemId": name, "operator": operator, "offices": list(offices) or [operator], "role": role,
                "keys": [self._public(key, use) for key, use in keys],
            }
        )  # fmt: skip
        return Held(record, tuple(zip(record.keys, [key.public for key, _ in keys], strict=True)))

    def _held_office(self, office: str, keys: Sequence[tuple[PrivateKey, str]]) -> Any:
        record = OfficeRecord.model_validate({"office": office, "keys": [self._public(key, use) for key, use in keys]})
        return Held(record, tuple(zip(record.keys, [key.public for key, _ in keys], strict=True)))

    def _public(self, key: PrivateKey, use: str) -> dict[str, Any]:
        return {"kid": key.kid, "use": use, "jwk": key.public.jwk(), "from": self.since}


@pytest.fixture
def make_world() -> Callable[..., World]:
    """A house as of a moment of one's choice."""
    return World


@pytest.fixture
def world() -> World:
    """A house of its own for this test."""
    return World()


@pytest.fixture
def names() -> SimpleNamespace:
    """The offices and ids that tests speak of."""
    return SimpleNamespace(
        health=HEALTH, land=LAND, market=MARKET, tax=TAX, data_office=DATA_OFFICE, now=NOW, case=CASE, step=STEP,
        system=SYSTEM, pseudonym=pseudonym, zero=UUID(int=0),
    )  # fmt: skip
