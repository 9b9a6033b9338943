# SPDX-License-Identifier: EUPL-1.2
"""What a step asks whom: need by need, from its wants, the proof list and the grants in force. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cases import planner
from cases.domain import Alternative, Order, Step, Subject, Want, Wanted
from contracts.catalogue import Catalogue, CertificateType, Grant, LifeEventStep, Proof
from contracts.roles import PLATFORM

NOT_FOUNDED = "NOT_MATCHED"
"""Nobody can know anything about an organisation that isn't founded yet."""


@dataclass(frozen=True)
class Question:
    """One ask that the lists allow: what is asked, on which entry and grant. left: the ways not tried yet.

    holders: the offices that it may go to, the grant's provider first.
    """

    subject: Subject
    type: CertificateType
    grant: Grant
    proof: Proof
    holders: tuple[str, ...]
    left: tuple[Alternative, ...] = ()


@dataclass(frozen=True)
class Unaskable:
    """A need that nobody may be asked for; code says which list is silent."""

    subject: Subject
    type: str
    code: str


def wants_of(rule: LifeEventStep) -> tuple[Want, ...]:
    """Read a step's needs out of its life event, to be kept with the case."""
    wants = []
    for need in rule.needs:
        ways = tuple((w.type, w.of) for w in need.any_of or [need] if w.type is not None and w.of is not None)
        wants.append(Want(ways, need.each or any(w.each for w in need.any_of or ())))
    return tuple(wants)


def wanted(wants: Iterable[Want], subjects: Sequence[Subject]) -> list[Wanted]:
    """Bind needs to the subjects of a case, in the life event's order; `each` gives one for each person of a list."""
    return [Wanted(ways) for want in wants for ways in _bind(want, subjects) if ways]


def _bind(want: Want, subjects: Sequence[Subject]) -> list[tuple[tuple[str, Subject], ...]]:
    named = {name: [s for s in subjects if s.name == name] for _, name in want.alternatives}
    rounds = max((len(found) for found in named.values()), default=0) if want.each else 1
    # Beside a list another alternative may be about one person: she stands for each round.
    return [
        tuple((kind, named[name][min(at, len(named[name]) - 1)]) for kind, name in want.alternatives if named[name])
        for at in range(rounds)
    ]


def plan(catalogue: Catalogue, step: Step, needs: Iterable[Wanted], on: date) -> list[Question | Unaskable]:
    """Choose for each need the first alternative that list and grant allow."""
    return [choose(catalogue, step, need.ways, on) for need in needs]


def choose(catalogue: Catalogue, step: Step, ways: Sequence[tuple[str, Subject]], on: date) -> Question | Unaskable:
    """Choose the first way that list and grant allow, in the planner's order; what is behind it is left for later."""
    held = {kind: planner.ways(catalogue, step.step, step.service, step.office, kind, on) for kind, _ in ways}
    order = sorted(ways, key=lambda way: planner.cheapest_first(held[way[0]]))
    for at, (name, subject) in enumerate(order):
        kind = catalogue.type(name, on)
        if subject.known and kind is not None and held[name]:
            left = tuple(Alternative(kind, s.name, s.position) for kind, s in order[at + 1 :])
            first = held[name][0]
            return Question(subject, kind, first.grant, first.proof, _holders(held[name]), left)
    return Unaskable(ways[0][1], ways[0][0], _silent(catalogue, step, ways, on))


def _holders(held: Sequence[planner.Way]) -> tuple[str, ...]:
    """Give all who may be asked for the very same thing: where several hold a type, the directory says which does."""
    first = held[0]
    return tuple(
        way.grant.provider
        for way in held
        if (way.proof.id, way.grant.purpose) == (first.proof.id, first.grant.purpose)
        and set(first.grant.fields) <= set(way.grant.fields)
    )


def _silent(catalogue: Catalogue, step: Step, ways: Sequence[tuple[str, Subject]], on: date) -> str:
    """Say why nobody may be asked: nothing is founded yet, or which list is silent, in the gate's own order."""
    if not all(subject.known for _, subject in ways):
        return NOT_FOUNDED
    listed = planner.listed(catalogue, step.step, step.service, step.office, {kind for kind, _ in ways}, on)
    return "NO_GRANT" if listed else "NO_LEGAL_BASIS"


def orders(step: Step, subjects: Sequence[Subject]) -> list[tuple[Order, str | None]]:
    """Lay out what an approval issues, one order for each subject, and the person (pseudonym) whose alias is due."""
    return [
        (Order(issue.type, issue.to, s.position, None, s.organisation, issue.amends), s.person)
        for issue in step.issues
        for s in subjects
        if s.name == issue.to
    ]


def alias_uses(
    step: Step, applicant: str, questions: Iterable[Question | Unaskable], holders: Iterable[str]
) -> Mapping[str, frozenset[tuple[str, str]]]:
    """Give for each person (pseudonym) the (party, use) pairs that the step's papers need.

    applicant: pseudonym. holders: persons who are to get a certificate of the step's office.
    """
    uses: dict[str, set[tuple[str, str]]] = {applicant: {(step.office, "inbox"), (PLATFORM, "answering")}}
    for question in questions:
        if isinstance(question, Question) and question.subject.person is not None:
            held = uses.setdefault(question.subject.person, set())
            held |= {(party, "answering") for party in (*question.holders, PLATFORM)}
    for person in holders:
        uses.setdefault(person, set()).update({(step.office, "answering"), (step.office, "inbox")})
    return {person: frozenset(pairs) for person, pairs in uses.items()}
