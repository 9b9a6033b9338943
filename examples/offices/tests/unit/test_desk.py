# SPDX-License-Identifier: EUPL-1.2
"""The desk decides when all is here, once, in favour only on what was verified, and asks the clerk where it must."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.certificates.api import Certificate, Issued
from contracts.envelopes import Restoring, Task, Undo
from contracts.exchange_bus import Delivery
from contracts.ids import uuid7
from example_offices import fire, urban
from example_offices.clerk import Clerk, Verdict
from example_offices.desk import Desk, Ways
from example_offices.drawer import Drawer
from example_offices.rules import Evidence, Paper, Refused, all_answered
from tongban import NoAnswer, NotBelieved, Problem

from .doubles import DAY, MARKET, NOW, FakeOffice, delivery, need, order, task, undone

STEP = "open-restaurant/r4"
MARRIAGES = [order("marriage", to).model_copy(update={"holder": "a.b.c.d.e"}) for to in ("one", "other")]


def rule(one: Task, held: Evidence, day: date) -> list[Paper]:
    all_answered(one)
    if len(held) < 2:
        raise Refused("TOO_LITTLE", "too little is known")
    return [Paper({"number": f"N-{place}"}) for place, _ in enumerate(one.issues)]


@dataclass
class Room:
    """One desk with all that belongs to it."""

    folder: Path
    office: FakeOffice = field(default_factory=FakeOffice)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.drawer, self.clerk = Drawer(self.folder / "drawer.sqlite"), Clerk(self.folder)

    def desk(self, **ways: Any) -> Desk:
        return Desk(self.office, self.drawer, self.said.append, Ways(**{"rules": {STEP: rule}, **ways}), self.clerk)  # type: ignore[arg-type]

    async def give(self, desk: Desk, deliveries: list[Delivery]) -> None:
        for one in deliveries:
            await desk.take(one)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.drawer.close()
    made.clerk.close()


def a_task(**changes: Any) -> Task:
    needs = [need("title"), need("staff-health", "staff")]
    return task(STEP, **{"needs": needs, "issues": [order("food-licence")], **changes})


@pytest.mark.parametrize("turn", [0, 1, 2])
async def test_a_task_is_decided_once_all_is_here_in_whatever_order(room: Room, turn: int) -> None:
    came = room.office.knows(a_task())
    came, desk = came[turn:] + came[:turn], room.desk()
    await room.give(desk, came[:-1])
    assert room.office.approved == []
    await room.give(desk, came[-1:])
    [approved] = room.office.approved
    assert (approved["type"], approved["to"], approved["claims"]) == ("food-licence", "business", {"number": "N-0"})
    assert room.drawer.tasks() == []


async def test_what_is_decided_is_not_decided_again_after_a_restart(room: Room) -> None:
    came = room.office.knows(a_task())
    await room.give(room.desk(), came)
    await room.give(room.desk(), came)
    assert len(room.office.approved) == 1


async def test_several_certificates_of_a_task_are_each_issued(room: Room) -> None:
    both = a_task(issues=MARRIAGES)
    await room.give(room.desk(), room.office.knows(both))
    assert [approved["to"] for approved in room.office.approved] == ["one", "other"]
    assert room.office.together == [both.task_id]  # true of both, or of nobody


async def test_whoever_was_quicker_at_another_counter_has_it(room: Room) -> None:
    both = a_task(issues=MARRIAGES)
    room.office.trouble = Problem("TRANSITION_NOT_ALLOWED", 409)
    await room.give(room.desk(), room.office.knows(both))
    assert (room.office.approved, room.office.refused) == ([], ["ALREADY_REGISTERED"])
    assert room.drawer.outcome(both.task_id) == "refused"


async def test_a_task_without_papers_is_completed(room: Room) -> None:
    nothing = a_task(issues=[])
    await room.give(room.desk(), room.office.knows(nothing))
    assert room.office.completed == [nothing.task_id]


async def test_an_attestation_that_does_not_hold_refuses(room: Room) -> None:
    room.office.facts["title"] = NotBelieved("SIGNATURE_INVALID")
    await room.give(room.desk(), room.office.knows(a_task()))
    assert (room.office.refused, room.office.approved) == (["EVIDENCE_INVALID"], [])


async def test_a_demand_for_paper_that_is_refused_stops_nothing(room: Room) -> None:
    one = a_task()
    await room.give(room.desk(habit="premises-use"), room.office.knows(one))
    assert f"task {one.task_id}: asking for premises-use refused, HELD_BY_OFFICE (409)" in room.said
    assert len(room.office.approved) == 1


async def test_what_the_platform_refuses_for_good_lies_aside_and_others_go_on(room: Room) -> None:
    desk, first, second = room.desk(), a_task(), a_task()
    room.office.trouble = Problem("TASK_NOT_PROVEN", 403)
    await room.give(desk, room.office.knows(first))
    await room.give(desk, room.office.knows(second))
    assert [approved["task"] for approved in room.office.approved] == [second]
    held = room.drawer.get("task", first.task_id)
    assert held is not None
    assert held.aside == "TASK_NOT_PROVEN"


async def test_while_the_platform_is_away_the_delivery_is_not_taken(room: Room) -> None:
    desk, came = room.desk(), room.office.knows(a_task())
    room.office.trouble = NoAnswer()  # type: ignore[assignment]
    with pytest.raises(NoAnswer):
        await room.give(desk, came)
    await desk.look()
    assert len(room.office.approved) == 1


async def test_a_review_waits_for_the_clerk_and_counts_from_the_day_of_the_decision(room: Room) -> None:
    desk, one = room.desk(), a_task(mode="review")
    await room.give(desk, room.office.knows(one))
    await desk.look()
    assert (room.office.approved, room.said.count(f"task {one.task_id}: some-service waits for the clerk")) == ([], 1)
    assert room.clerk.lines() == [f"review {one.task_id} some-service ({STEP}), due 2026-11-24"]
    room.clerk.decide(one.task_id, Verdict(approved=True, on=DAY + timedelta(days=6)))
    await desk.look()
    assert [approved["valid_from"] for approved in room.office.approved] == [DAY + timedelta(days=6)]
    assert room.clerk.lines() == []


async def test_a_clerk_refuses_with_code_and_reason(room: Room) -> None:
    desk, one = room.desk(), a_task(mode="review")
    await room.give(desk, room.office.knows(one))
    room.clerk.decide(one.task_id, Verdict(approved=False, on=DAY, code="KITCHEN_UNFIT", reason="no second sink"))
    await desk.look()
    assert room.office.refused == ["KITCHEN_UNFIT"]


async def test_what_the_rule_refuses_never_reaches_the_clerk(room: Room) -> None:
    one = a_task(mode="review", needs=[need("title", outcome="refused")])
    await room.give(room.desk(), room.office.knows(one))
    assert (room.office.refused, room.clerk.lines()) == (["EVIDENCE_MISSING"], [])


async def test_by_rule_no_clerk_is_asked(room: Room) -> None:
    await room.give(room.desk(by_rule=True), room.office.knows(a_task(mode="review")))
    assert len(room.office.approved) == 1


async def test_a_silent_office_issues_once_silence_has_decided(room: Room) -> None:
    step = "open-restaurant/r6"
    desk = room.desk(rules=urban.RULES, silent=True)
    one = task(step, [order("shop-sign")], mode="review", needs=[need("title"), need("business-licence", "business")])
    await room.give(desk, room.office.knows(one))
    assert room.office.approved == []
    assert f"task {one.task_id}: some-service silent, on purpose" in room.said
    await room.give(desk, room.office.knows(one.model_copy(update={"deemed": True}), keyseq=2)[-1:])
    [approved] = room.office.approved
    assert approved["claims"]["signText"] == "Lotus"
    assert approved["task"].deemed


async def test_a_decision_that_crossed_the_silence_on_its_way_stands(room: Room) -> None:
    desk, one = room.desk(), a_task()
    await room.give(desk, room.office.knows(one))
    await room.give(desk, room.office.knows(one.model_copy(update={"deemed": True}), keyseq=2)[-1:])
    assert (len(room.office.approved), room.drawer.tasks()) == (1, [])


async def test_what_was_issued_before_silence_passed_the_task_is_not_in_the_way_of_the_rest(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed, approve = a_task(deemed=True, issues=[order("shop-sign"), order("sign-permit")]), room.office.approve

    async def only_the_rest(*args: Any, **more: Any) -> Issued:
        if more["type"] == "shop-sign":
            raise Problem("TASK_ALREADY_ISSUED", 409)
        return await approve(*args, **more)

    monkeypatch.setattr(room.office, "approve", only_the_rest)
    desk = room.desk(rules={STEP: lambda task, _evidence, _day: [Paper({}) for _order in task.issues]})
    await room.give(desk, room.office.knows(owed))
    assert [approved["type"] for approved in room.office.approved] == ["sign-permit"]
    assert f"task {owed.task_id}: shop-sign is issued already" in room.said
    assert room.drawer.outcome(owed.task_id) == "approved"


async def test_what_silence_has_granted_is_not_refused_any_more(room: Room) -> None:
    one = a_task(deemed=True, needs=[need("title")])
    await room.give(room.desk(), room.office.knows(one))
    assert room.office.refused == []
    assert f"task {one.task_id}: put aside, TOO_LITTLE" in room.said


async def test_a_withdrawal_cancels_what_the_task_led_to_once(room: Room) -> None:
    desk, one = room.desk(), a_task()
    await room.give(desk, room.office.knows(one))
    [certificate] = room.office.held
    for keyseq in (2, 3):
        await room.give(desk, room.office.knows(undone(one, [certificate]), keyseq)[-1:])
    assert room.office.changed == [(certificate, "cancel", {})]
    assert room.office.completed == [one.task_id]  # the second time nothing was left, and somebody must say so
    assert room.drawer.outcome(one.task_id) == "undone"


@pytest.mark.parametrize(
    ("newest", "says"),
    [
        ({"place": "new", "months": 3}, {"place": "old", "months": 3}),
        ({"place": "newer", "months": 3}, None),  # somebody changed it since: that stays
    ],
)
async def test_a_withdrawal_puts_back_what_the_task_changed(
    room: Room, newest: dict[str, Any], says: dict[str, Any] | None
) -> None:
    one, number = a_task(), str(uuid7())
    versions = [
        Certificate(
            certificate_id=number, version=at, office=MARKET, type="contributions", type_version=1, licence_id="1",
            status="01", claims=claims, valid_from=DAY, issued_at=NOW + timedelta(hours=at), credential="x",
        )
        for at, claims in enumerate(({"place": "old", "months": 2}, {"place": "new", "months": 2}, newest), 1)
    ]  # fmt: skip
    room.office.held[number], room.office.earlier[number] = versions[-1], versions
    undo = Undo(task_id=one.task_id, certificate_ids=[], restores=[Restoring(certificate_id=number, version=2)])
    await room.give(room.desk(), room.office.knows(one.model_copy(update={"undo": undo}))[-1:])
    assert room.office.changed == ([] if says is None else [(number, "amend", says)])
    assert room.office.completed == [one.task_id]


def test_an_answer_that_nobody_takes_out_goes_after_half_a_year(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    drawer = Drawer(file, lambda: NOW)
    drawer.put(delivery("answer", "r"))
    drawer.close()
    for days, there in ((170, True), (190, False)):
        drawer = Drawer(file, lambda later=days: NOW + timedelta(days=later))  # type: ignore[misc]
        assert (drawer.get("answer", "r") is not None) is there
        drawer.close()


def promise() -> Task:
    needs = [need(kind) for kind in ("title", "business-licence", "building-fire-acceptance")]
    paper = order("fire-check", provisional=DAY + timedelta(days=28))
    return task("open-restaurant/r5", [paper], mode="commitment", needs=needs)


@pytest.mark.parametrize("found", ["passed", "false"])
async def test_a_promise_is_taken_at_once_and_inspected_later(room: Room, found: Any) -> None:
    desk, one = room.desk(rules=fire.RULES, confirmed={"result": "passed"}), promise()
    await room.give(desk, room.office.knows(one))
    [approved] = room.office.approved
    assert approved["provisional"] == list(fire.CONDITIONS)
    assert room.clerk.lines() == [f"inspect {one.task_id} (open-restaurant/r5), by 2026-12-22"]
    room.clerk.inspect(one.task_id, found)
    await desk.look()
    await desk.look()
    [(_, what, claims)] = room.office.changed
    assert what == {"passed": "amend", "false": "rescind"}[found]
    assert claims.get("result") == {"passed": "passed", "false": None}[found]


async def test_an_inspection_finds_nothing_left_after_a_withdrawal(room: Room) -> None:
    desk, one = room.desk(rules=fire.RULES), promise()
    await room.give(desk, room.office.knows(one))
    await room.give(desk, room.office.knows(undone(one, list(room.office.held)), 2)[-1:])
    assert room.clerk.lines() == []


async def test_what_can_not_be_believed_changes_nothing(room: Room) -> None:
    room.office.bodies["x"] = NotBelieved("ROLE_WRONG")
    await room.desk().take(delivery("task", "x"))
    assert room.said == ["delivery put aside: ROLE_WRONG"]
    assert room.drawer.tasks() == []


async def test_a_step_without_a_rule_lies_aside(room: Room) -> None:
    one = task("newborn/n1")
    await room.give(room.desk(), room.office.knows(one))
    assert room.said[-1] == f"task {one.task_id}: put aside, STEP_UNKNOWN"
