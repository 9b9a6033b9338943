# SPDX-License-Identifier: EUPL-1.2
"""Twenty personal values go through a whole food licence; afterwards each is at home, and nowhere else.

They are made up for this run, so a hit is a leak and no coincidence.
"""

import base64
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio

from contracts.certificates.api import Holder
from contracts.envelopes import Share, Task
from kit.http.wire import Wire
from local_stack import seed
from local_stack.harness import Stack
from local_stack.table import DEPLOYMENTS, processes
from tongban import Citizen

from .canaries import Cage, Search, number_of
from .conftest import TODAY, World, until
from .desk import decide

pytestmark = pytest.mark.asyncio(loop_scope="module")

LICENSING, REGISTERS = "certificates-2", "certificates-1"


@dataclass(frozen=True)
class People:
    """Who takes part in this run, by persona; numbers: persona -> number."""

    owner: str
    cook: str
    waiter: str
    numbers: Mapping[str, str]


@dataclass(frozen=True)
class Flown:
    """A stack through which the canaries of a cage have flown."""

    stack: Stack
    cage: Cage
    search: Search


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flown(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Flown]:
    """Let all canaries fly, and wait until nothing is on its way any more."""
    cage = Cage()
    async with AsyncExitStack() as exits:
        world = World(stack, tmp_path_factory.mktemp("canary"), exits)
        people = register(stack, cage)
        await attest(world, cage, people)
        await look_for_strangers(world, cage, people)
        await licence(world, cage, people)
        await a_licence_without_a_case(world, cage, people)
        await refused_licence(world, cage, people)
        await everybody_reads(world, people)
        await settled(world)
        yield Flown(stack, cage, Search(cage.canaries))


def register(stack: Stack, cage: Cage) -> People:
    """Let three people into the sandbox whom nobody has heard of before."""
    bootstrap = seed.Bootstrap(stack.plan.keyring.bootstrap(), stack.url)
    mark, numbers = secrets.token_hex(4), {}
    for role in ("owner", "cook", "waiter"):
        persona = f"{role}-{mark}"
        numbers[persona] = cage.number(f"the {role}'s number")
        bootstrap.post("identity", "/v1/sandbox/personas", {"persona": persona, "number": numbers[persona]})
    return People(f"owner-{mark}", f"cook-{mark}", f"waiter-{mark}", numbers)


async def attest(world: World, cage: Cage, people: People) -> None:
    """Let the registers know a title and the health of two employees."""
    land, health = await world.office("land-registry"), await world.office("health-registry")
    [owner] = await land.resolve([people.numbers[people.owner]])
    title = {
        "holder": cage.text("the title's holder", REGISTERS, before="Lady "),
        # It becomes the licence's place: two offices know it, each in its own right.
        "place": cage.text("the title's place", REGISTERS, LICENSING, after=" Canal Street"),
        "use": "restaurant",
        "number": cage.text("the title's number", REGISTERS, before="T-"),
    }
    await land.issue("title", Holder(subject=owner), title, valid_from=TODAY, key=secrets.token_hex(8))
    for who, result in (
        (people.cook, "fit"),
        (people.waiter, cage.text("the waiter's result", REGISTERS, before="unfit-")),
    ):
        [subject] = await health.resolve([people.numbers[who]])
        name = cage.text(f"a name at the health office ({result[:3]})", REGISTERS, before="Mister ")
        claims = {"holder": name, "result": result, "examinedOn": "2026-11-02"}
        await health.issue("staff-health", Holder(subject=subject), claims, valid_from=TODAY, key=secrets.token_hex(8))


async def look_for_strangers(world: World, cage: Cage, people: People) -> None:
    """Ask about numbers that nobody has: they must not stay anywhere either."""
    tax, owner = await world.office("tax-office"), await world.citizen(people.owner)
    assert await tax.resolve([cage.number("a number that an office looked up")]) == [None]
    await owner.handle(cage.number("a number that a citizen turned into a handle"))


async def open_case(owner: Citizen, people: People, who: str, trade_name: str) -> str:
    handle = await owner.handle(people.numbers[who])
    opened = await owner.open_case("food-licence", subjects={"staff": [handle]}, data={"tradeName": trade_name})
    return opened.case_id


async def licence(world: World, cage: Cage, people: People) -> None:
    """One case ends in a licence, which is suspended, reinstated and revoked."""
    owner, market = await world.citizen(people.owner), await world.office("licensing")
    name = cage.text("the shop's trade name", "cases", LICENSING, after=" Noodles")
    case_id = await open_case(owner, people, people.cook, name)
    certificate = (await decide(market, owner, case_id, world.folder)).steps[0].certificate_id
    assert certificate is not None
    issued = await market.certificate(certificate, purpose="premises-check")
    cage.keep("the licence's number", issued.claims["number"], LICENSING)
    standing = await market.suspend(certificate, 1, reason=cage.text("why it was suspended", LICENSING))
    why = cage.text("why it was reinstated", LICENSING)
    standing = await market.reinstate(certificate, standing.version, reason=why)
    await market.revoke(certificate, standing.version, reason=cage.text("why it was revoked", LICENSING))


async def a_licence_without_a_case(world: World, cage: Cage, people: People) -> None:
    """A licence that an office issues by itself is shared all the same."""
    market = await world.office("licensing")
    [cook] = await market.resolve([people.numbers[people.cook]])
    claims = {
        "holder": cage.text("the stall's holder", LICENSING, before="Miss "),
        "tradeName": cage.text("the stall's trade name", LICENSING),
        "place": cage.text("the stall's place", LICENSING, before="Market "),
        "number": cage.text("the stall's number", LICENSING, before="JY-"),
    }
    await market.issue("food-licence", Holder(subject=cook), claims, valid_from=TODAY, key=secrets.token_hex(8))


async def refused_licence(world: World, cage: Cage, people: People) -> None:
    """Another case is refused by a clerk, in words of her own."""
    owner, market = await world.citizen(people.owner), await world.office("licensing")
    case_id = await open_case(owner, people, people.waiter, cage.text("the second trade name", "cases"))

    async def task() -> Task | None:
        async for delivery in market.inbox(once=True):
            opened = await market.open(delivery)
            if isinstance(opened.body, Task) and opened.body.case_id == case_id:
                return opened.body
        return None

    mine = await until(task, "the task")
    await market.refuse(mine.task_id, code="STAFF_NOT_FIT", reason=cage.text("why it was refused", "cases"))
    assert (await owner.case(case_id)).state == "refused"


async def everybody_reads(world: World, people: People) -> None:
    """The tax office opens its shares; all three people read who looked at them."""
    tax = await world.office("tax-office")
    seen: list[str] = []

    async def all_five() -> bool:
        async for delivery in tax.inbox(once=True):
            body = (await tax.open(delivery)).body
            seen.extend([body.fact] if isinstance(body, Share) else [])
        return len(seen) >= 5

    await until(all_five, "the facts of two licences")
    for who in (people.owner, people.cook, people.waiter):
        citizen = await world.citizen(who)

        async def read(citizen: Citizen = citizen) -> bool:
            view = await citizen.all_receipts()
            return bool(view.receipts) and all(one.verified for one in view.receipts)

        await until(read, "verified receipts")


async def settled(world: World) -> None:
    """Wait until all outboxes are empty: then the bus has seen everything."""

    async def empty() -> bool:
        left = [await world.query(system, "SELECT count(*) AS n FROM outbox_todo") for system in DEPLOYMENTS]
        return not any(rows[0]["n"] for rows in left)

    await until(empty, "the outboxes to be empty")


# ------------------------------------------------------------------------------------------------ the search
async def test_twenty_canaries_have_flown(flown: Flown) -> None:
    assert len({canary.value for canary in flown.cage.canaries}) >= 20


async def test_the_search_finds_a_canary_in_any_dress() -> None:
    cage = Cage()
    value = cage.text("one", "cases", after=" \u9762")
    search = Search(cage.canaries)
    for shift in range(3):
        sealed = base64.urlsafe_b64encode(b"x" * shift + value.encode() + b"rest of a claim")
        assert search.hits(b"eyJ" + sealed) == ["one"]
    for data in (value.encode(), value.encode().hex().encode(), b'"%s"' % value.encode("unicode_escape")):
        assert search.hits(b"before" + data + b"after") == ["one"]
        assert search.hits(data, home="cases") == []
        assert search.hits(data, home="ledger") == ["one"]
    assert search.hits(b"nothing") == []
    assert number_of("19910314", 2) == "999900199103140020"


async def test_every_canary_is_at_home_where_the_search_looks(flown: Flown) -> None:
    """Else an empty search would prove nothing."""
    dumps = {system: await dump(flown.stack, system) for system in (LICENSING, REGISTERS, "cases")}
    for canary in flown.cage.canaries:
        where = [system for system, data in dumps.items() if canary.name in Search([canary]).hits(data)]
        assert set(where) <= canary.homes
        if canary.name != "why it was refused" and canary.homes:  # the code alone is kept
            assert set(where) == canary.homes, canary.name


async def dump(stack: Stack, system: str) -> bytes:
    """Give every value of every row of every table of a deployment's database."""
    connection = await asyncpg.connect(stack.dsn(system))
    try:
        columns = await connection.fetch(
            """SELECT c.relname AS table_name, array_agg(quote_ident(a.attname)) AS columns
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
               GROUP BY c.relname"""
        )
        parts: list[bytes] = []
        for table in columns:
            rows = await connection.fetch(f'SELECT {", ".join(table["columns"])} FROM "{table["table_name"]}"')  # noqa: S608
            parts += [value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row]
        assert len(columns) > 10
        return b"\n".join(parts)
    finally:
        await connection.close()


@pytest.mark.parametrize("system", DEPLOYMENTS)
async def test_no_database_holds_a_canary_that_does_not_live_there(flown: Flown, system: str) -> None:
    assert flown.search.hits(await dump(flown.stack, system), home=system) == []


async def test_no_log_holds_a_canary(flown: Flown) -> None:
    """The broker's and the database's own among them; addresses of calls stand in logs too."""
    logs = sorted((flown.stack.layout.state / "logs").iterdir())
    assert len(logs) > 12
    assert {log.name: hits for log in logs if (hits := flown.search.hits(log.read_bytes()))} == {}


async def test_no_span_holds_a_canary(flown: Flown) -> None:
    files = sorted((flown.stack.layout.run / "spans").iterdir())
    assert any(file.stat().st_size for file in files)
    assert {file.name: hits for file in files if (hits := flown.search.hits(file.read_bytes()))} == {}


async def test_no_metric_and_no_probe_holds_a_canary(flown: Flown) -> None:
    for process in processes("pairs"):
        wire = Wire(flown.stack.internal_url(process.name))
        for path in ("/metrics", "/readyz"):
            answer = await wire.request("GET", path, [], b"")
            assert answer.status == 200
            assert flown.search.hits(answer.body) == [], (process.name, path)
        await wire.close()


async def test_no_segment_of_the_bus_holds_a_canary(flown: Flown) -> None:
    """Not in the clear, and not merely encoded: what is personal travels sealed."""
    files = [file for file in sorted(flown.stack.plan.broker.data.rglob("*")) if file.is_file()]
    segments = [file for file in files if file.suffix == ".log" and file.stat().st_size]
    assert {"receipts", "envelope", "evidence", "certificates", "cases"} <= {
        file.parent.name.split(".")[0] for file in segments
    }
    # Indexes are files of ten megabytes from the first day on, and nearly all of each is still zeros.
    found = {str(file): flown.search.hits(file.read_bytes().rstrip(b"\0")) for file in files}
    assert {file: hits for file, hits in found.items() if hits} == {}


async def test_no_copy_of_a_replica_holds_a_canary(flown: Flown) -> None:
    files = [file for file in (flown.stack.layout.run / "replicas").rglob("*") if file.is_file()]
    assert {file.name: hits for file in files if (hits := flown.search.hits(file.read_bytes()))} == {}
