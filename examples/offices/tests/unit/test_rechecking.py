# SPDX-License-Identifier: EUPL-1.2
"""News about a person while a task about her is open: an earlier step is done again, once for each news."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.envelopes import Share, Task
from contracts.ids import uuid7
from example_offices import civil_affairs
from example_offices.clerk import Clerk
from example_offices.desk import Desk, Ways
from example_offices.drawer import Drawer
from tongban import Problem
from tongban.clock import system_clock

from .doubles import LAND, FakeOffice, delivery, order, task

STEP = "marriage/m3"


class Registry:
    """Civil affairs at work, by a double of its office. ahead: how far its clock is."""

    def __init__(self, folder: Path) -> None:
        self.office, self.said, self.ahead = FakeOffice(), list[str](), timedelta()
        self.drawer = Drawer(folder / "drawer.sqlite", lambda: system_clock() + self.ahead)
        self.clerk = Clerk(folder)
        ways = Ways(civil_affairs.RULES, lambda _share: None, again=civil_affairs.AGAIN)
        self.desk = Desk(self.office, self.drawer, self.said.append, ways, self.clerk)  # type: ignore[arg-type]

    async def gets(self, one: Task) -> Task:
        for came in self.office.knows(one):
            await self.desk.take(came)
        return one

    async def hears(self, person: str, kind: str = "judgment", stream: str = "stream", keyseq: int = 1) -> None:
        sent = delivery("share", stream, keyseq)
        self.office.bodies[sent.envelope.partition(".")[0]] = Share.model_validate(
            {
                "shareId": "s" * 43, "grantId": "G-1", "fact": "issued", "type": kind, "office": LAND,
                "certificateVersion": 1, "status": "01", "subject": f"{person}.AA.AA.AA.AA",
            }
        )  # fmt: skip
        await self.desk.take(sent)
        await self.desk.look()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path)
    yield made
    made.drawer.close()
    made.clerk.close()


def signing(case_id: str | None = None, step: str = STEP, **changes: Any) -> Task:
    orders = [
        order("marriage", to, organisation=None, holder=f"{to}.AA.AA.AA.BB", subject=f"{to}.AA.AA.AA.AA")
        for to in ("one", "other")
    ]
    return task(step, orders, mode="review", case_id=case_id or str(uuid7()), **changes)


@pytest.mark.parametrize("person", ["one", "other"])
async def test_a_judgment_about_either_of_the_two_has_their_status_checked_again(
    registry: Registry, person: str
) -> None:
    m3 = await registry.gets(signing())
    await registry.hears(person)
    assert registry.office.reopened == [(m3.task_id, "m2")]
    assert registry.drawer.tasks() == []
    assert registry.clerk.verdict(m3.task_id) is None
    again = await registry.gets(signing(m3.case_id))
    await registry.desk.look()
    assert len(registry.office.reopened) == 1  # it was looked at: the new task is the clerk's
    await registry.hears(person, keyseq=2)
    assert registry.office.reopened[1:] == [(again.task_id, "m2")]


async def test_a_judgment_that_comes_before_the_task_counts_too(registry: Registry) -> None:
    case_id = str(uuid7())
    await registry.hears("one")
    await registry.hears("other", stream="another")
    m3 = await registry.gets(signing(case_id))
    assert registry.office.reopened == [(m3.task_id, "m2")]
    await registry.gets(signing(case_id))
    assert len(registry.office.reopened) == 1


async def test_a_judgment_of_before_the_case_was_there_to_be_asked_for(registry: Registry) -> None:
    registry.ahead = -timedelta(days=1)
    await registry.hears("one")
    registry.ahead = timedelta()
    await registry.gets(signing())
    assert registry.office.reopened == []


@pytest.mark.parametrize(("person", "kind"), [("somebody", "judgment"), ("one", "household")])
async def test_other_news_and_news_of_others_change_nothing(registry: Registry, person: str, kind: str) -> None:
    m3 = await registry.gets(signing())
    await registry.hears(person, kind)
    assert registry.office.reopened == []
    assert [held.key for held in registry.drawer.tasks()] == [m3.task_id]


async def test_a_repeat_after_a_crash_asks_for_the_same_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    m3 = await registry.gets(signing())
    with monkeypatch.context() as broken:
        broken.setattr(Drawer, "note_counted", _dies)
        with pytest.raises(KeyboardInterrupt):
            await registry.hears("one")
    await registry.desk.look()
    assert registry.office.reopened == [(m3.task_id, "m2")] * 2  # under one key: the platform does it once
    assert registry.drawer.tasks() == []


def _dies(*_args: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("code", ["STEP_HAS_ISSUED", "TASK_NOT_OPEN"])
async def test_what_comes_too_late_is_said_and_the_task_goes_on(registry: Registry, code: str) -> None:
    m3 = await registry.gets(signing())
    registry.office.trouble = Problem(code, 409)
    await registry.hears("one")
    assert f"task {m3.task_id}: m2 is not done again, {code}" in registry.said
    assert [held.key for held in registry.drawer.tasks()] == [m3.task_id]
    await registry.desk.look()
    assert registry.office.reopened == []
