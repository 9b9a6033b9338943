# SPDX-License-Identifier: EUPL-1.2
"""A person sees at the holder what would go, before it goes, and decides piece by piece (evidence scenarios E6, E8)."""

import pytest

from contracts.cases import CaseView, PreviewDue
from contracts.envelopes import Answer, Task
from tongban import Citizen, Office, Problem

from .conftest import LAND, MARKET, PERSONAS, World, until


async def apply(world: World, owner: Citizen) -> CaseView:
    await world.registers()
    handle = await owner.handle(PERSONAS["cook"])
    return await owner.open_case(
        "food-licence", subjects={"staff": [handle]}, data={"tradeName": "Noodles"}, previews=True
    )


async def waiting_for_her(owner: Citizen, case_id: str) -> PreviewDue:
    async def there() -> list[PreviewDue]:
        return (await owner.case(case_id)).previews

    [due] = await until(there, "a preview in her case")
    return due


async def told(office: Office, case_id: str) -> tuple[list[Answer], Task]:
    """Read an office's inbox until the task of a case is there; gives the answers that came before it."""
    answers: list[Answer] = []

    async def task() -> Task | None:
        async for delivery in office.inbox(once=True):
            body = (await office.open(delivery)).body
            if isinstance(body, Answer):
                answers.append(body)
            if isinstance(body, Task) and body.case_id == case_id:
                return body
        return None

    found = await until(task, "the task of the case")
    named = {need.request_id for need in found.needs}
    return [one for one in answers if one.request_id in named], found


async def test_only_the_pieces_that_she_accepts_reach_the_office(world: World) -> None:
    owner, market = await world.citizen(), await world.office("licensing")
    await world.read_inbox("licensing")  # of earlier tests
    case = await apply(world, owner)
    due = await waiting_for_her(owner, case.case_id)
    assert (due.holder, due.asker, due.type) == (LAND, MARKET, "title")
    # Her employee's papers rest on law and are not hers to see; the office has nothing about the premises yet.
    [step] = (await owner.case(case.case_id)).steps
    assert step.state == "gathering"
    shown = await owner.preview(due)
    assert {one.id: one.value for one in shown.items} == {
        "holder": "self",
        "place": "7 Canal Street",
        "use": "restaurant",
    }
    decided = await owner.decide(due, shown, accept=["place", "use"])
    assert (decided.state, sorted(decided.released)) == ("released", ["place", "use"])
    answers, task = await told(market, case.case_id)
    [title] = [one for one in answers if one.type == "title"]
    assert title.presentation is not None
    assert market.verify_offline(title.presentation).claims.keys() == {"place", "use"}
    assert [need.outcome for need in task.needs if need.type == "title"] == ["answered"]
    assert (await owner.case(case.case_id)).previews == []
    # It counts once, and her looks and what went are receipts that she can read.
    with pytest.raises(Problem) as again:
        await owner.decide(due, shown, accept=["holder", "place", "use"])
    assert (again.value.status, again.value.code) == (409, "PREVIEW_OVER")

    async def read() -> bool:
        view = await owner.all_receipts()
        of_case = [one for one in view.receipts if one.case_id == case.case_id and one.leaf.type == "title"]
        looks = [one for one in of_case if one.leaf.side == "view" and one.leaf.provider == LAND]
        went = [one for one in of_case if one.leaf.side == "holder" and one.leaf.decision == "released"]
        return (
            bool(looks)
            and [one.leaf.fields for one in went] == [["place", "use"]]
            and all(one.verified for one in of_case)
        )

    await until(read, "verified receipts of her look and of what went")


async def test_what_she_declines_never_leaves_its_holder(world: World) -> None:
    owner, market = await world.citizen(), await world.office("licensing")
    await world.read_inbox("licensing")
    case = await apply(world, owner)
    due = await waiting_for_her(owner, case.case_id)
    shown = await owner.preview(due)
    decided = await owner.decide(due, shown, accept=[])
    assert (decided.state, decided.released) == ("declined", [])
    answers, task = await told(market, case.case_id)
    [title] = [one for one in answers if one.type == "title"]
    assert (title.outcome, title.code, title.presentation) == ("refused", "DECLINED_BY_CITIZEN", None)
    [need] = [need for need in task.needs if need.type == "title"]
    assert (need.outcome, need.code) == ("refused", "DECLINED_BY_CITIZEN")


async def test_nobody_else_sees_a_preview_not_even_that_there_is_one(world: World) -> None:
    owner, other = await world.citizen(), await world.citizen("neighbour")
    case = await apply(world, owner)
    due = await waiting_for_her(owner, case.case_id)
    unknown = due.model_copy(update={"preview_id": case.case_id})
    refusals = []
    for wanted in (due, unknown):
        with pytest.raises(Problem) as refused:
            await other.preview(wanted)
        refusals.append((refused.value.status, refused.value.code))
    assert refusals == [(404, "NOT_FOUND")] * 2
    assert await other.previews(due.deployment, due.holder) == []
    [mine] = [one for one in await owner.previews(due.deployment, due.holder) if one.case_id == case.case_id]
    assert (mine.preview_id, mine.state) == (due.preview_id, "waiting")
    await owner.withdraw(case.case_id)

    async def over() -> bool:
        shown = await owner.preview(due)
        return (shown.state, shown.items) == ("expired", [])

    await until(over, "the preview to end with its case")
