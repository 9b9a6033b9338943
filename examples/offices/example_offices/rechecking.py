# SPDX-License-Identifier: EUPL-1.2
"""Doing a step again: news about a person comes while a task that rests on what was known of her is still open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts.envelopes import Share, Task
from example_offices.drawer import Drawer, Held
from example_offices.program import Say
from tongban import NotBelieved, Office, Problem

SKEW = timedelta(minutes=1)
"""How much the platform's clock and ours may differ."""
TOO_LATE = frozenset({"STEP_HAS_ISSUED", "TASK_NOT_OPEN"})


@dataclass(frozen=True)
class Again:
    """What is done again. news: type of certificate whose news count. step: the earlier step that looked at it."""

    news: str
    step: str
    reason: str


class Rechecker:
    """Sees to it that no task is decided on what has changed. rules: by the task's step."""

    def __init__(self, office: Office, drawer: Drawer, say: Say, rules: Mapping[str, Again]) -> None:
        self._office, self._drawer, self._say, self._rules = office, drawer, say, rules

    async def goes_back(self, task: Task) -> bool:
        """Have the earlier step done again if there is news about whom the task is to register.

        What came before the case was opened was there to be asked for, and what was done again for isn't news.
        """
        rule = self._rules.get(task.step)
        if rule is None or task.deemed:
            return False
        persons = {self._office.who(order.subject) for order in task.issues if order.subject is not None}
        held = self._drawer.shares_since(_opened(task.case_id) - SKEW, task.case_id)
        news = [one for one in held if await self._is_about(one, rule.news, persons)]
        if not news:
            return False
        went_back = await self._reopen(task, rule)
        self._drawer.note_counted(task.case_id, news)
        return went_back

    async def _is_about(self, held: Held, kind: str, persons: set[str]) -> bool:
        try:
            share = (await self._office.open(held.sealed)).body
            known = isinstance(share, Share) and share.type == kind and share.subject is not None
            return known and self._office.who(share.subject) in persons  # type: ignore[union-attr, arg-type]
        except NotBelieved:  # sealed to a key that we have no more: it was heard when it came
            return False

    async def _reopen(self, task: Task, rule: Again) -> bool:
        try:
            await self._office.reopen(task.task_id, rule.step, rule.reason, key=f"reopen-{task.task_id}")
        except Problem as why:
            if why.code not in TOO_LATE:
                raise
            self._say(f"task {task.task_id}: {rule.step} is not done again, {why.code}")
            return False
        self._say(f"task {task.task_id}: {rule.news} came, {rule.step} is done again")
        return True


def _opened(case_id: str) -> datetime:
    """Say when a case was opened: its id begins with it (UUIDv7, RFC 9562, section 5.7)."""
    return datetime.fromtimestamp((UUID(case_id).int >> 80) / 1000, UTC)
