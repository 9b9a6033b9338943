# SPDX-License-Identifier: EUPL-1.2
"""Identity as a whole, without sockets of its own: keys, clock, callers, and what the rest of the house would know."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from contracts import signing, topics
from contracts.catalogue import Catalogue, parse_entry
from contracts.roles import Role
from identity.app import Secrets, build_api, build_state
from identity.domain import Master
from identity.service.tokens import PATH
from identity.settings import Settings
from kit import tokens
from kit.db import Database
from kit.errors import Unavailable
from kit.events import Record
from kit.http import asgi_client
from kit.jose import PrivateKey
from kit.receipts import ReceiptSigner
from kit.registry import Registered, Registry, office_parser, system_parser
from kit.settings import load
from kit.tokens import AssertionSigner, HopSigner
from kit.trust import Trust

DATA_OFFICE = "119999000000002030"
HEALTH = "11999900000000035X"
LAND = "11999900000000107N"
MARKET = "1199990000000006XB"
TAX = "119999000000000941"
PUBLIC = "https://gate.example"
PLATFORM_AUDIENCE = "urn:tongban:zz:platform"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class Table:
    """A replica that is loaded."""

    ready = True

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.held.get(key)

    def items(self) -> dict[str, Any]:
        return self.held


class NoDatabase:
    """A database that is away: nothing that a unit test does may need it."""

    def read(self) -> Any:
        raise Unavailable

    transaction = read


class House:
    """Identity's own app, and callers with real keys."""

    platform_audience = PLATFORM_AUDIENCE

    def __init__(self, folder: Path, *, sandbox: bool = True, catalogue: Catalogue | None = None) -> None:
        self.now = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
        self.keys: dict[str, PrivateKey] = {}
        self.secrets = Secrets(self.key("identity"), self.key("registry"), self.key("token"), Master(bytes(range(32))))
        self.trust = Trust(*(self.key(name).public for name in ("registry", "catalogue", "bootstrap")))
        self.systems, self.offices = Table(), Table()
        self.registry = Registry(self.systems, self.offices, self.clock)
        self.catalogue = catalogue or Catalogue(0, ())
        self.settings = load(Settings, _environ(folder, sandbox=sandbox))
        self.signer = ReceiptSigner(
            "identity", DATA_OFFICE, "zz", self.key("identity"), self.registry.ledger_key, self.clock
        )
        self.app: Any = None
        self.db: Any = None

    def clock(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def key(self, name: str) -> PrivateKey:
        return self.keys.setdefault(name, PrivateKey.generate())

    def open(self, db: Database | NoDatabase) -> "House":
        self.db = db
        state = build_state(
            self.settings,
            self.secrets,
            db=db,  # type: ignore[arg-type]
            registry=self.registry,
            catalogue=lambda: self.catalogue,
            trust=self.trust,
            clock=self.clock,
        )
        self.app = build_api(self.settings, state)
        return self

    async def post(self, path: str, body: object = None, **headers: str) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"content-type": "application/json"}
        return await self.send(path, raw, list({**kind, **_names(headers)}.items()))

    async def form(self, fields: Mapping[str, str] | bytes, *proofs: str, **headers: str) -> Any:
        raw = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        kind = ("content-type", "application/x-www-form-urlencoded")
        return await self.send(PATH, raw, [kind, *(("dpop", proof) for proof in proofs), *_names(headers).items()])

    async def send(self, path: str, content: bytes, headers: list[tuple[str, str]]) -> Any:
        async with asgi_client(self.app) as client:
            return await client.post(path, content=content, headers=headers)

    # -------------------------------------------------------------------------------------------- records
    def system(self, name: str, role: str, operator: str, offices: list[str] | None = None) -> dict[str, Any]:
        uses = {"identity": "token", "ledger": "enc"}
        held = [(self.key(name), "sig")]
        if role in uses:
            held.append((self.key("token") if role == "identity" else self.key(f"{name}-enc"), uses[role]))
        own = [operator] if offices is None and role in ("office", "portal") else offices or []
        return {
            "systemId": name,
            "operator": operator,
            "offices": own,
            "role": role,
            "keys": [entry(key, use) for key, use in held],
        }

    def office(self, name: str, *uses: str) -> dict[str, Any]:
        return {"office": name, "keys": [entry(self.key(f"{name}-{use}"), use) for use in uses]}

    async def register(self, path: str, record: dict[str, Any], key: str = "") -> Any:
        answer = await self.post(path, record, idempotency_key=key or str(uuid4()), **self.bootstrap())
        if self.db is not None and answer.status_code == 201:
            await self.spread()
        return answer

    async def spread(self) -> None:
        """Let the replicas know what identity has said so far, in the order in which it said it."""
        parsers: dict[str, tuple[Table, Any]] = {
            topics.SYSTEM: (self.systems, system_parser(self.trust.registry, self.clock)),
            topics.OFFICE: (self.offices, office_parser(self.trust.registry, self.clock)),
        }
        for row in await self.said():
            if row["topic"] in parsers:
                table, parse = parsers[row["topic"]]
                table.held[row["key"]] = parse(_record(row, self.now))

    async def said(self) -> list[Any]:
        async with self.db.read() as reader:
            rows: list[Any] = await reader.fetch("SELECT id, topic, key, type, keyseq, payload FROM outbox ORDER BY id")
        return rows

    async def furnish(self) -> "House":
        """Register the demo country's systems and offices, as the runner does."""
        systems: tuple[tuple[str, str, str, list[str] | None], ...] = (
            ("identity", "identity", DATA_OFFICE, []),
            ("gateway", "gateway", DATA_OFFICE, []),
            ("ledger", "ledger", DATA_OFFICE, []),
            ("cases", "cases", DATA_OFFICE, []),
            ("certificates-1", "certificates", HEALTH, [HEALTH, LAND]),
            ("certificates-2", "certificates", MARKET, [MARKET]),
            ("licensing", "office", MARKET, None),
            ("tax-office", "office", TAX, None),
            ("portal", "portal", DATA_OFFICE, None),
        )
        for name, role, operator, offices in systems:
            assert (await self.register("/v1/systems", self.system(name, role, operator, offices))).status_code == 201
        for office in (HEALTH, LAND, MARKET):
            record = self.office(office, "answering", "inbox", "issuing")
            assert (await self.register("/v1/offices", record)).status_code == 201
        assert (await self.register("/v1/offices", self.office("platform", "answering"))).status_code == 201
        return self

    def tables_from(self, *records: dict[str, Any]) -> None:
        """Put systems straight into the replica, for tests without a database."""
        parse = system_parser(self.trust.registry, self.clock)
        for record in records:
            claims = {"iss": "identity", "sub": record["systemId"], "record": record}
            data = tokens.sign(signing.RECORD, claims, self.key("registry"), now=self.now).encode()
            row = {"topic": topics.SYSTEM, "key": record["systemId"], "type": "t", "keyseq": 1, "payload": data}
            held: Registered[Any] | None = parse(_record(row, self.now))
            self.systems.held[record["systemId"]] = held

    # -------------------------------------------------------------------------------------------- callers
    def bootstrap(self) -> dict[str, str]:
        return self.service("bootstrap")

    def service(self, name: str) -> dict[str, str]:
        assertion = AssertionSigner(name, self.key(name), self.clock).assertion("identity")
        return {"authorization": f"Bearer {assertion}"}

    def through_gateway(self, token: str) -> dict[str, str]:
        hop = HopSigner("gateway", self.key("gateway"), self.clock).hop("identity", token)
        return {"authorization": f"DPoP {token}", "tongban_hop": hop}

    def proof(self, name: str, path: str = PATH, **changes: Any) -> str:
        now = changes.pop("now", self.now)
        url = changes.pop("url", PUBLIC + path)
        return tokens.dpop_proof(self.key(name), method=changes.pop("method", "POST"), url=url, token=None, now=now)

    def client_assertion(self, name: str, *, key: str = "", **claims: Any) -> str:
        said = {"iss": name, "sub": name, "aud": "identity", **claims}
        return tokens.sign(signing.CLIENT_ASSERTION, said, self.key(key or name), now=self.now)

    def credentials(self, name: str, audience: str = PLATFORM_AUDIENCE, **more: str) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self.client_assertion(name),
            "audience": audience,
            **more,
        }

    def exchange(self, subject_token: str, audience: str, scope: str, **more: str) -> dict[str, str]:
        return {
            "grant_type": EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN,
            "audience": audience,
            "scope": scope,
            **more,
        }

    async def system_token(self, name: str, audience: str = PLATFORM_AUDIENCE) -> str:
        answer = await self.form(self.credentials(name, audience), self.proof(f"{name}-dpop"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def log_in(self, persona: str) -> str:
        answer = await self.post(
            "/v1/sandbox/sessions", {"persona": persona}, dpop=self.proof(persona, "/v1/sandbox/sessions")
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["accessToken"])

    def read_token(self, token: str, audience: str = PLATFORM_AUDIENCE) -> dict[str, Any]:
        key_of = self.registry.key_of(Role.IDENTITY, use="token")
        claims = tokens.verify(token, signing.ACCESS_TOKEN, key_of=key_of, audience=audience, now=self.now)
        return dict(claims.data)


def entry(key: PrivateKey, use: str) -> dict[str, Any]:
    return {"kid": key.kid, "use": use, "jwk": key.public.jwk(), "from": "2026-01-01T00:00:00Z"}


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _record(row: Any, now: datetime) -> Record:
    return Record(
        row["topic"], 0, 0, row["key"], uuid4(), row["type"], "/zz/o/identity", now, row["keyseq"], {}, row["payload"]
    )


def _environ(folder: Path, *, sandbox: bool) -> dict[str, str]:
    values = {
        "DATABASE_URL": "postgresql://identity@127.0.0.1:1/identity",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "PORT": "7101",
        "INTERNAL_PORT": "7102",
        "SYSTEM": "identity",
        "OPERATOR": DATA_OFFICE,
        "PUBLIC_URL": PUBLIC,
        "SECRETS_DIR": str(folder),
        "TRUST_FILE": str(folder / "trust.json"),
        "REPLICA_DIR": str(folder),
        "SANDBOX": str(sandbox).lower(),
    }
    return {f"IDENTITY_{name}": value for name, value in values.items()}


DAY = {"from": "2026-01-01", "version": 1}
ENTRIES: list[dict[str, Any]] = [
    {
        "kind": "lifeEvent",
        "id": "open-restaurant",
        "lead": MARKET,
        "title": {"en": "Open a restaurant"},
        "subjects": {"owner": "person"},
        "steps": [{"id": "r1", "tasks": [MARKET], "service": "business-licence", "mode": "auto"}],
        **DAY,
    },
    {
        "kind": "proof",
        "id": "p-title",
        "service": "business-licence",
        "step": "open-restaurant/r1",
        "askedBy": MARKET,
        "proves": "premises",
        "route": "register",
        "sources": [{"office": LAND, "type": "title"}],
        "law": "A law",
        **DAY,
    },
    {
        "kind": "grant",
        "id": "g-health",
        "demand": "d-health",
        "consumer": MARKET,
        "provider": HEALTH,
        "type": "staff-health",
        "fields": ["result"],
        "mode": "onEvent",
        "purpose": "food-licence",
        "basis": "law",
        "law": "A law",
        **DAY,
    },
]


@pytest.fixture
def catalogue() -> Catalogue:
    """One life event, one proof entry, one grant: enough to connect some offices and not others."""
    return Catalogue(1, [parse_entry(raw) for raw in ENTRIES])


MakeHouse = Callable[..., House]


@pytest.fixture
def make_house(tmp_path: Path) -> MakeHouse:
    """Give what makes an identity that isn't open yet."""

    def make(**options: Any) -> House:
        return House(tmp_path, **options)

    return make


@pytest.fixture
def lone(make_house: MakeHouse) -> House:
    """Identity without a database."""
    return make_house().open(NoDatabase())


@pytest.fixture
def closed_sandbox(make_house: MakeHouse) -> House:
    """Identity outside a sandbox, without a database."""
    return make_house(sandbox=False).open(NoDatabase())
