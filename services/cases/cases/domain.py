# SPDX-License-Identifier: EUPL-1.2
"""Cases, steps and needs, and the rules between them. Pure: `now` is an argument."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

OPEN = "open"
FINAL_STEPS = frozenset({"done", "refused", "cancelled"})
RESOLVED_NEEDS = frozenset({"answered", "refused"})


@dataclass(frozen=True)
class Case:
    """One application. applicant: the platform's pseudonym. Sequence numbers count the facts said so far."""

    case_id: str
    life_event: str
    applicant: str
    state: str
    input: Mapping[str, Any]
    uploads: int
    text_version: str
    opened_at: datetime
    closed_at: datetime | None = None
    proof_until: datetime | None = None
    event_seq: int = 0
    step_event_seq: int = 0


@dataclass(frozen=True)
class Issue:
    """A certificate type that an approval issues, and the subject's name in the life event."""

    type: str
    to: str


@dataclass(frozen=True)
class Step:
    """One step of a case at one office. step: `{lifeEvent}/{id}`.

    States: waiting -> gathering -> ready (task row, not yet sealed) -> tasked -> done | refused; or cancelled.
    """

    step_id: str
    case_id: str
    step: str
    office: str
    service: str
    mode: str
    after: tuple[str, ...]
    issues: tuple[Issue, ...]
    state: str = "waiting"
    needs_count: int = 0
    deadline: datetime | None = None
    case_proof: str | None = None
    task_id: str | None = None
    task_exchange_id: str | None = None
    certificate_id: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Need:
    """One thing that a step needs about one person. body: the ask's exact bytes; None where nothing could be asked.

    States: unsent -> asked -> answered | refused. proves: the fact's name in the proof list.
    """

    ask_id: str
    step_id: str
    position: int
    type: str
    subject_name: str
    subject_position: int
    exchange_id: str
    salt: str
    state: str
    proves: str | None = None
    body: bytes | None = field(default=None, repr=False)
    request_id: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Subject:
    """A person of a case: name in the life event, position in its list (0 where there is one), pseudonym."""

    name: str
    position: int
    person: str


@dataclass(frozen=True)
class Wanted:
    """A need of the life event, bound to one person of the case. types: alternatives, in order of preference."""

    types: tuple[str, ...]
    subject: Subject


def can_start(step: Step, steps: Sequence[Step]) -> bool:
    """Say whether a waiting step's predecessors are all done."""
    done = {s.step for s in steps if s.state == "done"} - {s.step for s in steps if s.state != "done"}
    return step.state == "waiting" and all(f"{_event(step)}/{name}" in done for name in step.after)


def needs_resolved(needs: Iterable[Need]) -> bool:
    """Say whether every need is answered, or refused for good."""
    return all(need.state in RESOLVED_NEEDS for need in needs)


def case_state(steps: Sequence[Step]) -> str:
    """Give the case's state after its steps: completed when all are done, refused when one is and none can go on."""
    states = {s.state for s in steps}
    if states <= {"done", "cancelled"}:
        return "completed"
    if "refused" in states and states <= FINAL_STEPS:
        return "refused"
    return OPEN


def cancelled_by(refused: Step, steps: Sequence[Step]) -> list[Step]:
    """Give the waiting steps that can never start any more because *refused* was refused."""
    lost = {refused.step}
    found: list[Step] = []
    grew = True
    while grew:
        grew = False
        for step in steps:
            blocked = any(f"{_event(step)}/{name}" in lost for name in step.after)
            if step.state == "waiting" and step not in found and blocked:
                found.append(step)
                lost.add(step.step)
                grew = True
    return found


def _event(step: Step) -> str:
    return step.step.partition("/")[0]
