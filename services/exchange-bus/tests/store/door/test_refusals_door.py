# SPDX-License-Identifier: EUPL-1.2
"""Public figures: what an office wanted and the gates refused."""

from collections import Counter
from typing import Any

from contracts.http import Exchange
from contracts.ids import uuid7

from .conftest import LAND, MARKET, STEP, Client, House

PATH = "/v1/public/refusals"


async def demand(client: Client, house: House, **more: Any) -> None:
    wish = {"askedBy": MARKET, "service": "food-licence", "step": STEP, "proves": "premises-right", **more}
    headers = house.service(idempotency_key=str(uuid7()), tongban_exchange=Exchange.new().header())
    await client.post("/v1/proof-demands", json=wish, headers=headers)


async def ask(client: Client, house: House, **more: Any) -> int:
    headers = house.office(idempotency_key=str(uuid7()), tongban_exchange=Exchange.new().header())
    answer = await client.post("/v1/evidence-requests", json=house.ask(**more), headers=headers)
    status: int = answer.status_code
    return status


async def figures(client: Client, office: str) -> dict[str, Any]:
    answer = await client.get(PATH, params={"office": office})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_anybody_reads_what_an_office_was_refused_and_a_recount_gives_the_same(house: House) -> None:
    async with house.client() as client:
        await demand(client, house)
        await demand(client, house)
        await demand(client, house, proves="floor-plan")
        await demand(client, house, proves="floor-plan", cites="P-0201")
        await demand(client, house, proves="who-tore-it")
        await demand(client, house, askedBy=LAND)
        found = await figures(client, MARKET)
    assert found["office"] == MARKET
    assert found["demands"] == {
        "total": 4,
        "byCode": {"HELD_BY_OFFICE": 2, "NO_LEGAL_BASIS": 2},
        "byFact": {"floor-plan": 1, "premises-right": 2, "unlisted": 1},
    }
    rows = await house.rows("SELECT code FROM proof_demand WHERE asked_by = $1 AND code <> 'ACCEPTED'", MARKET)
    assert Counter(row["code"] for row in rows) == found["demands"]["byCode"]


async def test_evidence_that_the_gate_refused_counts_too(house: House) -> None:
    async with house.client() as client:
        assert await ask(client, house, fields=["place", "holder-of-the-neighbour"]) == 403
        assert await ask(client, house, type="diary-of-Zhang-San") == 404
        assert await ask(client, house) == 202
        found = await figures(client, MARKET)
    assert found["requests"] == {
        "total": 2,
        "byCode": {"NO_GRANT": 1, "REFERENCE_UNKNOWN": 1},
        "byFact": {"title": 1, "unlisted": 1},
    }
    assert found["demands"]["total"] == 0


async def test_an_office_that_nobody_knows_was_refused_nothing(house: House) -> None:
    async with house.client() as client:
        found = await figures(client, "91999900000000166H")
        assert (await client.get(PATH)).status_code == 400
        assert (await client.get(PATH, params={"office": "x"})).status_code == 400
    assert found["demands"] == found["requests"] == {"total": 0, "byCode": {}, "byFact": {}}


async def test_the_receipt_of_a_refused_request_says_only_words_that_a_list_knows(house: House) -> None:
    free = "Zhang-San-13800000000"
    async with house.client() as client:
        await ask(client, house, type=free, fields=["place", free], entry=free, purpose=free, release=13_800_000)
        await ask(client, house, predicate=free, fields=None)
        await ask(client, house, fields=["place", free], purpose=free)
    unknown, predicate, fields = await house.receipts()
    assert free not in str([unknown, predicate, fields])
    assert (unknown["purpose"], unknown.get("type"), unknown.get("fields")) == ("unlisted", None, None)
    assert unknown["legalBasis"] == {"kind": "request"}
    assert (predicate["type"], predicate.get("predicate"), predicate["purpose"]) == ("title", None, "premises-check")
    assert (fields["type"], fields["fields"], fields["purpose"]) == ("title", ["place"], "unlisted")
    assert fields["legalBasis"]["entry"] == "P-0204"
