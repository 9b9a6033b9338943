# SPDX-License-Identifier: EUPL-1.2
"""The signed papers of a step: case proof and asks with their exact bytes. No I/O but signing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cases.domain import Case, Need, Order, Step, Subject
from cases.service.parts import Parts
from cases.service.planning import Question, Unaskable
from contracts import signing
from contracts.cases import CaseProof, ExplicitSlot, ProofIssue, ProofNeed
from contracts.catalogue.clocks import asker_waits
from contracts.envelopes import LegalBasis
from contracts.exchange_bus import AskEvidence, ExplicitRequest, PersonSubject
from contracts.exchange_bus import Subject as AskSubject
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.receipts import Asker, ReceiptBasis
from contracts.roles import PLATFORM
from kit import aliases, receipts, tokens
from kit.receipts import ReceiptDraft, body_hash

AliasBook = Mapping[tuple[str, str, str], str]
"""(person, party, use) -> kept alias."""
Planned = Question | Unaskable


class PartyKeyMissing(Exception):
    """A party has no usable key yet: the step waits."""


@dataclass(frozen=True)
class Ask:
    """One ask ready to be committed: the need's row and the asker's receipt."""

    need: Need
    receipt: ReceiptDraft | None


@dataclass(frozen=True)
class Papers:
    """All that one step needs to start. proof_until: when its case proof ends."""

    case_proof: str
    proof_until: datetime
    asks: Sequence[Ask]


def waits(one: Planned, case: Case, otherwise: timedelta) -> timedelta:
    """Give how long the answer to a question is waited for, a look before it included."""
    if isinstance(one, Unaskable):
        return timedelta()
    person = one.subject.person is not None
    due = one.proof.preview_due(person=person, wished=_wished(one, case))
    return asker_waits(one.proof, otherwise, previewed=due)


def _wished(one: Question, case: Case) -> bool:
    """Say whether the applicant wished to look first: she does so for what is about herself, and for nobody else."""
    return case.previews and one.subject.person == case.applicant


class Writer:
    """Writes the papers of one step of one case. proof_until: last moment at which they prove anything."""

    def __init__(
        self,
        parts: Parts,
        case: Case,
        step: Step,
        book: AliasBook,
        *,
        now: datetime,
        proof_until: datetime,
        release: int,
    ) -> None:
        self._parts = parts
        self._case = case
        self._step = step
        self._book = book
        self._now = now
        self.proof_until = proof_until
        self._release = release

    def write(self, plan: Sequence[Planned], orders: Sequence[Order]) -> Papers:
        """Sign the proof and lay out the asks. orders: with the aliases as they will travel. Raises PartyKeyMissing."""
        subjects = [self._subject(one) for one in plan]
        proof = self._proof(plan, subjects, orders)
        pairs = zip(plan, subjects, strict=True)
        asks = [self._ask(at, one, subject, proof) for at, (one, subject) in enumerate(pairs)]
        return Papers(proof, self.proof_until, asks)

    def write_next(self, question: Question, passed: Need) -> Ask:
        """Lay out the ask that takes the place of *passed*, with a proof of its own. Raises PartyKeyMissing."""
        subject = self._subject(question)
        proof = self._proof([question], [subject], [])
        return self._ask(passed.position, question, subject, proof)

    def addressed(self, order: Order, person: str | None) -> Order:
        """Give an order with the holder's alias as it will travel. Raises PartyKeyMissing."""
        return replace(order, alias=None if person is None else self.fresh(person, self._step.office, "answering"))

    def fresh(self, person: str, party: str, use: str) -> str:
        """Wrap a kept alias once more, so that two uses of it don't match. Raises PartyKeyMissing."""
        key = self._parts.office_key(party, use)
        if key is None:
            raise PartyKeyMissing(party)
        return aliases.wrap(key, party, self._book[person, party, use])

    def _subject(self, one: Planned) -> AskSubject | None:
        """Name whom a question is about; None where nobody can be asked, or identity knows no such person."""
        if isinstance(one, Unaskable):
            return None
        person = one.subject.person
        if person is None:
            return AskSubject(organisation=one.subject.organisation)
        if (person, one.grant.provider, "answering") not in self._book:
            return None
        holders = {office: self.fresh(person, office, "answering") for office in one.holders}
        return AskSubject(person=PersonSubject(platform=self.fresh(person, PLATFORM, "answering"), holders=holders))

    def _proof(self, plan: Sequence[Planned], subjects: Sequence[AskSubject | None], orders: Sequence[Order]) -> str:
        claims = CaseProof(
            iss=self._parts.system,
            jti=str(uuid7()),
            iat=int(self._now.timestamp()),
            exp=int(self.proof_until.timestamp()),
            case_id=self._case.case_id,
            step=self._step.step,
            office=self._step.office,
            service=self._step.service,
            explicit_request=self._explicit_slot(plan),
            needs=[
                _proof_need(one, subject)
                for one, subject in zip(plan, subjects, strict=True)
                if isinstance(one, Question) and subject is not None
            ],
            issues=proof_issues(orders),
        )
        return tokens.sign(signing.CASE_PROOF, claims.wire(), self._parts.key)

    def _explicit_slot(self, plan: Sequence[Planned]) -> ExplicitSlot:
        if any(isinstance(one, Question) and one.proof.legal_basis == "request" for one in plan):
            request = self._explicit_request()
            return ExplicitSlot(
                at=request.at, text_version=request.text_version, session_assurance=request.session_assurance
            )
        return ExplicitSlot(not_needed="every need of the step rests on law")

    def _explicit_request(self) -> ExplicitRequest:
        return ExplicitRequest(at=self._case.opened_at, text_version=self._case.text_version, session_assurance="low")

    def _ask(self, position: int, one: Planned, subject: AskSubject | None, proof: str) -> Ask:
        exchange = Exchange.new()
        if isinstance(one, Unaskable):
            return Ask(self._need(position, one.subject, one.type, exchange, code=one.code), None)
        need = replace(
            self._need(position, one.subject, one.type.id, exchange),
            proves=one.proof.proves,
            alternatives=one.left,
            holder=one.grant.provider,
        )
        if subject is None:
            state = "next" if one.left else "refused"
            return Ask(replace(need, state=state, code="NOT_MATCHED", holder=None), None)
        deadline = self._now + waits(one, self._case, timedelta(seconds=self._parts.ask_deadline_s))
        body = self._body(one, subject, proof, deadline).wire_bytes()
        return Ask(replace(need, body=body), self._receipt(one, subject, exchange, body, deadline))

    def _need(self, position: int, subject: Subject, kind: str, exchange: Exchange, *, code: str | None = None) -> Need:
        return Need(
            ask_id=str(uuid7()),
            step_id=self._step.step_id,
            position=position,
            type=kind,
            subject_name=subject.name,
            subject_position=subject.position,
            exchange_id=exchange.exchange_id,
            salt=exchange.salt,
            state="unsent" if code is None else "refused",
            code=code,
        )

    def _body(self, one: Question, subject: AskSubject, proof: str, deadline: datetime) -> AskEvidence:
        basis = one.proof.legal_basis
        return AskEvidence(
            case_id=self._case.case_id,
            step=self._step.step,
            case_proof=proof,
            entry=one.proof.id,
            release=self._release,
            type=one.type.id,
            type_version=one.type.version,
            fields=sorted(one.grant.fields),
            subject=subject,
            purpose=one.grant.purpose,
            legal_basis=LegalBasis(kind=basis, provision=one.proof.law if basis == "law" else None),
            explicit_request=self._explicit_request() if basis == "request" else None,
            asker=self._step.office,
            preview=_wished(one, self._case) and one.proof.previewed == "offered",
            deadline=deadline,
        )

    def _receipt(
        self, one: Question, subject: AskSubject, exchange: Exchange, body: bytes, deadline: datetime
    ) -> ReceiptDraft:
        person = None
        if subject.person is not None:
            person = receipts.Subject(f"{self._step.office}/{one.subject.person}", subject.person.platform)
        alone = len(one.holders) == 1  # else the directory says who is asked, and by which grant
        return ReceiptDraft(
            side="asker",
            exchange_id=exchange.exchange_id,
            decision="pending",
            purpose=one.grant.purpose,
            legal_basis=ReceiptBasis(
                kind=one.proof.legal_basis,
                entry=one.proof.id,
                release=self._release,
                grant_id=one.grant.id if alone else None,
            ),
            asker=Asker(office=self._step.office, system=self._parts.system),
            provider=one.grant.provider if alone else None,
            service=self._step.service,
            type=one.type.id,
            fields=one.grant.fields,
            request_hash=body_hash(exchange.salt, body),
            person=person,
            organisation=subject.organisation,
            case_id=self._case.case_id,
            step=self._step.step,
            salt=exchange.salt,
            deadline=deadline,
        )


def proof_issues(orders: Sequence[Order]) -> list[ProofIssue]:
    """Name in a case proof to whom the step may lead to what: by digest, or nobody yet where it founds somebody."""
    named = [(order.type, order.alias or order.organisation) for order in orders]
    return [ProofIssue(type=kind, holder=None if who is None else aliases.digest(who)) for kind, who in named]


def _proof_need(one: Question, subject: AskSubject) -> ProofNeed:
    if subject.person is None:
        digest = aliases.digest(subject.organisation or "")
        listed = [source.office for source in one.proof.sources if source.type == one.type.id]
        return ProofNeed(type=one.type.id, platform=digest, holders=dict.fromkeys(listed, digest))
    holders = {office: aliases.digest(alias) for office, alias in subject.person.holders.items()}
    return ProofNeed(type=one.type.id, platform=aliases.digest(subject.person.platform), holders=holders)
