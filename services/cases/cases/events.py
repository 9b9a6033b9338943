# SPDX-License-Identifier: EUPL-1.2
"""What cases says on the bus, built from its own objects. No I/O."""

from dataclasses import replace

from cases.domain import Case, Step
from contracts import topics
from contracts.cases import CaseFact, StepFact
from kit.events import Event

PUBLIC_STEP_STATES = {"ready": "gathering"}
"""A task that isn't sealed yet is our own business: outside, the step is still gathering."""


def case_fact(case: Case, what: str) -> tuple[Case, Event]:
    """Build `cases.case.<what>.v1` (opened or closed); gives the case with its counter raised, and the event."""
    counted = replace(case, event_seq=case.event_seq + 1)
    body = CaseFact.model_validate(
        {
            "caseId": case.case_id,
            "lifeEvent": case.life_event,
            "state": case.state,
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


def step_fact(case: Case, step: Step) -> tuple[Case, Event]:
    """Build `cases.step.<state>.v1`; gives the case with its counter raised, and the event."""
    counted = replace(case, step_event_seq=case.step_event_seq + 1)
    state = PUBLIC_STEP_STATES.get(step.state, step.state)
    body = StepFact.model_validate({"caseId": case.case_id, "step": step.step, "office": step.office, "state": state})
    event = Event(
        topics.STEP,
        case.case_id,
        f"cases.step.{state}.v1",
        body.wire_bytes(),
        counted.step_event_seq,
        attributes={"caseid": case.case_id},
    )
    return counted, event
