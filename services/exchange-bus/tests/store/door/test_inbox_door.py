# SPDX-License-Identifier: EUPL-1.2
"""What arrives for an office: delivered once, in order, with a receipt; kept until the office says that it has it."""

import asyncio
from typing import Any

import pytest

from contracts import topics
from contracts.ids import uuid7
from kit import envelopes
from kit.errors import Unavailable

from .conftest import HEALTH, MARKET, TAX, Client, House

INBOX, ACKS = "/v1/inbox", "/v1/inbox/acknowledgements"


async def pull(client: Client, house: House, system: str = "licensing", **query: int) -> list[dict[str, Any]]:
    answer = await client.get(INBOX, params=query, headers=house.office(system))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["deliveries"]
    return found


async def acknowledge(client: Client, house: House, ids: list[str], system: str = "licensing") -> int:
    answer = await client.post(ACKS, json={"deliveryIds": ids}, headers=house.office(system))
    assert answer.status_code == 200, answer.text
    count: int = answer.json()["acknowledged"]
    return count


async def test_an_answer_ends_its_request_and_lands_in_the_inbox(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client)
        arrived = house.answer(request)
        assert await house.hear(house.envelopes, arrived) == []
        [delivery] = await pull(client, house)
        state = await client.get(f"/v1/evidence-requests/{request['requestId']}", headers=house.office())
    assert state.json()["state"] == "answered"
    assert (delivery["kind"], delivery["key"], delivery["seq"]) == ("answer", request["requestId"], 1)
    assert delivery["envelope"].encode() == arrived.data
    assert delivery["attributes"]["outcome"] == "answered"
    kinds = [(kind, keyseq) for kind, keyseq, _ in await house.events(topics.EVIDENCE_REQUEST)]
    assert kinds == [("evidence.request.waiting.v1", 1), ("evidence.request.answered.v1", 2)]
    leaf = (await house.receipts())[-1]
    assert (leaf["side"], leaf["decision"], leaf["exchangeId"]) == ("delivery", "released", request["exchangeId"])
    assert leaf["envelopeDigest"] == envelopes.digest(delivery["envelope"])
    assert await house.journal() == [("request-sent", None), ("answer-received", None)]


async def test_no_match_is_delivered_as_empty_and_a_refusal_as_refused(house: House) -> None:
    async with house.client() as client:
        for code in ("NOT_MATCHED", "EVIDENCE_TIMEOUT"):
            await house.hear(house.envelopes, house.answer(await house.asked(client), code=code))
    leaves = [leaf for leaf in await house.receipts() if leaf["side"] == "delivery"]
    assert [(leaf["decision"], leaf.get("code")) for leaf in leaves] == [
        ("empty", None),
        ("refused", "EVIDENCE_TIMEOUT"),
    ]


async def test_an_answer_after_the_deadline_is_dropped_with_a_receipt(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client)
        house.later(minutes=6)
        assert await house.uses.closing.expire() == 1
        await house.hear(house.envelopes, house.answer(request))
        assert await pull(client, house) == []
    leaf = (await house.receipts())[-1]
    assert (leaf["side"], leaf["decision"], leaf["code"]) == ("delivery", "refused", "EVIDENCE_TIMEOUT")
    assert (await house.journal())[-1] == ("answer-rejected", "EVIDENCE_TIMEOUT")


async def test_only_the_holder_can_answer_and_only_in_the_requests_exchange(house: House) -> None:
    async with house.client() as client:
        request = await house.asked(client)
        await house.hear(
            house.envelopes,
            house.answer(request, sender="certificates-2"),
            house.answer({**request, "exchangeId": str(uuid7())}),
            house.answer(request, office=TAX),
            house.answer({**request, "requestId": str(uuid7())}),
        )
        assert await pull(client, house) == []
        assert await pull(client, house, "tax-office") == []
    assert [row for row in await house.journal() if row[0] == "answer-rejected"] == [
        ("answer-rejected", "NOT_ITS_HOLDERS")
    ] * 4
    [row] = await house.rows("SELECT state FROM evidence_request")
    assert row["state"] == "waiting"


async def test_a_share_is_delivered_under_its_grant(house: House) -> None:
    share = house.envelope("share", "s" * 43, office=TAX, sender="certificates-2", grantid="G-0902")
    async with house.client() as client:
        await house.hear(house.envelopes, share)
        [delivery] = await pull(client, house, "tax-office")
    assert delivery["kind"] == "share"
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["purpose"], leaf["provider"]) == (
        "delivery",
        "released",
        "tax-registration",
        MARKET,
    )
    assert (leaf["legalBasis"]["grantId"], leaf["fields"]) == ("G-0902", ["number", "place"])


async def test_a_task_is_delivered_with_a_receipt(house: House) -> None:
    task = house.envelope("task", str(uuid7()), sender="cases", caseid=str(uuid7()))
    async with house.client() as client:
        await house.hear(house.envelopes, task)
        [delivery] = await pull(client, house)
    assert (delivery["kind"], delivery["attributes"]["caseid"]) == ("task", task.attributes["caseid"])
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["purpose"]) == ("delivery", "released", "task")


async def test_envelopes_of_the_wrong_sender_or_form_are_parked(house: House) -> None:
    key = str(uuid7())
    wrong = [
        (house.envelope("task", key), "ROLE_WRONG"),
        (house.envelope("share", key, sender="cases"), "ROLE_WRONG"),
        (house.envelope("ask", key, sender="exchange-bus"), "KIND_UNEXPECTED"),
        (house.envelope("letter", key), "KIND_UNEXPECTED"),
    ]
    good = house.envelope("task", key, sender="cases")
    plain = house.record(good.topic, key, good.type, b'{"name": "Ann"}', sender="cases", attributes=good.attributes)
    lonely = house.record(good.topic, key, good.type, good.data, sender="cases")
    for record, reason in [*wrong, (plain, "NOT_SEALED"), (lonely, "NO_EXCHANGE")]:
        assert await house.hear(house.envelopes, record) == [reason]


async def test_numbers_grow_per_office_and_the_oldest_come_first(house: House) -> None:
    batch = [house.envelope("task", str(uuid7()), office=office, sender="cases") for office in (MARKET, TAX, MARKET)]
    async with house.client() as client:
        await house.hear(house.envelopes, *batch)
        await house.hear(house.envelopes, house.envelope("task", str(uuid7()), sender="cases"))
        assert [one["seq"] for one in await pull(client, house)] == [1, 2, 3]
        assert [one["seq"] for one in await pull(client, house, "tax-office")] == [1]
        assert [one["seq"] for one in await pull(client, house, after=1, limit=1)] == [2]


async def test_acknowledged_deliveries_are_gone_and_their_bodies_with_them(house: House) -> None:
    async with house.client() as client:
        await house.hear(house.envelopes, *(house.envelope("task", str(uuid7()), sender="cases") for _ in range(2)))
        first, second = await pull(client, house)
        assert await acknowledge(client, house, [first["deliveryId"]]) == 1
        assert await acknowledge(client, house, [first["deliveryId"], str(uuid7())]) == 0
        assert [one["deliveryId"] for one in await pull(client, house)] == [second["deliveryId"]]
    kept = await house.rows("SELECT envelope, digest FROM delivery ORDER BY seq")
    assert [row["envelope"] is None for row in kept] == [True, False]
    assert kept[0]["digest"] == envelopes.digest(first["envelope"])
    assert ("evidence-delivered", None) in await house.journal()


async def test_nobody_acknowledges_for_another_office(house: House) -> None:
    async with house.client() as client:
        await house.hear(house.envelopes, house.envelope("task", str(uuid7()), sender="cases"))
        [delivery] = await pull(client, house)
        assert await acknowledge(client, house, [delivery["deliveryId"]], "tax-office") == 0
        assert len(await pull(client, house)) == 1


async def test_a_page_holds_what_fits_and_always_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [house.envelope("task", str(uuid7()), sender="cases", size=3_000) for _ in range(4)]
    async with house.client() as client:
        await house.hear(house.envelopes, *tasks)
        monkeypatch.setattr("exchange_bus.store.inbox.PAGE_BYTES", 10_000)
        assert [one["seq"] for one in await pull(client, house)] == [1, 2]
        monkeypatch.setattr("exchange_bus.store.inbox.PAGE_BYTES", 1)
        assert [one["seq"] for one in await pull(client, house, after=2)] == [3]


async def test_a_long_poll_wakes_when_something_arrives(house: House) -> None:
    async with house.client() as client:
        polling = asyncio.create_task(pull(client, house, wait=8))
        await asyncio.sleep(0)
        await house.hear(house.envelopes, house.envelope("task", str(uuid7()), sender="cases"))
        found = await asyncio.wait_for(polling, 5)
    assert [one["kind"] for one in found] == ["task"]


async def test_an_empty_inbox_answers_empty(house: House) -> None:
    async with house.client() as client:
        assert await pull(client, house) == []


async def test_a_citizen_has_no_inbox_here(house: House) -> None:
    async with house.client() as client:
        answer = await client.get(INBOX, headers=house.service())
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_records_wait_while_the_registry_is_not_loaded(house: House) -> None:
    house.systems_table.ready = False
    record = house.envelope("task", str(uuid7()), office=HEALTH, sender="cases")
    for handler in (house.envelopes, house.holdings, house.closed_cases):
        with pytest.raises(Unavailable):
            await handler.prepare([record])
