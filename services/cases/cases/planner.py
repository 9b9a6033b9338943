# SPDX-License-Identifier: EUPL-1.2
"""The plan of an application before anybody applies: what is needed, who holds it, how long it takes. Pure.

Whatever services a citizen picks, she gets a plan, or the services that are missing for one by name: adding these
always ends in a plan. What doesn't hang on her wish is laid out once for each release and day.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from graphlib import TopologicalSorter

from contracts.cases import MissingPrerequisite, Plan, PlannedNeed, PlannedStep, PlanWish, Source
from contracts.catalogue import Catalogue, Grant, LifeEvent, LifeEventStep, Need, Proof

__all__ = [
    "Choice",
    "Way",
    "cheapest_first",
    "choose",
    "founders",
    "listed",
    "make_plan",
    "unknown_organisations",
    "waits_for",
    "ways",
]


@dataclass(frozen=True)
class Way:
    """One way to get a fact that list and grant allow: by this grant, on this entry."""

    grant: Grant
    proof: Proof


@dataclass(frozen=True)
class Choice:
    """What of a life event is done. steps: ids, in the life event's order. missing: what must be chosen besides."""

    steps: tuple[str, ...]
    missing: tuple[MissingPrerequisite, ...]


def make_plan(catalogue: Catalogue, event: LifeEvent, wish: PlanWish, on: date) -> Plan:
    """Plan a wish whose words are all known: its services are the event's, people and organisations its subjects.

    With something missing the plan says what, and has no steps. Days are working days after the submit.
    """
    choice = choose(event, wish.services, wish.organisations)
    laid = _lay_out(catalogue, event.id, event.version, on)
    after = _waiting(event, choice, wish.organisations)
    steps = [] if choice.missing else _timed({name: laid[name] for name in choice.steps}, after, wish.people)
    needs = [need for step in steps for need in step.needs if need.alternatives]
    given = {name for step in steps for name in step.input}
    asked = {need.alternatives[0].holder for need in needs}
    return Plan(
        life_event=event.id,
        release=catalogue.release,
        steps=steps,
        missing=list(choice.missing),
        input=[field.id for field in event.input if field.id in given],
        offices=len(asked.union(*(step.offices for step in steps))),
        documents_not_asked=sum(need.persons for need in needs),
        longest_chain=_longest_chain(steps),
        working_days=max((step.ends for step in steps), default=0),
        visits=len({step.visit for step in steps if step.visit is not None}),
        fees=sum(step.fee for step in steps),
    )


def choose(event: LifeEvent, services: Collection[str] | None, organisations: Collection[str] = ()) -> Choice:
    """Say which steps are done, and what is missing for them.

    services: the wanted ones; None for every step that isn't optional. organisations: names of the subjects that exist
    already: the step that would found one is left out unless it is wanted, and nobody waits for it. What is missing is
    named whole, also what the missing steps wait for themselves: with all of it chosen, nothing is missing.
    """
    exist = {step.id for name in organisations for step in founders(event, name)}
    wanted = set(services) if services is not None else None
    chosen = {step.id for step in event.steps if _chosen(step, wanted, exist)}
    all_chosen, missing, grew = set(chosen), dict[tuple[str, str], MissingPrerequisite](), True
    while grew:
        more = _lacking(event, all_chosen, exist, organisations)
        grew = bool(more)
        missing |= {(gap.step, gap.waits_for): gap for gap in more}
        adds = {gap.service for gap in more}
        all_chosen |= {step.id for step in event.steps if step.service in adds}
    return Choice(tuple(step.id for step in event.steps if step.id in chosen), tuple(missing.values()))


def founders(event: LifeEvent, organisation: str) -> list[LifeEventStep]:
    """Give the steps that would found an organisation: they issue to it first, needing nothing of it.

    None where every step needs something of it: such a life event is about an organisation that exists.
    """
    issuing = {s.id for s in event.steps if any(i.to == organisation and not i.amends for i in s.issues)}
    needing = {s.id for s in event.steps if organisation in _organisations(event, s)}
    return [s for s in event.steps if s.id in issuing - needing and not issuing & _waited_for(event, s.id)]


def unknown_organisations(event: LifeEvent, steps: Collection[str]) -> list[str]:
    """Name the organisations that these steps need and that no step of the life event founds: they must exist."""
    about = set().union(*(_organisations(event, step) for step in event.steps if step.id in steps))
    return sorted(name for name in about if not founders(event, name))


def waits_for(event: LifeEvent, step: LifeEventStep, founding: Mapping[str, str]) -> list[str]:
    """Give what a step waits for: as the life event says, and the founding of every organisation that it is about.

    founding: organisation -> the chosen step that founds it. A founding that itself waits for the step is left out.
    """
    about = _organisations(event, step) | {issue.to for issue in step.issues}
    more = [by for name, by in founding.items() if name in about and by != step.id]
    return list(dict.fromkeys([*step.after, *(by for by in more if step.id not in _waited_for(event, by))]))


def ways(catalogue: Catalogue, step: str, service: str, office: str, type_name: str, on: date) -> list[Way]:
    """Give the ways by which *office* may get a fact of that type in a step: one for each holder, fewest fields first.

    step: `{lifeEvent}/{id}`. Entry and grant must both be in force on the day, for this step, on the same legal basis.
    """
    if catalogue.type(type_name, on) is None:
        return []
    entries = catalogue.proofs(on, service=service, asked_by=office)
    found: dict[str, Way] = {}
    grants = catalogue.grants(on, mode="onRequest", type_name=type_name, consumer=office)
    for grant in sorted(grants, key=lambda one: len(one.fields)):
        proof = next((entry for entry in entries if _allows(entry, grant, step)), None)
        if proof is not None and step in grant.steps:
            found.setdefault(grant.provider, Way(grant, proof))
    return list(found.values())


def listed(catalogue: Catalogue, step: str, service: str, office: str, types: Collection[str | None], on: date) -> bool:
    """Say whether the proof list lets *office* ask anybody for one of these types in the step."""
    return any(
        source.type in types and entry.step in (None, step)
        for entry in catalogue.proofs(on, service=service, asked_by=office)
        for source in entry.sources
    )


def cheapest_first(held: Sequence[Way]) -> tuple[int, int]:
    """Give what alternatives are sorted by: fewest fields, then fewest offices; what nobody may be asked for, last.

    held: the ways of one alternative. Of equals the life event's own order stays.
    """
    return (len(held[0].grant.fields), len(held)) if held else (sys.maxsize, 0)


def _allows(entry: Proof, grant: Grant, step: str) -> bool:
    listed = any((source.office, source.type) == (grant.provider, grant.type) for source in entry.sources)
    return listed and entry.step in (None, step) and entry.legal_basis == grant.basis


# --------------------------------------------------------------------------------------------------- what is chosen
def _chosen(step: LifeEventStep, wanted: AbstractSet[str] | None, exist: AbstractSet[str]) -> bool:
    if wanted is not None:
        return step.service in wanted
    return not step.optional and step.id not in exist


def _lacking(
    event: LifeEvent, chosen: AbstractSet[str], exist: AbstractSet[str], organisations: Collection[str]
) -> list[MissingPrerequisite]:
    """Give, for each chosen step, what it waits for and nobody does."""
    steps = {step.id: step for step in event.steps}
    gaps = []
    for step in event.steps:
        if step.id in chosen:
            waits = [*step.after, *_unfounded(event, step, chosen, organisations)]
            lacking = [name for name in dict.fromkeys(waits) if name in steps and name not in chosen | exist]
            gaps += [_gap(event, step, steps[name]) for name in lacking]
    return gaps


def _unfounded(
    event: LifeEvent, step: LifeEventStep, chosen: AbstractSet[str], organisations: Collection[str]
) -> list[str]:
    """Name a step that founds what *step* needs to know something about, where none is chosen and it doesn't exist."""
    founding = [[one.id for one in founders(event, name)] for name in _organisations(event, step) - set(organisations)]
    return [ids[0] for ids in founding if ids and not chosen & set(ids)]


def _organisations(event: LifeEvent, step: LifeEventStep) -> set[str]:
    """Name the organisations that the step needs to know something about."""
    about = {one.of for need in step.needs for one in need.any_of or [need]}
    return {name for name, kind in event.subjects.items() if kind == "organisation" and name in about}


def _gap(event: LifeEvent, step: LifeEventStep, waits_for: LifeEventStep) -> MissingPrerequisite:
    return MissingPrerequisite(
        step=f"{event.id}/{step.id}", waits_for=f"{event.id}/{waits_for.id}", service=waits_for.service
    )


def _waited_for(event: LifeEvent, name: str) -> set[str]:
    """Give all steps that *name* waits for, directly or not."""
    after = {step.id: step.after for step in event.steps}
    found, waiting = set[str](), list(after.get(name, ()))
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting.extend(after.get(step, ()))
    return found


# ---------------------------------------------------------------------------------------------- what it would take
@dataclass(frozen=True)
class _Laid:
    """A step as the lists have it, before anybody's wish: its times are counted from its own start."""

    step: PlannedStep
    each: tuple[bool, ...]
    """For each of its needs: whether it is one of every person in a list."""


@lru_cache(maxsize=64)  # life events times days; the lists of a release don't change
def _lay_out(catalogue: Catalogue, event_id: str, version: int, on: date) -> Mapping[str, _Laid]:
    event = next(e for e in catalogue.versions(LifeEvent, event_id) if e.version == version)
    return {step.id: _laid(catalogue, event, step, on) for step in event.steps}


def _laid(catalogue: Catalogue, event: LifeEvent, step: LifeEventStep, on: date) -> _Laid:
    reference = f"{event.id}/{step.id}"
    found = [catalogue.responsibility(reference, office, on) for office in step.tasks]
    rules = [rule for rule in found if rule is not None]
    days = max((rule.within.get("workingDays", 0) for rule in rules), default=0)
    asked = [(office, need) for office in step.tasks for need in step.needs]
    planned = PlannedStep(
        step=reference,
        offices=list(step.tasks),
        service=step.service,
        mode=step.mode,
        after=list(step.after),
        needs=[_need(catalogue, event, step, office, need, on) for office, need in asked],
        input=list(step.input),
        issues=list(dict.fromkeys(issue.type for issue in step.issues)),
        working_days=days,
        starts=0,
        ends=days,
        fee=sum(rule.fee for rule in rules),
        visit=step.visit,
    )
    return _Laid(planned, tuple(need.each or any(one.each for one in need.any_of or ()) for _, need in asked))


def _need(
    catalogue: Catalogue, event: LifeEvent, step: LifeEventStep, office: str, need: Need, on: date
) -> PlannedNeed:
    """Lay out one need of one office: all allowed ways, or which list is silent."""
    reference, service = f"{event.id}/{step.id}", step.service
    about = {way.type: way.of or "" for way in reversed(need.any_of or [need]) if way.type is not None}
    found = {kind: ways(catalogue, reference, service, office, kind, on) for kind in reversed(about)}
    order = sorted((kind for kind, held in found.items() if held), key=lambda kind: cheapest_first(found[kind]))
    named = next((of for of in reversed(about.values()) if of), "")
    if not order:
        silent = "NO_GRANT" if listed(catalogue, reference, service, office, set(found), on) else "NO_LEGAL_BASIS"
        return PlannedNeed(of=named, alternatives=[], code=silent)
    first = found[order[0]][0].proof
    return PlannedNeed(
        of=named,
        alternatives=[Source(type=w.grant.type, holder=w.grant.provider) for kind in order for w in found[kind]],
        legal_basis=first.legal_basis,
        preview="none" if event.subjects.get(about[order[0]]) == "organisation" else first.previewed,
    )


def _waiting(event: LifeEvent, choice: Choice, organisations: Collection[str]) -> dict[str, list[str]]:
    """Give for each chosen step what of the others it waits for."""
    first = {
        name: next((one.id for one in founders(event, name) if one.id in choice.steps), None)
        for name, kind in event.subjects.items()
        if kind == "organisation" and name not in organisations
    }
    founding = {name: by for name, by in first.items() if by is not None}
    chosen = {step.id: step for step in event.steps if step.id in choice.steps}
    return {name: [w for w in waits_for(event, step, founding) if w in chosen] for name, step in chosen.items()}


def _timed(
    laid: Mapping[str, _Laid], after: Mapping[str, Sequence[str]], people: Mapping[str, int]
) -> list[PlannedStep]:
    """Put steps on the line of days: each starts when the last that it waits for has ended; others run beside it."""
    starts: dict[str, int] = {}
    ends: dict[str, int] = {}
    for name in TopologicalSorter(after).static_order():
        starts[name] = max((ends[waited] for waited in after[name]), default=0)
        ends[name] = starts[name] + laid[name].step.working_days
    return [
        one.step.model_copy(
            update={
                "after": list(after[name]),
                "needs": _counted(one, people),
                "starts": starts[name],
                "ends": ends[name],
            }
        )
        for name, one in laid.items()
    ]


def _counted(laid: _Laid, people: Mapping[str, int]) -> list[PlannedNeed]:
    return [
        need.model_copy(update={"persons": people.get(need.of, 1)}) if each else need
        for need, each in zip(laid.step.needs, laid.each, strict=True)
    ]


def _longest_chain(steps: Sequence[PlannedStep]) -> list[str]:
    """Give the steps, one waiting for the other, that take the most working days; of equals the most steps."""
    by_id = {step.step.partition("/")[2]: step for step in steps}
    best: dict[str, tuple[int, int, list[str]]] = {}
    for name in TopologicalSorter({name: step.after for name, step in by_id.items()}).static_order():
        step = by_id[name]
        before = max((best[waited] for waited in step.after), key=_length, default=(0, 0, []))
        best[name] = (before[0] + step.working_days, before[1] + 1, [*before[2], step.step])
    return max((best[name] for name in by_id), key=_length, default=(0, 0, []))[2]


def _length(chain: tuple[int, int, list[str]]) -> tuple[int, int]:
    return chain[:2]
