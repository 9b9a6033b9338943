# SPDX-License-Identifier: EUPL-1.2
"""What must hold of whom a life event is about: holders fit, and an organisation is founded before it is used."""

from collections.abc import Iterator

from contracts.catalogue.entries import LifeEvent, LifeEventStep
from contracts.catalogue.faults import Fault, Index

Path = list[str | int]


def check_subjects(index: Index, event: LifeEvent) -> Iterator[Fault]:
    """Check who is asked about and who is given something."""
    if "person" not in event.subjects.values():
        yield index.fault(event, ["subjects"], "APPLICANT_MISSING", "one subject is a person: whoever applies")
    for at, step in enumerate(event.steps):
        for path, type_name, subject in _mentions(step, ["steps", at]):
            yield from _check_holder(index, event, path, type_name, subject)
        for nth, rule in enumerate(step.issues):
            if isinstance(event.subjects.get(rule.to), list):
                here: Path = ["steps", at, "issues", nth, "to"]
                yield index.fault(event, here, "ONE_EXPECTED", "a certificate is given to one subject, not to a list")
    for name, kind in event.subjects.items():
        if kind == "organisation":
            yield from _check_founding(index, event, name)


def _check_holder(index: Index, event: LifeEvent, path: Path, type_name: str, subject: str) -> Iterator[Fault]:
    kind, subject_kind = index.types.get(type_name), event.subjects.get(subject)
    if kind is None or subject_kind is None or kind.holder == "either":
        return
    if kind.holder != ("person" if isinstance(subject_kind, list) else subject_kind):
        detail = f"{type_name} is held by {kind.holder}s, and {subject} is none"
        yield index.fault(event, path, "HOLDER_DIFFERS", detail)


def _mentions(step: LifeEventStep, path: Path) -> Iterator[tuple[Path, str, str]]:
    """Give each (path, type, subject) of the step's needs and issues."""
    for nth, need in enumerate(step.needs):
        for other, one in enumerate(need.any_of or [need]):
            inside: Path = ["anyOf", other] if need.any_of else []
            here: Path = [*path, "needs", nth, *inside]
            if one.type is not None and one.of is not None:
                yield here, one.type, one.of
    for nth, rule in enumerate(step.issues):
        yield [*path, "issues", nth], rule.type, rule.to


def _check_founding(index: Index, event: LifeEvent, name: str) -> Iterator[Fault]:
    """Exactly one step founds the organisation, in one office, and whatever else is about it waits for that step.

    A step founds it when it gives the organisation something and needs nothing of it. Without such a step the
    organisation exists already, and whoever applies names it.
    """
    about = {step.id: list(_about(step, name)) for step in event.steps}
    founders = [s for s in event.steps if about[s.id] and not _needs(s, name) and not all(r.amends for r in s.issues)]
    if not founders:
        return
    first = founders[0]
    if len(first.tasks) > 1:
        here: Path = ["steps", event.steps.index(first), "tasks", 1]
        yield index.fault(event, here, "FOUNDED_TWICE", f"one office founds {name}")
    for at, step in enumerate(event.steps):
        if step is first or not about[step.id] or first.id in index.waited_for(event, step.id):
            continue
        part = about[step.id][0]
        if step in founders:
            detail = f"{first.id} founds {name} already, and {step.id} doesn't wait for it"
            yield index.fault(event, ["steps", at, *part], "FOUNDED_TWICE", detail)
        else:
            detail = f"{step.id} is about {name} and doesn't wait for {first.id}, which founds it"
            yield index.fault(event, ["steps", at, *part], "NOT_FOUNDED", detail)


def _about(step: LifeEventStep, name: str) -> Iterator[Path]:
    return (path for path, _type, subject in _mentions(step, []) if subject == name)


def _needs(step: LifeEventStep, name: str) -> bool:
    return any(path[0] == "needs" for path in _about(step, name))
