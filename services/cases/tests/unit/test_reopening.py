# SPDX-License-Identifier: EUPL-1.2
"""Which steps an office may do again, and what goes back with them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cases import domain
from cases.domain import Issue, Step
from cases.errors import StepHasIssued, StepNotReopenable, StepUnknown

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
OURS, THEIRS = "119999000000000198", "119999000000000273"


def step(name: str, state: str, *after: str, office: str = OURS, **more: Any) -> Step:
    made = Step(f"{name}@{office}", "c", f"event/{name}", office, name, "review", after, (), state, accountable=office)
    return replace(made, **more)


def again(name: str, *steps: Step, by: str = "c") -> list[Step]:
    """Give what *by* changes when it does *name* again."""
    caller = next(s for s in steps if s.name == by)
    return domain.reopened(caller, name, "It changed.", steps)


def names(steps: list[Step]) -> list[str]:
    assert {s.state for s in steps} == {"waiting"}
    return [s.name for s in steps]


A, B, C = step("a", "done"), step("b", "done", "a", office=THEIRS), step("c", "tasked", "b")


def test_all_that_rests_on_it_goes_back_and_nothing_else() -> None:
    others = [
        step("open", "offered", "a"), step("off", "skipped", "a"), step("no", "refused", "a"), step("x", "done"),
        step("g", "gathering", "b", office=THEIRS), step("w", "waiting", "c"), step("r", "ready", "a"),
    ]  # fmt: skip
    assert names(again("a", A, B, C, *others)) == ["a", "b", "c", "open", "g", "r"]


def test_it_stands_as_if_it_had_never_started_and_says_why() -> None:
    late = replace(C, accountable=THEIRS, escalated_at=NOW, tasked_at=NOW, deadline=NOW, needs_count=3, task_id="t")
    [target, _, caller] = again("a", replace(A, ended_at=NOW, deemed=True, again="deemed"), B, late)
    assert (target.code, target.reason, target.ended_at, target.deemed, target.again) == (
        "REOPENED", "It changed.", None, False, None,
    )  # fmt: skip
    assert caller == replace(C, state="waiting", task_id="t")


@pytest.mark.parametrize(
    ("name", "why"),
    [("z", StepUnknown), ("b", StepNotReopenable), ("c", StepNotReopenable), ("d", StepNotReopenable)],
    ids=["nobody's", "another office's", "the task's own", "a later one"],
)
def test_only_an_earlier_step_of_ones_own_can_be_done_again(name: str, why: type[Exception]) -> None:
    with pytest.raises(why):
        again(name, A, B, C, step("d", "waiting", "c"))


def test_a_step_beside_the_task_can_not_be_done_again() -> None:
    with pytest.raises(StepNotReopenable):
        again("beside", A, B, C, step("beside", "done"))


@pytest.mark.parametrize("state", ["waiting", "skipped", "refused", "undone", "cancelled"])
def test_what_is_not_done_can_not_be_done_again(state: str) -> None:
    with pytest.raises(StepNotReopenable):
        again("a", replace(A, state=state), B, C)


HELD: dict[str, Any] = {"certificate_id": "1"}
DUE: dict[str, Any] = {"issues": (Issue("licence", "owner"),), "deemed": True}


@pytest.mark.parametrize(
    "steps",
    [(replace(A, **HELD), B, C), (replace(A, **DUE), B, C), (A, replace(B, **HELD), C), (A, B, replace(C, **HELD))],
    ids=["it", "it owes one", "between", "half of the task"],
)
def test_what_led_to_a_certificate_is_not_simply_done_again(steps: tuple[Step, ...]) -> None:
    with pytest.raises(StepHasIssued):
        again("a", *steps)


def test_what_another_office_issued_beside_the_task_stands() -> None:
    with pytest.raises(StepNotReopenable):
        again("a", A, B, C, step("licence", "done", "a", office=THEIRS, certificate_id="1"))
    with pytest.raises(StepHasIssued):
        again("a", A, B, C, step("licence", "done", "a", certificate_id="1"))


def test_nothing_goes_back_that_could_never_start_again() -> None:
    lost = step("lost", "undone", office=THEIRS)
    with pytest.raises(StepNotReopenable):
        again("a", lost, replace(A, after=("lost",)), B, C)


def test_of_a_step_at_two_offices_ones_own_part_is_done_again() -> None:
    twin = step("a", "done", office=THEIRS)
    assert [s.step_id for s in again("a", twin, A, B, C)] == [A.step_id, B.step_id, C.step_id]
