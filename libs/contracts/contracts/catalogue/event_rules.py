# SPDX-License-Identifier: EUPL-1.2
"""What must hold of a life event: every step can start, everybody in it may do what it asks of them."""

from collections.abc import Iterator, Sequence

from contracts.catalogue.entries import Entry, LifeEvent, LifeEventStep, Need
from contracts.catalogue.faults import Fault, Index, covers, find_cycle
from contracts.catalogue.input_rules import check_given
from contracts.catalogue.list_rules import check_words, repeated, unknown
from contracts.catalogue.subject_rules import check_subjects

Path = list[str | int]


def check_event(index: Index, event: LifeEvent) -> Iterator[Fault]:
    """Check the event as a whole, then each step."""
    yield from unknown(index, event, ["lead"], event.lead, index.offices, "office")
    yield from check_words(index, event, ["title"], event.title)
    yield from repeated(index, event, ["steps"], [step.id for step in event.steps])
    yield from _check_order(index, event)
    for at, step in enumerate(event.steps):
        yield from _check_step(index, event, step, ["steps", at])
    yield from check_given(index, event)
    yield from check_subjects(index, event)


def _check_order(index: Index, event: LifeEvent) -> Iterator[Fault]:
    """Steps wait for steps that exist, in no circle; each can start some day, needing nothing that comes after it."""
    after = {step.id: list(step.after) for step in event.steps}
    for at, step in enumerate(event.steps):
        for nth, name in enumerate(step.after):
            yield from unknown(index, event, ["steps", at, "after", nth], name, after, "step")
    cycle = find_cycle(after)
    if cycle is not None:
        yield index.fault(event, ["steps"], "CYCLE", " waits for ".join(cycle))
    for at, step in enumerate(event.steps):
        if step.id not in _startable(after) and step.id not in (cycle or ()):
            yield index.fault(event, ["steps", at], "UNREACHABLE", f"{step.id} can never start")
        else:
            yield from _check_needs_come_first(index, event, step, at)


def _startable(after: dict[str, list[str]]) -> set[str]:
    """Give the steps that start some day: all that they wait for do."""
    started: set[str] = set()
    while True:
        more = {step for step, waits in after.items() if step not in started and started.issuperset(waits)}
        if not more:
            return started
        started |= more


def _check_needs_come_first(index: Index, event: LifeEvent, step: LifeEventStep, at: int) -> Iterator[Fault]:
    """What only a later step issues can't be needed before it: such a step waits for ever.

    What some office attests from its records besides may be: whether there is one already is a fair question.
    """
    services = {one.service for one in event.steps}
    for later in event.steps:
        if step.id not in index.waited_for(event, later.id):
            continue
        made = {(issue.type, issue.to) for issue in later.issues}
        for nth, need in enumerate(step.needs):
            elsewhere = any(p.type == need.type and p.service not in services for p in index.powers)
            if (need.type, need.of) in made and not elsewhere:
                detail = f"{need.type} is issued only by {later.id}, which waits for {step.id}"
                yield index.fault(event, ["steps", at, "needs", nth], "UNREACHABLE", detail)


def _check_step(index: Index, event: LifeEvent, step: LifeEventStep, path: Path) -> Iterator[Fault]:
    """Offices of a step have the power, answer for it, may issue what it issues."""
    reference = f"{event.id}/{step.id}"
    for nth, office in enumerate(step.tasks):
        here = [*path, "tasks", nth]
        yield from unknown(index, event, here, office, index.offices, "office")
        if not index.has_power(office, step.service):
            yield index.fault(event, here, "POWER_MISSING", f"the office has no power over {step.service}")
        elif not _last(index, event, [p for p in index.powers if (p.office, p.service) == (office, step.service)]):
            detail = f"the office has no power over {step.service} for as long as the event is in force"
            yield index.fault(event, here, "POWER_MISSING", detail)
        answering = index.responsible(reference, office)
        if not answering:
            yield index.fault(event, here, "RESPONSIBILITY_MISSING", f"nobody answers for {reference}")
        elif not _last(index, event, answering):
            detail = f"nobody answers for {reference} for as long as the event is in force"
            yield index.fault(event, here, "RESPONSIBILITY_MISSING", detail)
    for nth, need in enumerate(step.needs):
        yield from _check_need(index, event, step, need, [*path, "needs", nth])
    for nth, issue in enumerate(step.issues):
        yield from unknown(index, event, [*path, "issues", nth, "type"], issue.type, index.types, "type")
        yield from unknown(index, event, [*path, "issues", nth, "to"], issue.to, event.subjects, "subject")
        if issue.type in index.types and not any(index.attests(office, issue.type) for office in step.tasks):
            detail = f"no office of the step may issue {issue.type}"
            yield index.fault(event, [*path, "issues", nth, "type"], "POWER_MISSING", detail)


def _last(index: Index, event: LifeEvent, entries: Sequence[Entry]) -> bool:
    """Say whether one of *entries* is in force on every day that *event* is."""
    return covers([period for entry in entries for period in index.holds(entry)], index.holds(event))


def _check_need(index: Index, event: LifeEvent, step: LifeEventStep, need: Need, path: Path) -> Iterator[Fault]:
    """A need names one type of one subject, or alternatives; a list entry lets each office of the step ask for it."""
    if (need.type is None) == (need.any_of is None) or (need.type is not None and need.of is None):
        yield index.fault(event, path, "NEED_SHAPE", "either type and of, or anyOf")
        return
    if need.any_of is not None and len({other.of for other in need.any_of}) != 1:
        yield index.fault(event, [*path, "anyOf"], "NEED_SHAPE", "alternatives are about one subject")
    for nth, other in enumerate(need.any_of or ()):
        yield from _check_need(index, event, step, other, [*path, "anyOf", nth])
    if need.type is None or need.of is None:
        return
    yield from unknown(index, event, [*path, "type"], need.type, index.types, "type")
    yield from unknown(index, event, [*path, "of"], need.of, event.subjects, "subject")
    many = isinstance(event.subjects.get(need.of), list)
    if need.of in event.subjects and many != need.each:
        detail = "each goes with a subject that is a list, and only with one"
        yield index.fault(event, [*path, "each"], "EACH_MISMATCH", detail)
    for office in step.tasks:
        if need.type in index.types and not _may_ask(index, event, step, office, need.type):
            detail = f"no proof entry lets {office} ask for {need.type} in this step"
            yield index.fault(event, [*path, "type"], "PROOF_MISSING", detail)


def _may_ask(index: Index, event: LifeEvent, step: LifeEventStep, office: str, type_name: str) -> bool:
    return any(
        (proof.asked_by, proof.service) == (office, step.service)
        and proof.step in (None, f"{event.id}/{step.id}")
        and any(source.type == type_name for source in proof.sources)
        for proof in index.proofs
    )
