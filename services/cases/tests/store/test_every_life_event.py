# SPDX-License-Identifier: EUPL-1.2
"""Each life event of the catalogue goes through the engine to its end: it is data, and nothing more was needed."""

from typing import Any

import pytest

from cases import planner
from contracts.cases import CaseView, CompleteTask, OpenCase
from contracts.catalogue import LifeEvent
from contracts.catalogue.check import check
from contracts.envelopes import Task
from tongban.catalogue_files import load_entries

from .conftest import NOW, OWNER, ROOT, House
from .shop import NOODLES, PLAN, Story

ENTRIES, _ = check(load_entries(ROOT / "catalogue"), test_area=True)
EVENTS = [entry for entry in ENTRIES if isinstance(entry, LifeEvent)]
VALUES: dict[str, Any] = {"text": "Noodles", "file": PLAN, "boolean": True, "date": "2026-11-24"}


def application(house: House, event: LifeEvent) -> OpenCase:
    """Fill the form: everything that the life event asks for, and every service of it."""
    owner = next(name for name, kind in event.subjects.items() if kind == "person")
    people = {
        name: [house.handle()] for name, kind in event.subjects.items() if kind != "organisation" and name != owner
    }
    firms = [name for name, kind in event.subjects.items() if kind == "organisation"]
    return OpenCase(
        life_event=event.id,
        subjects=people,
        organisations={name: NOODLES for name in firms if not planner.founders(event, name)},
        services=sorted({step.service for step in event.steps}),
        input={field.id: VALUES[field.type] for field in event.input},
    )


async def decide(story: Story, office: str, task: Task) -> None:
    """Approve a task: issue all that it orders, or complete it."""
    if not task.issues:
        await story.house.deciding.complete(office, task.task_id, CompleteTask(), story.idem(office))
    for order in task.issues:
        founds = order.holder is None and order.organisation is None
        fact = story.fact(office, task, order.type, organisation=NOODLES if founds else None)
        await story.house.hear(fact, "amended" if order.amends else "issued")


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.id)
async def test_a_life_event_of_the_catalogue_is_walked_to_its_end(house: House, event: LifeEvent) -> None:
    story = Story(house, None)
    answer = await house.opening.open(OWNER, application(house, event), story.idem())
    case_id = CaseView.model_validate_json(answer.body).case_id
    decided: set[str] = set()
    for _ in range(len(event.steps) + 1):
        await story.run()
        for step in (await house.view(case_id)).steps:
            if step.state == "offered":
                await story.take(case_id, step.step.partition("/")[2], accept=True)
        for office in sorted({office for step in event.steps for office in step.tasks}):
            for task in [t for _, t in await story.envelopes(office) if t.task_id not in decided]:
                decided.add(task.task_id)
                await decide(story, office, task)
    view = await house.view(case_id)
    assert (view.state, {step.state for step in view.steps}) == ("completed", {"done"})
    assert view.closed_at == NOW
    assert view.report.documents_not_asked == len(house.bus.asks) > 0
    assert await refused_needs(house) == []


async def refused_needs(house: House) -> list[tuple[str, str]]:
    """Give (type, code) of the needs that nobody could be asked for: the lists are to be silent about none."""
    async with house.db.read() as tx:
        rows = await tx.fetch("SELECT type, code FROM need WHERE state = 'refused'")
    return [(row["type"], row["code"]) for row in rows]
