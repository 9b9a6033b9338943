# SPDX-License-Identifier: EUPL-1.2
"""A step goes back while something is asked for it: exchange-bus is told, so that nothing goes for nothing."""

import json
from typing import Any

import pytest

from contracts.exchange_bus import EvidenceRequest
from contracts.http import Exchange

from .conftest import House
from .shop import MARKET, TAX, Story
from .test_reopening import RENEWED, done, reopen, task_of

LEFT = "cases.asks.withdrawn.v1"


async def under_way(house: House) -> tuple[Story, str]:
    """Give a case in which step b is with its clerk, and c is about to ask."""
    shop = Story(house, RENEWED)
    case_id = await shop.open(subjects={}, input={}, lifeEvent="renew")
    await shop.run()
    await done(shop, MARKET, "a", run=False)
    await house.gathering.prepare_steps()
    await house.sealing.seal_tasks()
    return shop, case_id


async def left(house: House) -> list[tuple[int, dict[str, Any]]]:
    """Give (keyseq, body) of what was left, and hold the numbers of all facts to their order."""
    facts = await house.events("cases.case.v1")
    assert [keyseq for _, keyseq, _ in facts] == list(range(1, len(facts) + 1))
    return [(keyseq, json.loads(body)) for kind, keyseq, body in facts if kind == LEFT]


async def test_what_is_asked_for_a_step_that_goes_back_is_withdrawn_in_the_same_commit(house: House) -> None:
    shop, case_id = await under_way(house)
    await house.gathering.send_asks()
    [(_, exchange)] = house.bus.asks.values()
    await reopen(shop, await task_of(shop, MARKET, "b"), "a", MARKET)
    assert await left(house) == [(2, {"caseId": case_id, "exchangeIds": [exchange.exchange_id]})]
    said = house.bus.state(next(iter(house.bus.asks)), "withdrawn", "CASE_NOT_LIVE")
    async with house.db.transaction() as tx:
        await house.gathering.on_request_states(tx, [said])
    assert (await shop.states(case_id))["c"] == "waiting"
    await shop.run()
    await done(shop, MARKET, "a")
    [need] = (await task_of(shop, TAX, "c")).needs
    assert need.outcome == "answered"
    assert len(await left(house)) == 1


async def test_where_nothing_waits_for_an_answer_nothing_is_withdrawn(house: House) -> None:
    shop, case_id = await under_way(house)
    await shop.run()  # all is answered
    await reopen(shop, await task_of(shop, MARKET, "b"), "a", MARKET)
    await shop.withdraw(case_id)
    assert await left(house) == []


async def test_an_ask_on_its_way_while_its_step_goes_back_is_withdrawn_once_it_is_there(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, case_id = await under_way(house)
    task, ask = await task_of(shop, MARKET, "b"), house.bus.ask

    async def meanwhile(body: bytes, ask_id: str, exchange: Exchange) -> EvidenceRequest:
        taken = await ask(body, ask_id, exchange)
        await reopen(shop, task, "a", MARKET)
        assert await left(house) == []  # what exchange-bus may not have can't be withdrawn there
        return taken

    monkeypatch.setattr(house.bus, "ask", meanwhile)
    await house.gathering.send_asks()
    [(_, exchange)] = house.bus.asks.values()
    assert await left(house) == [(2, {"caseId": case_id, "exchangeIds": [exchange.exchange_id]})]
