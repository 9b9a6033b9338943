# SPDX-License-Identifier: EUPL-1.2
"""What must hold of what an applicant gives: input, promises, visits. And nobody is asked the same thing twice."""

from collections.abc import Iterator

from contracts.catalogue.entries import LifeEvent, LifeEventStep, Need
from contracts.catalogue.faults import Fault, Index
from contracts.catalogue.list_rules import OF_THE_APPLICANT, repeated, unknown

Path = list[str | int]
_MEDIA = frozenset({"application/pdf", "image/png", "image/jpeg"})


def check_given(index: Index, event: LifeEvent) -> Iterator[Fault]:
    """Check what the event asks of its applicant."""
    yield from repeated(index, event, ["input"], [field.id for field in event.input])
    yield from repeated(index, event, ["visits"], [visit.id for visit in event.visits])
    used = {name for step in event.steps for name in step.input}
    for at, field in enumerate(event.input):
        if field.id not in used:
            detail = f"no step uses {field.id}: the applicant would give it for nothing"
            yield index.fault(event, ["input", at], "INPUT_UNUSED", detail)
        for nth, media in enumerate(field.media):
            if media not in _MEDIA:
                detail = f"no file of type {media} can be checked"
                yield index.fault(event, ["input", at, "media", nth], "MEDIA_UNKNOWN", detail)
    for at, visit in enumerate(event.visits):
        if visit.within.get("workingDays", 0) < 1:
            here: Path = ["visits", at, "within", "workingDays"]
            yield index.fault(event, here, "TIME_MISSING", "at least one working day")
    for at, step in enumerate(event.steps):
        yield from _check_input(index, event, step, ["steps", at])
        yield from _check_promise(index, event, step, ["steps", at])
    yield from _check_repeated(index, event)


def _check_input(index: Index, event: LifeEvent, step: LifeEventStep, path: Path) -> Iterator[Fault]:
    """Input and visit are the event's, and no office holds what the applicant is asked for.

    What the proof list calls it is the field's `fact`.
    """
    inputs = {field.id: field.fact for field in event.input}
    for nth, name in enumerate(step.input):
        here = [*path, "input", nth]
        yield from unknown(index, event, here, name, inputs, "input")
        for proof in index.proofs:
            asks = proof.asked_by in step.tasks and proof.service == step.service
            if asks and proof.proves == inputs.get(name) and proof.route not in OF_THE_APPLICANT and index.holds(proof):
                yield index.fault(event, here, "INPUT_HELD", f"{proof.id} says who else knows it (route {proof.route})")
    yield from repeated(index, event, [*path, "input"], step.input)
    if step.visit is not None:
        visits = {visit.id for visit in event.visits}
        yield from unknown(index, event, [*path, "visit"], step.visit, visits, "visit")


def _check_promise(index: Index, event: LifeEvent, step: LifeEventStep, path: Path) -> Iterator[Fault]:
    """Approved on a promise: the applicant makes it, the step's offices see it and check it later; no risk is high."""
    inputs = {field.id: field.type for field in event.input}
    here = [*path, "commitment"]
    if step.commitment is not None:
        yield from unknown(index, event, here, step.commitment, inputs, "input")
        if inputs.get(step.commitment, "boolean") != "boolean":
            yield index.fault(event, here, "NOT_A_BOOLEAN", "a promise is a yes or a no")
        if step.commitment not in step.input:
            yield index.fault(event, here, "PROMISE_UNSEEN", "the step's offices don't see it: it isn't in its input")
    if step.mode != "commitment":
        return
    if step.commitment is None:
        yield index.fault(event, here, "COMMITMENT_MISSING", "mode commitment names the input that is the promise")
    for office in step.tasks:
        for answer in index.responsible(f"{event.id}/{step.id}", office):
            if answer.risk == "high":
                detail = f"a high risk ({answer.id}) is never approved on a promise"
                yield index.fault(event, [*path, "mode"], "COMMITMENT_HIGH_RISK", detail)
            if answer.inspect_within is None:
                detail = f"{answer.id} doesn't say until when the promise is checked (inspectWithin)"
                yield index.fault(event, [*path, "mode"], "INSPECTION_MISSING", detail)


def _check_repeated(index: Index, event: LifeEvent) -> Iterator[Fault]:
    """One office asks for one fact about one subject once for one service: the case has it after that.

    Another service is another purpose. For that the office asks the holder again, never the applicant.
    """
    asked: dict[tuple[str, str, str, str], str] = {}
    for at, step in enumerate(event.steps):
        for nth, need in enumerate(step.needs):
            for one in _alternatives(need):
                for office in step.tasks:
                    key = (office, step.service, one.type or "", one.of or "")
                    if key in asked:
                        detail = f"{office} has {one.type} of {one.of} in this case since step {asked[key]}"
                        yield index.fault(event, ["steps", at, "needs", nth], "REPEATED", detail)
                    asked.setdefault(key, step.id)


def _alternatives(need: Need) -> list[Need]:
    return [one for one in (need.any_of or [need]) if one.type is not None]
