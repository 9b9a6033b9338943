# SPDX-License-Identifier: EUPL-1.2
"""The ledger on a real PostgreSQL: what is kept, what is shown, what is named as missing."""

import base64
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts import topics
from contracts.identity import SystemRecord
from contracts.ids import uuid7
from contracts.receipts import RECEIPT_TYPE, Asker, Decision, ReceiptBasis, ReceiptBatch, Side, SignedReceipt
from contracts.roles import PLATFORM
from kit import aliases
from kit.consumer import Bad
from kit.db import Database, open_db
from kit.events import Record
from kit.jose import PrivateKey, PublicKey
from kit.receipts import Chain, ReceiptDraft, ReceiptSigner, Subject
from ledger.consumers import WRITERS, ReceiptsHandler
from ledger.errors import CursorInvalid
from ledger.service import Ledger
from local_stack.testing import DatabaseAt, FreshDatabase

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
OFFICE = "1199990000000006XB"
SOURCE = f"/zz/{OFFICE}/certificates-2"
PERSON = "p" * 43
ENC, PLATFORM_KEY, WRITER = PrivateKey.generate(), PrivateKey.generate(), PrivateKey.generate()


REVOKED = NOW + timedelta(days=1)
"""What the writer signs from then on doesn't count."""


def writer_key(system: str, kid: str, at: datetime) -> tuple[PublicKey, bool] | None:
    return (WRITER.public, at < REVOKED) if (system, kid) == ("certificates-2", WRITER.kid) else None


def signed(
    side: Side,
    decision: Decision = "released",
    *,
    exchange: str,
    person: str | None = PERSON,
    digest: str | None = None,
    at: datetime = NOW,
    deadline: datetime | None = None,
    clerk: str | None = None,
) -> SignedReceipt:
    signer = ReceiptSigner("certificates-2", OFFICE, "zz", WRITER, lambda: ENC.public, lambda: at)
    subject = Subject("x", aliases.mint(PLATFORM_KEY.public, PLATFORM, person)) if person else None
    draft = ReceiptDraft(
        side=side,
        exchange_id=exchange,
        decision=decision,
        purpose="premises-check",
        legal_basis=ReceiptBasis(kind="law"),
        asker=Asker(office=OFFICE, system="licensing"),
        envelope_digest=digest,
        person=subject,
        deadline=deadline,
        clerk=clerk,
    )
    receipt, _ = signer.build(draft, Chain.start() if subject else None)
    return receipt


def record(seq: int, receipts: Sequence[SignedReceipt], *, source: str = SOURCE, slot: int = 0) -> Record:
    return Record(
        topics.RECEIPT, 0, seq, f"{source}/{slot}", uuid7(), RECEIPT_TYPE, source, NOW, seq, {},
        ReceiptBatch(receipts=list(receipts)).wire_bytes(),
    )  # fmt: skip


class House:
    """A ledger with a clock that stands still until a test moves it."""

    def __init__(self, db: Database) -> None:
        self.now = NOW
        self.db = db
        self.ledger = Ledger(db, lambda: self.now)
        keys = {ENC.kid: ENC}, {PLATFORM_KEY.kid: PLATFORM_KEY}
        self.handler = ReceiptsHandler(self.ledger, writer_key, *keys)

    async def hear(self, *records: Record) -> list[str]:
        """Handle a batch as the consumer does; gives why records were refused."""
        prepared = await self.handler.prepare(records)
        good = [(r, p) for r, p in zip(records, prepared, strict=True) if not isinstance(p, Bad)]
        async with self.db.transaction() as tx:
            await self.handler.apply(tx, good)
        return [p.reason for p in prepared if isinstance(p, Bad)]


@pytest.fixture
async def house(fresh_database: FreshDatabase) -> AsyncIterator[House]:
    dsn = await fresh_database("ledger")
    async with open_db(DatabaseAt(dsn), signer=None, clock=lambda: NOW) as db:
        yield House(db)


async def test_a_person_sees_every_side_of_her_exchanges_and_nobody_elses(house: House) -> None:
    mine, other = str(uuid7()), str(uuid7())
    sides = [
        signed("gateway", "pending", exchange=mine, person=None),
        signed("gateway", exchange=mine, person=None),
        signed("gate", "pending", exchange=mine),
        signed("holder", exchange=mine, digest="d" * 43),
        signed("delivery", exchange=mine, digest="d" * 43),
    ]
    await house.hear(record(1, sides), record(2, [signed("view", exchange=other, person="q" * 43)]))
    view = await house.ledger.access_view(PERSON, after=None, limit=50)
    assert sorted(r.leaf.side for r in view.receipts) == ["delivery", "gate", "gateway", "gateway", "holder"]
    assert all(r.verified for r in view.receipts)


async def test_a_person_reads_which_clerk_acted_for_her(house: House) -> None:
    looks = [signed("view", exchange=str(uuid7()), clerk=clerk) for clerk in ("k-17", None)]
    await house.hear(record(1, looks))
    view = await house.ledger.access_view(PERSON, after=None, limit=50)
    assert {r.leaf.receipt_id: r.clerk for r in view.receipts} == {
        looks[0].leaf.receipt_id: "k-17",
        looks[1].leaf.receipt_id: None,
    }
    assert "k-17" not in "".join(look.leaf.model_dump_json() for look in looks)


async def test_an_exchange_without_a_side_is_not_verified_and_late_after_its_time(house: House) -> None:
    exchange = str(uuid7())
    await house.hear(record(1, [signed("gate", "pending", exchange=exchange, deadline=NOW + timedelta(minutes=5))]))
    view = await house.ledger.access_view(PERSON, after=None, limit=50)
    assert [(r.missing_sides, r.verified) for r in view.receipts] == [(["holder"], False)]
    assert await house.ledger.late() == []
    house.now = NOW + timedelta(minutes=6, seconds=1)
    assert [(late.exchange_id, late.missing) for late in await house.ledger.late()] == [(exchange, ["holder"])]
    await house.hear(record(2, [signed("holder", "empty", exchange=exchange)]))
    assert await house.ledger.late() == []


async def test_a_removed_record_shows_as_a_gap_until_it_comes_back(house: House) -> None:
    views = [signed("view", exchange=str(uuid7()), at=NOW + timedelta(seconds=i)) for i in range(3)]
    await house.hear(record(1, [views[0]]), record(3, [views[2]]))
    shown = await house.ledger.access_view(PERSON, after=None, limit=50)
    assert [r.no_gap for r in shown.receipts] == [False, True]
    assert [(s.last, s.gaps) for s in await house.ledger.slots()] == [(3, [2])]
    await house.hear(record(2, [views[1]]))
    shown = await house.ledger.access_view(PERSON, after=None, limit=50)
    assert [r.verified for r in shown.receipts] == [True, True, True]


async def test_a_receipt_that_comes_twice_is_kept_once(house: House) -> None:
    again = record(1, [signed("view", exchange=str(uuid7()))])
    await house.hear(again)
    await house.hear(again)
    assert len((await house.ledger.access_view(PERSON, after=None, limit=50)).receipts) == 1


async def test_pages_go_on_where_the_last_one_ended(house: House) -> None:
    views = [signed("view", exchange=str(uuid7()), at=NOW + timedelta(seconds=i)) for i in range(5)]
    await house.hear(record(1, views))
    seen: list[str] = []
    after: str | None = None
    for _ in range(3):
        page = await house.ledger.access_view(PERSON, after=after, limit=2)
        seen += [r.leaf.receipt_id for r in page.receipts]
        after = page.next
    assert seen == [v.leaf.receipt_id for v in reversed(views)]


@pytest.mark.parametrize(
    "text", ["not-ours", "[1e300, 1]", '[1, "x"]', '[1, "a\\u0000"]', "[1, 1]", "[Infinity, 1]", "é"]
)
async def test_a_cursor_of_our_own_making_only(house: House, text: str) -> None:
    for after in (text, base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")):
        with pytest.raises(CursorInvalid):
            await house.ledger.access_view(PERSON, after=after, limit=2)


async def test_a_changed_leaf_is_refused_whole(house: House) -> None:
    good = signed("view", exchange=str(uuid7()))
    forged = good.model_copy(update={"leaf": good.leaf.model_copy(update={"purpose": "something-else"})})
    assert await house.hear(record(1, [forged])) == ["SIGNATURE_INVALID"]


async def test_a_receipt_by_a_key_that_no_longer_counted_is_shown_and_not_verified(house: House) -> None:
    late = signed("view", exchange=str(uuid7()), at=REVOKED)
    assert await house.hear(record(1, [late])) == []
    [shown] = (await house.ledger.access_view(PERSON, after=None, limit=5)).receipts
    assert (shown.signature_valid, shown.verified) == (False, False)


async def test_a_swapped_sealed_part_is_refused(house: House) -> None:
    good, other = signed("view", exchange=str(uuid7())), signed("view", exchange=str(uuid7()))
    swapped = SignedReceipt(leaf=good.leaf, sealed=other.sealed)
    assert await house.hear(record(1, [swapped])) == ["SIGNATURE_INVALID"]


async def test_a_receipt_of_a_system_that_may_not_write_any_is_refused(house: House) -> None:
    office = record(1, [signed("view", exchange=str(uuid7()))], source=f"/zz/{OFFICE}/licensing")
    assert await house.hear(office) == ["WRITER_UNKNOWN"]


async def test_a_slot_that_is_not_its_sources_is_refused(house: House) -> None:
    stray = record(1, [signed("view", exchange=str(uuid4()))])
    moved = Record(
        stray.topic, 0, 1, "/zz/x/other/0", stray.id, stray.type, stray.source, NOW, 1, {}, stray.data
    )  # fmt: skip
    assert await house.hear(moved) == ["SLOT_NOT_OF_SOURCE"]


def test_roles_that_may_write_receipts_are_the_five_writers() -> None:
    roles = set(SystemRecord.model_json_schema()["properties"]["role"]["enum"])
    assert roles > WRITERS
    assert roles - WRITERS == {"office", "ledger", "portal"}
