# SPDX-License-Identifier: EUPL-1.2
"""A gateway with its edge and a real database; in place of the services behind it, a double that notes what it got."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import signing
from contracts.catalogue import Catalogue
from contracts.catalogue.entries import parse_entry
from contracts.identity import OfficeRecord, SystemRecord
from contracts.routes import ROUTES
from gateway.api import DataPlane
from gateway.pipeline import Authenticate, Authorize, Door, Forward, Receipts, RecordsDoor, RouteTable, UsedProofs
from kit import tokens
from kit.db import Database, open_db
from kit.edge import EdgeMiddleware, EdgeRules
from kit.errors import UpstreamUnavailable
from kit.http import HttpAnswer, asgi_client
from kit.jose import PrivateKey, PublicKey
from kit.receipts import ReceiptSigner
from kit.registry import Registered, Registry
from kit.tokens import HopSigner
from local_stack.testing import DatabaseAt, FreshDatabase

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TAX = "119999000000000941"
DATA_OFFICE = "119999000000002030"
PLATFORM = "urn:tongban:zz:platform"
PUBLIC = "https://gateway.example"
LISTS = Catalogue(
    1,
    [
        parse_entry(
            {
                "kind": "grant",
                "id": "G-1",
                "demand": "DM-1",
                "consumer": TAX,
                "provider": DATA_OFFICE,
                "type": "t",
                "fields": ["a"],
                "mode": "onRequest",
                "purpose": "staff-health-check",
                "basis": "law",
                "law": "a law",
                "from": "2025-01-01",
            }
        )
    ],
)
"""One purpose is known to the lists."""
CASE = "01a20cc1-5d3e-7632-8da3-5edc4b46fab8"


class Held:
    """A replica that holds what it is given."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.ready = True
        self.values = values

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def items(self) -> Mapping[str, Any]:
        return self.values


def key_entry(key: PublicKey, use: str) -> dict[str, Any]:
    return {"kid": key.kid, "use": use, "jwk": key.jwk(), "from": NOW - timedelta(days=1)}


def system(name: str, role: str, office: str, *keys: tuple[PublicKey, str]) -> Registered[SystemRecord]:
    entries = [key_entry(key, use) for key, use in keys]
    said = {"systemId": name, "operator": office, "offices": [office], "role": role, "keys": entries}
    record = SystemRecord.model_validate(said)
    return Registered(record, tuple(zip(record.keys, (key for key, _ in keys), strict=True)))


class Behind:
    """The services behind the gateway."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str, dict[bytes, bytes], bytes]] = []
        self.answer = HttpAnswer(200, [(b"content-type", b"application/json")], b'{"ok":true}')
        self.away = False
        self.silent = False

    async def forward(
        self, name: str, method: str, target: str, headers: Sequence[tuple[bytes, bytes]], body: bytes, timeout_s: float
    ) -> HttpAnswer:
        self.got.append((name, method, target, dict(headers), body))
        if self.away:
            raise UpstreamUnavailable
        if self.silent:
            await asyncio.sleep(timeout_s)
            raise UpstreamUnavailable
        return self.answer


class House:
    """Everything a test needs to ask at the door."""

    def __init__(self, db: Database) -> None:
        self.db, self.behind = db, Behind()
        self.issuer, self.gateway, self.ledger, self.platform = (PrivateKey.generate() for _ in range(4))
        self.caller = PrivateKey.generate()
        self.systems = Held(
            {
                "identity": system("identity", "identity", DATA_OFFICE, (self.issuer.public, "token")),
                "gateway": system("gateway", "gateway", DATA_OFFICE, (self.gateway.public, "sig")),
                "certificates-1": system("certificates-1", "certificates", TAX),
                "tax-office": system("tax-office", "office", TAX, (self.caller.public, "sig")),
                "ledger": system("ledger", "ledger", DATA_OFFICE, (self.ledger.public, "enc")),
            }
        )
        entry = key_entry(self.platform.public, "answering")
        office = OfficeRecord.model_validate({"office": "platform", "keys": [entry]})
        offices = Held({"platform": Registered(office, ((office.keys[0], self.platform.public),))})
        self.registry = Registry(self.systems, offices, lambda: NOW)
        self.app = self._app()

    def ledger_key(self) -> PublicKey | None:
        return self.registry.ledger_key()

    def _app(self) -> EdgeMiddleware:
        registry = self.registry
        door = Door(
            routes=RouteTable(ROUTES),
            authenticate=Authenticate(registry, PUBLIC, UsedProofs(self.db, lambda: NOW), lambda: NOW),
            authorize=Authorize(registry, PLATFORM),
            receipts=Receipts(self.db, registry, lambda: LISTS, DATA_OFFICE, lambda: NOW),
            forward=Forward(self.behind, HopSigner("gateway", self.gateway, lambda: NOW), 10.0),  # type: ignore[arg-type]
        )
        rules = EdgeRules(hosts=frozenset({"gateway.example"}), outermost=True)
        return EdgeMiddleware(DataPlane(door, RecordsDoor({})), service="gateway", rules=rules)

    def token(self, *, citizen: bool = False, **changes: Any) -> str:
        claims: dict[str, Any] = {
            "iss": "identity",
            "sub": "p" * 43 if citizen else "tax-office",
            "aud": PLATFORM,
            "client_id": "sandbox" if citizen else "tax-office",
            "role": "citizen" if citizen else "office",
            "cnf": {"jkt": self.caller.public.thumbprint},
        }
        if not citizen:
            claims["office"] = TAX
        key = changes.pop("key", self.issuer)
        now = changes.pop("now", NOW)
        return tokens.sign(signing.ACCESS_TOKEN, {**claims, **changes}, key, now=now)

    def headers(self, token: str, method: str, path: str, **more: str) -> dict[str, str]:
        proof = tokens.dpop_proof(self.caller, method=method, url=PUBLIC + path, token=token, now=NOW)
        return {"authorization": f"DPoP {token}", "dpop": proof, **more}

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: str = "",
        body: bytes | None = None,
        **more: str,
    ) -> Any:
        given = {name.replace("_", "-"): value for name, value in more.items()}
        headers = self.headers(token or self.token(), method, path)
        if body is not None:
            headers["content-type"] = "application/json"
        async with asgi_client(self.app) as client:
            return await client.request(method, path + query, headers={**headers, **given}, content=body)

    async def receipts(self) -> list[dict[str, Any]]:
        async with self.db.read() as tx:
            rows = await tx.fetch("SELECT payload FROM outbox WHERE topic = 'receipts.receipt.v1' ORDER BY id")
        return [receipt["leaf"] for row in rows for receipt in json.loads(row["payload"])["receipts"]]


@pytest.fixture
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    dsn = await fresh_database("gateway")
    async with AsyncExitStack() as stack:
        made: list[House] = []  # the signer asks the house for a key, and the house needs the signer's database
        signer = ReceiptSigner(
            "gateway", DATA_OFFICE, "zz", PrivateKey.generate(), lambda: next(h.ledger_key() for h in made), lambda: NOW
        )
        db = await stack.enter_async_context(open_db(DatabaseAt(dsn), signer=signer, clock=lambda: NOW))
        made.append(House(db))
        yield made[0]
