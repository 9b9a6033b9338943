# SPDX-License-Identifier: EUPL-1.2
"""Twenty personal values go through a whole food licence; afterwards each is at home, and nowhere else.

The values are made up for this run, so a hit is a leak and no coincidence. They are looked for as they are, and in
every dress that a program gives to bytes: base64 in its three positions, hexadecimal, escaped JSON, plain hashes.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import randrange

import asyncpg
import pytest

from contracts.certificates.api import Holder
from contracts.envelopes import Share, Task
from kit.http.wire import Wire
from local_stack import databases, seed
from local_stack.harness import Stack
from local_stack.table import DEPLOYMENTS
from tongban import Citizen, Problem

from .conftest import TODAY, World, until

AREA = "999900"
HOMES_OF_NUMBERS: frozenset[str] = frozenset()
"""Not even identity: there they are sealed, and found by a keyed hash."""
LARGEST_HIT_LIST = 10


def number_of(birthday: str, order: int) -> str:
    """Make a citizen's number of the fictional area. Source: GB 11643, ISO 7064 MOD 11-2."""
    digits = f"{AREA}{birthday}{order:03d}"
    weighted = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(digits))
    return digits + "10X98765432"[weighted % 11]


@dataclass(frozen=True)
class Canary:
    """One value. homes: deployments whose database may hold it."""

    name: str
    value: str
    homes: frozenset[str]


@dataclass
class Cage:
    """Makes values that exist once in the world, and remembers where each may live."""

    canaries: list[Canary] = field(default_factory=list)

    def text(self, name: str, *homes: str, before: str = "", after: str = "") -> str:
        """Make a text."""
        return self._keep(name, f"{before}{secrets.token_hex(6)}{after}", homes)

    def number(self, name: str) -> str:
        """Make a citizen's number, whose home is nowhere."""
        return self._keep(name, number_of(f"19{randrange(60, 99)}0{randrange(1, 10)}1{randrange(10)}", randrange(1000)), ())

    def _keep(self, name: str, value: str, homes: Iterable[str]) -> str:
        assert value not in {one.value for one in self.canaries}
        self.canaries.append(Canary(name, value, frozenset(homes)))
        return value


def dresses(value: str) -> set[bytes]:
    """Give every form in which *value* might be found in bytes."""
    raw = value.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), json.dumps(value)[1:-1].encode(), raw[::-1]}
    found.add(value.encode("utf-16-le"))
    for shift in range(3):  # inside a longer text, base64 begins at any of three places
        text = base64.b64encode(b"\0" * shift + raw)
        inner = text[-(-shift * 8 // 6) : len(text.rstrip(b"=")) - 1]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    for name in ("sha256", "sha1", "md5"):  # whoever knows all numbers can look a plain hash up
        digest = hashlib.new(name, raw, usedforsecurity=False).digest()
        found |= {digest, digest.hex().encode(), base64.b64encode(digest).rstrip(b"=")}
        found.add(base64.urlsafe_b64encode(digest).rstrip(b"="))
    return found


class Search:
    """Looks for all canaries in any bytes."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._dresses = [(canary, dresses(canary.value)) for canary in canaries]

    def hits(self, data: bytes, *, home: str | None = None) -> list[str]:
        """Name the canaries in *data*. home: the deployment that it belongs to; those at home there don't count."""
        return [
            canary.name
            for canary, forms in self._dresses
            if home not in canary.homes and any(form in data for form in forms)
        ]


# ------------------------------------------------------------------------------------------------ the flight
@dataclass(frozen=True)
class People:
    """Who takes part in this run, by persona name and number."""

    owner: str
    cook: str
    waiter: str
    numbers: Mapping[str, str]


def register(stack: Stack, cage: Cage) -> People:
    """Let three people into the sandbox whom nobody has heard of before."""
    bootstrap = seed.Bootstrap(stack.plan.keyring, stack.plan.surroundings)
    mark, numbers = secrets.token_hex(4), {}
    for role in ("owner", "cook", "waiter"):
        numbers[f"{role}-{mark}"] = number = cage.number(f"the {role}'s number")
        bootstrap.post("identity", "/v1/sandbox/personas", {"persona": f"{role}-{mark}", "number": number})
    return People(f"owner-{mark}", f"cook-{mark}", f"waiter-{mark}", numbers)


LICENSING, REGISTERS = "certificates-2", "certificates-1"


async def attest(world: World, cage: Cage, people: People) -> None:
    """Let the registers know a title and the health of two employees."""
    land, health = await world.office("land-registry"), await world.office("health-registry")
    [owner] = await land.resolve([people.numbers[people.owner]])
    # The title's place becomes the licence's: two offices know it, each of its own right.
    title = {
        "holder": cage.text("the title's holder", REGISTERS, before="Lady "),
        "place": cage.text("the title's place", REGISTERS, LICENSING, after=" Canal Street"),
        "use": "restaurant",
        "number": cage.text("the title's number", REGISTERS, before="T-"),
    }
    await land.issue("title", Holder(subject=owner), title, valid_from=TODAY, key=secrets.token_hex(8))
    for who in (people.cook, people.waiter):
        [subject] = await health.resolve([people.numbers[who]])
        fit = {
            "holder": cage.text(f"the name of {who} at the health office", REGISTERS, before="Mister "),
            "result": "fit" if who == people.cook else cage.text("the waiter's result", REGISTERS, before="unfit-"),
            "examinedOn": "2026-11-02",
        }
        await health.issue("staff-health", Holder(subject=subject), fit, valid_from=TODAY, key=secrets.token_hex(8))


async def look_for_strangers(world: World, cage: Cage, owner: Citizen) -> None:
    """Ask about numbers that nobody has: they must not stay anywhere either."""
    tax = await world.office("tax-office")
    assert await tax.resolve([cage.number("a number that an office looked up")]) == [None]
    await owner.handle(cage.number("a number that a citizen turned into a handle"))
    for wrong in (cage.text("a number that is none"), cage.text("another one", before="99990019")):
        with pytest.raises((Problem, ValueError)):
            await owner.handle(wrong)


async def licence(world: World, cage: Cage, people: People) -> None:
    """One case that ends in a licence which is suspended, mended and revoked; one that is refused."""
    owner = await world.citizen(people.owner)
    await look_for_strangers(world, cage, owner)
    name = cage.text("the shop's trade name", "cases", LICENSING, after=" Noodles")
    handle = await owner.handle(people.numbers[people.cook])
    opened = await owner.open_case("food-licence", subjects={"staff": [handle]}, data={"tradeName": name})
    closed = await decide(world, owner, opened.case_id)
    market = await world.office("licensing")
    assert closed.steps[0].certificate_id is not None
    issued = await market.certificate(closed.steps[0].certificate_id, purpose="premises-check")
    number = issued.claims["number"]
    cage.canaries.append(Canary("the licence's number", number, frozenset({LICENSING})))
    standing = await market.suspend(issued.certificate_id, 1, reason=cage.text("why it was suspended", LICENSING))
    standing = await market.reinstate(
        issued.certificate_id, standing.version, reason=cage.text("why it was reinstated", LICENSING)
    )
    await market.revoke(issued.certificate_id, standing.version, reason=cage.text("why it was revoked", LICENSING))
    second = cage.text("the second shop's trade name", "cases", after=" Dumplings")
    handle = await owner.handle(people.numbers[people.waiter])
    refused = await owner.open_case("food-licence", subjects={"staff": [handle]}, data={"tradeName": second})
    await refuse(world, cage, owner, refused.case_id)


async def decide(world: World, owner: Citizen, case_id: str):  # type: ignore[no-untyped-def] # noqa: ANN201
    """Let the licensing program decide, and give the closed case."""
    await world.decide(case_id)
    return await owner.case(case_id)


async def refuse(world: World, cage: Cage, owner: Citizen, case_id: str) -> None:
    """Let a clerk demand something, and then refuse the task in words of his own."""
    market = await world.office("licensing")

    async def task() -> Task | None:
        for delivery in await market.fetch(limit=200):
            opened = await market.open(delivery)
            if isinstance(opened.body, Task) and opened.body.case_id == case_id:
                return opened.body
        return None

    mine = await until(task, "the task")
    with pytest.raises(Problem):
        await market.demand(mine.task_id, "premises-use", cites=cage.text("what a clerk cited", before="P-"))
    await market.refuse(mine.task_id, code="STAFF_NOT_FIT", reason=cage.text("why it was refused", "cases"))
    assert (await owner.case(case_id)).state == "refused"


async def shares_and_receipts(world: World, people: People, cage: Cage) -> None:
    """Wait until the tax office has heard of everything, and until both people can read who looked at them."""
    tax = await world.office("tax-office")
    number = next(one.value for one in cage.canaries if one.name == "the licence's number")
    seen: list[str] = []

    async def all_four() -> bool:
        async for delivery in tax.inbox(once=True):
            body = (await tax.open(delivery)).body
            if isinstance(body, Share):
                seen.append(body.fact)
                if body.presentation is not None:
                    assert tax.verify_offline(body.presentation).claims["number"] == number
        return len(seen) >= 4

    await until(all_four, "the licence's four facts")
    for who in (people.owner, people.cook, people.waiter):
        citizen = await world.citizen(who)

        async def read(citizen: Citizen = citizen) -> bool:
            view = await citizen.all_receipts()
            return bool(view.receipts) and all(one.verified for one in view.receipts)

        await until(read, "verified receipts")


@pytest.fixture(scope="module")
def cage() -> Cage:
    return Cage()


@pytest.fixture(scope="module")
def search(cage: Cage) -> Search:
    return Search(cage.canaries)
