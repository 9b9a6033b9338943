# SPDX-License-Identifier: EUPL-1.2
"""Snapshots: whoever joins late learns what stands, each certificate once, then each fact after it in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from certificates import store
from certificates.app import UseCases
from certificates.service import Rulebook, Snapshots, write_issues
from certificates.service.writing import write_together
from contracts.certificates.api import Issue
from kit.db import Idem, coalescing

Body = Callable[..., dict[str, Any]]
NEW = "G-0902"
"""The tax office's grant: it comes into force after the others."""
COPIES = """INSERT INTO certificate (office, id, type, type_version, type_code, subject, organisation, natural_key,
    claims, version, event_seq, status, licence_id, valid_from, issued_at, credential)
  SELECT office, ('019c0000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
    CASE n % 4 WHEN 0 THEN 'title' ELSE type END, type_version, type_code, subject, organisation, 'C-' || n, claims,
    1 + n % 3, 1 + n % 5, CASE n % 10 WHEN 7 THEN '02' WHEN 9 THEN '04' ELSE '01' END, licence_id, valid_from,
    issued_at, credential
  FROM certificate, generate_series(1, $1::int) AS n WHERE natural_key = 'F-1'"""


def without(*grants: str) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    return lambda entry: None if entry["id"] in grants else entry


@pytest.fixture
def late(house: Any) -> Any:
    """The deployment, by a release that doesn't know the grant yet."""
    house.world.publish(without(NEW))
    return house


async def begin(house: Any) -> None:
    await house.uses.snapshots.begin()


async def catch_up(house: Any, snapshots: Snapshots | None = None) -> None:
    """Do what the job does until nothing is left."""
    one = snapshots or house.uses.snapshots
    await one.begin()
    while await house.uses.sharing.share_next() or await one.queue_next():
        pass


async def issued(house: Any, body: dict[str, Any], number: str = "F-1", client: Any = None) -> str:
    sent = {**body, "claims": {**body["claims"], "number": number}}
    where = house if client is None else client
    answer = await where.post(body["office"], "/certificates", sent, key=f"k-{number}")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["certificateId"])


async def changed(house: Any, one: str, door: str, *, client: Any = None, key: str = "") -> None:
    body: dict[str, Any] = {"reason": "why"} | ({"ending": "revoke"} if door == "revocations" else {})
    where = house if client is None else client
    path, office = f"/certificates/{one}/{door}", house.world.market
    answer = await where.post(office, path, body, key=key or f"{door}-{one}", if_match='"1"')
    assert answer.status_code == 201, answer.text


class Stale:
    """Another process of the deployment, whose replica of the catalogue has stopped."""

    def __init__(self, house: Any, uses: UseCases, client: Any) -> None:
        self._house, self.uses, self._client = house, uses, client

    async def post(self, *args: Any, **more: Any) -> Any:
        """POST to this process."""
        first, self._house.client = self._house.client, self._client
        try:
            return await self._house.post(*args, **more)
        finally:
            self._house.client = first


@asynccontextmanager
async def stale(house: Any) -> AsyncIterator[Stale]:
    world, old = house.world, house.world.catalogue
    async with coalescing(house.db, write_issues) as writer:
        rules = Rulebook(lambda: old, world.clock)
        uses = UseCases(world.settings(), world.clock, house.db, writer, world.keys, world.registry, rules, world)
        async with world.client(uses) as client:
            yield Stale(house, uses, client)


@pytest.fixture(autouse=True)
def market(world: Any, names: Any) -> None:
    """The office of these tests."""
    world.market = names.market


async def told(house: Any, office: str) -> list[tuple[str, int, str, int]]:
    """Give (fact, version, status, number in its stream) of all that an office was sent, in order."""
    events = await house.said(f"envelope.{office}.v1")
    bodies = [house.opened(office, row).body for row in events]
    return [(b.fact, b.certificate_version, b.status, e["keyseq"]) for b, e in zip(bodies, events, strict=True)]


async def queued(house: Any) -> list[tuple[str, str, int, str]]:
    rows = await house.rows(
        "SELECT certificate_id, fact, version, status FROM share_todo WHERE grant_id = $1 ORDER BY id", NEW
    )
    return [(str(row["certificate_id"]), row["fact"], row["version"], row["status"]) for row in rows]


async def test_a_late_joiner_learns_what_stands_and_then_what_happens(late: Any, licence: Body, names: Any) -> None:
    first, second, third = [await issued(late, licence(), number) for number in ("F-1", "F-2", "F-3")]
    await changed(late, second, "suspensions")
    await changed(late, third, "revocations")
    await catch_up(late)
    assert await told(late, names.tax) == []
    before = await told(late, names.land)
    late.world.publish(without())
    await catch_up(late)
    assert sorted(await told(late, names.tax)) == [("issued", 1, "01", 1), ("issued", 1, "02", 1)]
    shares = sorted(await late.received(names.tax), key=lambda share: share.status)
    assert [share.presentation is not None for share in shares] == [True, False]
    await changed(late, first, "suspensions")
    await catch_up(late)
    assert (await told(late, names.tax))[2:] == [("suspended", 1, "02", 2)]
    assert (await late.received(names.tax))[2].share_id == shares[0].share_id
    # Whoever heard of it all along hears nothing twice.
    assert (await told(late, names.land))[len(before) :] == [("suspended", 1, "02", 2)]


async def test_a_grant_that_comes_into_force_by_its_date_has_its_snapshot_then(
    late: Any, licence: Body, names: Any
) -> None:
    await issued(late, licence())
    day = (late.world.now + timedelta(days=1)).date().isoformat()
    late.world.publish(lambda entry: {**entry, "from": day} if entry["id"] == NEW else entry)
    await catch_up(late)
    assert await told(late, names.tax) == []
    late.world.now += timedelta(days=1)
    await catch_up(late)
    assert await told(late, names.tax) == [("issued", 1, "01", 1)]


@pytest.mark.parametrize("sent", [True, False])
async def test_what_was_told_under_the_grant_is_not_told_again(
    house: Any, licence: Body, names: Any, sent: bool
) -> None:
    await issued(house, licence())
    if sent:
        await house.share_all()
    await catch_up(house)
    assert await told(house, names.tax) == [("issued", 1, "01", 1)]
    assert await house.rows("SELECT queued FROM snapshot WHERE done_at IS NULL OR queued > 0") == []


async def test_a_snapshot_comes_once_whoever_starts_again(late: Any, licence: Body, names: Any) -> None:
    await issued(late, licence())
    late.world.publish(without())
    world = late.world
    for _ in range(3):
        await catch_up(late, Snapshots(db=late.db, rulebook=world.rulebook, keys=world.keys))
    assert await told(late, names.tax) == [("issued", 1, "01", 1)]


async def test_a_grant_that_ended_and_comes_back_by_another_id_has_a_snapshot_of_its_own(
    late: Any, licence: Body, names: Any
) -> None:
    await issued(late, licence())
    late.world.publish(without())
    await catch_up(late)
    late.world.publish(without(NEW))
    await issued(late, licence(), "F-2")
    await catch_up(late)
    late.world.publish(lambda entry: {**entry, "id": "G-0999"} if entry["id"] == NEW else entry)
    await catch_up(late)
    shares = await late.received(names.tax)
    assert [share.grant_id for share in shares] == [NEW, "G-0999", "G-0999"]
    assert len({share.share_id for share in shares}) == 3
    assert await late.rows("SELECT grant_id FROM snapshot WHERE over") == [{"grant_id": NEW}]


async def test_a_grant_that_ends_during_its_snapshot_gets_no_more(late: Any, licence: Body, names: Any) -> None:
    for number in ("F-1", "F-2"):
        await issued(late, licence(), number)
    late.world.publish(without())
    one = Snapshots(db=late.db, rulebook=late.world.rulebook, keys=late.world.keys, batch=1)
    await one.begin()
    while not await queued(late):  # another grant's snapshot may come first
        await one.queue_next()
    late.world.publish(without(NEW))
    await catch_up(late, one)
    assert await told(late, names.tax) == []
    assert await queued(late) == []


# ------------------------------------------------------------------------------------------------- at the same moment
async def test_what_is_being_issued_by_an_old_book_is_waited_for(late: Any, licence: Body, names: Any) -> None:
    body = Issue.model_validate(licence())
    async with stale(late) as other:
        item = await other.uses.issuing._prepared(Idem("a", "b", b"c" * 32), body)
        late.world.publish(without())
        async with late.db.transaction() as tx:
            await write_together(tx, [item])
            beginning = asyncio.ensure_future(begin(late))
            await until(lambda: waits_for_a_lock(late))
            assert not beginning.done()
        await beginning
    await catch_up(late)
    assert await told(late, names.tax) == [("issued", 1, "01", 1)]


async def test_a_process_with_an_old_book_tells_a_grant_that_has_begun(late: Any, licence: Body, names: Any) -> None:
    one = await issued(late, licence())
    async with stale(late) as other:
        late.world.publish(without())
        await begin(late)
        await issued(late, licence(), "F-2", other)
        await changed(late, one, "suspensions", client=other)
        assert [fact for _, fact, _, _ in await queued(late)] == ["issued", "suspended"]
        claims = {"claims": {"number": "F-2", "place": "elsewhere"}, "validFrom": "2026-01-01", "reason": "moved"}
        [second] = [row["id"] for row in await late.rows("SELECT id FROM certificate WHERE natural_key = 'F-2'")]
        path = f"/certificates/{second}/amendments"
        answer = await other.post(names.market, path, claims, key="amend", if_match='"1"')
        assert answer.status_code == 201, answer.text
    await catch_up(late)
    told_so_far = sorted(await told(late, names.tax))
    assert told_so_far == [("amended", 2, "01", 2), ("issued", 1, "01", 1), ("suspended", 1, "02", 1)]


async def test_a_leader_with_an_old_book_takes_no_new_grant_for_one_that_ended(
    late: Any, licence: Body, names: Any
) -> None:
    async with stale(late) as other:
        late.world.publish(without())
        await begin(late)
        await issued(late, licence())
        while await other.uses.sharing.share_next():
            pass
        rows = await late.rows("SELECT grant_id, waiting FROM share_todo")
        assert rows == [{"grant_id": NEW, "waiting": "CATALOGUE_BEHIND"}]
    late.world.now += timedelta(seconds=11)
    await catch_up(late)
    assert await told(late, names.tax) == [("issued", 1, "01", 1)]


async def test_what_such_a_leader_dropped_before_the_grant_began_is_in_the_snapshot(
    late: Any, licence: Body, names: Any
) -> None:
    async with stale(late) as other:
        late.world.publish(without())
        await issued(late, licence())
        while await other.uses.sharing.share_next():
            pass
    assert await queued(late) == []
    await catch_up(late)
    assert await told(late, names.tax) == [("issued", 1, "01", 1)]


async def test_a_certificate_that_is_being_changed_is_told_as_changed_or_before(
    late: Any, licence: Body, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await issued(late, licence(), f"F-{n}") for n in range(5)]
    late.world.publish(without())
    await begin(late)
    saved, go = asyncio.Event(), asyncio.Event()
    save = store.changes.save

    async def slow(*args: Any, **more: Any) -> None:
        await save(*args, **more)
        saved.set()
        await go.wait()

    monkeypatch.setattr(store.changes, "save", slow)
    changing = asyncio.ensure_future(changed(late, ids[2], "suspensions"))
    await saved.wait()
    scanning = asyncio.ensure_future(catch_up(late))
    await until(lambda: waits_for_a_lock(late))
    assert [one for one, _, _, _ in await queued(late)] in ([], ids[:2])  # sealed meanwhile, or not yet
    go.set()
    await asyncio.gather(changing, scanning)
    await catch_up(late)
    found = await told(late, names.tax)
    assert sorted(found) == sorted([("issued", 1, "01", 1)] * 4 + [("suspended", 1, "02", 1)])


async def test_issuing_and_changing_while_two_leaders_scan_tells_each_once_and_in_order(
    late: Any, licence: Body, names: Any
) -> None:
    world = late.world
    ids = [await issued(late, licence(), f"F-{n}") for n in range(40)]
    async with stale(late) as other:
        world.publish(without())
        leaders = [Snapshots(db=late.db, rulebook=world.rulebook, keys=world.keys, batch=3) for _ in range(2)]

        async def lead(one: Snapshots) -> None:
            await one.begin()
            while await one.queue_next():
                pass

        async def work(client: Any, start: int) -> None:
            for n in range(start, 40, 2):
                await changed(late, ids[n], "suspensions", client=client)
                await issued(late, licence(), f"N-{n}", client)

        await asyncio.gather(*map(lead, leaders), work(other, 0), work(None, 1))
    await catch_up(late)
    streams: dict[str, list[tuple[str, str]]] = {}
    for share in await late.received(names.tax):
        streams.setdefault(share.share_id, []).append((share.fact, share.status))
    stood = [("issued", "01"), ("suspended", "02")]
    assert len(streams) == 80
    for facts in streams.values():
        assert facts in ([("issued", "01")], stood, stood[1:], [("issued", "02")]), facts
    ended = [facts[-1][1] for facts in streams.values()]
    assert (ended.count("02"), ended.count("01")) == (40, 40)


# ------------------------------------------------------------------------------------------------- many, and crashes
async def test_two_thousand_are_queued_once_each_in_their_order_through_crashes(
    late: Any, licence: Body, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await issued(late, licence())
    await catch_up(late)
    async with late.db.transaction() as tx:
        await tx.execute(COPIES, 2668)
    live = await late.rows(
        """SELECT id FROM certificate WHERE type = 'food-licence' AND status IN ('01', '02') ORDER BY id"""
    )
    assert len(live) > 1600
    late.world.publish(without())
    world, advance, calls = late.world, store.snapshots.advance, 0

    async def dies(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise KilledError
        await advance(*args)
        if calls % 5 == 0:
            raise KilledError

    monkeypatch.setattr(store.snapshots, "advance", dies)
    left = 60
    while left:
        one = Snapshots(db=late.db, rulebook=world.rulebook, keys=world.keys)  # a process that starts anew
        await one.begin()
        try:
            while await one.queue_next():
                pass
            break
        except KilledError:
            left -= 1
    assert left, "it never came to its end"
    found = await queued(late)
    assert [one for one, _, _, _ in found] == [str(row["id"]) for row in live]
    assert {fact for _, fact, _, _ in found} == {"issued"}
    stands = {str(row["id"]): row for row in await late.rows("SELECT id, version, status FROM certificate")}
    assert all(
        (version, status) == (stands[one]["version"], stands[one]["status"]) for one, _, version, status in found
    )
    [row] = await late.rows("SELECT queued FROM snapshot WHERE grant_id = $1", NEW)
    assert row["queued"] == len(live)


class KilledError(Exception):
    """Stands for the end of the process: its transaction is gone."""


async def waits_for_a_lock(house: Any) -> bool:
    rows = await house.rows(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(rows)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)
