# SPDX-License-Identifier: EUPL-1.2
"""Two workers, and two people who do things at one moment: each thing happens once, and no case is torn."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest

from cases.errors import CaseInputInvalid, CaseNotOpen, OfferNotOpen, TaskNotOpen
from cases.service import Gathering, Sealing
from contracts.cases import RefuseTask
from kit.errors import ServiceError

from .conftest import OWNER, House
from .shop import MARKET, NOODLES, SHOP, SIGNS, TAX, Story
from .test_life_events import licensed, story

__all__ = ["story"]
NO = RefuseTask(code="NO", reason="No.")


async def at_once(*deeds: Coroutine[Any, Any, object]) -> list[object]:
    """Do all at one moment; gives what each gave, or the refusal that it met."""
    found = await asyncio.gather(*deeds, return_exceptions=True)
    assert not [one for one in found if isinstance(one, Exception) and not isinstance(one, ServiceError)]
    return list(found)


@pytest.fixture
def others(house: House) -> tuple[Gathering, Sealing]:
    """Another worker of the same deployment."""
    return Gathering(house.parts), Sealing(house.parts)


async def test_two_workers_start_ask_and_seal_each_thing_once(story: Story, others: tuple[Gathering, Sealing]) -> None:
    story.refusing = lambda ask: "NOT_MATCHED" if ask.type == "title" else None
    house, (gathering, sealing) = story.house, others
    cases = [await story.open() for _ in range(4)]
    for _ in range(3):
        await at_once(house.gathering.prepare_steps(), gathering.prepare_steps())
        await at_once(house.gathering.send_asks(), gathering.send_asks())
        await story.answer()
        await at_once(house.gathering.ask_next(), gathering.ask_next())
        await at_once(house.sealing.seal_tasks(), sealing.seal_tasks())
    tasks = Counter(task.case_id for _, task in await story.envelopes(MARKET))
    assert tasks == dict.fromkeys(cases, 1)
    asked = [leaf["type"] for leaf in await house.receipts() if leaf["decision"] == "pending"]
    assert Counter(asked) == {"citizen": 4, "title": 4, "lease": 4}


async def test_of_a_withdrawal_and_a_decision_at_one_moment_the_later_is_refused(story: Story) -> None:
    case_id = await licensed(story)
    task = await story.task(SIGNS, "r6")
    refusal = story.house.deciding.refuse(SIGNS, task.task_id, NO, story.idem(SIGNS))
    await at_once(refusal, story.withdraw(case_id))
    view, states = await story.house.view(case_id), await story.states(case_id)
    assert view.state == "withdrawn"
    assert states["r6"] in ("refused", "cancelled")
    assert [k for k, _, _ in await story.house.events("cases.case.v1")].count("cases.case.closed.v1") == 1


async def test_a_task_is_decided_once_however_many_decide_at_one_moment(story: Story) -> None:
    await licensed(story)
    task = await story.task(SIGNS, "r6")
    deeds = [story.house.deciding.refuse(SIGNS, task.task_id, NO, story.idem(SIGNS)) for _ in range(4)]
    found = await at_once(*deeds)
    assert Counter(type(one) for one in found)[TaskNotOpen] == 3


async def test_an_offer_is_answered_once(story: Story) -> None:
    case_id = await licensed(story)
    found = await at_once(*(story.take(case_id, "o1", accept=yes) for yes in (True, False, True)))
    assert Counter(type(one) for one in found)[OfferNotOpen] == 2


async def test_a_case_is_withdrawn_once(story: Story) -> None:
    case_id = await licensed(story)
    found = await at_once(*(story.withdraw(case_id) for _ in range(3)))
    assert Counter(type(one) for one in found)[CaseNotOpen] == 2


async def test_facts_of_one_case_that_come_together_count_each(story: Story) -> None:
    case_id = await licensed(story)
    sign, tax = await story.task(SIGNS, "r6"), await story.task(TAX, "r3")
    facts = [story.fact(SIGNS, sign, "shop-sign"), story.fact(TAX, tax, "tax-registration")]
    await at_once(*(story.house.hear(fact) for fact in [*facts, *facts]))
    states = await story.states(case_id)
    assert (states["r6"], states["r3"]) == ("done", "done,tasked")
    done = [seq for _, seq, _ in await story.house.events("cases.step.v1")]
    assert sorted(done) == list(range(1, len(done) + 1))


async def test_an_application_for_nothing_is_refused(house: House) -> None:
    story = Story(house, {**SHOP, "steps": SHOP["steps"][:1], "input": SHOP["input"][:1]})
    wish = story.wish(organisations={"business": NOODLES}, input={"tradeName": "Noodles"})
    with pytest.raises(CaseInputInvalid) as refused:
        await house.opening.open(OWNER, wish, story.idem())
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/services", "NOTHING_TO_DO")]
