# SPDX-License-Identifier: EUPL-1.2
"""One moves to another city, and everybody who must know hears it (the domain's life event 4.4).

The tests follow one person through her moves, in the order of this file.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest

from contracts.envelopes import Share
from contracts.topics import envelope_topic
from local_stack.demo import bus
from local_stack.demo.programs import SYSTEMS
from local_stack.offices import SYSTEMS as OFFICES
from local_stack.seed import read_all
from local_stack.town import Applicant, Town, until
from tongban import Citizen, Office

from .recount import found_again

EVENT = "move-home"
GRANTS = {
    "medical_insurance": "G-0421",
    "hrss": "G-0422",
    "provident_fund": "G-0423",
    "education": "G-0424",
    "water": "G-0425",
    "power": "G-0426",
    "gas": "G-0427",
    "tax": "G-0428",
}
"""Programs that hear of households, and by which grant."""
STRANGERS = ("housing", "fire", "court")
"""Programs that nobody granted to hear of households."""
HOUSING, POLICE = OFFICES[SYSTEMS["housing"]], OFFICES[SYSTEMS["public_security"]]
_HOMES = {
    "consumer": HOUSING, "provider": POLICE, "type": "household", "fields": ["address"], "purpose": "address-change",
    "law": "Housing Lease Rules", "from": "2025-09-01",
}  # fmt: skip
LATE = [
    {"kind": "demand", "id": "DM-0429", **_HOMES, "service": "lease-register", "via": ["event"]},
    {"kind": "grant", "id": "G-0429", **_HOMES, "demand": "DM-0429", "mode": "onEvent", "basis": "law"},
]
"""What a later release adds: housing may hear of households too."""
FOLLOWS = ("h4", "h5", "h6", "h8", "h9", "h10")
ALL = ["household-settle", "household-release", "household-move", "medical-transfer", "pension-transfer",
       "fund-transfer", "vehicle-transfer", "utility-transfer", "tax-address"]  # fmt: skip
DESKS = ("neighbour_police", "medical_insurance", "provident_fund", "education", "water", "power", "gas")
RECORDS = """SELECT type, version, status, convert_from(claims, 'UTF8')::jsonb AS said FROM certificate
  WHERE organisation IS NULL AND type IN ('medical-insured', 'contributions', 'fund-account', 'driver-record',
    'utility-account-water', 'utility-account-power', 'utility-account-gas', 'tax-registration') ORDER BY type"""
Opened = Callable[[str], Awaitable[Office]]


@pytest.fixture(scope="module")
def city(town: Town) -> Iterator[Town]:
    """The offices that a move needs, besides those whose desks are open."""
    opened = [name for name in DESKS if name not in town.programs]
    for name in opened:
        town.open_desk(name)
    town.wait_open()
    yield town
    for name in opened:
        if name in town.programs:
            town.close_desk(name)


@dataclass
class Mover(Applicant):
    """The one who moves, and what the offices know of her. opened: opens an office's system."""

    opened: Opened

    async def apply_for(self, address: str, *more: str) -> str:
        """Apply: one call; gives the case's id. more: services besides those of every move."""
        form = {"newAddress": address} | ({"school": "Pine Street School"} if "school-place" in more else {})
        return (await self.citizen.open_case(EVENT, services=[*ALL, *more], data=form)).case_id

    async def settle(self, case_id: str) -> None:
        """Let the clerk of the new city take her, and wait until she is registered there."""
        await self.town.clerk("public_security", "approve", await self.task_id(case_id, "h1"))
        await self.until_step(case_id, "h3", "done", 90)

    async def move(self, address: str, *more: str) -> str:
        """Move, until every office has followed; gives the case's id."""
        case_id = await self.apply_for(address, *more)
        await self.settle(case_id)
        for step in FOLLOWS:
            await self.until_step(case_id, step, "done", 90)
        return case_id

    async def records(self) -> dict[str, str]:
        """Give where she lives by each office's own record."""
        rows = await self.town.rows("certificates-3", RECORDS)
        said = {row["type"]: json.loads(row["said"]) for row in rows}
        assert len(said) == 8
        return {kind: claims.get("place") or claims["address"] for kind, claims in said.items()}

    async def shares(self, name: str) -> list[tuple[int, Share]]:
        """Give all that a program's office was sent of households, in order, with its number in its stream."""
        office, found = await self.opened(SYSTEMS[name]), []
        for seen in await bus.scan(self.town.target.kafka, envelope_topic(OFFICES[SYSTEMS[name]])):
            if seen.record.type == "envelope.share.v1":
                body = (await office.open(seen.text)).body
                assert isinstance(body, Share)
                if body.type == "household":
                    found.append((seen.record.keyseq, body))
        return found

    async def heard(self) -> dict[str, int]:
        """Count what each subscriber was sent so far."""
        return {name: len(await self.shares(name)) for name in GRANTS}

    async def news(self, before: dict[str, int], count: int) -> dict[str, list[tuple[int, Share]]]:
        """Give what each subscriber was sent since; wait for *count* each, and for its program to have taken it."""

        async def there() -> dict[str, list[tuple[int, Share]]] | None:
            found = {name: (await self.shares(name))[before[name] :] for name in GRANTS}
            return found if all(len(one) >= count for one in found.values()) else None

        return await until(there, f"{count} shares for each subscriber", 60)

    async def address_of(self, name: str, share: Share) -> str | None:
        """Say which address a share brought; None where it brought none."""
        if share.presentation is None:
            return None
        facts = (await self.opened(SYSTEMS[name])).verify_offline(share.presentation, type_name="household")
        return str(facts.claims["address"])

    def took(self, name: str) -> int:
        """Count what a program did about households, from its log."""
        return sum(line.startswith("household ") and GRANTS[name] in line for line in self.town.said(name).splitlines())

    def last(self, name: str, share_id: str) -> int | None:
        """Give the number of the newest envelope that a program keeps of a stream."""
        with sqlite3.connect(self.town.target.state(name) / "drawer.sqlite") as drawer:
            row = drawer.execute("SELECT keyseq FROM held WHERE kind = 'share' AND key = ?", (share_id,)).fetchone()
        return None if row is None else int(row[0])

    async def all_took(self, news: dict[str, list[tuple[int, Share]]], sent: dict[str, int]) -> None:
        """Wait until each program has taken the newest: each once, in order, by its own grant, in one stream."""
        for name, shares in news.items():
            numbers, [stream] = [number for number, _ in shares], {share.share_id for _, share in shares}
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            versions = [share.certificate_version for _, share in shares]
            assert versions == sorted(versions)
            assert {share.grant_id for _, share in shares} == {GRANTS[name]}

            async def taken(name: str = name, stream: str = stream, last: int = numbers[-1]) -> bool:
                return self.last(name, stream) == last

            await until(taken, f"{name} to take what it was sent", 60)
            assert self.took(name) == sent[name] + len(shares)


@pytest.fixture
async def mover(city: Town, desk: Opened) -> AsyncIterator[Mover]:
    """The one who moves; every system of an office is opened once."""
    systems: dict[str, Office] = {}

    async def opened(system: str) -> Office:
        if system not in systems:
            systems[system] = await desk(system)
        return systems[system]

    async with Citizen(city.target.url, "neighbour") as citizen:
        yield Mover(city, citizen, opened)


async def test_a_first_move_that_is_withdrawn_leaves_everything_as_it_was(mover: Mover) -> None:
    old, before = await mover.records(), await mover.heard()
    assert set(old.values()) == {"9 Harbour Row, Eastport"}
    case_id = await mover.move("4 Lake Road, Lakeside", "school-place")
    assert set((await mover.records()).values()) == {"4 Lake Road, Lakeside"}
    await mover.until_step(case_id, "h7", "tasked")
    await mover.citizen.withdraw(case_id, reason="we stay")
    for step in ("h1", "h2", "h3", *FOLLOWS):
        await mover.until_step(case_id, step, "undone", 90)
    [school] = await mover.steps(case_id, "h7")
    assert school.state == "cancelled"
    # Each office's own record says again what it said; and whoever hears of households hears that it was taken back.
    assert await mover.records() == old
    news = await mover.news(before, 2)
    await mover.all_took(news, before)
    for name, shares in news.items():
        assert [share.status for _, share in shares] == ["01", "04"], name
        assert [await mover.address_of(name, share) for _, share in shares] == ["4 Lake Road, Lakeside", None]


async def test_a_move_reaches_everybody_who_must_know_once(mover: Mover) -> None:
    before = await mover.heard()
    case_id = await mover.move("5 Canal Street, Lakeside")
    view = await mover.until_case(case_id, "completed")
    assert set((await mover.records()).values()) == {"5 Canal Street, Lakeside"}
    assert len(before) >= 7
    news = await mover.news(before, 1)
    await mover.all_took(news, before)
    for name, shares in news.items():
        assert [await mover.address_of(name, share) for _, share in shares] == ["5 Canal Street, Lakeside"], name
    # Whoever has no grant got nothing, not even a name.
    for name in STRANGERS:
        topic = envelope_topic(OFFICES[SYSTEMS[name]])
        kinds = {seen.record.type for seen in await bus.scan(mover.town.target.kafka, topic)}
        assert "envelope.share.v1" not in kinds, name
    # Nothing was carried, and both reckonings agree.
    report = view.report.wire()
    assert (report["uploads"], report["visits"], report["demandsRefused"]) == (0, 0, 0)
    assert report["longestChain"] == 4
    await found_again(mover.town, view)


async def test_two_moves_in_a_day_end_at_the_last_address_for_one_that_was_away_too(mover: Mover) -> None:
    before, taken = await mover.heard(), mover.took("education")
    # One subscriber is away for both moves.
    mover.town.close_desk("education", kill=True)
    first = await mover.apply_for("8 Mill Road, Lakeside")
    second = await mover.apply_for("12 Station Square, Lakeside")
    await mover.settle(first)
    await mover.settle(second)  # while the offices still follow the first
    await asyncio.gather(*(mover.until_case(case_id, "completed", 120) for case_id in (first, second)))
    assert set((await mover.records()).values()) == {"12 Station Square, Lakeside"}
    news = await mover.news(before, 2)
    assert mover.took("education") == taken
    mover.town.open_desk("education")
    await mover.all_took(news, before)
    for name, shares in news.items():
        versions = [share.certificate_version for _, share in shares]
        assert versions[1] == versions[0] + 1, name
        assert await mover.address_of(name, shares[-1][1]) == "12 Station Square, Lakeside"


async def test_a_second_move_that_is_withdrawn_ends_at_the_first_address(mover: Mover) -> None:
    old, before = await mover.records(), await mover.heard()
    case_id = await mover.move("1 Hill Lane, Lakeside", "school-place")
    assert set((await mover.records()).values()) == {"1 Hill Lane, Lakeside"}
    await mover.citizen.withdraw(case_id)
    for step in ("h1", "h2", "h3", *FOLLOWS):
        await mover.until_step(case_id, step, "undone", 90)
    assert await mover.records() == old
    news = await mover.news(before, 2)
    await mover.all_took(news, before)
    for name, shares in news.items():
        assert await mover.address_of(name, shares[-1][1]) == "12 Station Square, Lakeside"


async def test_whoever_is_granted_late_learns_where_all_live_and_then_of_each_move(mover: Mover) -> None:
    town = mover.town
    old, before = set((await mover.records()).values()), await mover.heard()
    assert await mover.shares("housing") == []
    held = await town.rows(
        "certificates-3",
        """SELECT status FROM certificate
           WHERE type = 'household' AND office = $1 AND status IN ('01', '02')""",
        POLICE,
    )
    entries = read_all(town.stack.layout)[0]
    released = await asyncio.to_thread(
        town.target.bootstrap, "exchange-bus", "/v1/catalogue/releases", {"entries": [*entries, *LATE]}
    )
    assert released["release"] > 1

    # 1. The snapshot: each household that stands, once, as it stands now.
    async def told(count: int) -> list[tuple[int, Share]] | None:
        found = await mover.shares("housing")
        return found if len(found) >= count else None

    snapshot = await until(lambda: told(len(held)), "the snapshot", 60)
    assert len(held) > 2
    assert len(snapshot) == len(held) == len({share.share_id for _, share in snapshot})
    assert {(number, share.fact, share.grant_id) for number, share in snapshot} == {(1, "issued", "G-0429")}
    assert sorted(share.status for _, share in snapshot) == sorted(row["status"] for row in held)
    housing = await mover.opened("housing")
    [me] = await housing.resolve([town.numbers["neighbour"]])
    [hers] = [share for _, share in snapshot if housing.who(share.subject or "") == me]
    assert {await mover.address_of("housing", hers)} == old
    # 2. Then each move, in sequence.
    case_id = await mover.move("7 Quay Lane, Lakeside")
    await mover.until_case(case_id, "completed", 120)
    [(number, moved)] = (await until(lambda: told(len(held) + 1), "the move", 60))[len(held) :]
    assert (number, moved.share_id, moved.certificate_version) == (2, hers.share_id, hers.certificate_version + 1)
    assert await mover.address_of("housing", moved) == "7 Quay Lane, Lakeside"
    # Whoever heard all along heard the move alone; whoever has no grant heard nothing.
    await mover.all_took(await mover.news(before, 1), before)
    assert {name: n - before[name] for name, n in (await mover.heard()).items()} == dict.fromkeys(GRANTS, 1)
    assert [await mover.shares(name) for name in STRANGERS if name != "housing"] == [[], []]


async def test_the_old_city_keeps_silent_for_a_day_and_that_is_a_yes(mover: Mover) -> None:
    mover.town.close_desk("neighbour_police")
    mover.town.open_desk("neighbour_police", "--silent")
    case_id = await mover.apply_for("2 Harbour View, Lakeside")
    await mover.town.clerk("public_security", "approve", await mover.task_id(case_id, "h1"))
    await mover.until_step(case_id, "h2", "tasked")
    await mover.town.pass_days(2)
    [release] = await mover.until_step(case_id, "h2", "done")
    assert release.deemed
    await mover.until_case(case_id, "completed", 120)
    assert set((await mover.records()).values()) == {"2 Harbour View, Lakeside"}
