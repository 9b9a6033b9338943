# SPDX-License-Identifier: EUPL-1.2
"""What a step asks whom: need by need, from its wants, the proof list and the grants in force. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cases.domain import Alternative, Order, Step, Subject, Want, Wanted
from contracts.catalogue import Catalogue, CertificateType, Grant, LifeEventStep, Proof
from contracts.roles import PLATFORM

NOT_FOUNDED = "NOT_MATCHED"
"""Nobody can know anything about an organisation that isn't founded yet."""


@dataclass(frozen=True)
class Question:
    """One ask that the lists allow: who is asked for what, on which entry and grant. left: the ways not tried yet."""

    subject: Subject
    type: CertificateType
    grant: Grant
    proof: Proof
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
    """Choose the first way that list and grant allow; what stands behind it is left for later."""
    code = "NO_GRANT"
    for at, (name, subject) in enumerate(ways):
        if not subject.known:
            code = NOT_FOUNDED
            continue
        kind = catalogue.type(name, on)
        for grant in catalogue.grants(on, mode="onRequest", type_name=name, consumer=step.office):
            if kind is None or step.step not in grant.steps:
                continue
            proof = _entry(catalogue, step, grant, on)
            if proof is not None:
                left = tuple(Alternative(kind, s.name, s.position) for kind, s in ways[at + 1 :])
                return Question(subject, kind, grant, proof, left)
            code = "NO_LEGAL_BASIS"
    return Unaskable(ways[0][1], ways[0][0], code)


def _entry(catalogue: Catalogue, step: Step, grant: Grant, on: date) -> Proof | None:
    """Find the proof entry that lets the step's office ask the grant's provider for the grant's type."""
    for proof in catalogue.proofs(on, service=step.service, asked_by=step.office):
        listed = any(s.office == grant.provider and s.type == grant.type for s in proof.sources)
        if listed and proof.step in (None, step.step) and proof.legal_basis == grant.basis:
            return proof
    return None


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
            held |= {(question.grant.provider, "answering"), (PLATFORM, "answering")}
    for person in holders:
        uses.setdefault(person, set()).add((step.office, "answering"))
    return {person: frozenset(pairs) for person, pairs in uses.items()}
