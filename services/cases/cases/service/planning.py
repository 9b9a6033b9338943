# SPDX-License-Identifier: EUPL-1.2
"""What a step asks whom: need by need, from the life event, the proof list and the grants. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cases.domain import Step, Subject, Wanted
from contracts.catalogue import Catalogue, CertificateType, Grant, LifeEventStep, Need, Proof


@dataclass(frozen=True)
class Question:
    """One ask that the lists allow: who is asked for what, on which entry and grant."""

    subject: Subject
    type: CertificateType
    grant: Grant
    proof: Proof


@dataclass(frozen=True)
class Unaskable:
    """A need that nobody may be asked for; code says which list is silent."""

    subject: Subject
    type: str
    code: str


def wanted(step: LifeEventStep, subjects: Sequence[Subject]) -> list[Wanted]:
    """Bind the needs of a step to the persons of the case, in the life event's order."""
    return [bound for need in step.needs for bound in _bind(need, subjects)]


def plan(catalogue: Catalogue, step: Step, needs: Iterable[Wanted], on: date) -> list[Question | Unaskable]:
    """Choose for each need the first alternative that list and grant allow."""
    return [_choose(catalogue, step, need, on) for need in needs]


def _bind(need: Need, subjects: Sequence[Subject]) -> list[Wanted]:
    alternatives = need.any_of or [need]
    types = tuple(one.type for one in alternatives if one.type is not None)
    name = next((one.of for one in alternatives if one.of is not None), None)
    bound = [subject for subject in subjects if subject.name == name]
    return [Wanted(types, subject) for subject in (bound if need.each else bound[:1])]


def _choose(catalogue: Catalogue, step: Step, need: Wanted, on: date) -> Question | Unaskable:
    code = "NO_GRANT"
    for name in need.types:
        kind = catalogue.type(name, on)
        for grant in catalogue.grants(on, mode="onRequest", type_name=name, consumer=step.office):
            if kind is None or step.step not in grant.steps:
                continue
            proof = _entry(catalogue, step, grant, on)
            if proof is not None:
                return Question(need.subject, kind, grant, proof)
            code = "NO_LEGAL_BASIS"
    return Unaskable(need.subject, need.types[0], code)


def _entry(catalogue: Catalogue, step: Step, grant: Grant, on: date) -> Proof | None:
    """Find the proof entry that lets the step's office ask the grant's provider for the grant's type."""
    for proof in catalogue.proofs(on, service=step.service, asked_by=step.office):
        listed = any(s.office == grant.provider and s.type == grant.type for s in proof.sources)
        if listed and proof.step in (None, step.step) and proof.legal_basis == grant.basis:
            return proof
    return None


def alias_uses(
    step: Step, applicant: str, questions: Iterable[Question | Unaskable], issue_subjects: Iterable[Subject]
) -> Mapping[str, frozenset[tuple[str, str]]]:
    """Give for each person (pseudonym) the (party, use) pairs that the step's papers need. applicant: pseudonym."""
    uses: dict[str, set[tuple[str, str]]] = {applicant: {(step.office, "inbox"), ("platform", "answering")}}
    for question in questions:
        if isinstance(question, Question):
            held = uses.setdefault(question.subject.person, set())
            held |= {(question.grant.provider, "answering"), ("platform", "answering")}
    for subject in issue_subjects:
        uses.setdefault(subject.person, set()).add((step.office, "answering"))
    return {person: frozenset(pairs) for person, pairs in uses.items()}
