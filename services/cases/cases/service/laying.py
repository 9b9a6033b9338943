# SPDX-License-Identifier: EUPL-1.2
"""The steps of a new case, laid out from the life event in force: later releases of it change nothing in the case."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from cases import planner
from cases.domain import Issue, Step
from cases.service.planning import wants_of
from contracts.catalogue import Catalogue, LifeEvent, LifeEventStep
from contracts.ids import uuid7


@dataclass(frozen=True)
class Plot:
    """What steps are laid out on. taken: ids of the steps chosen. founding: organisation -> the step that founds it."""

    catalogue: Catalogue
    life_event: LifeEvent
    taken: Collection[str]
    founding: Mapping[str, str]
    case_id: str
    now: datetime


def lay_out(
    catalogue: Catalogue,
    life_event: LifeEvent,
    taken: Collection[str],
    unfounded: Collection[str],
    case_id: str,
    now: datetime,
) -> list[Step]:
    """Lay out the steps, one for each office of a step; ids keep the life event's order.

    taken: ids of the steps chosen; the others are skipped. unfounded: organisations that don't exist yet.
    """
    laid = [(step, office) for step in life_event.steps for office in step.tasks]
    ids = sorted(str(uuid7()) for _ in laid)  # those of one millisecond come in any order
    first = {name: [s.id for s in planner.founders(life_event, name) if s.id in taken] for name in unfounded}
    founding = {name: steps[0] for name, steps in first.items() if steps}
    plot = Plot(catalogue, life_event, taken, founding, case_id, now)
    return [_step(plot, rule, office, step_id) for step_id, (rule, office) in zip(ids, laid, strict=True)]


def _step(plot: Plot, rule: LifeEventStep, office: str, step_id: str) -> Step:
    taken = rule.id in plot.taken
    days = {visit.id: visit.within.get("workingDays", 0) for visit in plot.life_event.visits}
    return Step(
        step_id=step_id,
        case_id=plot.case_id,
        step=f"{plot.life_event.id}/{rule.id}",
        office=office,
        service=rule.service,
        mode=rule.mode,
        after=tuple(planner.waits_for(plot.life_event, rule, plot.founding)),
        issues=_issues(plot, rule, office),
        state="waiting" if taken else "skipped",
        wants=wants_of(rule),
        accountable=office,
        input_fields=tuple(dict.fromkeys([*rule.input, *([rule.commitment] if rule.commitment else [])])),
        commitment=rule.commitment,
        visit=rule.visit,
        visit_days=None if rule.visit is None else days.get(rule.visit, 0),
        on_refusal=rule.on_refusal,
        on_withdrawal=rule.on_withdrawal,
        optional=rule.optional,
        ended_at=None if taken else plot.now,
    )


def _issues(plot: Plot, rule: LifeEventStep, office: str) -> tuple[Issue, ...]:
    """Give what this office of the step issues: of the step's types those that it has power for."""
    today = plot.now.date()
    return tuple(
        Issue(issue.type, issue.to, issue.amends)
        for issue in rule.issues
        if plot.catalogue.may_issue(office, issue.type, today) is not None
    )
