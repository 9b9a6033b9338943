# SPDX-License-Identifier: EUPL-1.2
"""Transactions against real PostgreSQL: what commits together, what is stored once, what survives a lost server."""

import asyncio
import signal
from typing import Any

import pytest

from contracts.receipts import ReceiptBasis, ReceiptBatch
from contracts.topics import RECEIPT
from kit.clock import system_clock
from kit.db import Answer, Database, Idem, Transaction, UniqueViolation, fingerprint
from kit.errors import KeyReused, StillRunning, Unavailable
from kit.events import Event
from kit.jose import PrivateKey
from kit.receipts import LedgerKeyMissing, ReceiptDraft, ReceiptSigner, Subject, subject_commit, verify_leaf
from local_stack.testing import PostgresServer

TOPIC = "test.thing.v1"


def event(key: str, keyseq: int) -> Event:
    return Event(TOPIC, key, "happened", b"{}", keyseq, attributes={"caseid": "c"})


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture(scope="module")
def ledger_key() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture
def signer(key: PrivateKey, ledger_key: PrivateKey) -> ReceiptSigner:
    return ReceiptSigner("test", "119999000000002030", "zz", key, lambda: ledger_key.public, system_clock)


def draft(person: str | None = None) -> ReceiptDraft:
    return ReceiptDraft(
        side="view",
        exchange_id="01900000-0000-7000-8000-000000000001",
        decision="released",
        purpose="licensing",
        legal_basis=ReceiptBasis(kind="law", entry="art-1"),
        person=Subject(f"119999000000002030/{person}", "a.b.c.d.e") if person else None,
    )


async def test_events_commit_with_the_change_and_in_order_of_their_keys(db: Database, outbox_of: Any) -> None:
    async with db.transaction() as tx:
        for one in (event("b", 1), event("a", 1), event("b", 2)):
            tx.emit(one)
    assert [(row["key"], row["keyseq"]) for row in await outbox_of()] == [("a", 1), ("b", 1), ("b", 2)]
    assert (await outbox_of())[0]["headers"]["caseid"] == "c"


async def test_nothing_is_published_when_the_body_raises(db: Database, outbox_of: Any) -> None:

    async def fail() -> None:
        async with db.transaction() as tx:
            tx.emit(event("a", 1))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    assert await outbox_of() == []


async def test_a_savepoint_takes_its_events_and_receipts_back(db: Database, outbox_of: Any) -> None:
    async def fail(tx: Transaction) -> None:
        async with tx.savepoint():
            tx.emit(event("a", 2))
            tx.receipt(draft())
            raise ValueError("no")

    async with db.transaction() as tx:
        tx.emit(event("a", 1))
        with pytest.raises(ValueError, match="no"):
            await fail(tx)
    assert [(row["key"], row["keyseq"]) for row in await outbox_of()] == [("a", 1)]


async def test_a_transaction_that_would_leave_a_gap_is_refused(db: Database, outbox_of: Any) -> None:
    async def commit() -> None:
        async with db.transaction() as tx:
            tx.emit(event("a", 1))
            tx.emit(event("a", 3))

    with pytest.raises(ValueError, match="follows"):
        await commit()
    assert await outbox_of() == []


async def test_a_broken_constraint_has_a_name(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE thing (id int CONSTRAINT thing_pkey PRIMARY KEY)")
    with pytest.raises(UniqueViolation) as why:
        async with db.transaction() as tx:
            await tx.executemany("INSERT INTO thing (id) VALUES ($1)", [(1,), (1,)])
    assert why.value.constraint == "thing_pkey"


async def test_fifty_equal_posts_at_once_have_one_effect_and_one_answer(
    db: Database, open_more: Any, outbox_of: Any
) -> None:
    other = await open_more()
    effects = 0

    async def work(tx: Transaction) -> tuple[int, bytes]:
        nonlocal effects
        await asyncio.sleep(0.02)
        effects += 1
        tx.emit(event("a", 1))
        tx.answer_headers["location"] = "/v1/things/1"
        return 201, b'{"made":true}'

    async def post(n: int) -> Answer | None:
        try:
            return await (db, other)[n % 2].once(Idem("office", "k1", fingerprint(b"body")), work)
        except StillRunning:
            return None

    answers = [answer for answer in await asyncio.gather(*(post(n) for n in range(50))) if answer is not None]
    assert {(a.status, a.body, a.headers["location"]) for a in answers} == {(201, b'{"made":true}', "/v1/things/1")}
    assert len(await outbox_of()) == 1
    again = await db.once(Idem("office", "k1", fingerprint(b"body")), work)
    assert (again.body, len(await outbox_of())) == (b'{"made":true}', 1)


async def test_another_body_under_the_same_key_is_refused(db: Database) -> None:
    async def work(_tx: Transaction) -> tuple[int, bytes]:
        return 201, b"{}"

    await db.once(Idem("office", "k1", fingerprint(b"one")), work)
    with pytest.raises(KeyReused):
        await db.once(Idem("office", "k1", fingerprint(b"two")), work)
    with pytest.raises(KeyReused):
        await db.stored(Idem("office", "k1", fingerprint(b"two")))
    assert await db.stored(Idem("office", "k2", b"")) is None


async def test_what_failed_is_not_stored_so_the_same_key_may_try_again(db: Database) -> None:
    async def fail(_tx: Transaction) -> tuple[int, bytes]:
        raise ValueError("no")

    async def work(_tx: Transaction) -> tuple[int, bytes]:
        return 201, b"{}"

    idem = Idem("office", "k1", fingerprint(b"one"))
    with pytest.raises(ValueError, match="no"):
        await db.once(idem, fail)
    assert (await db.once(idem, work)).status == 201


async def test_receipts_are_numbered_without_gaps_by_each_connection(
    open_more: Any, outbox_of: Any, signer: ReceiptSigner, key: PrivateKey
) -> None:
    databases = [await open_more(signer=signer, pool=4) for _ in range(2)]

    async def commit(n: int) -> None:
        async with databases[n % 2].transaction() as tx:
            for _ in range(n % 3 + 1):
                tx.receipt(draft())
            if n % 5 == 0:
                tx.emit(event(str(n), 1))
            await asyncio.sleep(0.001 * (n % 7))
            if n % 11 == 10:
                raise LookupError

    ends = await asyncio.gather(*(commit(n) for n in range(120)), return_exceptions=True)
    assert {type(end) for end in ends} == {type(None), LookupError}, ends
    rows = [row for row in await outbox_of() if row["topic"] == RECEIPT]
    receipts = [one for row in rows for one in ReceiptBatch.model_validate_json(row["payload"]).receipts]
    assert len(receipts) == sum(n % 3 + 1 for n in range(120) if n % 11 != 10)
    assert all(verify_leaf(one.leaf, key.public) for one in receipts)
    slots = {row["key"] for row in rows}
    assert len(slots) >= 4
    for slot in slots:
        assert [row["keyseq"] for row in rows if row["key"] == slot] == list(
            range(1, sum(row["key"] == slot for row in rows) + 1)
        )


async def test_a_persons_receipts_form_one_chain_whoever_writes_them(
    open_more: Any, db: Database, signer: ReceiptSigner
) -> None:
    databases = [await open_more(signer=signer, pool=4) for _ in range(2)]

    async def commit(n: int) -> None:
        async with databases[n % 2].transaction() as tx:
            for person in ("ping", "an", "ping") if n % 2 else ("an", "ping"):
                tx.receipt(draft(person))

    await asyncio.gather(*(commit(n) for n in range(20)))
    async with db.read() as reader:
        rows = await reader.fetch("SELECT person, seq FROM subject_chain ORDER BY person")
    assert [(row["person"].rpartition("/")[2], row["seq"]) for row in rows] == [("an", 20), ("ping", 30)]


async def test_a_chain_links_each_receipt_to_the_one_before(
    open_more: Any, db: Database, signer: ReceiptSigner
) -> None:
    database = await open_more(signer=signer)
    ids = []
    for _ in range(3):
        async with database.transaction() as tx:
            ids.append(str(tx.receipt(draft("ping"))))
    async with db.read() as reader:
        row = await reader.fetchrow("SELECT subject_key, last_commit FROM subject_chain")
    assert row is not None
    commit = None
    for seq, receipt_id in enumerate(ids, 1):
        commit = subject_commit(row["subject_key"], receipt_id, seq, commit)
    assert row["last_commit"] == commit


async def test_without_the_ledgers_key_nothing_commits(open_more: Any, key: PrivateKey, outbox_of: Any) -> None:
    blind = ReceiptSigner("test", "119999000000002030", "zz", key, lambda: None, system_clock)
    database = await open_more(signer=blind)

    async def commit() -> None:
        async with database.transaction() as tx:
            tx.emit(event("a", 1))
            tx.receipt(draft())

    with pytest.raises(LedgerKeyMissing):
        await commit()
    assert await outbox_of() == []


async def test_a_hint_wakes_other_processes_after_the_commit_and_not_before(db: Database, open_more: Any) -> None:
    other = await open_more()
    with other.listen("things") as far, db.listen("things") as near:
        for hint in (near, far):
            while await hint.wait(0.3):  # the first one says: listening now
                pass
        async with db.transaction() as tx:
            tx.notify("things")
            assert not await near.wait(0.05)
        assert await near.wait(0)
        assert await far.wait(5)


async def test_claims_are_given_to_one_process_each(db: Database, open_more: Any) -> None:
    other = await open_more()
    assert (await db.claim("consumer:x"))[0] == 0
    assert (await other.claim("consumer:x"))[0] == 1
    assert (await other.claim("consumer:y"))[0] == 0


async def test_a_killed_server_means_503_and_then_recovery(
    postgres_server: PostgresServer, db: Database, until: Any
) -> None:
    async def works() -> bool:
        try:
            async with db.transaction() as tx:
                return bool(await tx.fetchval("SELECT 1") == 1)
        except Unavailable:
            return False

    await until(works)
    with db.listen("things") as hint:
        assert postgres_server.child is not None
        postgres_server.child.stop(signal.SIGQUIT, 10)
        with pytest.raises(Unavailable):
            await db.check()
        await asyncio.to_thread(postgres_server.start)
        await until(works)
        while await hint.wait(0.5):
            pass
        db.notify("things")
        assert await hint.wait(5)
