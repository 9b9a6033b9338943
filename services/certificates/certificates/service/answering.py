# SPDX-License-Identifier: EUPL-1.2
"""Answering requests for evidence: the holder judges again, by its own replica, and answers exactly one way.

Zero matches and two look alike outside: the same code, the same body. Inside, the journal knows which.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from certificates import events, store
from certificates.domain import Certificate
from certificates.errors import EvidenceChanged
from certificates.service.breathing import breathing
from certificates.service.credentials import Credentials
from certificates.service.keys import Keys
from certificates.service.rulebook import Rulebook
from certificates.store.evidence import JournalRow
from contracts.catalogue import Grant
from contracts.certificates.api import Presentation
from contracts.envelopes import Answer, Ask
from contracts.ids import uuid7
from kit import aliases, envelopes, gate
from kit.aliases import AliasRefused
from kit.db import Database, Transaction
from kit.errors import Unavailable
from kit.jose import PublicKey
from kit.receipts import Decision, ReceiptBasis, ReceiptDraft, Subject
from kit.registry import Registry
from kit.tokens import KeyOf

NOT_MATCHED: Final = "NOT_MATCHED"
EVIDENCE_TIMEOUT: Final = "EVIDENCE_TIMEOUT"
MEDIA_TYPE: Final = "application/dc+sd-jwt"


class NoOfficeKey(Exception):
    """The asking office has no key to seal an answer to: the request waits."""


@dataclass(frozen=True)
class Received:
    """A request as it was opened. office: whom it was sealed to. event_id: of the event that carried it."""

    office: str
    event_id: str
    exchange_id: str
    ask: Ask


@dataclass
class Judged:
    """What the rules say, step by step. code: why nothing is released; reason: what only we may know."""

    received: Received
    grant: Grant | None = None
    holder: str | None = None
    subject: str | None = None
    code: str | None = None
    rule: str | None = None
    reason: str | None = None
    certificate: Certificate | None = None
    presentation: Presentation | None = None

    def refuse(self, code: str, *, rule: str | None = None, reason: str | None = None) -> "Judged":
        """Settle that nothing is released."""
        self.code, self.rule, self.reason = code, rule, reason
        return self


@dataclass(frozen=True)
class Prepared:
    """An answer, sealed, for one commit."""

    judged: Judged
    answer: Answer
    envelope: str
    event_id: UUID = field(default_factory=uuid7)


class Answering:
    """The use cases `prepare` and `commit`. case_keys: keys of systems with the role cases, and of nobody else."""

    def __init__(
        self,
        *,
        db: Database,
        rulebook: Rulebook,
        credentials: Credentials,
        keys: Keys,
        registry: Registry,
        case_keys: KeyOf,
        system: str,
    ) -> None:
        self._db = db
        self._rulebook = rulebook
        self._credentials = credentials
        self._keys = keys
        self._registry = registry
        self._case_keys = case_keys
        self._system = system

    async def prepare(self, received: Sequence[Received]) -> list[Prepared | NoOfficeKey]:
        """Judge, look up, present, sign and seal: an answer for each request, in order, or why there can be none now.

        Raises Unavailable while our replica of the catalogue is older than a request.
        """
        # 1. Judge each by the lists, the case proof and the clock.
        judged = [await breathing(self._judge(one)) for one in received]
        # 2. One look-up for all: exactly one certificate that may be shown, or none.
        await self._match([one for one in judged if one.code is None])
        # 3. Present, sign, seal.
        return [await breathing(self._sealed(one)) for one in judged]

    def _judge(self, received: Received) -> Judged:
        ask, office, judged = received.ask, received.office, Judged(received)
        catalogue = self._rulebook.catalogue()
        if ask.release > catalogue.release:
            raise Unavailable("The catalogue here is older than the request")
        try:
            admitted = gate.admit(catalogue, _question(received), key_of=self._case_keys, recorded_at=ask.recorded_at)
        except gate.GateRefused as why:
            return judged.refuse(why.code, rule=why.rule)
        judged.grant = admitted.grants[office]
        self._open_subject(judged)
        # Judged as of the request's time above; a grant that ended since then gives nothing any more.
        if not self._lives(judged.grant) or judged.grant.id != ask.grant_id:
            return judged.refuse(gate.NoGrant.code, rule=gate.NoGrant.rule, reason="GRANT_ENDED_OR_ANOTHER")
        if self._rulebook.now() > ask.deadline:
            return judged.refuse(EVIDENCE_TIMEOUT, rule="clock.holder")
        if judged.holder is None:
            return judged.refuse(NOT_MATCHED, reason="ALIAS_UNREADABLE")
        return judged

    def _open_subject(self, judged: Judged) -> None:
        """Learn whom it is about. The proof has bound both aliases to one person, so the receipt may name her."""
        ask, office = judged.received.ask, judged.received.office
        if ask.aliases is None:
            judged.holder = ask.organisation
            return
        try:
            judged.subject = aliases.open_alias(self._keys.opening(office), office, ask.aliases.holder)
        except AliasRefused:
            return
        judged.holder = judged.subject

    def _lives(self, grant: Grant) -> bool:
        """Tell whether the grant, as it was judged by, is in force today by the release of now."""
        return self._rulebook.catalogue().get(Grant, grant.id, self._rulebook.today()) == grant

    async def _match(self, open_ones: Sequence[Judged]) -> None:
        if not open_ones:
            return
        wanted = [(one.received.office, one.received.ask.type, one.holder or "") for one in open_ones]
        async with self._db.read() as reader:
            found = await store.evidence.find_held(reader, wanted, self._rulebook.today())
        for one, held in zip(open_ones, found, strict=True):
            if len(held) != 1:
                one.refuse(NOT_MATCHED, reason="NONE" if not held else "SEVERAL")
                continue
            ask = one.received.ask
            one.certificate = held[0]
            one.presentation = self._credentials.presented(
                held[0], ask.fields or [], audience=ask.asker.office, purpose=ask.purpose
            )

    def _sealed(self, judged: Judged) -> Prepared | NoOfficeKey:
        received, ask = judged.received, judged.received.ask
        key: PublicKey | None = self._registry.office_key(ask.asker.office, "inbox")
        if key is None:
            return NoOfficeKey()
        answer = Answer(
            request_id=ask.request_id,
            outcome="answered" if judged.code is None else "refused",
            type=ask.type,
            holder=received.office,
            presentation=judged.presentation,
            code=judged.code,
        )
        event_id = uuid7()
        envelope = envelopes.seal_envelope(
            "answer",
            answer,
            issuer_system=self._system,
            audience_office=ask.asker.office,
            event_id=str(event_id),
            exchange_id=received.exchange_id,
            key_sig=self._keys.sig,
            key_enc=key,
            now=self._rulebook.now(),
        )
        return Prepared(judged, answer, envelope, event_id)

    # -------------------------------------------------------------------------------------- the commit
    async def commit(self, tx: Transaction, prepared: Sequence[Prepared]) -> None:
        """Journal, receipt and answer of each, in the transaction of its inbox row.

        Raises EvidenceChanged when what was prepared is no longer so: the batch is prepared again.
        """
        await self._hold_still(tx, prepared)
        rows: list[JournalRow] = []
        for one in prepared:
            digest = envelopes.digest(one.envelope)
            tx.receipt(_receipt(one, digest))
            tx.emit(
                events.answer_sent(
                    one.event_id,
                    one.judged.received.ask.asker.office,
                    one.envelope,
                    one.judged.received.exchange_id,
                    one.answer,
                )
            )
            rows += self._journal(one)
        await store.evidence.write_journal(tx, rows, self._rulebook.now())

    async def _hold_still(self, tx: Transaction, prepared: Sequence[Prepared]) -> None:
        """Read versions and grants again, under a lock: nothing leaves that was taken back a moment ago."""
        releases = [one.judged for one in prepared if one.judged.certificate is not None]
        held = {one.certificate.id: one.certificate for one in releases if one.certificate is not None}
        now = self._rulebook.now()
        if any(one.grant is None or not self._lives(one.grant) or now > one.received.ask.deadline for one in releases):
            raise EvidenceChanged
        if held:
            seqs = await store.evidence.hold_still(tx, [(c.office, c.id) for c in held.values()])
            if any(seqs.get(c.id) != c.event_seq for c in held.values()):
                raise EvidenceChanged

    def _journal(self, one: Prepared) -> list[JournalRow]:
        judged, ask = one.judged, one.judged.received.ask
        received = judged.received
        certificate = judged.certificate
        sent = "answer-sent" if judged.code is None else "error-sent"

        def row(kind: str, event_id: str, *, outcome: bool) -> JournalRow:
            return JournalRow(
                type=kind,
                event_id=event_id,
                case_id=ask.case_id,
                exchange_id=received.exchange_id,
                request_id=ask.request_id,
                answer_id=str(one.event_id) if outcome else None,
                asker=ask.asker.office,
                holder=received.office,
                step=ask.step,
                entry=ask.entry,
                release=ask.release,
                evidence_type=ask.type,
                evidence_id=certificate.id if outcome and certificate else None,
                evidence_version=certificate.version if outcome and certificate else None,
                digest=judged.presentation.evidence_digest if outcome and judged.presentation else None,
                media_type=MEDIA_TYPE if outcome and judged.presentation else None,
                code=judged.code if outcome else None,
                rule=judged.rule if outcome else None,
                reason=judged.reason if outcome else None,
                subject=ask.aliases.holder if ask.aliases else None,
                subject_key=self._keys.subject_key(received.office, judged.subject) if judged.subject else None,
            )

        return [row("request-received", received.event_id, outcome=False), row(sent, str(one.event_id), outcome=True)]


def _question(received: Received) -> gate.Question:
    ask, office = received.ask, received.office
    if ask.aliases is not None:
        subject = gate.SubjectDigests.person(ask.aliases.platform, {office: ask.aliases.holder})
    else:
        subject = gate.SubjectDigests.organisation(ask.organisation or "", [office])
    return gate.Question(
        asker=ask.asker.office,
        holder=office,
        entry=ask.entry,
        release=ask.release,
        type=ask.type,
        type_version=ask.type_version,
        fields=None if ask.fields is None else tuple(ask.fields),
        predicate=ask.predicate,
        purpose=ask.purpose,
        basis=ask.legal_basis.kind,
        case_id=ask.case_id,
        step=ask.step,
        case_proof=ask.case_proof,
        subject=subject,
    )


def _receipt(one: Prepared, envelope_digest: str) -> ReceiptDraft:
    judged, ask = one.judged, one.judged.received.ask
    decision: Decision = "released" if judged.code is None else "empty" if judged.code == NOT_MATCHED else "refused"
    person = None
    if judged.subject is not None and ask.aliases is not None:
        person = Subject(f"{judged.received.office}/{judged.subject}", ask.aliases.platform)
    return ReceiptDraft(
        side="holder",
        exchange_id=judged.received.exchange_id,
        decision=decision,
        purpose=ask.purpose,
        legal_basis=ReceiptBasis(
            kind=ask.legal_basis.kind, entry=ask.entry, release=ask.release, grant_id=ask.grant_id
        ),
        asker=ask.asker,
        provider=judged.received.office,
        type=ask.type,
        fields=ask.fields,
        predicate=ask.predicate,
        code=judged.code if decision == "refused" else None,
        request_hash=ask.request_hash,
        envelope_digest=envelope_digest,
        person=person,
        organisation=ask.organisation if judged.holder is not None else None,
        case_id=ask.case_id,
        step=ask.step,
        salt=ask.salt,
        deadline=ask.deadline,
        certificate_id=judged.certificate.id if judged.certificate else None,
        certificate_version=judged.certificate.version if judged.certificate else None,
        consent_id=ask.legal_basis.consent_id,
    )
