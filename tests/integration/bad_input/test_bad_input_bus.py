# SPDX-License-Identifier: EUPL-1.2
"""What somebody puts onto the bus who has no business there: parked with its reason, and nothing comes of it."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import randrange
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from contracts import topics
from contracts.envelopes import Ask
from contracts.ids import uuid7
from kit import envelopes
from kit.jose import PrivateKey
from kit.kafka import BatchProducer, Outgoing
from tongban import NotBelieved

from .forging import STRANGER
from .knocking import MARK
from .scene import HEALTH, TAX, Scene, key_of, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

SOURCES = {
    "licensing": "/zz/1199990000000006XB/licensing",
    "certificates-2": "/zz/1199990000000006XB/certificates-2",
    "exchange-bus": "/zz/119999000000002030/exchange-bus",
    "cases": "/zz/119999000000002030/cases",
    "ghost": "/zz/119999000000002030/ghost",
}


@dataclass(frozen=True)
class Put:
    """One record to be put onto the bus by hand. headers: a value that is None takes one away."""

    topic: str
    type: str
    value: bytes | None
    source: str = "certificates-2"
    key: str = field(default_factory=lambda: str(uuid7()))
    id: str = field(default_factory=lambda: str(uuid7()))
    keyseq: int = 1
    headers: Mapping[str, str | None] = field(default_factory=dict)

    def outgoing(self) -> Outgoing:
        """Give the record as it travels."""
        usual = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_type": self.type,
            "ce_source": SOURCES[self.source],
            "ce_time": datetime.now(UTC).isoformat(),
            "ce_keyseq": str(self.keyseq),
            "ce_exchangeid": str(uuid7()),
        }
        headers = [(name, value.encode()) for name, value in {**usual, **self.headers}.items() if value is not None]
        return Outgoing(0, self.topic, 0, self.key.encode(), self.value, headers)


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def producer(scene: Scene) -> AsyncIterator[BatchProducer]:
    """A producer that belongs to nobody."""
    raw = BatchProducer(scene.stack.kafka_bootstrap)
    await raw.start()
    yield raw
    await raw.stop()


def question(scene: Scene, **changes: Any) -> Ask:
    """Give a good question to the health office, changed."""
    asked = scene.asks["staff-health"]
    body = {name: asked[name] for name in asked if name not in ("subject", "deadline")}
    person = asked["subject"]["person"]
    body |= {
        "requestId": str(uuid7()),
        "requestHash": "A" * 43,
        "salt": "s" * 22,
        "asker": {"office": "1199990000000006XB", "system": "licensing"},
        "grantId": "G-0205",
        "aliases": {"platform": person["platform"], "holder": person["holders"][HEALTH]},
        "recordedAt": datetime.now(UTC).isoformat(),
        "deadline": asked["deadline"],
    }
    return Ask.model_validate({**body, **changes})


def ask(scene: Scene, body: Ask | None = None, **how: Any) -> Put:
    """Seal a question to the health office. signer, key: who signs. office: whom it is said to be for."""
    asked = body or question(scene)
    system = how.get("signer", "exchange-bus")
    event_id = str(uuid7())
    sealed = envelopes.seal_envelope(
        how.get("kind", "ask"),
        asked,
        issuer_system=system,
        audience_office=how.get("office", HEALTH),
        event_id=how.get("event_id", event_id),
        exchange_id=str(uuid7()),
        key_sig=how.get("key") or key_of(scene.stack, system),
        key_enc=how.get("to") or _answering(scene, HEALTH).public,
        now=datetime.now(UTC),
    )
    key = how.get("record_key", asked.request_id)
    return Put(topics.ask_topic(HEALTH), "evidence.ask.v1", sealed.encode(), "exchange-bus", key, event_id)


def _answering(scene: Scene, office: str) -> PrivateKey:
    return key_of(scene.stack, "certificates-1", f"answering-{office}.jwk")


ASKS: dict[str, tuple[Callable[[Scene], Put], str]] = {
    "signed by an office's system": (lambda s: ask(s, signer="licensing"), "ROLE_WRONG"),
    "signed by another service of ours": (lambda s: ask(s, signer="cases"), "ROLE_WRONG"),
    "signed by nobody in the name of exchange-bus": (lambda s: ask(s, key=STRANGER), "SIGNATURE_INVALID"),
    "signed by an office in the name of exchange-bus": (
        lambda s: ask(s, key=key_of(s.stack, "licensing")),
        "SIGNATURE_INVALID",
    ),
    "for another office": (lambda s: ask(s, office="11999900000000107N"), "SIGNATURE_INVALID"),
    "sealed to another key": (lambda s: ask(s, to=STRANGER.public), "CANNOT_OPEN"),
    "an old question under a new event": (lambda s: ask(s, event_id=str(uuid7())), "REPLAYED"),
    "a question under another request's key": (lambda s: ask(s, record_key=str(uuid7())), "REPLAYED"),
    "not sealed at all": (
        lambda s: replace(ask(s), value=question(s).model_dump_json().encode()),
        "CANNOT_OPEN",
    ),
    "nothing": (lambda s: replace(ask(s), value=None), "CANNOT_OPEN"),
}


async def parked(scene: Scene, system: str, event_id: str) -> tuple[str, str]:
    """Wait until a record is parked; give its reason and state."""
    sql = "SELECT reason, state FROM parked WHERE event_id = $1::uuid"

    async def there() -> tuple[str, str] | None:
        rows = await scene.world.query(system, sql, event_id)
        return (rows[0]["reason"], rows[0]["state"]) if rows else None

    return await until(there, "the record to be parked")


@pytest.mark.parametrize("name", ASKS)
async def test_a_forged_question_is_parked_and_never_answered(scene: Scene, producer: BatchProducer, name: str) -> None:
    make, reason = ASKS[name]
    put = make(scene)
    await producer.send([put.outgoing()])
    assert (await parked(scene, "certificates-1", put.id))[0] == reason
    await scene.unharmed()


def _jwe(scene: Scene) -> bytes:
    """Seal something to the tax office's inbox key, as anybody can: the key is public."""
    from kit import jose  # noqa: PLC0415 - the only use

    return jose.seal(MARK.encode(), key_of(scene.stack, "tax-office", "inbox.jwk").public).encode()


SHARE, TASK = "envelope.share.v1", "envelope.task.v1"
ENVELOPES: dict[str, tuple[Callable[[Put], Put], str]] = {
    "of an office's system": (lambda p: replace(p, source="licensing"), "ROLE_WRONG"),
    "of a system that isn't there": (lambda p: replace(p, source="ghost"), "ROLE_WRONG"),
    "a task that certificates sends": (lambda p: replace(p, type=TASK), "ROLE_WRONG"),
    "a share that cases sends": (lambda p: replace(p, source="cases"), "ROLE_WRONG"),
    "a question in an inbox": (lambda p: replace(p, type="envelope.ask.v1"), "KIND_UNEXPECTED"),
    "of a kind that nobody knows": (lambda p: replace(p, type="envelope.gift.v1"), "KIND_UNEXPECTED"),
    "that belongs to no exchange": (lambda p: replace(p, headers={"ce_exchangeid": None}), "NO_EXCHANGE"),
    "in the clear": (lambda p: replace(p, value=MARK.encode()), "NOT_SEALED"),
}


@pytest.mark.parametrize("name", ENVELOPES)
async def test_a_forged_envelope_reaches_no_inbox(scene: Scene, producer: BatchProducer, name: str) -> None:
    spoil, reason = ENVELOPES[name]
    put = spoil(Put(topics.envelope_topic(TAX), SHARE, _jwe(scene)))
    await producer.send([put.outgoing()])
    assert (await parked(scene, "exchange-bus", put.id))[0] == reason
    assert not await scene.world.query("exchange-bus", "SELECT seq FROM delivery WHERE event_id = $1::uuid", put.id)
    await scene.unharmed()


BYTES: dict[str, tuple[Mapping[str, str | None], str]] = {
    "no event at all": ({"ce_specversion": None}, "NO_CLOUD_EVENT"),
    "an event of another version": ({"ce_specversion": "2.0"}, "NO_CLOUD_EVENT"),
    "an event without an id": ({"ce_id": None}, "HEADER_INVALID"),
    "an event with a number that is none": ({"ce_keyseq": MARK}, "HEADER_INVALID"),
    "an event numbered 0": ({"ce_keyseq": "0"}, "HEADER_INVALID"),
}


@pytest.mark.parametrize("name", BYTES)
async def test_bytes_that_are_no_event_are_put_aside_for_good(scene: Scene, producer: BatchProducer, name: str) -> None:
    headers, reason = BYTES[name]
    value = uuid4().bytes
    put = Put(topics.envelope_topic(TAX), SHARE, value, headers=headers)
    await producer.send([put.outgoing()])

    async def there() -> str | None:
        rows = await scene.world.query("exchange-bus", "SELECT reason, state FROM parked WHERE payload = $1", value)
        return f"{rows[0]['reason']} {rows[0]['state']}" if rows else None

    assert await until(there, "the bytes to be parked") == f"{reason} dead"


async def test_an_envelope_by_a_writer_who_lies_about_itself_is_not_believed_by_its_reader(
    scene: Scene, producer: BatchProducer
) -> None:
    """Who can write to the topic can fill an inbox; the office believes signatures, not topics."""
    put = Put(topics.envelope_topic(TAX), SHARE, _jwe(scene))
    await producer.send([put.outgoing()])
    tax = await scene.world.office("tax-office")

    async def there() -> object | None:
        found = [one for one in await tax.fetch(limit=200) if one.event_id == put.id]
        return found[0] if found else None

    delivery: Any = await until(there, "the delivery")
    with pytest.raises(NotBelieved):
        await tax.open(delivery)
    await tax.acknowledge([delivery.delivery_id])
    scene.counted = await scene.quiet()


async def test_receipts_that_nobody_signed_are_not_kept(scene: Scene, producer: BatchProducer) -> None:
    """Neither by a stranger nor by an office: the ledger can't be talked into a receipt."""
    rows = await scene.world.query(
        "cases", "SELECT payload FROM outbox WHERE topic = $1 ORDER BY id DESC LIMIT 1", topics.RECEIPT
    )
    batch = (
        rows[0]["payload"]
        .replace(b'"decision":"pending"', b'"decision":"refused"')
        .replace(b'"decision":"released"', b'"decision":"refused"')
    )
    assert batch != rows[0]["payload"]
    [before] = await scene.world.query("ledger", "SELECT count(*) AS n FROM receipt")
    put = Put(topics.RECEIPT, "receipts.batch.v1", batch, "cases", f"{SOURCES['cases']}/9999")
    await producer.send([put.outgoing()])
    assert (await parked(scene, "ledger", put.id))[0] == "SIGNATURE_INVALID"
    [after] = await scene.world.query("ledger", "SELECT count(*) AS n FROM receipt")
    assert after["n"] == before["n"]


FORGED_RECORDS = {
    "a key of the forger's": b'{"systemId":"tax-office","kid":"%s"}' % STRANGER.kid.encode(),
    "nothing, to take it away": None,
}


@pytest.mark.parametrize("name", FORGED_RECORDS)
async def test_a_forged_record_of_a_system_says(scene: Scene, producer: BatchProducer, name: str) -> None:
    """Whoever may write to the topic names no key and takes none away: records count by the registry's signature."""
    event = "identity.system.registered.v1"
    forged = Put(topics.SYSTEM, event, FORGED_RECORDS[name], "ghost", "tax-office", keyseq=randrange(1, 2**40))
    await producer.send([forged.outgoing()])

    async def refused() -> bool:
        logs = scene.stack.logs("gateway")
        return logs.count("replica_refused") > before

    before = scene.stack.logs("gateway").count("replica_refused")
    again = replace(forged, id=str(uuid7()), keyseq=forged.keyseq + 1)
    await producer.send([again.outgoing()])
    await until(refused, "the gateway to refuse the record")
    await scene.unharmed()
    tax = await scene.world.office("tax-office")  # with records that it fetches anew
    assert len(await tax.fetch(limit=1)) <= 1
    assert (await scene.knock(scene.inbox())).status == 200
