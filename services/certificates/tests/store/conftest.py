# SPDX-License-Identifier: EUPL-1.2
"""A deployment over a real PostgreSQL, one database a test; the bus is read out of the outbox."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from certificates.app import UseCases
from certificates.consumers import Asks
from certificates.service import write_issues
from contracts.envelopes import Answer, Share
from contracts.ids import uuid7
from contracts.receipts import ReceiptBatch, Sealed
from kit import envelopes as kit_envelopes
from kit import jose
from kit.consumer.gate import runs_of
from kit.consumer.work import BatchWorker
from kit.db import Database, coalescing, open_db
from kit.events import Record
from local_stack.testing import DatabaseAt, FreshDatabase


class Deployment:
    """Use cases, API and database of one deployment, and what it says to the world."""

    def __init__(self, world: Any, db: Database, client: Any, uses: UseCases) -> None:
        self.world = world
        self.db = db
        self.client = client
        self.uses = uses
        self.handler = Asks(
            uses.answering, uses.previewing, world.keys, world.registry, tuple(world.issuing), world.clock
        )
        self.worker = BatchWorker(db, "certificates-1.asks", self.handler, "strict")

    # -------------------------------------------------------------------------------------- calling
    async def post(self, office: str, path: str, body: Any, *, key: str | None = "k", **headers: str) -> Any:
        """POST as that office's system."""
        more = {**headers, **({"idempotency-key": key} if key else {})}
        return await self.client.post(
            f"/v1{path}", content=json.dumps(body), headers=self.world.headers(office, **more)
        )

    async def get(self, office: str, path: str, **headers: str) -> Any:
        """GET as that office's system, with a purpose and a basis."""
        errand = {"Tongban-Purpose": "register-upkeep", "Tongban-Legal-Basis": "law", **headers}
        sent = self.world.headers(office, **errand)
        del sent["content-type"]
        return await self.client.get(f"/v1{path}", headers=sent)

    async def consume(self, *records: Record) -> None:
        """Let records of one batch take effect, as the consumer does."""
        entries = await self.worker.prepare(list(records))
        runs = runs_of(entries, await self.worker._stream_numbers(list(records)), {})
        await self.worker._together(runs, [])

    async def share_all(self) -> None:
        """Seal until nothing is left to do now."""
        while await self.uses.sharing.share_next():
            pass

    # -------------------------------------------------------------------------------------- what it said
    async def rows(self, query: str, *args: Any) -> list[dict[str, Any]]:
        """Look into the database."""
        async with self.db.read() as reader:
            return [dict(row) for row in await reader.fetch(query, *args)]

    async def said(self, topic: str) -> list[dict[str, Any]]:
        """Give events on a topic, in order, with their attributes."""
        rows = await self.rows(
            "SELECT event_id, key, keyseq, type, headers, payload FROM outbox WHERE topic = $1 ORDER BY id", topic
        )
        return [{**row, "headers": json.loads(row["headers"])} for row in rows]

    async def received(self, office: str) -> list[Any]:
        """Open, as the receiving office, what was sealed to it: answers and shares in order."""
        return [self.opened(office, row).body for row in await self.said(f"envelope.{office}.v1")]

    def opened(self, office: str, row: dict[str, Any]) -> kit_envelopes.OpenedEnvelope:
        """Open one envelope as that office."""
        key = self.world.inbox[office]
        opened = kit_envelopes.open_envelope(
            row["payload"].decode(), keys={key.kid: key}, registry=self.world.registry,
            expect_kinds={"answer", "share"}, office=office, now=self.world.now,
        )  # fmt: skip
        assert isinstance(opened.body, Answer | Share)
        assert opened.jti == str(row["event_id"])
        return opened

    async def receipts(self) -> list[tuple[Any, Sealed]]:
        """Give every receipt, leaf and opened part, in order."""
        key = self.world.ledger
        found = []
        for row in await self.said("receipts.receipt.v1"):
            for one in ReceiptBatch.model_validate_json(row["payload"]).receipts:
                opened = jose.open_sealed(one.sealed, {key.kid: key})
                found.append((one.leaf, Sealed.model_validate_json(opened)))
        return found


class Person:
    """Somebody as the land office knows her, and the requests about her that wait for her look."""

    exchange = "0197a0b0-0000-7000-8000-0000000000e1"

    def __init__(self, house: Deployment, names: Any, name: str) -> None:
        self.house = house
        self.names = names
        self.name = name
        self.subject = names.pseudonym(names.land, name)

    def other(self, name: str) -> "Person":
        """Give another person at the same deployment."""
        return Person(self.house, self.names, name)

    # -------------------------------------------------------------------------------------- what she calls
    async def get(self, path: str) -> Any:
        return await self.house.client.get(f"/v1{path}", headers=self.house.world.citizen(self.subject))

    async def waiting(self) -> list[dict[str, Any]]:
        return list((await self.get("/previews")).json()["previews"])

    async def look(self, preview_id: str) -> Any:
        return await self.get(f"/previews/{preview_id}")

    async def decide(self, preview_id: str, key: str = "k", /, **pieces: bool) -> Any:
        """Say of each piece whether it may go."""
        items = [{"id": name, "accept": accept} for name, accept in pieces.items()]
        said = {"idempotency-key": key, "content-type": "application/json"}
        path, headers = f"/v1/previews/{preview_id}/decision", self.house.world.citizen(self.subject, **said)
        return await self.house.client.post(path, content=json.dumps({"items": items}), headers=headers)

    # -------------------------------------------------------------------------------------- requests about her
    def wished(self, person: str | None = None, **more: Any) -> Any:
        """Make a request for a title whose holder wishes to see first what would go."""
        deadline = self.house.world.start + timedelta(minutes=57)
        return self.house.world.ask(person or self.name, **{"preview": True, "deadline": deadline, **more})

    def withdrawal(self, ask: Any, **more: Any) -> Record:
        """Give the record by which exchange-bus takes a request back."""
        fields = {"type": "evidence.ask.withdrawn.v1", "keyseq": 2, "id": uuid7(), "data": b"{}", **more}
        record: Record = self.house.world.record(ask, **fields)
        return record

    async def begun(self, ask: Any | None = None) -> str:
        """Let a request arrive that waits for its person; give the preview's id."""
        await self.house.consume(self.house.world.record(ask or self.wished(), exchange_id=self.exchange))
        rows = await self.house.rows("SELECT id::text AS id FROM preview ORDER BY made_at DESC, id DESC LIMIT 1")
        return str(rows[0]["id"])

    # -------------------------------------------------------------------------------------- what came of them
    async def answers(self) -> list[tuple[int, Answer]]:
        """Give (keyseq, answer) of what went to the asking office."""
        market = self.names.market
        rows = await self.house.said(f"envelope.{market}.v1")
        bodies = [(row["keyseq"], self.house.opened(market, row).body) for row in rows]
        return [(keyseq, body) for keyseq, body in bodies if isinstance(body, Answer)]

    async def sides(self) -> list[tuple[str, str]]:
        """Give (side, decision) of every receipt."""
        return [(leaf.side, leaf.decision) for leaf, _ in await self.house.receipts()]

    async def journal(self) -> list[str]:
        """Give the kinds of the journal's rows."""
        return [row["type"] for row in await self.house.rows("SELECT type FROM evidence_event ORDER BY id")]

    async def title(self) -> str:
        """Give the id of Ann's title."""
        [row] = await self.house.rows("SELECT id::text AS id FROM certificate WHERE natural_key = 'T-1'")
        return str(row["id"])


@pytest.fixture
async def ann(house: Deployment, title: Callable[..., dict[str, Any]], names: Any) -> Person:
    """Ann, at a deployment where she and Bob have a title each."""
    for person, number in (("ann", "T-1"), ("bob", "T-2")):
        claims = {"place": "3 Hill Road", "use": "shop", "number": number}
        answer = await house.post(names.land, "/certificates", title(person, claims=claims), key=number)
        assert answer.status_code == 201, answer.text
    return Person(house, names, "ann")


@pytest.fixture
async def house(world: Any, fresh_database: FreshDatabase) -> AsyncIterator[Deployment]:
    """A deployment that has issued nothing yet."""
    settings = DatabaseAt(await fresh_database("certificates"), source=f"/zz/{'11999900000000035X'}/certificates-1")
    async with (
        open_db(settings, signer=world.signer, clock=world.clock) as db,
        coalescing(db, write_issues) as writer,
    ):
        uses = world.uses(db, writer)
        async with world.client(uses) as client:
            yield Deployment(world, db, client, uses)


@pytest.fixture
def title(names: Any) -> Callable[..., dict[str, Any]]:
    """A body that issues a land title to Ann."""

    def make(person: str = "ann", **more: Any) -> dict[str, Any]:
        return {
            "office": names.land, "type": "title", "holder": {"subject": names.pseudonym(names.land, person)},
            "claims": {"place": "3 Hill Road", "use": "shop", "number": "T-1"}, "validFrom": "2026-01-01", **more,
        }  # fmt: skip

    return make


@pytest.fixture
def licence(names: Any) -> Callable[..., dict[str, Any]]:
    """A body that issues a food licence to Ann: two offices are granted its facts."""

    def make(person: str = "ann", **more: Any) -> dict[str, Any]:
        return {
            "office": names.market, "type": "food-licence",
            "holder": {"subject": names.pseudonym(names.market, person)},
            "claims": {"number": "F-1", "place": "3 Hill Road"}, "validFrom": "2026-01-01", **more,
        }  # fmt: skip

    return make
