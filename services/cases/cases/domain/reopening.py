# SPDX-License-Identifier: EUPL-1.2
"""Doing a step again: what it was decided on has changed while something that rests on it is still open. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from cases.domain.records import Step
from cases.domain.rules import LOST, dependents
from cases.errors import StepHasIssued, StepNotReopenable, StepUnknown

REOPENED = "REOPENED"
"""Code of a step that is done again; its reason is the office's."""
_GO_BACK = frozenset({"offered", "gathering", "ready", "tasked", "done"})
"""States of a dependent that rests on what is to be done again."""


def reopened(caller: Step, name: str, reason: str, steps: Sequence[Step]) -> list[Step]:
    """Give the steps that go back to waiting when *caller*'s office does its earlier step *name* again.

    The step itself, the caller's, and all else that rests on it. Steps that were skipped, refused or cancelled stay.
    Raises StepUnknown; StepNotReopenable: it isn't done, isn't an earlier one of the caller's office, or another
    office has issued by it; StepHasIssued: it, or a step between, has led to a certificate.
    """
    target = _target(caller, name, steps)
    resting = dependents(target, steps)
    if caller not in resting:
        raise StepNotReopenable
    back = [target, *(s for s in resting if s.state in _GO_BACK)]
    for step in back:
        if has_issued(step):
            between = step in (target, caller) or caller in dependents(step, steps)
            raise StepHasIssued if between or step.office == caller.office else StepNotReopenable
    lost = {s.step for s in steps if s.state in LOST}
    event = target.step.partition("/")[0]
    if any(f"{event}/{earlier}" in lost for step in back for earlier in step.after):
        raise StepNotReopenable  # it could never start again
    return [replace(_anew(target), code=REOPENED, reason=reason), *(_anew(step) for step in back[1:])]


def has_issued(step: Step) -> bool:
    """Say whether a step led to a certificate, or owes one: then it can't simply be done again."""
    return step.certificate_id is not None or (step.state == "done" and bool(step.issues))


def _target(caller: Step, name: str, steps: Sequence[Step]) -> Step:
    named = [s for s in steps if s.name == name]
    if not named:
        raise StepUnknown
    found = next((s for s in named if s.office == caller.office and s.state == "done"), None)
    if found is None:
        raise StepNotReopenable
    return found


def _anew(step: Step) -> Step:
    """Give a step as it was before it started. A yes to an offer stays, and the task's id until there is another."""
    return replace(
        step,
        state="waiting",
        accountable=step.office,
        needs_count=0,
        deadline=None,
        tasked_at=None,
        ended_at=None,
        visit_on=None,
        deemed=False,
        escalated_at=None,
        again=None,
        code=None,
        reason=None,
    )
