# SPDX-License-Identifier: EUPL-1.2
"""Operations and states: every cell, and every way through them, against a reading of the table written apart."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from certificates import domain
from certificates.domain import Circumstances, Condition, Operation, Standing, Status
from certificates.errors import TransitionNotAllowed

TODAY = date(2026, 11, 24)
PAST, FUTURE = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
BEFORE = ("none", "01", "02", "03", "04", "05", "06", "07", "99")
# The rows of the domain's table, letters and all. "05+01": the version lapses, and a new one appears.
ROWS = """
new           +01   .     .     +01a  +01a  .      .    +01a  .
renew         .     05+01 .     .     .     05+01b .    .     .
suspend       .     02    .     .     .     .      .    .     .
expire        .     05    05    .     .     .      .    .     05
cancel        .     04    04    .     .     04     .    .     04
rescind       .     03    03    .     .     03     .    .     03
revoke        .     07    07    .     .     .      .    .     07
transferOut   .     06    .     .     .     .      .    .     .
reinstate     .     .     01c   .     .     .      .    .     01c
other         .     99    99    .     .     .      .    .     99
transferIn    +01d  .     .     .     .     .      .    .     .
amend         .     05+01 05+02 .     .     .      .    .     .
undoTransfer  .     .     .     .     .     .      01e  .     .
"""
CELLS = {
    (row.split()[0], before): cell
    for row in ROWS.strip().splitlines()
    for before, cell in zip(BEFORE, row.split()[1:], strict=True)
}
LETTERS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "": ({}, None),
    "a": ({"ruling": True}, {"ruling": False}),
    "b": ({"valid_to": PAST, "grace_days": 1}, {"valid_to": PAST, "grace_days": 0}),
    "c": ({"valid_to": TODAY}, {"valid_to": PAST}),
    "d": ({"left": True}, {"left": False}),
    "e": ({"arrived": False}, {"arrived": True}),
}
"""Footnote -> circumstances in which its cell is legal, and in which it isn't."""
CLOCK = ({"valid_to": PAST}, {"valid_to": TODAY})
"""Expiring: after the last day only."""


def read(cell: str) -> tuple[str | None, str | None, str]:
    """Give what the version becomes, the new version's status, and the footnote."""
    letter = cell[-1] if cell[-1].isalpha() else ""
    left, _, made = cell.removesuffix(letter).partition("+")
    return left or None, made or None, letter


def tables() -> Iterator[tuple[Operation, Status | None, str]]:
    for (operation, before), cell in CELLS.items():
        yield Operation(operation), None if before == "none" else before, cell  # type: ignore[misc]


def test_the_reading_covers_every_operation_and_every_status() -> None:
    assert len(CELLS) == len(Operation) * (len(get_args(Status)) + 1) == 13 * 9
    assert set(domain.FACTS) == set(domain.TABLE) == set(Operation)


@pytest.mark.parametrize(("operation", "before", "cell"), list(tables()))
def test_a_cell_does_what_the_table_says(operation: Operation, before: Status | None, cell: str) -> None:
    if cell == ".":
        for now in (Circumstances(TODAY), Circumstances(TODAY, PAST, 9, ruling=True, left=True)):
            with pytest.raises(TransitionNotAllowed) as refused:
                domain.decide(operation, before, now)
            assert (refused.value.status, refused.value.code) == (409, "TRANSITION_NOT_ALLOWED")
            assert refused.value.facts["reason"].startswith(("IS_", "HAS_", "NO_"))
        return
    left, made, letter = read(cell)
    legal, illegal = CLOCK if operation is Operation.EXPIRE else LETTERS[letter]
    done = domain.decide(operation, before, Circumstances(TODAY, **legal))
    assert done.makes == made
    assert done.left == (left or before)  # what ended stays ended
    if illegal is not None:
        with pytest.raises(TransitionNotAllowed) as refused:
            domain.decide(operation, before, Circumstances(TODAY, **illegal))
        assert refused.value.facts["reason"] in set(Condition)


@pytest.mark.parametrize("days", [0, 1, 30])
def test_grace_ends_that_many_days_after_the_last_day(days: int) -> None:
    last = TODAY - timedelta(days=days)
    domain.decide(Operation.RENEW, "05", Circumstances(TODAY, last, days))
    with pytest.raises(TransitionNotAllowed) as refused:
        domain.decide(Operation.RENEW, "05", Circumstances(TODAY + timedelta(days=1), last, days))
    assert refused.value.facts["reason"] == "GRACE_OVER"


ENDED = {"03", "04", "07"}
FOUND = {"suspend": "suspended", "other": "suspended", "reinstate": "reinstated", "undoTransfer": "reinstated",
         "amend": "amended", "renew": "amended", "expire": "expired"}  # fmt: skip


class Life(RuleBasedStateMachine):
    """One certificate through any sequence of operations; beside it a model that knows the rows above alone."""

    @initialize(lasts=st.sampled_from([None, 0, 3, 10]))
    def begin(self, lasts: int | None) -> None:
        self.today = TODAY
        valid_to = None if lasts is None else TODAY + timedelta(days=lasts)
        self.real = Standing("id", "office", "type", "code", 1, 1, "01", valid_to, "licence")
        self.status, self.version, self.valid_to, self.facts = "01", 1, valid_to, 1

    @rule(days=st.integers(1, 5))
    def time_passes(self, days: int) -> None:
        self.today += timedelta(days=days)

    @rule(
        operation=st.sampled_from([o for o in Operation if o not in (Operation.NEW, Operation.TRANSFER_IN)]),
        grace=st.sampled_from([0, 4]),
        lasts=st.sampled_from([None, 0, 7]),
        arrived=st.booleans(),
    )
    def operate(self, operation: Operation, grace: int, lasts: int | None, arrived: bool) -> None:
        valid_to = None if lasts is None else self.today + timedelta(days=lasts)
        successor = None
        if operation in (Operation.AMEND, Operation.RENEW):
            successor = replace(self.real, version=self.real.version + 1, valid_to=valid_to)
        expected = self._expected(operation.value, grace, arrived)
        now = Circumstances(self.today, grace_days=grace, arrived=arrived)
        if expected is None:
            with pytest.raises(TransitionNotAllowed):
                domain.change(self.real, operation, now, successor=successor)
            return
        change = domain.change(self.real, operation, now, successor=successor)
        left, made, _ = read(expected)
        self.facts += 1
        if made is not None:
            assert change.left == left
            self.version, self.status, self.valid_to = self.version + 1, made, valid_to
        else:
            self.status = str(left)
        self.real = change.after
        assert change.fact == FOUND.get(operation.value, "revoked")
        assert (self.real.status, self.real.version, self.real.event_seq) == (self.status, self.version, self.facts)
        assert self.real.valid_to == self.valid_to

    def _expected(self, operation: str, grace: int, arrived: bool) -> str | None:
        cell = CELLS[operation, self.status]
        over = self.valid_to is not None and self.valid_to < self.today
        in_grace = self.valid_to is None or self.today <= self.valid_to + timedelta(days=grace)
        met = {"b": in_grace, "c": not over, "e": not arrived}.get(read(cell)[2], True) if cell != "." else False
        if operation == "expire":
            met = met and over
        return cell if met else None


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase
