# SPDX-License-Identifier: EUPL-1.2
"""What an office wants of the applicant: what the case has is never asked for again."""

from contracts.cases import DemandOnApplicant
from contracts.http import Exchange
from kit.db import Idem

from .conftest import MARKET, House


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
