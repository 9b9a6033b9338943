# SPDX-License-Identifier: EUPL-1.2
"""What a task asks an office to issue: which order, for whom, on which promise, under which idempotency key."""

from collections.abc import Sequence
from typing import Final

from contracts.certificates.api import Holder, Provisional, TaskRef
from contracts.envelopes import IssueOrder, Task
from tongban.problems import NotBelieved

PROMISED: Final = "What the applicant promised in the application holds."
"""Stands as the condition where the office names none of its own."""


def find_order(task: Task, type_name: str | None, to: str | None) -> tuple[int, IssueOrder]:
    """Give the one order of *task* that is meant, and its number, from 1. Raises NotBelieved."""
    meant = [
        (number, order)
        for number, order in enumerate(task.issues, start=1)
        if type_name in (None, order.type) and to in (None, order.to)
    ]
    if len(meant) != 1:
        raise NotBelieved("TASK_ISSUES_OTHERWISE", f"{len(meant)} of its orders are meant")
    return meant[0]


def holder_of(order: IssueOrder, organisation: str | None) -> Holder:
    """Give whom it is for. organisation: USCC, due where the task founds it, else none or the same.

    Raises NotBelieved.
    """
    if order.holder is not None:
        if organisation is not None:
            raise NotBelieved("TASK_ISSUES_OTHERWISE", "it is for a person")
        return Holder(alias=order.holder)
    code = order.organisation or organisation
    if code is None:
        raise NotBelieved("TASK_FOUNDS_ORGANISATION", "the new organisation's code is due")
    if organisation not in (None, code):
        raise NotBelieved("TASK_ISSUES_OTHERWISE", "it is for another organisation")
    return Holder(organisation=code)


def promise(order: IssueOrder, given: Provisional | Sequence[str] | None) -> Provisional | None:
    """Give what it is issued on: until when the promise is checked says the task, unless the office says more."""
    if isinstance(given, Provisional):
        return given
    if order.provisional is None:
        if given:
            raise NotBelieved("TASK_ISSUES_OTHERWISE", "it is not given on a promise")
        return None
    return Provisional(conditions=list(given or [PROMISED]), check_by=order.provisional)


def task_key(task: Task, number: int) -> str:
    """Name the idempotency key of a task's n-th certificate, from 1.

    A task that silence passed comes again with what is still owed, under a proof of its own: other orders, other keys.
    """
    key = f"task-{task.task_id}-owed" if task.deemed else f"task-{task.task_id}"
    return key if number == 1 else f"{key}-{number}"


def task_ref(task: Task) -> TaskRef:
    """Cite *task* in an order."""
    return TaskRef(task_id=task.task_id, case_id=task.case_id, step=task.step, case_proof=task.case_proof)
