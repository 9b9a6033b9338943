# SPDX-License-Identifier: EUPL-1.2
"""Part 5: asking for evidence with `Prefer: wait`, at a steady rate whatever the answers do.

Nobody but cases can write a case proof, so the bench asks with the keys of cases: the same aliases, proof and body
that a case would have, straight at exchange-bus, one case each. The way of an ask: gate, commit, Kafka, holder's gate,
signature and seal, commit, Kafka, delivery, commit; with receipts in each commit.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bench import people
from bench.bare_hops import Hops
from bench.crypto import STEP, case_proof
from bench.load import MISSED, Work, closed_loop, open_loop, quantile
from bench.machine import Used
from bench.report import Row, median_row
from bench.world import LAND, MARKET, BenchFailedError, World, expect, post, until
from contracts import http as headers_of
from contracts.certificates.api import Holder
from contracts.envelopes import LegalBasis
from contracts.exchange_bus import AskEvidence, EvidenceRequest, ExplicitRequest, PersonSubject, Subject
from contracts.http import Exchange
from contracts.identity import Aliases, MintAliases
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from kit import aliases
from kit.http.wire import Wire
from kit.jose import PublicKey

RATES = (20.0, 50.0)
AIM = "100 ms"
WAIT_S = 10
PEOPLE = 64
AT_ONCE, MOST_PER_S = 32, 400
SHARES = (0.5, 0.95, 0.99)
PATH = "/v1/evidence-requests"


@dataclass(frozen=True)
class Person:
    """Aliases of one person as cases keeps them, and the keys to wrap them anew for each use. By party."""

    kept: Mapping[str, str]
    keys: Mapping[str, PublicKey]

    def fresh(self) -> dict[str, str]:
        """Aliases for one use."""
        return {party: aliases.wrap(self.keys[party], party, alias) for party, alias in self.kept.items()}


async def rows(world: World, rounds: int, seconds: float) -> list[Row]:
    """At each rate, floor and ours in turn."""
    async with AsyncExitStack() as exits:
        wire = Wire(world.stack.url("exchange-bus"))
        exits.push_async_callback(wire.close)
        persons, release = await prepare(world, PEOPLE)
        hops = await exits.enter_async_context(Hops(world.stack.kafka_bootstrap, await world.database("certificates")))
        await open_loop(asks(world, wire, persons, release, 20), 20.0)
        took: dict[tuple[str, float], list[list[float]]] = {}
        used: dict[float, Used] = {}
        full: dict[str, list[float]] = {"bare": [], "ours": []}
        for _ in range(rounds):
            for rate in RATES:
                count = int(rate * seconds)
                took.setdefault(("bare", rate), []).append(await open_loop([hops.pass_through] * count, rate))
                works = asks(world, wire, persons, release, count)
                with world.meter.measured() as taken:
                    took.setdefault(("ours", rate), []).append(await open_loop(works, rate))
                taken.operations = count
                used[rate] = taken
            full["bare"].append(await closed_loop(hops.pass_through, AT_ONCE, seconds / 3) / (seconds / 3))
            more = iter(asks(world, wire, persons, release, int(MOST_PER_S * seconds / 3)))
            with world.meter.measured() as taken:
                taken.operations = await closed_loop(lambda more=more: next(more)(), AT_ONCE, seconds / 3)  # type: ignore[misc]
            full["ours"].append(taken.operations / taken.seconds)
            used[0] = taken
        return [*(_row(rate, share, took, used[rate]) for rate in RATES for share in SHARES), _full_row(full, used[0])]


def _full_row(full: Mapping[str, list[float]], used: Used) -> Row:
    floors = sorted(full["bare"])
    return median_row(
        *("evidence", f"waiting asks, {AT_ONCE} at once", full["ours"], "/s"),
        floor=floors[len(floors) // 2],
        floor_name="/s 3 commits, 2 hops",
        cpu=used.per(),
        others=used.others,
    )


def _row(rate: float, share: float, took: Mapping[tuple[str, float], list[list[float]]], used: Used) -> Row:
    floors = sorted(quantile(values, share) for values in took["bare", rate])
    first = share == 0.5
    return median_row(
        *("evidence", f"waiting ask at {rate:g}/s, p{share * 100:.0f}"),
        [quantile(values, share) for values in took["ours", rate]],
        "ms",
        floor=floors[len(floors) // 2],
        floor_name="ms 3 commits, 2 hops",
        aim=AIM if (rate, share) == (20.0, 0.95) else "",
        cpu=used.per() if first else "",
        others=used.others if first else None,
    )


async def prepare(world: World, count: int) -> tuple[list[Person], int]:
    """Give *count* people a title each, known to the directory, and fetch aliases as cases does; and the release."""
    known = await people.register(world, count)
    async with world.office("land-registry") as land:
        today = datetime.now(UTC).date()
        for (persona, _), subject in zip(known, await land.resolve([number for _, number in known]), strict=True):
            claims = {"holder": "self", "place": "7 Canal Street", "use": "shop", "number": persona}
            await land.issue("title", Holder(subject=subject), claims, valid_from=today, key=persona)
    await world.quiet()

    async def listed() -> bool:
        [row] = await world.query("exchange-bus", "SELECT count(*) AS n FROM holding WHERE type = 'title'")
        return bool(row["n"] >= count)

    await until(listed, "the titles to be in the directory")
    [row] = await world.query("exchange-bus", "SELECT max(release) AS release FROM catalogue_release")
    return await _people(world, [persona for persona, _ in known]), int(row["release"])


async def _people(world: World, personas: Sequence[str]) -> list[Person]:
    keys = {
        PLATFORM: world.key("cases", "platform.jwk").public,
        LAND: world.key("certificates-1", f"answering-{LAND}.jwk").public,
    }
    wire, found = Wire(world.stack.url("identity")), []
    for pseudonym in await people.platform_pseudonyms(world, personas):
        wish = MintAliases.model_validate(
            {"from": PLATFORM, "subject": pseudonym, "to": [{"party": PLATFORM}, {"party": LAND}]}
        )
        said = {"authorization": f"Bearer {world.cases.assertion('identity')}"}
        answer = expect(await post(wire, "/v1/aliases", wish.wire_bytes(), said), 200, 201)
        minted = Aliases.model_validate_json(answer.body)
        found.append(Person({one.party: one.alias for one in minted.aliases}, keys))
    await wire.close()
    return found


def asks(world: World, wire: Wire, persons: Sequence[Person], release: int, count: int) -> list[Work]:
    """So many asks, laid out before the clock runs: aliases and proofs are made by cases' job, not by the caller."""
    return [_ask(world, wire, _body(world, persons[i % len(persons)], release)) for i in range(count)]


def _ask(world: World, wire: Wire, body: bytes) -> Work:
    key, exchange = str(uuid4()), Exchange.new().header()

    async def ask() -> object:
        headers = {
            "authorization": f"Bearer {world.cases.assertion('exchange-bus')}",
            headers_of.IDEMPOTENCY_KEY: key,
            headers_of.EXCHANGE: exchange,
            headers_of.DEADLINE: str((WAIT_S + 5) * 1000),
            "prefer": f"wait={WAIT_S}",
        }
        answer = expect(await post(wire, PATH, body, headers), 200, 202, 503, 504)
        if answer.status != 200:  # overloaded: nobody waits for a holder who was seen away just now
            return MISSED
        if EvidenceRequest.model_validate_json(answer.body).envelope is None:
            raise BenchFailedError("an answer came without its envelope")
        return None

    return ask


def _body(world: World, person: Person, release: int) -> bytes:
    now, case_id, alias = datetime.now(UTC), str(uuid7()), person.fresh()
    return AskEvidence(
        case_id=case_id,
        step=STEP,
        case_proof=case_proof(world.key("cases"), "cases", case_id, alias, now),
        entry="P-0204",
        release=release,
        type="title",
        type_version=1,
        fields=["holder", "place", "use"],
        subject=Subject(person=PersonSubject(platform=alias[PLATFORM], holders={LAND: alias[LAND]})),
        purpose="premises-check",
        legal_basis=LegalBasis(kind="request"),
        explicit_request=ExplicitRequest(at=now, text_version="2026-11", session_assurance="low"),
        asker=MARKET,
        deadline=now + timedelta(hours=1),
    ).wire_bytes()
