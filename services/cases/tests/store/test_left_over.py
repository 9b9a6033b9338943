# SPDX-License-Identifier: EUPL-1.2
"""Nothing is left over: half-issued tasks, late certificates, shared ones, asks whose time passed unsent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cases import store
from cases.clients import AliasKey
from cases.errors import CaseInputInvalid, Refused
from cases.service import Gathering
from contracts.cases import DemandOnApplicant, TakeOffer
from contracts.exchange_bus import AskEvidence
from contracts.http import Exchange
from kit.errors import Forbidden, Kind, UpstreamError

from .conftest import COOK, OWNER, FakeIdentity, House
from .shop import FIRE, MARKET, SHOP, SIGNS, TAX, Story
from .test_life_events import licensed, story
from .test_taking_back import deem

__all__ = ["story"]


def shop(**changes: dict[str, Any]) -> dict[str, Any]:
    """Give the life event with other rules for some steps, by id."""
    return {**SHOP, "steps": [{**s, **changes.get(s["id"], {})} for s in SHOP["steps"]]}


async def test_what_a_half_decided_task_issued_is_taken_back_with_the_case(house: House) -> None:
    two = [{"type": "food-licence", "to": "business"}, {"type": "shop-sign", "to": "business"}]
    story = Story(house, None)
    story.publish(shop(r4={"issues": two}), **{"shop-sign": [SIGNS, MARKET]})
    case_id = await licensed(story)
    task = await story.task(MARKET, "r4")
    assert [order.type for order in task.issues] == ["food-licence", "shop-sign"]
    first = story.fact(MARKET, task, "food-licence")
    await house.hear(first)
    await story.withdraw(case_id)
    told = (await story.task(MARKET, "r4")).undo
    assert told is not None
    assert told.certificate_ids == [first.certificate_id]


async def test_what_silence_owed_and_came_after_the_withdrawal_is_taken_back(house: House) -> None:
    story = Story(house, shop(r6={"onWithdrawal": "cancel"}))
    case_id = await licensed(story)
    again = await deem(story, SIGNS, "r6")
    await story.withdraw(case_id)
    late = story.fact(SIGNS, again, "shop-sign")
    await house.hear(late)
    await story.run()
    told = (await story.task(SIGNS, "r6")).undo
    assert told is not None
    assert told.certificate_ids == [late.certificate_id]
    await story.end(SIGNS, "shop-sign", late.certificate_id, "04")
    assert (await story.states(case_id))["r6"] == "undone"


async def test_a_certificate_that_ends_ends_for_every_step_that_led_to_it(house: House) -> None:
    story = Story(house, shop(r6={"onWithdrawal": "cancel"}))
    first = await licensed(story)
    [sign] = await story.approve(SIGNS, "r6")
    second = await licensed(story)
    task = await story.task(SIGNS, "r6")
    await house.hear(story.fact(SIGNS, task, "shop-sign", certificateId=sign))
    await story.withdraw(first)
    await story.withdraw(second)
    await story.end(SIGNS, "shop-sign", sign, "04")
    assert [(await story.states(case))["r6"] for case in (first, second)] == ["undone", "undone"]


async def test_a_false_promise_bars_also_who_withdrew_meanwhile(house: House) -> None:
    story = Story(house, shop(r5={"onWithdrawal": "cancel"}))
    case_id = await licensed(story)
    [check] = await story.approve(FIRE, "r5", provisional=True)
    await story.withdraw(case_id)
    await story.end(FIRE, "fire-check", check, "03", provisional=True)
    assert (await story.states(case_id))["r5"] == "undone"
    with pytest.raises(CaseInputInvalid) as refused:
        await story.open()
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/input/promise", "COMMITMENT_BARRED")]


async def test_a_promise_that_was_checked_and_held_bars_nobody_later(story: Story) -> None:
    case_id = await licensed(story)
    [check] = await story.approve(FIRE, "r5", provisional=True)
    await story.end(FIRE, "fire-check", check, "03", provisional=False)
    assert (await story.states(case_id))["r5"] == "done"
    assert await story.open()


async def test_a_step_that_nobody_can_get_takes_with_it_what_its_refusal_takes(house: House) -> None:
    issues = [{"type": "staff-health", "to": "staff"}]
    story = Story(house, None)
    event = {**shop(r4={"needs": []}, r6={"issues": issues, "onRefusal": "all"})}
    story.publish({**event, "subjects": {**SHOP["subjects"], "staff": "person"}}, **{"staff-health": [SIGNS]})
    house.identity.known.discard(COOK)
    case_id = await licensed(story)
    assert (await story.step(case_id, "r6")).code == "SUBJECT_UNKNOWN"
    assert (await house.view(case_id)).state == "refused"
    assert (await story.step(case_id, "r4")).code == "SUBJECT_UNKNOWN"


async def test_an_ask_whose_time_passed_before_it_could_be_sent_is_asked_anew(story: Story) -> None:
    house = story.house
    case_id = await story.open()
    await house.gathering.prepare_steps()
    house.now += timedelta(hours=3)
    house.bus.refusal = Refused(UpstreamError(Kind.INVALID, "CLOCKS_DONT_FIT"))
    await house.gathering.send_asks()
    house.bus.refusal = None
    await story.run()
    asks = [AskEvidence.model_validate_json(body) for body, _ in house.bus.asks.values()]
    assert sorted(ask.type for ask in asks) == ["citizen", "title"]
    assert all(ask.deadline > house.now for ask in asks)
    assert {need.outcome for need in (await story.task(MARKET, "r1")).needs} == {"answered"}
    assert (await story.states(case_id))["r1"] == "tasked"


async def test_an_ask_whose_time_does_not_fit_at_all_is_refused_for_good(story: Story) -> None:
    house = story.house
    await story.open()
    await house.gathering.prepare_steps()
    house.bus.refusal = Refused(UpstreamError(Kind.INVALID, "CLOCKS_DONT_FIT"))
    await story.run()
    assert {need.code for need in (await story.task(MARKET, "r1")).needs} == {"CLOCKS_DONT_FIT"}


async def test_a_yes_is_not_lost_to_a_worker_that_looked_before_it(story: Story) -> None:
    case_id = await licensed(story)
    async with story.house.db.read() as tx:
        offered = next(s for s in await store.steps_of_case(tx, case_id) if s.name == "o1")
    seen = replace(offered, state="waiting")  # what another worker read before the offer was made
    yes = TakeOffer(accept=True)
    await story.house.applying.take_offer(OWNER, case_id, "o1", yes, story.idem())
    assert await story.house.gathering._change(seen, replace(seen, state="offered")) == 0
    assert (await story.states(case_id))["o1"] == "waiting"


class Choosy(FakeIdentity):
    """Mints nothing for one office."""

    async def aliases(self, subject: str, to: Sequence[AliasKey]) -> Mapping[AliasKey, str]:
        if any(party == TAX for party, _ in to):
            raise Forbidden
        return await super().aliases(subject, to)


async def test_a_step_that_is_held_up_for_good_holds_up_no_other_of_its_case(story: Story) -> None:
    house = story.house
    house.gathering = Gathering(replace(house.parts, identity=Choosy(house.keys)))
    case_id = await licensed(story)
    assert await story.states(case_id) == {
        "r1": "done", "r3": "waiting,tasked", "r4": "tasked", "r5": "tasked", "r6": "tasked", "r7": "skipped",
        "r8": "waiting", "o1": "offered",
    }  # fmt: skip


@pytest.mark.parametrize(("code", "counted"), [("HELD_BY_OFFICE", 1), ("CONTEXT_MISMATCH", 0)])
async def test_only_what_the_proof_gate_refuses_is_a_demand_refused(story: Story, code: str, counted: int) -> None:
    case_id = await licensed(story)
    task, wish = await story.task(MARKET, "r4"), DemandOnApplicant(proves="title")
    story.house.bus.refusal = Refused(UpstreamError(Kind.INVALID, code))
    with pytest.raises(Refused):
        await story.house.deciding.demand(MARKET, task.task_id, wish, story.idem(MARKET), Exchange.new())
    assert (await story.house.view(case_id)).report.demands_refused == counted
