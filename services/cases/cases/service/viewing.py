# SPDX-License-Identifier: EUPL-1.2
"""A case as its applicant sees it, with what it cost and saved."""

from collections.abc import Sequence
from datetime import datetime

from cases import domain, events, store
from cases.domain import Case, Need, Step, Subject
from cases.errors import CaseUnknown
from cases.service.parts import Parts
from cases.service.reckoning import deadlines, elapsed_working_days
from contracts.cases import CaseReport, CaseView, PreviewDue, StepView
from kit.db import Queries


class Viewing:
    """Use case `view` of the applicant."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def view(self, applicant: str, case_id: str) -> CaseView:
        """Show a case to its applicant. Raises CaseUnknown for any other."""
        async with self._parts.db.read() as tx:
            case = await store.case_of_applicant(tx, case_id, applicant)
            if case is None:
                raise CaseUnknown
            return await case_view(tx, self._parts, case)


async def case_view(tx: Queries, parts: Parts, case: Case) -> CaseView:
    """Lay out a case as it stands in this transaction."""
    steps = await store.steps_of_case(tx, case.case_id)
    needs = await store.needs_of_steps(tx, [s.step_id for s in steps])
    subjects = await store.subjects_of(tx, case.case_id)
    due = await deadlines(parts, tx, steps)
    answered: dict[str, int] = {}
    for need in needs:
        answered[need.step_id] = answered.get(need.step_id, 0) + (need.state == "answered" and not need.former)
    return CaseView(
        case_id=case.case_id,
        life_event=case.life_event,
        state=case.state,  # type: ignore[arg-type]
        opened_at=case.opened_at,
        closed_at=case.closed_at,
        lead=domain.accountable(case, steps),
        uploads=case.uploads,
        organisations=_organisations(subjects),
        steps=[_step_view(s, answered.get(s.step_id, 0), due.get(s.step_id)) for s in steps],
        previews=_previews(case, steps, needs, subjects),
        report=await _report(tx, parts, case, steps, needs),
    )


def _previews(
    case: Case, steps: Sequence[Step], needs: Sequence[Need], subjects: Sequence[Subject]
) -> list[PreviewDue]:
    """List what waits for the applicant's look: about herself, in steps that wait for it. Others see their own."""
    hers = {(s.name, s.position) for s in subjects if s.person == case.applicant}
    gathering = {s.step_id: s for s in steps if s.state == "gathering"}
    return [
        PreviewDue(
            preview_id=need.look.preview_id,
            deployment=need.look.deployment,
            open_until=need.look.until,
            holder=need.holder or "",
            asker=gathering[need.step_id].office,
            step=gathering[need.step_id].step,
            type=need.type,
        )
        for need in needs
        if need.look is not None
        and need.state == "asked"
        and not need.former
        and need.step_id in gathering
        and (need.subject_name, need.subject_position) in hers
    ]


def _organisations(subjects: Sequence[Subject]) -> dict[str, str]:
    return {s.name: s.organisation for s in subjects if s.organisation is not None}


def _step_view(step: Step, answered: int, deadline: datetime | None) -> StepView:
    return StepView(
        step=step.step,
        office=step.office,
        accountable=step.accountable,
        service=step.service,
        mode=step.mode,  # type: ignore[arg-type]
        state=events.public_state(step),  # type: ignore[arg-type]
        needs=step.needs_count,
        answered=answered,
        deadline=deadline,
        deemed=step.deemed,
        escalated=step.escalated_at is not None,
        visit=events.visit_of(step),
        certificate_id=step.certificate_id,
        code=step.code,
        reason=step.reason,
    )


async def _report(tx: Queries, parts: Parts, case: Case, steps: Sequence[Step], needs: Sequence[Need]) -> CaseReport:
    counts = domain.count(steps, needs)
    return CaseReport(
        offices=counts.offices,
        steps=counts.steps,
        longest_chain=counts.longest_chain,
        uploads=case.uploads,
        visits=counts.visits,
        demands_refused=await store.demands_refused(tx, case.case_id),
        deemed_steps=counts.deemed_steps,
        commitments=counts.commitments,
        documents_not_asked=counts.documents_not_asked,
        elapsed_working_days=await elapsed_working_days(parts, tx, case),
    )
