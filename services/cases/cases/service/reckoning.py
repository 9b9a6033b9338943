# SPDX-License-Identifier: EUPL-1.2
"""The clock by which deadlines are reckoned, and how long each step has.

It shows real time; in a sandbox it may have been moved ahead, for every process of the deployment at once. Only
deadlines follow it: what is signed, sealed, sent or kept for later carries real time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cases import store
from cases.domain import Case, Step
from cases.domain.clocks import concerning
from cases.service.parts import Parts
from contracts.catalogue import Catalogue
from contracts.catalogue.calendar import add_working_days, extended, working_time
from kit.db import Queries

DEFAULT_DAYS = 30
"""Working days until a step's deadline where the responsibility list says none."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""When the clock of a task began that was given before this was noted."""


async def reckoned_now(parts: Parts, tx: Queries) -> datetime:
    """Give the moment that deadlines are reckoned by."""
    now = parts.clock()
    return now + await store.clock_ahead(tx) if parts.sandbox else now


async def reckoned_at(parts: Parts, tx: Queries, moment: datetime) -> datetime:
    """Give what that clock showed at a moment of real time."""
    return moment + await store.clock_ahead_at(tx, moment) if parts.sandbox else moment


async def elapsed_working_days(parts: Parts, tx: Queries, case: Case) -> int:
    """Give how many whole working days (24 hours of working time) a case has lasted, by that clock."""
    opened = await reckoned_at(parts, tx, case.opened_at)
    until = await reckoned_at(parts, tx, case.closed_at or parts.clock())
    return working_time(opened, until, parts.catalogue().calendar(opened.date())) // timedelta(days=1)


async def begun(parts: Parts, tx: Queries, step: Step, days: int | None = None) -> Step:
    """Give a step whose task or offer goes out now: its clock begins, and ends with the last of its working days.

    days: None for those of the responsibility list.
    """
    catalogue, now = parts.catalogue(), await reckoned_now(parts, tx)
    days = days_of(catalogue, step, parts.clock()) if days is None else days
    return replace(step, tasked_at=now, deadline=add_working_days(now, days, catalogue.calendar(now.date())))


def days_of(catalogue: Catalogue, step: Step, now: datetime) -> int:
    """Give how many working days the responsibility list leaves the step's office; at least one."""
    responsible = catalogue.responsibility(step.step, step.office, now.date())
    return max(responsible.within.get("workingDays", DEFAULT_DAYS) if responsible else DEFAULT_DAYS, 1)


async def deadlines(parts: Parts, tx: Queries, steps: Sequence[Step]) -> Mapping[str, datetime]:
    """Give the deadline of each step that has had a task or is offered, moved by the outages since, by step id."""
    clocks = [s for s in steps if s.deadline is not None and (s.task_id is not None or s.state == "offered")]
    if not clocks:
        return {}
    since = min(s.tasked_at or LONG_AGO for s in clocks)
    outages = await store.outages_since(tx, since, sorted({s.office for s in clocks}))
    catalogue = parts.catalogue()
    found = {}
    for step in clocks:
        assert step.deadline is not None  # noqa: S101 - chosen above
        began = step.tasked_at or LONG_AGO
        stood = concerning(outages, step.office)
        found[step.step_id] = extended(began, step.deadline, stood, catalogue.calendar(began.date()))
    return found
