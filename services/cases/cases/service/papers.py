# SPDX-License-Identifier: EUPL-1.2
"""The signed papers of a step: case proof and asks with their exact bytes. No I/O but signing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cases.domain import Case, Need, Step, Subject
from cases.service.parts import Parts
from cases.service.planning import Question, Unaskable
from contracts import signing
from contracts.cases import CaseProof, ExplicitSlot, ProofIssue, ProofNeed
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


class PartyKeyMissing(Exception):
    """A party has no usable key yet: the step waits."""


@dataclass(frozen=True)
class Ask:
    """One ask ready to be committed: the need's row and the asker's receipt."""

    need: Need
    receipt: ReceiptDraft | None


@dataclass(frozen=True)
class Papers:
    """All that one step needs to start."""

    case_proof: str
    deadline: datetime
    asks: Sequence[Ask]


class Writer:
    """Writes the papers of one step of one case."""

    def __init__(self, parts: Parts, case: Case, step: Step, book: AliasBook, now: datetime) -> None:
        self._parts = parts
        self._case = case
        self._step = step
        self._book = book
        self._now = now

    def write(
        self,
        plan: Sequence[Question | Unaskable],
        issues: Sequence[tuple[str, str]],
        days: int,
        release: int,
    ) -> Papers:
        """Sign the proof and lay out the asks.

        issues: (type, the holder's alias as it will travel). days: until the step's deadline.
        Raises PartyKeyMissing.
        """
        deadline = self._now + timedelta(days=days)
        subjects = [self._subject(one) if isinstance(one, Question) else None for one in plan]
        proof = self._proof(plan, subjects, issues, deadline)
        asks = [
            self._ask(i, one, subject, proof, release)
            for i, (one, subject) in enumerate(zip(plan, subjects, strict=True))
        ]
        return Papers(proof, deadline, asks)

    def fresh(self, person: str, party: str, use: str) -> str:
        """Wrap a kept alias once more, so that two uses of it don't match. Raises PartyKeyMissing."""
        key = self._parts.office_key(party, use)
        if key is None:
            raise PartyKeyMissing(party)
        return aliases.wrap(key, party, self._book[person, party, use])

    def _subject(self, question: Question) -> PersonSubject | None:
        person, provider = question.subject.person, question.grant.provider
        if (person, provider, "answering") not in self._book:
            return None  # identity knows no such person
        return PersonSubject(
            platform=self.fresh(person, PLATFORM, "answering"),
            holders={provider: self.fresh(person, provider, "answering")},
        )

    def _proof(
        self,
        plan: Sequence[Question | Unaskable],
        subjects: Sequence[PersonSubject | None],
        issues: Sequence[tuple[str, str]],
        deadline: datetime,
    ) -> str:
        needs = [
            ProofNeed(
                type=one.type.id,
                platform=aliases.digest(subject.platform),
                holders={office: aliases.digest(alias) for office, alias in subject.holders.items()},
            )
            for one, subject in zip(plan, subjects, strict=True)
            if isinstance(one, Question) and subject is not None
        ]
        claims = CaseProof(
            iss=self._parts.system,
            jti=str(uuid7()),
            iat=int(self._now.timestamp()),
            exp=int(deadline.timestamp()),
            case_id=self._case.case_id,
            step=self._step.step,
            office=self._step.office,
            service=self._step.service,
            explicit_request=self._explicit_slot(plan),
            needs=needs,
            issues=[ProofIssue(type=kind, holder=aliases.digest(alias)) for kind, alias in issues],
        )
        return tokens.sign(signing.CASE_PROOF, claims.wire(), self._parts.key)

    def _explicit_slot(self, plan: Sequence[Question | Unaskable]) -> ExplicitSlot:
        if any(isinstance(one, Question) and one.proof.legal_basis == "request" for one in plan):
            request = self._explicit_request()
            return ExplicitSlot(
                at=request.at, text_version=request.text_version, session_assurance=request.session_assurance
            )
        return ExplicitSlot(not_needed="every need of the step rests on law")

    def _explicit_request(self) -> ExplicitRequest:
        return ExplicitRequest(at=self._case.opened_at, text_version=self._case.text_version, session_assurance="low")

    def _ask(
        self, position: int, one: Question | Unaskable, subject: PersonSubject | None, proof: str, release: int
    ) -> Ask:
        exchange = Exchange.new()
        if isinstance(one, Unaskable):
            return Ask(self._need(position, one.subject, one.type, exchange, code=one.code), None)
        if subject is None:
            need = self._need(position, one.subject, one.type.id, exchange, code="NOT_MATCHED", proves=one.proof.proves)
            return Ask(need, None)
        deadline = self._now + timedelta(seconds=self._parts.ask_deadline_s)
        body = self._body(one, subject, proof, release, deadline).wire_bytes()
        need = self._need(position, one.subject, one.type.id, exchange, body=body, proves=one.proof.proves)
        return Ask(need, self._receipt(one, subject.platform, exchange, body, release, deadline))

    def _need(
        self,
        position: int,
        subject: Subject,
        kind: str,
        exchange: Exchange,
        *,
        body: bytes | None = None,
        code: str | None = None,
        proves: str | None = None,
    ) -> Need:
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
            proves=proves,
            body=body,
            code=code,
        )

    def _body(self, one: Question, subject: PersonSubject, proof: str, release: int, deadline: datetime) -> AskEvidence:
        basis = one.proof.legal_basis
        return AskEvidence(
            case_id=self._case.case_id,
            step=self._step.step,
            case_proof=proof,
            entry=one.proof.id,
            release=release,
            type=one.type.id,
            type_version=one.type.version,
            fields=sorted(one.grant.fields),
            subject=AskSubject(person=subject),
            purpose=one.grant.purpose,
            legal_basis=LegalBasis(kind=basis, provision=one.proof.law if basis == "law" else None),
            explicit_request=self._explicit_request() if basis == "request" else None,
            asker=self._step.office,
            deadline=deadline,
        )

    def _receipt(
        self, one: Question, platform: str, exchange: Exchange, body: bytes, release: int, deadline: datetime
    ) -> ReceiptDraft:
        return ReceiptDraft(
            side="asker",
            exchange_id=exchange.exchange_id,
            decision="pending",
            purpose=one.grant.purpose,
            legal_basis=ReceiptBasis(
                kind=one.proof.legal_basis, entry=one.proof.id, release=release, grant_id=one.grant.id
            ),
            asker=Asker(office=self._step.office, system=self._parts.system),
            provider=one.grant.provider,
            service=self._step.service,
            type=one.type.id,
            fields=one.grant.fields,
            request_hash=body_hash(exchange.salt, body),
            person=receipts.Subject(f"{self._step.office}/{one.subject.person}", platform),
            case_id=self._case.case_id,
            step=self._step.step,
            salt=exchange.salt,
            deadline=deadline,
        )
