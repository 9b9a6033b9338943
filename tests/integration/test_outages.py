# SPDX-License-Identifier: EUPL-1.2
"""One part is away for a while: the others go on, nothing is lost, and what waited arrives by itself."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import topics
from contracts.certificates.api import Holder, Issued
from contracts.envelopes import Share
from contracts.exchange_bus import Delivery
from contracts.ids import uuid7
from kit import envelopes
from kit.clock import system_clock
from kit.http.wire import Wire
from kit.jose import PrivateKey
from kit.kafka import BatchProducer, Outgoing
from kit.tokens import AssertionSigner
from local_stack import seed
from local_stack.harness import Stack
from local_stack.offices import DATA_OFFICE
from local_stack.table import DEPLOYMENTS
from tongban import Citizen, Office, Opened, Problem

from .canaries import number_of
from .conftest import PERSONAS, TAX, TODAY, World, until
from .desk import decide

AWAY_S = 8.0
"""Longer than any client's first patience."""


@asynccontextmanager
async def away(stack: Stack, *names: str) -> AsyncIterator[None]:
    """Take processes away, and bring them back whatever happens meanwhile."""
    for name in names:
        await asyncio.to_thread(stack.stop_one, name)
    try:
        yield
    finally:
        for name in names:
            await asyncio.to_thread(stack.start_one, name)


@pytest.fixture(autouse=True)
def _nobody_died(stack: Stack) -> Iterator[None]:
    """An outage of one part kills no other."""
    yield
    stack.check()


async def stall(market: Office, subject: str, *, number: str | None = None) -> Issued:
    """Let market regulation issue a licence without any case; it is shared with the tax office."""
    name = number or f"JY-{secrets.token_hex(5)}"
    claims = {"holder": "self", "tradeName": "Stall", "place": "Market", "number": name}
    return await market.issue("food-licence", Holder(subject=subject), claims, valid_from=TODAY, key=name)


async def numbers_at(tax: Office, wanted: Sequence[str], within_s: float = 60.0) -> None:
    """Wait until the tax office has read shares with all these licence numbers."""
    seen: set[str] = set()

    async def all_there() -> bool:
        async for delivery in tax.inbox(once=True):
            body = (await tax.open(delivery)).body
            if isinstance(body, Share) and body.presentation is not None:
                seen.add(str(tax.verify_offline(body.presentation).claims["number"]))
        return set(wanted) <= seen

    await until(all_there, "the shares to arrive", within_s)


async def verified(citizen: Citizen, at_least: int) -> None:
    """Wait until a person reads at least so many receipts, all verified."""

    async def complete() -> bool:
        view = await citizen.all_receipts()
        return len(view.receipts) >= at_least and all(receipt.verified for receipt in view.receipts)

    await until(complete, f"{at_least} receipts, all verified", 60)


async def apply(owner: Citizen, handle: str) -> str:
    opened = await owner.open_case("food-licence", subjects={"staff": [handle]}, data={"tradeName": "Noodles"})
    return opened.case_id


# ------------------------------------------------------------------------------------------------ poison
@dataclass
class Archive:
    """A system that nobody has registered, and what it has sent under one key."""

    system: str = field(default_factory=lambda: f"archive-{secrets.token_hex(4)}")
    key: PrivateKey = field(default_factory=PrivateKey.generate)
    share_id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    events: list[str] = field(default_factory=list)

    def share(self, stack: Stack, seq: int) -> Outgoing:
        """Sign and seal a share to the tax office, as a deployment does."""
        event_id, exchange_id = str(uuid7()), str(uuid7())
        self.events.append(event_id)
        body = Share(
            share_id=self.share_id,
            grant_id="G-0902",
            fact="suspended" if seq % 2 else "reinstated",
            type="food-licence",
            office=DATA_OFFICE,
            certificate_version=1,
            status="02" if seq % 2 else "01",
            organisation=TAX,
        )
        inbox = PrivateKey.load(stack.secrets_dir("tax-office") / "inbox.jwk").public
        envelope = envelopes.seal_envelope(
            "share",
            body,
            issuer_system=self.system,
            audience_office=TAX,
            event_id=event_id,
            exchange_id=exchange_id,
            key_sig=self.key,
            key_enc=inbox,
            now=datetime.now(UTC),
        )
        told = {"specversion": "1.0", "id": event_id, "type": "envelope.share.v1", "keyseq": str(seq)}
        told |= {"source": f"/zz/{DATA_OFFICE}/{self.system}", "time": datetime.now(UTC).isoformat()}
        told |= {"exchangeid": exchange_id, "grantid": "G-0902"}
        headers = [(f"ce_{name}", value.encode()) for name, value in told.items()]
        return Outgoing(seq, topics.envelope_topic(TAX), 0, self.share_id.encode(), envelope.encode(), headers)

    def register(self, stack: Stack) -> None:
        """Tell identity about the system, as the runner may."""
        entry = {"kid": self.key.kid, "use": "sig", "jwk": self.key.public.jwk(), "from": "2026-01-01T00:00:00Z"}
        record = {"systemId": self.system, "operator": DATA_OFFICE, "role": "certificates", "keys": [entry]}
        bootstrap = seed.Bootstrap(stack.plan.keyring.bootstrap(), stack.url)
        bootstrap.post("identity", "/v1/systems", {**record, "offices": [DATA_OFFICE]})


@pytest.fixture(scope="module")
def archive(stack: Stack) -> Archive:
    """Two records of one key that nobody can take yet; they are dead by the time that the last test looks."""
    sender = Archive()

    async def send() -> None:
        producer = BatchProducer(stack.kafka_bootstrap)
        await producer.start()
        await producer.send([sender.share(stack, seq) for seq in (1, 2)])
        await producer.stop()

    asyncio.run(send())
    return sender


async def parked(world: World, archive: Archive) -> list[Any]:
    sql = """SELECT keyseq, reason, state, tries FROM parked WHERE key = $1 AND consumer = 'exchange-bus.envelopes'
             ORDER BY keyseq"""
    return await world.query("exchange-bus", sql, archive.share_id)


async def test_a_poison_record_is_parked_with_its_reason_and_holds_back_its_own_key_only(
    world: World, archive: Archive
) -> None:
    async def both() -> list[Any] | None:
        rows = await parked(world, archive)
        return rows if len(rows) == 2 else None

    first, second = await until(both, "both records to be parked")
    assert (first["keyseq"], first["reason"]) == (1, "ROLE_WRONG")
    assert (second["keyseq"], second["state"]) == (2, "behind")
    market, tax = await world.office("licensing"), await world.office("tax-office")
    [subject] = await market.resolve([PERSONAS["waitress"]])
    assert subject is not None
    number = f"JY-{secrets.token_hex(5)}"
    await stall(market, subject, number=number)
    await numbers_at(tax, [number], 10)
    rows = await world.query("exchange-bus", "SELECT seq FROM delivery WHERE event_id = ANY($1)", archive.events)
    assert rows == []


# ------------------------------------------------------------------------------------------------ Kafka
async def test_while_kafka_is_away_offices_and_citizens_go_on_and_everything_arrives_after(
    world: World, archive: Archive
) -> None:
    await world.registers()
    market, tax, owner = await world.office("licensing"), await world.office("tax-office"), await world.citizen()
    [subject] = await market.resolve([PERSONAS["waitress"]])
    assert subject is not None
    numbers: list[str] = []
    slowest_s = 0.0
    async with away(world.stack, "kafka"):
        case_id = await apply(owner, await owner.handle(PERSONAS["cook"]))
        back_at = time.monotonic() + AWAY_S
        while time.monotonic() < back_at:
            numbers.append(f"JY-{secrets.token_hex(5)}")
            began = time.monotonic()
            issued = await stall(market, subject, number=numbers[-1])
            slowest_s = max(slowest_s, time.monotonic() - began)
            assert issued.status == "01"
            await asyncio.sleep(0.5)
        assert (await owner.case(case_id)).state == "open"
        assert (await owner.receipts()).receipts
    assert len(numbers) >= 5
    assert slowest_s < 2.0
    await numbers_at(tax, numbers)
    assert (await decide(market, owner, case_id, world.folder)).state == "completed"
    await verified(owner, 4)
    await nothing_waits(world)


async def nothing_waits(world: World) -> None:
    """Wait until all outboxes are empty, no share waits, and no receipt is missing in between."""

    async def empty() -> bool:
        left = [await world.query(system, "SELECT count(*) AS n FROM outbox_todo") for system in DEPLOYMENTS]
        gaps = await world.query("ledger", "SELECT count(*) AS n FROM slot_gap")
        return not any(rows[0]["n"] for rows in [*left, gaps])

    await until(empty, "everything to be on its way", 60)


# ------------------------------------------------------------------------------------------------ identity
async def test_while_identity_is_away_known_parties_go_on_and_a_new_persons_share_waits(world: World) -> None:
    await world.registers()
    market, tax, owner = await world.office("licensing"), await world.office("tax-office"), await world.citizen()
    handle = await owner.handle(PERSONAS["cook"])
    await decide(market, owner, await apply(owner, handle), world.folder)  # from now on these parties know each other
    await tax.fetch()
    [subject] = await market.resolve([newcomer(world.stack)])
    assert subject is not None
    stranger = f"JY-{secrets.token_hex(5)}"
    async with away(world.stack, "identity"):
        with pytest.raises(Problem) as refused:
            await (await world.citizen("neighbour")).receipts()
        assert refused.value.status == 503
        case = await decide(market, owner, await apply(owner, handle), world.folder)
        assert (case.state, case.steps[0].answered) == ("completed", 2)
        await shared(tax, case.steps[0].certificate_id, world)
        issued = await stall(market, subject, number=stranger)
        await waits(world, issued.certificate_id)
    await numbers_at(tax, [stranger])
    await nothing_waits(world)


def newcomer(stack: Stack) -> str:
    """Let a person into the sandbox whom no office has heard of; gives the number."""
    number = number_of("19870314", secrets.randbelow(900) + 100)
    bootstrap = seed.Bootstrap(stack.plan.keyring.bootstrap(), stack.url)
    bootstrap.post("identity", "/v1/sandbox/personas", {"persona": f"new-{secrets.token_hex(4)}", "number": number})
    return number


async def shared(tax: Office, certificate_id: str | None, world: World) -> None:
    """Wait until the tax office has read the share of one certificate."""
    rows = await world.query("certificates-2", "SELECT claims FROM certificate WHERE id = $1::uuid", certificate_id)
    number = rows[0]["claims"].split(b'"number":"')[1].split(b'"')[0].decode()
    await numbers_at(tax, [number], 30)


async def waits(world: World, certificate_id: str) -> None:
    """Wait until a certificate's shares are said to wait."""

    async def said() -> bool:
        sql = "SELECT waiting FROM share_todo WHERE certificate_id = $1::uuid"
        rows = await world.query("certificates-2", sql, certificate_id)
        return bool(rows) and all(row["waiting"] is not None for row in rows)

    await until(said, "the share to wait for identity", 15)


# ------------------------------------------------------------------------------------------------ ledger
async def test_while_the_ledger_is_away_receipts_wait_and_are_all_there_after(world: World) -> None:
    await world.registers()
    market, owner, cook = await world.office("licensing"), await world.citizen(), await world.citizen("cook")
    handle = await owner.handle(PERSONAS["cook"])
    await verified(owner, 1)
    before = len((await owner.all_receipts()).receipts)
    async with away(world.stack, "ledger"):
        case = await decide(market, owner, await apply(owner, handle), world.folder)
        assert case.state == "completed"
        with pytest.raises(Problem) as refused:
            await owner.receipts()
        assert refused.value.status == 503
    await verified(owner, before + 8)  # two evidence sides at least, a task, a share and looks, each with its receipts
    view = await owner.all_receipts()
    assert case.case_id in {receipt.case_id for receipt in view.receipts}
    await verified(cook, 1)
    await nothing_waits(world)


# ------------------------------------------------------------------------------------------------ redrive
async def redrive(stack: Stack, archive: Archive, token: str) -> tuple[int, Any]:
    """Ask exchange-bus, at its own door, to free a key."""
    body = b'{"topic":"%s","key":"%s"}' % (topics.envelope_topic(TAX).encode(), archive.share_id.encode())
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    wire = Wire(stack.url("exchange-bus"))
    try:
        answer = await wire.request("POST", "/v1/parked/redrives", headers, body)
    finally:
        await wire.close()
    return answer.status, answer.json()


async def test_a_dead_record_is_freed_by_a_redrive_and_its_key_goes_on_in_order(world: World, archive: Archive) -> None:
    async def dead() -> bool:
        rows = await parked(world, archive)
        return [row["state"] for row in rows][:1] == ["dead"]

    await until(dead, "the tries to be used up", 60)
    [first, _] = await parked(world, archive)
    assert (first["reason"], first["tries"]) == ("ROLE_WRONG", 5)
    await asyncio.to_thread(archive.register, world.stack)  # what was wrong is mended
    office = AssertionSigner(
        "licensing", PrivateKey.load(world.stack.secrets_dir("licensing") / "sig.jwk"), system_clock
    )
    assert (await redrive(world.stack, archive, office.assertion("exchange-bus")))[0] == 401
    runner = AssertionSigner("bootstrap", world.stack.plan.keyring.bootstrap(), system_clock)
    assert await redrive(world.stack, archive, runner.assertion("exchange-bus")) == (200, {"records": 2})
    tax = await world.office("tax-office")
    arrived: list[tuple[Delivery, Opened]] = []

    async def both() -> bool:
        mine = [delivery async for delivery in tax.inbox(once=True) if delivery.key == archive.share_id]
        arrived.extend([(delivery, await tax.open(delivery)) for delivery in mine])
        return len(arrived) >= 2

    await until(both, "both shares", 30)
    assert [(delivery.keyseq, delivery.event_id) for delivery, _ in arrived] == [
        (1, archive.events[0]),
        (2, archive.events[1]),
    ]
    assert [opened.issuer for _, opened in arrived] == [archive.system] * 2
    assert await parked(world, archive) == []
