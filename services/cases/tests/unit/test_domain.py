# SPDX-License-Identifier: EUPL-1.2
"""Steps, needs and how a case ends."""

from dataclasses import replace

import pytest

from cases.domain import Need, Step, can_start, case_state, needs_resolved, unreachable


def step(name: str, state: str, *after: str, office: str = "o1") -> Step:
    return Step(f"{name}-{office}", "case", f"event/{name}", office, "service", "auto", tuple(after), (), state)


def need(state: str) -> Need:
    return Need("a", "s", 0, "title", "owner", 0, "e", "salt", state)


def test_a_step_starts_when_all_before_it_are_done() -> None:
    first, second, third = step("a", "done"), step("b", "waiting"), step("c", "waiting", "a", "b")
    assert can_start(second, [first, second, third])
    assert not can_start(third, [first, second, third])
    assert can_start(third, [first, replace(second, state="done"), third])


def test_a_step_of_two_offices_is_done_when_both_are() -> None:
    one, other = step("a", "done", office="o1"), step("a", "tasked", office="o2")
    follower = step("b", "waiting", "a")
    assert not can_start(follower, [one, other, follower])
    assert can_start(follower, [one, replace(other, state="done"), follower])


def test_a_started_step_is_not_started_again() -> None:
    begun = step("a", "gathering")
    assert not can_start(begun, [begun])


@pytest.mark.parametrize(
    ("states", "expected"),
    [(["done", "done"], "completed"), (["done", "tasked"], "open"), (["refused", "cancelled"], "refused"),
     (["refused", "tasked"], "open"), (["done", "cancelled"], "refused"), (["done", "undone"], "refused")],
)  # fmt: skip
def test_a_case_ends_with_its_last_step(states: list[str], expected: str) -> None:
    assert case_state([step(str(i), state) for i, state in enumerate(states)]) == expected


@pytest.mark.parametrize("lost", ["refused", "cancelled", "undone"])
def test_a_case_is_whole_without_what_she_could_do_without(lost: str) -> None:
    due, wish, offer = (
        step("a", "done"),
        replace(step("b", lost), optional=True),
        replace(step("c", lost), mode="offer"),
    )
    assert case_state([due, wish, offer]) == "completed"
    assert case_state([due, wish, step("d", lost, "b")]) == "refused"
    assert case_state([replace(due, state="skipped"), wish]) == "refused"  # she wanted nothing else


def test_a_refusal_cancels_all_that_rests_on_it_and_nothing_else() -> None:
    steps = [step("a", "refused"), step("b", "waiting", "a"), step("c", "waiting", "b"), step("d", "waiting")]
    assert [(s.name, s.state) for s in unreachable(steps)] == [("b", "cancelled"), ("c", "cancelled")]


def test_needs_are_resolved_when_each_is_answered_or_refused() -> None:
    assert needs_resolved([need("answered"), need("refused")])
    assert not needs_resolved([need("answered"), need("asked")])
    assert needs_resolved([])
