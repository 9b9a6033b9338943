# SPDX-License-Identifier: EUPL-1.2
"""Envelopes reach inboxes once, answers end their requests, and each delivery has its receipt."""

import asyncio
from datetime import timedelta

from contracts.exchange_bus import EvidenceRequest
from contracts.ids import uuid7
from exchange_bus.errors import NotMatched
from kit.db import Answer

from .conftest import HEALTH, LAND, MARKET, NOW, TAX, House, arrived


async def test_an_answer_ends_its_request_and_lies_in_the_inbox(house: House) -> None:
    request = await house.asked()
    answer = arrived("answer", request.request_id, exchange=request.exchange_id, outcome="answered")
    await house.deliver(answer)
    assert (await house.asking.read(MARKET, request.request_id)).state == "answered"
    [delivery] = (await house.delivering.page(MARKET, after=0, limit=10, wait_s=0)).deliveries
    assert (delivery.kind, delivery.envelope) == ("answer", answer.arrived.envelope)
    leaf = (await house.receipts())[-1]
    assert (leaf["side"], leaf["decision"], leaf["envelopeDigest"]) == ("delivery", "released", answer.arrived.digest)
    assert [kind for kind, _, _ in await house.events("evidence.request.v1")] == [
        "evidence.request.waiting.v1",
        "evidence.request.answered.v1",
    ]


async def test_no_match_is_an_empty_delivery_and_a_refused_request(house: House) -> None:
    request = await house.asked()
    await house.deliver(
        arrived("answer", request.request_id, exchange=request.exchange_id, outcome="refused", code="NOT_MATCHED")
    )
    ended = await house.asking.read(MARKET, request.request_id)
    assert (ended.state, ended.code) == ("refused", "NOT_MATCHED")
    assert (await house.receipts())[-1]["decision"] == "empty"


async def test_an_answer_that_its_holder_did_not_send_changes_nothing(house: House) -> None:
    request = await house.asked()
    stranger = arrived(
        "answer", request.request_id, exchange=request.exchange_id, outcome="answered", sender=frozenset({HEALTH})
    )
    await house.deliver(stranger)
    assert (await house.asking.read(MARKET, request.request_id)).state == "waiting"
    assert (await house.delivering.page(MARKET, after=0, limit=10, wait_s=0)).deliveries == []
    assert ("answer-rejected", "NOT_ITS_HOLDERS") in await house.journal()


async def test_an_answer_of_another_exchange_or_to_another_office_changes_nothing(house: House) -> None:
    request = await house.asked()
    await house.deliver(
        arrived("answer", request.request_id, exchange=str(uuid7()), outcome="answered"),
        arrived("answer", request.request_id, exchange=request.exchange_id, outcome="answered", office=TAX),
    )
    assert (await house.asking.read(MARKET, request.request_id)).state == "waiting"


async def test_a_late_answer_is_dropped_with_a_receipt(house: House) -> None:
    request = await house.asked()
    house.now = NOW + timedelta(hours=2)
    await house.closing.expire()
    await house.deliver(arrived("answer", request.request_id, exchange=request.exchange_id, outcome="answered"))
    assert (await house.delivering.page(MARKET, after=0, limit=10, wait_s=0)).deliveries == []
    assert (await house.receipts())[-1]["decision"] == "refused"


async def test_numbers_of_an_inbox_grow_by_one_and_every_office_has_its_own(house: House) -> None:
    shares = [arrived("share", f"s{i}", exchange=str(uuid7()), office=TAX) for i in range(3)]
    await house.deliver(*shares, arrived("task", str(uuid7()), exchange=str(uuid7())))
    tax = (await house.delivering.page(TAX, after=0, limit=10, wait_s=0)).deliveries
    assert [d.seq for d in tax] == [1, 2, 3]
    assert [d.key for d in tax] == ["s0", "s1", "s2"]
    assert [d.seq for d in (await house.delivering.page(MARKET, after=0, limit=10, wait_s=0)).deliveries] == [1]
    assert [d.seq for d in (await house.delivering.page(TAX, after=1, limit=1, wait_s=0)).deliveries] == [2]


async def test_an_acknowledged_delivery_is_gone_and_counts_once(house: House) -> None:
    await house.deliver(arrived("share", "s", exchange=str(uuid7()), office=TAX))
    [delivery] = (await house.delivering.page(TAX, after=0, limit=10, wait_s=0)).deliveries
    foreign = await house.delivering.acknowledge(MARKET, [delivery.delivery_id])
    counts = [await house.delivering.acknowledge(TAX, [delivery.delivery_id]) for _ in range(2)]
    assert [foreign.acknowledged, *(c.acknowledged for c in counts)] == [0, 1, 0]
    assert (await house.delivering.page(TAX, after=0, limit=10, wait_s=0)).deliveries == []
    async with house.db.read() as tx:
        assert await tx.fetchval("SELECT envelope FROM delivery") is None


async def test_a_waiting_office_gets_what_comes_meanwhile(house: House) -> None:
    waiting = asyncio.create_task(house.delivering.page(TAX, after=0, limit=10, wait_s=10))
    await asyncio.sleep(0)
    await house.deliver(arrived("share", "s", exchange=str(uuid7()), office=TAX))
    assert len((await waiting).deliveries) == 1


async def test_a_waiting_asker_gets_the_answer_in_the_same_call(house: House) -> None:
    request = await house.asked()
    stop = asyncio.Event()
    poller = asyncio.create_task(house.waiting.run(stop))
    waiting = asyncio.create_task(house.asking.wait(_answer(request), 10))
    await asyncio.sleep(0)
    answer = arrived("answer", request.request_id, exchange=request.exchange_id, outcome="answered")
    await house.deliver(answer)
    ended = await waiting
    assert ended is not None
    assert (ended.state, ended.envelope) == ("answered", answer.arrived.envelope)
    stop.set()
    await poller


async def test_a_waiting_asker_hears_a_refusal_as_such(house: House) -> None:
    request = await house.asked()
    stop = asyncio.Event()
    poller = asyncio.create_task(house.waiting.run(stop))
    waiting = asyncio.create_task(house.asking.wait(_answer(request), 10))
    await asyncio.sleep(0)
    await house.deliver(
        arrived("answer", request.request_id, exchange=request.exchange_id, outcome="refused", code="NOT_MATCHED")
    )
    [result] = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(result, NotMatched)
    stop.set()
    await poller


async def test_waiters_are_let_go_when_the_process_stops(house: House) -> None:
    request = await house.asked()
    stop = asyncio.Event()
    poller = asyncio.create_task(house.waiting.run(stop))
    waiting = asyncio.create_task(house.asking.wait(_answer(request), 30))
    await asyncio.sleep(0)
    house.stopping.set()
    told = await waiting
    assert told is not None
    assert told.state == "waiting"
    stop.set()
    await poller


def _answer(request: EvidenceRequest) -> Answer:
    return Answer(202, request.wire_bytes(), {})


assert LAND  # the holder whom `asked` asks
