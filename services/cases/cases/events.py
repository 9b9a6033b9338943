# SPDX-License-Identifier: EUPL-1.2
"""What cases says on the bus, built from its own objects. No I/O."""

from collections.abc import Sequence
from dataclasses import replace

from cases.domain import Case, Step
from contracts import topics
from contracts.cases import AsksWithdrawn, CaseFact, StepFact, Visit
from kit.events import Event

_PUBLIC_STATES = {"ready": "gathering"}
"""A task that isn't sealed yet is our own business: outside, the step is still gathering."""


def public_state(step: Step) -> str:
    """Give a step's state as others see it."""
    return _PUBLIC_STATES.get(step.state, step.state)


def visit_of(step: Step) -> Visit | None:
    """Give the joint visit that a step shares, once it has its date."""
    if step.visit is None or step.visit_on is None:
        return None
    return Visit(id=step.visit, on=step.visit_on)


def case_fact(case: Case, what: str) -> tuple[Case, Event]:
    """Build `cases.case.<what>.v1` (opened or closed); gives the case with its counter raised, and the event."""
    counted = replace(case, event_seq=case.event_seq + 1)
    body = CaseFact.model_validate(
        {
            "caseId": case.case_id,
            "lifeEvent": case.life_event,
            "lead": case.lead,
            "state": case.state,
            "uploads": case.uploads,
            "proofUntil": case.proof_until,
        }
    )
    event = Event(
        topics.CASE,
        case.case_id,
        f"cases.case.{what}.v1",
        body.wire_bytes(),
        counted.event_seq,
        attributes={"caseid": case.case_id},
    )
    return counted, event


def asks_withdrawn(case: Case, exchange_ids: Sequence[str]) -> tuple[Case, Event]:
    """Build `cases.asks.withdrawn.v1`: answers in these exchanges count no more; gives the case with its counter up."""
    counted = replace(case, event_seq=case.event_seq + 1)
    body = AsksWithdrawn(case_id=case.case_id, exchange_ids=sorted(exchange_ids))
    event = Event(
        topics.CASE,
        case.case_id,
        "cases.asks.withdrawn.v1",
        body.wire_bytes(),
        counted.event_seq,
        attributes={"caseid": case.case_id},
    )
    return counted, event


def step_fact(case: Case, step: Step) -> tuple[Case, Event]:
    """Build `cases.step.<state>.v1`; gives the case with its counter raised, and the event."""
    counted = replace(case, step_event_seq=case.step_event_seq + 1)
    state = public_state(step)
    body = StepFact(
        case_id=case.case_id,
        step=step.step,
        office=step.office,
        state=state,  # type: ignore[arg-type]
        after=list(step.after),
        deemed=step.deemed,
        committed=step.mode == "commitment" and step.state == "done",
        visit=visit_of(step),
        accountable=step.accountable,
    )
    event = Event(
        topics.STEP,
        case.case_id,
        f"cases.step.{state}.v1",
        body.wire_bytes(),
        counted.step_event_seq,
        attributes={"caseid": case.case_id},
    )
    return counted, event
