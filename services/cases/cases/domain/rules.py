# SPDX-License-Identifier: EUPL-1.2
"""What may happen to a case: which steps start, what an end takes with it, when the case is over. Pure.

A step is laid out once for each of its offices; it is fulfilled when all of them are. Every function takes the steps
of one case as they stand and gives what changes, so that one commit can write it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from cases.domain.records import Case, Need, Order, Step, StepCertificate, Subject

OPEN = "open"
FINAL_STEPS = frozenset({"done", "refused", "cancelled", "skipped", "undone"})
FULFILLED = frozenset({"done", "skipped"})
LOST = frozenset({"refused", "cancelled", "undone"})
"""States of a step for which nothing can be waited any more."""
RESOLVED_NEEDS = frozenset({"answered", "refused"})
ANOTHER_MAY_HOLD = frozenset({"NOT_MATCHED", "NO_HOLDER"})
"""Codes by which somebody has nothing about this subject: another alternative may."""
DECIDABLE = frozenset({"ready", "tasked"})
"""States in which the office may decide."""


def can_start(step: Step, steps: Sequence[Step]) -> bool:
    """Say whether a waiting step's predecessors are all fulfilled, and have led to what they lead to."""
    return step.state == "waiting" and all(s.state in FULFILLED and not owes(s) for s in _before(step, steps))


def owes(step: Step) -> bool:
    """Say whether a step passed by silence, and what it issues isn't here yet: who needs it would find nothing."""
    return step.deemed and bool(step.issues) and step.certificate_id is None


def is_offer(step: Step) -> bool:
    """Say whether a step that can start is to be offered first: nothing of it happens without a yes."""
    return step.mode == "offer" and step.accepted_at is None


def needs_resolved(needs: Iterable[Need]) -> bool:
    """Say whether every need is answered, or refused for good. Needs that another took the place of don't count."""
    return all(need.state in RESOLVED_NEEDS for need in needs if need.state != "passed")


def tries_another(need: Need, code: str | None) -> bool:
    """Say whether a need that was refused with *code* goes on with its next alternative."""
    return bool(need.alternatives) and code in ANOTHER_MAY_HOLD


def case_state(steps: Sequence[Step]) -> str:
    """Give the case's state after its steps: open until all are over, completed where nothing due was lost.

    What she could do without (optional steps, offers) shows its own refusal, and the case doesn't fail by it, unless
    nothing else was done.
    """
    if any(s.state not in FINAL_STEPS for s in steps):
        return OPEN
    lost = [s for s in steps if s.state in LOST]
    failed = any(not (s.optional or s.mode == "offer") for s in lost)
    return "refused" if failed or (lost and all(s.state != "done" for s in steps)) else "completed"


def unreachable(steps: Sequence[Step]) -> list[Step]:
    """Give the steps that wait for one that is lost, and those that wait for these: cancelled.

    They bear its code and reason. After each change of a case this is asked, so that no step ever waits for nothing.
    """
    lost = {s.step: s for s in steps if s.state in LOST}
    found: dict[str, Step] = {}
    grew = True
    while grew:
        grew = False
        for step in steps:
            if step.state not in ("waiting", "offered") or step.step_id in found:
                continue
            cause = next((lost[name] for name in _after(step) if name in lost), None)
            if cause is not None:
                found[step.step_id] = replace(step, state="cancelled", code=cause.code, reason=cause.reason)
                lost.setdefault(step.step, found[step.step_id])
                grew = True
    return list(found.values())


def cancelled_by(refused: Step, steps: Sequence[Step]) -> list[Step]:
    """Give what the refusal of a step takes with it by its own rule: all that isn't over, or nothing by itself.

    Steps that wait for the refused one are `unreachable`'s matter.
    """
    if refused.on_refusal != "all":
        return []
    return [
        replace(step, state="cancelled", code=refused.code, reason=refused.reason)
        for step in steps
        if step.step_id != refused.step_id and step.state not in FINAL_STEPS
    ]


def settled(steps: Sequence[Step], moves: Sequence[Step], now: datetime) -> list[Step]:
    """Give all steps as they stand after *moves*, with what can never start any more cancelled, and ends noted."""
    moved = {m.step_id: m for m in moves}
    after = [_ended(moved.get(s.step_id, s), now) for s in steps]
    lost = {s.step_id: _ended(s, now) for s in unreachable(after)}
    return [lost.get(s.step_id, s) for s in after]


def dependents(step: Step, steps: Sequence[Step]) -> list[Step]:
    """Give all steps that wait for *step*, directly or not, whatever their state."""
    names, found = {step.step}, list[Step]()
    grew = True
    while grew:
        grew = False
        for other in steps:
            if other not in found and names.intersection(_after(other)):
                found.append(other)
                names.add(other.step)
                grew = True
    return found


def withdrawn(steps: Sequence[Step], reason: str | None, now: datetime) -> list[Step]:
    """Give what a withdrawal changes: open steps are cancelled, done ones taken back where their rule says so."""
    changed = []
    for step in steps:
        if step.state not in FINAL_STEPS:
            changed.append(replace(step, state="cancelled", code="WITHDRAWN", reason=reason))
        elif step.state == "done" and step.on_withdrawal == "cancel":
            changed.append(undoing(step, now))
    return changed


def undoing(step: Step, now: datetime) -> Step:
    """Give a step whose office is told to take back what it led to."""
    return replace(step, again="undo", undo_at=now) if step.undo_at is None else step


def promise_broken(step: Step, steps: Sequence[Step], now: datetime) -> list[Step]:
    """Give what changes when a promise proved false: the step is undone, and all that rested on it ends.

    Dependents that aren't over are cancelled, and offices of those that are done are told to take them back.
    """
    undone = replace(step, state="undone", code="COMMITMENT_FALSE", ended_at=now)
    changed = [undone]
    for other in dependents(step, steps):
        if other.state == "done":
            changed.append(undoing(other, now))
        elif other.state not in FINAL_STEPS:
            changed.append(replace(other, state="cancelled", code=undone.code))
    return changed


def fulfilled_by(step: Step, certificates: Sequence[StepCertificate], orders: Sequence[str]) -> bool:
    """Say whether as many certificates of each type came as were ordered. orders: a type for each order."""
    held = Counter(c.type for c in certificates if c.step_id == step.step_id and c.ended is None)
    return bool(orders) and all(held[kind] >= count for kind, count in Counter(orders).items())


def still_owed(orders: Sequence[Order], certificates: Iterable[StepCertificate]) -> list[Order]:
    """Give the orders of types that are still owed: of one type nobody can tell to whom those went that came."""
    held, due = Counter(c.type for c in certificates if c.ended is None), Counter(order.type for order in orders)
    return [order for order in orders if held[order.type] < due[order.type]]


def changed(step: Step, certificate: StepCertificate) -> bool:
    """Say whether a step changed what was there before it: to be put back, not to be ended."""
    return certificate.version > 1 and any(i.amends and i.type == certificate.type for i in step.issues)


def left_to_end(step: Step, certificates: Sequence[StepCertificate]) -> list[StepCertificate]:
    """Give what the step's office still has to end when it takes back what the step led to."""
    return [c for c in certificates if c.ended is None and not changed(step, c)]


def founded_by(step: Step, kind: str, subjects: Sequence[Subject]) -> Subject | None:
    """Give the organisation without a code yet that a certificate of *kind* by this step founds, or None."""
    names = [issue.to for issue in step.issues if issue.type == kind]
    return next((s for s in subjects if s.name in names and not s.known), None)


def accountable(case: Case, steps: Sequence[Step]) -> str:
    """Give the one office that answers for the case at this moment."""
    return case.lead or steps[0].office


def _ended(step: Step, now: datetime) -> Step:
    """Note a step's end. What a task led to before it was given up half-way is taken back."""
    if step.state not in FINAL_STEPS or step.ended_at is not None:
        return step
    half = step.state in ("refused", "cancelled") and step.certificate_id is not None
    return replace(undoing(step, now) if half else step, ended_at=now)


def _after(step: Step) -> list[str]:
    event = step.step.partition("/")[0]
    return [f"{event}/{name}" for name in step.after]


def _before(step: Step, steps: Sequence[Step]) -> list[Step]:
    names = set(_after(step))
    return [s for s in steps if s.step in names]
