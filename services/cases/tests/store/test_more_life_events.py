# SPDX-License-Identifier: EUPL-1.2
"""Marriage and moving house run as their files say: two people, offers, new versions, three tasks of one step."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cases import store
from cases.errors import TaskNotOpen
from cases.service import write_moves
from contracts.cases import CompleteTask
from contracts.catalogue import Catalogue
from contracts.catalogue.check import check
from contracts.envelopes import Task
from contracts.exchange_bus import AskEvidence
from tongban.catalogue_files import load_entries

from .conftest import COOK, NOW, House
from .shop import Story

ROOT = Path(__file__).parents[4]
POLICE, CIVIL = "119999000000000273", "119999000000000198"
NEIGHBOUR, TAX, FUND = "11999900000000238J", "119999000000000941", "129999000000001239"
MEDICAL = "11999900000000043Q"
WATER, POWER, GAS = "91999900000000166H", "91999900000000174C", "919999000000001827"
MARRIAGE: dict[str, Any] = {
    "lifeEvent": "marriage",
    "input": {"presence": True, "declarationOfBoth": True, "signaturesOfBoth": True},
}
MOVE: dict[str, Any] = {"lifeEvent": "move-home", "subjects": {}, "input": {"newAddress": "3 Lake Road, Lakeside"}}


class DemoStory(Story):
    """Cases of the demo country's own life events; nobody is married, by any register."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        entries, faults = check(load_entries(ROOT / "catalogue"), test_area=True)
        assert faults == []
        house.catalogue = Catalogue(house.catalogue.release + 1, entries)
        self.refusing = lambda ask: "NOT_MATCHED" if ask.type in ("marriage", "judgment") else None

    async def task(self, office: str, step: str) -> Task:
        return [t for _, t in await self.envelopes(office) if t.step.endswith(f"/{step}")][-1]

    async def complete(self, office: str, step: str) -> None:
        """Say that a step without a certificate is done."""
        task = await self.task(office, step)
        await self.house.deciding.complete(office, task.task_id, CompleteTask(), self.idem(office))
        await self.run()

    async def amended(self, office: str, step: str) -> None:
        """Hand out new versions of what the task orders."""
        task = await self.task(office, step)
        assert all(order.amends for order in task.issues)
        for order in task.issues:
            fact = self.fact(office, task, order.type, version=2)
            await self.house.hear(fact, "amended")
        await self.run()

    def asks(self) -> list[AskEvidence]:
        return [AskEvidence.model_validate_json(body) for body, _ in self.house.bus.asks.values()]


@pytest.fixture
def story(house: House) -> DemoStory:
    return DemoStory(house)


async def married(story: DemoStory) -> str:
    """Give a case in which both are just married."""
    case_id = await story.open(**MARRIAGE, subjects={"other": [story.house.handle(COOK)]})
    await story.run()
    await story.complete(POLICE, "m1")
    await story.complete(CIVIL, "m2")
    story.refusing = lambda _: None
    await story.approve(CIVIL, "m3")
    return case_id


async def test_two_marry_without_a_paper_and_each_has_a_certificate(story: DemoStory) -> None:
    case_id = await married(story)
    states = await story.states(case_id)
    assert {states[name] for name in ("m1", "m2", "m3")} == {"done"}
    assert (await story.house.view(case_id)).report.uploads == 0
    orders = (await story.task(CIVIL, "m3")).issues
    assert [(order.type, order.to) for order in orders] == [("marriage", "one"), ("marriage", "other")]
    assert orders[0].holder != orders[1].holder


async def test_that_nobody_is_married_is_an_answer_and_no_obstacle(story: DemoStory) -> None:
    await story.open(**MARRIAGE, subjects={"other": [story.house.handle(COOK)]})
    await story.run()
    await story.complete(POLICE, "m1")
    needs = (await story.task(CIVIL, "m2")).needs
    assert sorted((need.type, need.outcome) for need in needs) == [
        ("citizen", "answered"), ("citizen", "answered"), ("judgment", "refused"), ("judgment", "refused"),
        ("marriage", "refused"), ("marriage", "refused"),
    ]  # fmt: skip


async def test_the_household_of_both_is_brought_up_to_date_without_an_application(story: DemoStory) -> None:
    case_id = await married(story)
    await story.amended(POLICE, "m4")
    assert (await story.states(case_id))["m4"] == "done"


async def test_offers_wait_for_a_yes_each_of_its_own(story: DemoStory) -> None:
    case_id = await married(story)
    await story.amended(POLICE, "m4")
    offers = [name for name, state in (await story.states(case_id)).items() if state == "offered"]
    assert offers == ["m5-health", "m5-fund", "m5-tax", "m5-move"]
    await story.take(case_id, "m5-tax", accept=True)
    for name in ("m5-health", "m5-fund", "m5-move"):
        await story.take(case_id, name, accept=False)
    await story.run()
    await story.complete(TAX, "m5-tax")
    view = await story.house.view(case_id)
    assert (view.state, [s.step for s in view.steps if s.state == "skipped"]) == (
        "completed", ["marriage/m5-health", "marriage/m5-fund", "marriage/m5-move"],
    )  # fmt: skip


async def test_whoever_asks_the_court_waits_as_long_as_the_list_says(story: DemoStory) -> None:
    await story.open(**MARRIAGE, subjects={"other": [story.house.handle(COOK)]})
    await story.run()
    await story.complete(POLICE, "m1")
    waits = {ask.type: ask.deadline - NOW for ask in story.asks()}
    assert waits["judgment"] == timedelta(minutes=45)
    assert waits["citizen"] == timedelta(hours=1)  # this entry says nothing: the setting counts


async def test_a_move_reaches_everybody_who_needs_the_address(story: DemoStory) -> None:
    case_id = await story.open(**MOVE)
    await story.run()
    await story.approve(POLICE, "h1")
    await story.approve(NEIGHBOUR, "h2")
    await story.approve(POLICE, "h3")
    by_neighbour = [(ask.type, ask.legal_basis.kind) for ask in story.asks() if ask.step == "move-home/h2"]
    assert by_neighbour == [("settle-decision", "law")]  # over the bus, no paper
    states = await story.states(case_id)
    assert states["h9"] == "tasked,tasked,tasked"
    assert (states["h7"], states["h8"], states["h10"]) == ("skipped", "skipped", "skipped")
    for office in (WATER, POWER, GAS):
        [order] = (await story.task(office, "h9")).issues
        assert (order.amends, order.type.rpartition("-")[0]) == (True, "utility-account")
        await story.amended(office, "h9")
    for office, step in (("11999900000000043Q", "h4"), ("11999900000000051K", "h5"), (FUND, "h6")):
        await story.amended(office, step)
    assert (await story.house.view(case_id)).state == "completed"


async def moved(story: DemoStory, *more: str) -> str:
    """Give a case in which the mover is registered at her new address, and medical insurance has followed."""
    services = ["household-settle", "household-release", "household-move", "medical-transfer", *more]
    case_id = await story.open(**{**MOVE, "input": {**MOVE["input"], "school": "Pine Street"}}, services=services)
    await story.run()
    await story.approve(POLICE, "h1")
    await story.approve(NEIGHBOUR, "h2")
    await story.approve(POLICE, "h3")
    await story.amended(MEDICAL, "h4")
    return case_id


async def test_a_withdrawn_move_ends_what_was_new_and_puts_back_what_was_changed(story: DemoStory) -> None:
    case_id = await moved(story, "school-place")
    await story.withdraw(case_id)
    registered, medical = (await story.task(POLICE, "h3")).undo, (await story.task(MEDICAL, "h4")).undo
    assert registered is not None
    assert (len(registered.certificate_ids), registered.restores) == (1, [])  # her first household here
    assert medical is not None
    assert (medical.certificate_ids, [one.version for one in medical.restores]) == ([], [2])
    await story.complete(MEDICAL, "h4")
    states = await story.states(case_id)
    assert (states["h4"], states["h3"], states["h7"]) == ("undone", "done", "cancelled")
    with pytest.raises(TaskNotOpen):  # a certificate that stands is not taken back by a word
        await story.complete(POLICE, "h3")


async def test_what_needs_a_paper_that_silence_owes_waits_for_it(story: DemoStory) -> None:
    case_id = await story.open(**MOVE)
    await story.run()
    await story.approve(POLICE, "h1")
    async with story.house.db.transaction() as tx:
        case = await store.lock_case(tx, case_id)
        [release] = [step for step in await store.steps_of_case(tx, case_id) if step.name == "h2"]
        assert case is not None
        await write_moves(tx, case, [replace(release, state="done", deemed=True, again="deemed")], story.house.now)
    await story.run()
    assert ((await story.states(case_id))["h2"], (await story.states(case_id))["h3"]) == ("done", "waiting")
    await story.approve(NEIGHBOUR, "h2")
    assert (await story.states(case_id))["h3"] == "tasked"
