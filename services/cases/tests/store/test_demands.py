# SPDX-License-Identifier: EUPL-1.2
"""What an office wants of the applicant: what the case has is never asked for again."""

import pytest

from contracts.cases import DemandOnApplicant
from contracts.catalogue import LifeEvent
from contracts.http import Exchange
from kit import proof_gate
from kit.db import Idem

from .conftest import MARKET, NOW, OWNER, House
from .shop import Story
from .test_every_life_event import application


async def demanded(house: House, fact: str) -> list[str]:
    """Have market regulation demand a fact in the case's one task; gives what cases says that the case has."""
    async with house.db.read() as tx:
        task_id = str(await tx.fetchval("SELECT task_id FROM step"))
    said = DemandOnApplicant(proves=fact)
    await house.deciding.demand(MARKET, task_id, said, Idem("system:licensing", fact, b"f"), Exchange.new())
    return list(house.bus.demands[-1].case_has)


async def test_the_gate_hears_what_evidence_said_and_what_the_applicant_gave(house: House) -> None:
    await house.open()
    await house.gathering.prepare_steps()
    await house.gathering.send_asks()
    await house.answer_all()
    await house.sealing.seal_tasks()
    assert await demanded(house, "food-training") == ["premises-right", "staff-fit-for-food", "trade-name"]


async def test_what_nobody_answered_the_case_does_not_have(house: House) -> None:
    await house.open()
    await house.gathering.prepare_steps()
    await house.gathering.send_asks()
    await house.answer_all("refused", "NOT_MATCHED")
    await house.sealing.seal_tasks()
    assert await demanded(house, "food-training") == ["trade-name"]


@pytest.mark.parametrize(("fact", "entry"), [("trade-name", "P-0213"), ("business-scope", "P-0214")])
async def test_what_the_form_of_a_restaurant_states_is_not_asked_for_again(house: House, fact: str, entry: str) -> None:
    story, event = Story(house, None), house.catalogue.life_event("open-restaurant", NOW.date())
    assert isinstance(event, LifeEvent)
    await house.opening.open(OWNER, application(house, event), story.idem())
    await story.run()
    [task] = [t for _, t in await story.envelopes(MARKET) if t.step == "open-restaurant/r1"]
    said = DemandOnApplicant(proves=fact, cites=entry)
    await house.deciding.demand(MARKET, task.task_id, said, story.idem(MARKET), Exchange.new())
    demand = proof_gate.Demand.of(house.bus.demands[-1])
    assert proof_gate.judge(house.catalogue, demand, NOW.date()).code == "REPEATED_IN_CASE"
