# SPDX-License-Identifier: EUPL-1.2
"""Asking for evidence: the gate, and the sealed question to the holder. A refusal is a receipt too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.catalogue import Catalogue, Proof
from contracts.envelopes import Ask, PersonAliases
from contracts.exchange_bus import AskEvidence, EvidenceRequest
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.receipts import Asker
from contracts.roles import PLATFORM
from exchange_bus import events
from exchange_bus.domain.records import JournalRow
from exchange_bus.domain.requests import WAITING, Request, choose_holder, clocks_fit, holder_deadline
from exchange_bus.errors import (
    ClocksDontFit,
    DuplicateRequest,
    NoHolder,
    NoOfficeKey,
    PreviewNotOffered,
    answer_refused,
)
from exchange_bus.service.waiting import Waiting
from exchange_bus.store import directory, inbox, journal, requests
from kit import envelopes, gate
from kit.aliases import AliasRefused, open_alias
from kit.clock import Clock, monotonic
from kit.db import Answer, Database, Idem, Transaction, UniqueViolation
from kit.errors import FieldError, InvalidRequest, NotFound, ServiceError, Unavailable
from kit.gate import Admitted, CaseNotLive, ExplicitRequestMissing, Question, SubjectDigests
from kit.jose import PrivateKey, PublicKey
from kit.receipts import Subject, body_hash
from kit.telemetry import current_traceparent
from kit.tokens import KeyOf

RETRY_AFTER_S: Final = "5"
HOLDER_AWAY: Final = "HOLDER_AWAY"
"""Why a request waits: nobody at the holder answers at the moment."""


@dataclass(frozen=True)
class Asked:
    """One question as it came. raw: the body's exact bytes. person: the platform's pseudonym, None where unreadable."""

    asker: Asker
    body: AskEvidence
    raw: bytes
    exchange: Exchange
    person: str | None

    @property
    def subject(self) -> Subject | None:
        """Whom the receipts are about."""
        if self.person is None or self.body.subject.person is None:
            return None
        return Subject(f"{self.asker.office}/{self.person}", self.body.subject.person.platform)


@dataclass(frozen=True)
class Keys:
    """Keys that asking works with. platform: private, by kid. answering: office -> its public key or None."""

    system: str
    sig: PrivateKey
    platform: Mapping[str, PrivateKey]
    answering: Callable[[str], PublicKey | None]
    cases: KeyOf


class Asking:
    """Use cases of the asking office."""

    def __init__(
        self, db: Database, catalogue: Callable[[], Catalogue], keys: Keys, waiting: Waiting, clock: Clock
    ) -> None:
        self._db, self._catalogue, self._keys, self._clock = db, catalogue, keys, clock
        self._waiting = waiting

    async def ask(self, asker: Asker, body: AskEvidence, raw: bytes, exchange: Exchange, idem: Idem) -> Answer:
        """Pass the gate and send the question: {answer, request, journal, receipt, ask} in one commit; 202.

        Raises the gate's refusal (GateRefused, PreviewNotOffered, NoHolder, ClocksDontFit) after its receipt is
        durable; NoOfficeKey, DuplicateRequest, InvalidRequest.
        """
        asked = Asked(asker, body, raw, exchange, self._person(body))
        answer = await self._db.stored(idem) or await self._ask(asked, idem)
        first = EvidenceRequest.model_validate_json(answer.body)
        if first.exchange_id != exchange.exchange_id:  # a repeat: the gateway's receipt of it calls for ours too
            async with self._db.transaction() as tx:
                tx.receipt(events.gate_repeated(asker, body, raw, exchange, asked.subject, self._catalogue()))
        return answer

    async def _ask(self, asked: Asked, idem: Idem) -> Answer:
        _check_shape(asked.body)
        try:
            request, envelope, event_id = await self._admit(asked)
            return await self._commit(asked, request, envelope, event_id, idem)
        except Unavailable:
            raise
        except (gate.GateRefused, PreviewNotOffered, NoHolder, ClocksDontFit) as why:
            await self._write_refusal(asked, why)
            raise

    async def wait(self, answer: Answer, wait_s: float) -> EvidenceRequest:
        """Wait for the end of the request that *answer* is about; where it doesn't come, give the request as it waits.

        Where a person is to look first, it is given as `previewing` at once. A holder that was seen away isn't waited
        for; `reason` says so. Raises the refusal's problem (AnswerRefused, GateRefused) for a request that ended
        without an answer.
        """
        waits = EvidenceRequest.model_validate_json(answer.body)
        if self._waiting.away(waits.holder):
            wait_s = 0.0
        since = monotonic()
        ended = await self._waiting.end_of(waits.request_id, wait_s)
        self._waiting.learn(waits.holder, waited_s=monotonic() - since, ended=ended is not None)
        if ended is None:
            reason = HOLDER_AWAY if self._waiting.away(waits.holder) else None
            return waits.model_copy(update={"reason": reason})
        if ended.open:
            return events.resource(ended)
        if ended.state != "answered":
            raise answer_refused(ended.code or "HOLDER_FAILED")
        async with self._db.read() as tx:
            return events.resource(ended, envelope=await inbox.answer_to(tx, waits.request_id))

    async def read(self, office: str, request_id: str) -> EvidenceRequest:
        """Show an office its own request. Raises NotFound for any other."""
        async with self._db.read() as tx:
            found = await requests.find(tx, [request_id])
        if not found or found[0].asker != office:
            raise NotFound
        return events.resource(found[0])

    def _person(self, body: AskEvidence) -> str | None:
        if body.subject.person is None:
            return None
        try:
            return open_alias(self._keys.platform, PLATFORM, body.subject.person.platform)
        except AliasRefused:
            return None

    async def _admit(self, asked: Asked) -> tuple[Request, str, str]:
        """Judge the question and seal it to its holder; gives the request, the envelope and its event's id."""
        body, now = asked.body, events.recorded(self._clock())
        async with self._db.read() as tx:
            closed = await requests.case_closed(tx, body.case_id)
            known = await directory.holders(tx, body.type, person=asked.person, organisation=body.subject.organisation)
        catalogue = self._catalogue()
        question = _question(asked, catalogue.get(Proof, body.entry, gate.day_of(now)))
        admitted = gate.admit(catalogue, question, key_of=self._keys.cases, recorded_at=now, case_closed=closed)
        _compare_explicit(body, admitted)
        _check_preview(body, admitted)
        named = [office for office in admitted.grants if office in question.subject.holders]
        holder = choose_holder(named, known, only_source=_one_source(admitted, body.type))
        if holder is None or (asked.person is None and body.subject.person is not None):
            raise NoHolder
        if not clocks_fit(now, body.deadline):
            raise ClocksDontFit([FieldError("/deadline", "CLOCKS_DONT_FIT")])
        request = _request(asked, admitted, holder, recorded_at=now)
        due = admitted.entry.preview_due(person=body.subject.person is not None, wished=body.preview)
        envelope, event_id = self._seal(request, _ask(asked, request, preview=due))
        return request, envelope, event_id

    def _seal(self, request: Request, ask: Ask) -> tuple[str, str]:
        key = self._keys.answering(request.holder)
        if key is None:
            raise NoOfficeKey
        event_id = str(uuid7())
        envelope = envelopes.seal_envelope(
            "ask",
            ask,
            issuer_system=self._keys.system,
            audience_office=request.holder,
            event_id=event_id,
            exchange_id=request.exchange_id,
            key_sig=self._keys.sig,
            key_enc=key,
            now=request.recorded_at,
        )
        return envelope, event_id

    async def _commit(self, asked: Asked, request: Request, envelope: str, event_id: str, idem: Idem) -> Answer:
        async def work(tx: Transaction) -> tuple[int, EvidenceRequest]:
            await requests.join_case(tx, request.case_id)
            if await requests.case_closed(tx, request.case_id):
                raise CaseNotLive(entry=request.entry)
            await requests.insert(tx, request)
            await journal.write(tx, [_sent(request)], request.recorded_at, current_traceparent())
            hashed = body_hash(asked.exchange.salt, asked.raw)
            organisation = asked.body.subject.organisation
            tx.receipt(events.gate_pending(request, hashed, asked.exchange.salt, asked.subject, organisation))
            tx.emit(events.ask_event(request, event_id, envelope))
            tx.emit(events.state_event(request))
            tx.answer_headers["Location"] = f"/v1/evidence-requests/{request.request_id}"
            tx.answer_headers["Retry-After"] = RETRY_AFTER_S
            return 202, events.resource(request)

        try:
            return await self._db.once(idem, work)
        except UniqueViolation as why:
            raise DuplicateRequest from why

    async def _write_refusal(self, asked: Asked, why: ServiceError) -> None:
        rule = why.facts.get("rule")
        row = JournalRow(
            type="request-refused",
            exchange_id=asked.exchange.exchange_id,
            case_id=asked.body.case_id,
            asker=asked.asker.office,
            step=asked.body.step,
            entry=asked.body.entry,
            release=asked.body.release,
            evidence_type=asked.body.type,
            code=why.code,
            rule=str(rule) if rule is not None else None,
        )
        receipt = events.gate_refused(
            asked.asker, asked.body, asked.raw, asked.exchange, asked.subject, why.code, self._catalogue()
        )
        async with self._db.transaction() as tx:
            await journal.write(tx, [row], self._clock(), current_traceparent())
            tx.receipt(receipt)


def _check_shape(body: AskEvidence) -> None:
    errors = []
    if (body.fields is None) == (body.predicate is None):
        errors.append(FieldError("/fields", "ONE_OF_FIELDS_AND_PREDICATE"))
    if body.fields is not None and len(set(body.fields)) != len(body.fields):
        errors.append(FieldError("/fields", "STATED_TWICE"))
    if (body.subject.person is None) == (body.subject.organisation is None):
        errors.append(FieldError("/subject", "ONE_OF_PERSON_AND_ORGANISATION"))
    if errors:
        raise InvalidRequest(errors)


def _compare_explicit(body: AskEvidence, admitted: Admitted) -> None:
    """Where the body says when and by which words the citizen asked, it must be what cases signed into the proof."""
    said, signed = body.explicit_request, admitted.proof.explicit_request
    if said is not None and (said.at, said.text_version) != (signed.at, signed.text_version):
        raise ExplicitRequestMissing(entry=body.entry)


def _check_preview(body: AskEvidence, admitted: Admitted) -> None:
    """A wish to look first is for whom the entry lets look, and never dropped in silence."""
    if body.preview and (body.subject.person is None or admitted.entry.previewed == "none"):
        raise PreviewNotOffered([FieldError("/preview", "NOT_OFFERED")])


def _question(asked: Asked, entry: Proof | None) -> Question:
    """Lay the request out for the gate. entry: as cited, None where there is none: the gate will say so."""
    body = asked.body
    person = body.subject.person
    sources = [source.office for source in entry.sources if source.type == body.type] if entry else []
    subject = (
        SubjectDigests.person(person.platform, person.holders)
        if person is not None
        else SubjectDigests.organisation(body.subject.organisation or "", sources)
    )
    return Question(
        asker=asked.asker.office,
        holder=None,
        entry=body.entry,
        release=body.release,
        type=body.type,
        type_version=body.type_version,
        fields=tuple(body.fields) if body.fields is not None else None,
        predicate=body.predicate,
        purpose=body.purpose,
        basis=body.legal_basis.kind,
        case_id=body.case_id,
        step=body.step,
        case_proof=body.case_proof,
        subject=subject,
    )


def _one_source(admitted: Admitted, type_name: str) -> bool:
    return len({source.office for source in admitted.entry.sources if source.type == type_name}) == 1


def _request(asked: Asked, admitted: Admitted, holder: str, *, recorded_at: datetime) -> Request:
    body = asked.body
    return Request(
        request_id=str(uuid7()),
        exchange_id=asked.exchange.exchange_id,
        case_id=body.case_id,
        step=body.step,
        asker=asked.asker.office,
        asker_system=asked.asker.system,
        holder=holder,
        type=body.type,
        fields=tuple(body.fields or ()),
        purpose=body.purpose,
        basis=body.legal_basis.kind,
        entry=body.entry,
        release=body.release,
        grant_id=admitted.grants[holder].id,
        state=WAITING,
        code=None,
        event_seq=1,
        recorded_at=recorded_at,
        deadline=body.deadline,
    )


def _ask(asked: Asked, request: Request, *, preview: bool) -> Ask:
    body, person = asked.body, asked.body.subject.person
    return Ask(
        request_id=request.request_id,
        request_hash=body_hash(asked.exchange.salt, asked.raw),
        salt=asked.exchange.salt,
        asker=asked.asker,
        type=body.type,
        type_version=body.type_version,
        fields=body.fields,
        predicate=body.predicate,
        purpose=body.purpose,
        legal_basis=body.legal_basis,
        entry=body.entry,
        release=body.release,
        grant_id=request.grant_id,
        case_id=body.case_id,
        step=body.step,
        case_proof=body.case_proof,
        aliases=PersonAliases(platform=person.platform, holder=person.holders[request.holder]) if person else None,
        organisation=body.subject.organisation,
        preview=preview,
        recorded_at=request.recorded_at,
        deadline=holder_deadline(request.recorded_at, request.deadline),
    )


def _sent(request: Request) -> JournalRow:
    return JournalRow(
        type="request-sent",
        exchange_id=request.exchange_id,
        request_id=request.request_id,
        case_id=request.case_id,
        asker=request.asker,
        holder=request.holder,
        step=request.step,
        entry=request.entry,
        release=request.release,
        evidence_type=request.type,
    )
