# SPDX-License-Identifier: EUPL-1.2
"""A case that can't go on holds back nobody, and nothing that a citizen sends stops the worker."""

import base64
from typing import Any

import pytest

from cases.errors import CaseInputInvalid, Refused, TaskNotOpen
from contracts.cases import DemandOnApplicant
from contracts.catalogue import Catalogue
from contracts.catalogue.check import check
from contracts.http import Exchange
from contracts.ids import uuid7
from kit.aliases import open_alias
from kit.db import Idem
from kit.errors import Kind, UpstreamError
from tongban.catalogue_files import load_entries

from .conftest import COOK, MARKET, OWNER, ROOT, House
from .test_cases import fact, gathered, tasked

MANY = 20
"""More than one page of the worker."""


def _with_life_event(house: House, *more: dict[str, object], **changes: object) -> None:
    entries = [*load_entries(ROOT / "catalogue"), *more]
    names = ("lifeEvent", "food-licence")
    changed = [{**e, **changes} if (e["kind"], e["id"]) == names else e for e in entries]
    read, faults = check(changed, test_area=True)
    assert not faults
    house.catalogue = Catalogue(8, read)


def _food_licence() -> dict[str, Any]:
    entries = load_entries(ROOT / "catalogue")
    return next(e for e in entries if (e["kind"], e["id"]) == ("lifeEvent", "food-licence"))


def _two_steps(house: House) -> None:
    """The second step can't start before the first is done."""
    entries = load_entries(ROOT / "catalogue")
    [first] = _food_licence()["steps"]
    [answers] = [e for e in entries if e["kind"] == "responsibility" and e["step"] == "food-licence/f1"]
    second = {**first, "id": "f2", "after": ["f1"], "needs": []}
    _with_life_event(house, {**answers, "id": "R-two", "step": "food-licence/f2"}, steps=[first, second])


async def test_cases_whose_next_step_must_wait_hold_back_no_new_case(house: House) -> None:
    _two_steps(house)
    for number in range(MANY):
        await house.open(f"k{number}")
    assert await house.gathering.prepare_steps() == MANY
    newest = await house.open("newest")
    assert await house.gathering.prepare_steps() == 1
    assert (await house.viewing.view(OWNER, newest.case_id)).steps[0].state == "gathering"


async def test_steps_are_shown_in_the_life_events_order(house: House) -> None:
    _two_steps(house)
    for number in range(10):
        case = await house.viewing.view(OWNER, (await house.open(f"k{number}")).case_id)
        assert [step.step for step in case.steps] == ["food-licence/f1", "food-licence/f2"]


async def test_more_asks_than_a_page_all_go_out_at_once(house: House) -> None:
    for number in range(MANY):
        await house.open(f"k{number}")
    await house.gathering.prepare_steps()
    assert await house.gathering.send_asks() == 2 * MANY


async def test_tasks_that_wait_for_a_key_all_go_out_once_it_is_there(house: House) -> None:
    for number in range(MANY):
        await gathered(house, f"k{number}")
    await house.answer_all()
    house.keys.gone.add((MARKET, "inbox"))
    assert await house.sealing.seal_tasks() == 0
    house.keys.gone.clear()
    assert await house.sealing.seal_tasks() == MANY


async def test_a_certificate_for_somebody_whom_nobody_knows_stops_only_its_own_case(house: House) -> None:
    [first] = _food_licence()["steps"]
    needs = [{"type": "title", "of": "owner"}, {"type": "staff-health", "of": "staff"}]
    steps = [{**first, "needs": needs, "issues": [{"type": "food-licence", "to": "staff"}]}]
    _with_life_event(house, subjects={"owner": "person", "staff": "person"}, steps=steps)
    house.identity.known.discard(COOK)
    first_case = await house.open("nobody")
    house.identity.known.add("d" * 43)
    other = await house.open("known", subjects={"staff": [house.handle("d" * 43)]})
    assert await house.gathering.prepare_steps() == 2
    assert (await house.view(other.case_id)).steps[0].state == "gathering"
    [step] = (await house.view(first_case.case_id)).steps
    assert (step.state, step.code) == ("refused", "SUBJECT_UNKNOWN")


def _pdf(size: int) -> dict[str, str]:
    content = base64.b64encode(b"%PDF-" + bytes(size - 5)).decode()
    return {"name": "plan.pdf", "media": "application/pdf", "content": content}


async def test_an_application_that_no_envelope_could_hold_is_refused_at_the_door(house: House) -> None:
    plans = [{"id": f"plan{n}", "type": "file", "media": ["application/pdf"], "maxBytes": 262_144} for n in range(2)]
    [first] = _food_licence()["steps"]
    names = ["tradeName", "plan0", "plan1"]
    _with_life_event(house, input=[*_food_licence()["input"], *plans], steps=[{**first, "input": names}])
    with pytest.raises(CaseInputInvalid) as refused:
        await house.open(input={"tradeName": "Noodles", "plan0": _pdf(200_000), "plan1": _pdf(100_000)})
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/input", "TOO_LONG")]
    await house.open(input={"tradeName": "Noodles", "plan0": _pdf(200_000), "plan1": _pdf(24_000)})
    await house.gathering.prepare_steps()
    await house.gathering.send_asks()
    await house.answer_all()
    assert await house.sealing.seal_tasks() == 1


async def test_a_demand_is_about_the_applicant_whatever_the_subjects_are_called(house: House) -> None:
    _with_life_event(house, subjects={"owner": "person", "employees": ["person"], "staff": ["person"]})
    await house.open(subjects={"staff": [house.handle()], "employees": [house.handle()]})
    await house.gathering.prepare_steps()
    await house.gathering.send_asks()
    await house.answer_all()
    await house.sealing.seal_tasks()
    async with house.db.read() as tx:
        task_id = str(await tx.fetchval("SELECT task_id FROM step"))
    said = DemandOnApplicant(proves="food-training")
    await house.deciding.demand(MARKET, task_id, said, Idem("system:licensing", "k" * 255, b"f"), Exchange.new())
    [demand] = house.bus.demands
    platform = house.keys.private("platform", "answering")
    assert open_alias({platform.kid: platform}, "platform", demand.person or "").startswith(OWNER[0])


async def test_a_demand_for_a_task_that_is_over_asks_nobody(house: House) -> None:
    _, task = await tasked(house)
    await house.hear(fact(task))
    said = DemandOnApplicant(proves="food-training")
    with pytest.raises(TaskNotOpen):
        await house.deciding.demand(MARKET, task.task_id, said, Idem("s", "k", b"f"), Exchange.new())
    assert house.bus.demands == []


async def test_a_certificate_that_another_cases_proof_led_to_ends_no_step(house: House) -> None:
    case_id, task = await tasked(house)
    await house.hear(fact(task, caseId=str(uuid7())))
    assert (await house.view(case_id)).steps[0].state == "tasked"


async def test_a_fault_inside_the_bus_is_no_refusal(house: House) -> None:
    case = await house.open()
    await house.gathering.prepare_steps()
    house.bus.refusal = Refused(UpstreamError(Kind.BAD_UPSTREAM, "INTERNAL", {"code": "INTERNAL"}))
    assert await house.gathering.send_asks() == 0
    house.bus.refusal = None
    assert await house.gathering.send_asks() == 2
    assert (await house.view(case.case_id)).steps[0].state == "gathering"
