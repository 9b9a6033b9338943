# SPDX-License-Identifier: EUPL-1.2
"""Events, receipts and resources of exchange-bus, built from domain objects."""

from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

from contracts import topics
from contracts.catalogue import Catalogue, Grant
from contracts.catalogue.entries import BasisKind
from contracts.exchange_bus import AskEvidence, DemandProof, EvidenceRequest, RequestState
from contracts.exchange_bus import Delivery as DeliveryView
from contracts.http import Exchange
from contracts.previews import PreviewAt
from contracts.receipts import UNLISTED, Asker, Decision, ReceiptBasis
from exchange_bus.domain.records import Arrived, Delivery
from exchange_bus.domain.requests import Look, Request, decision
from kit.events import Event
from kit.proof_gate import Verdict
from kit.receipts import ReceiptDraft, Subject, body_hash


def resource(request: Request, *, envelope: str | None = None, reason: str | None = None) -> EvidenceRequest:
    """Give the request as its asker sees it."""
    return EvidenceRequest(
        request_id=request.request_id,
        exchange_id=request.exchange_id,
        case_id=request.case_id,
        step=request.step,
        asker=request.asker,
        holder=request.holder,
        type=request.type,
        state=cast("RequestState", request.state),
        code=request.code,
        reason=reason,
        deadline=request.deadline,
        preview=_preview(request.look),
        envelope=envelope,
    )


def _preview(look: Look | None) -> PreviewAt | None:
    if look is None:
        return None
    return PreviewAt(preview_id=look.preview_id, deployment=look.deployment, open_until=look.until)


def state_event(request: Request) -> Event:
    """Say on the bus which state the request is in now."""
    attributes = {"caseid": request.case_id, "exchangeid": request.exchange_id, "status": request.state}
    if request.code is not None:
        attributes["code"] = request.code
    return Event(
        topic=topics.EVIDENCE_REQUEST,
        key=request.request_id,
        type=f"evidence.request.{request.state}.v1",
        data=resource(request).wire_bytes(),
        keyseq=request.event_seq,
        attributes=attributes,
    )


def ask_event(request: Request, event_id: str, envelope: str) -> Event:
    """Carry the sealed ask to its holder."""
    return Event(
        topic=topics.ask_topic(request.holder),
        key=request.request_id,
        type="evidence.ask.v1",
        data=envelope.encode("ascii"),
        keyseq=1,
        id=UUID(event_id),
        attributes={"caseid": request.case_id, "exchangeid": request.exchange_id, "grantid": request.grant_id},
    )


def withdrawn_event(request: Request) -> Event:
    """Tell the holder that nothing may go any more: whatever it still waits for is over. It is sealed to nobody."""
    return Event(
        topic=topics.ask_topic(request.holder),
        key=request.request_id,
        type="evidence.ask.withdrawn.v1",
        data=b"{}",
        keyseq=2,
        attributes={"caseid": request.case_id, "exchangeid": request.exchange_id},
    )


def entry_event(key: str, content: bytes, release: int) -> Event:
    """Publish a catalogue entry."""
    return Event(topics.CATALOGUE_ENTRY, key, "catalogue.entry.published.v1", content, release)


def release_event(release: int, manifest: bytes) -> Event:
    """Publish the manifest of a release."""
    return Event(topics.CATALOGUE_ENTRY, f"release/{release}", "catalogue.release.published.v1", manifest, release)


def delivery_view(delivery: Delivery) -> DeliveryView:
    """Give a delivery as the office pulls it."""
    arrived = delivery.arrived
    return DeliveryView(
        delivery_id=delivery.delivery_id,
        seq=delivery.seq,
        event_id=arrived.event_id,
        kind=arrived.kind,
        key=arrived.key,
        keyseq=arrived.keyseq,
        time=arrived.at,
        attributes=dict(arrived.attributes),
        traceparent=arrived.traceparent,
        envelope=arrived.envelope,
    )


# ------------------------------------------------------------------------------------------------------- receipts
def gate_refused(
    asker: Asker,
    body: AskEvidence,
    raw: bytes,
    exchange: Exchange,
    subject: Subject | None,
    code: str,
    catalogue: Catalogue,
) -> ReceiptDraft:
    """Receipt of a request that the gate turned away: its leaf says again what the lists know, and no other word."""
    names = catalogue.names
    fields = [name for name in body.fields or () if name in names.types.get(body.type, ())]
    basis = ReceiptBasis(
        kind=body.legal_basis.kind,
        entry=body.entry if body.entry in names.proofs else None,
        release=body.release if 1 <= body.release <= catalogue.release else None,
    )
    return ReceiptDraft(
        side="gate",
        exchange_id=exchange.exchange_id,
        decision="refused",
        code=code,
        purpose=body.purpose if body.purpose in names.purposes else UNLISTED,
        legal_basis=basis,
        asker=asker,
        type=body.type if body.type in names.types else None,
        fields=fields or None,
        request_hash=body_hash(exchange.salt, raw),
        person=subject,
        organisation=body.subject.organisation,
        case_id=body.case_id,
        step=body.step,
        salt=exchange.salt,
        deadline=body.deadline,
    )


def gate_repeated(
    asker: Asker, body: AskEvidence, raw: bytes, exchange: Exchange, subject: Subject | None, catalogue: Catalogue
) -> ReceiptDraft:
    """Receipt of a call that only repeats an earlier one: an exchange of its own, in which nothing is asked anew."""
    repeated = gate_refused(asker, body, raw, exchange, subject, "", catalogue)
    return replace(repeated, decision="empty", code=None)


def gate_pending(
    request: Request, request_hash: str, salt: str, subject: Subject | None, organisation: str | None
) -> ReceiptDraft:
    """Receipt of a request that goes to its holder."""
    return ReceiptDraft(
        side="gate",
        exchange_id=request.exchange_id,
        decision="pending",
        purpose=request.purpose,
        legal_basis=_basis(request),
        asker=Asker(office=request.asker, system=request.asker_system),
        provider=request.holder,
        type=request.type,
        fields=request.fields,
        request_hash=request_hash,
        person=subject,
        organisation=organisation,
        case_id=request.case_id,
        step=request.step,
        salt=salt,
        deadline=request.deadline,
    )


def gate_ended(request: Request) -> ReceiptDraft:
    """Receipt of a request that ended without an answer: its case was closed, or a clock ran out."""
    return ReceiptDraft(
        side="gate",
        exchange_id=request.exchange_id,
        decision="refused",
        code=request.code,
        purpose=request.purpose,
        legal_basis=_basis(request),
        asker=Asker(office=request.asker, system=request.asker_system),
        provider=request.holder,
        type=request.type,
        fields=request.fields,
        case_id=request.case_id,
        step=request.step,
    )


def answer_delivered(request: Request, arrived: Arrived, state: str, code: str | None) -> ReceiptDraft:
    """Receipt of an answer's delivery; also of one that came too late and was dropped, as refused."""
    decided, why = decision(state, code)
    return ReceiptDraft(
        side="delivery",
        exchange_id=arrived.exchange_id,
        decision=cast("Decision", decided),
        code=why,
        purpose=request.purpose,
        legal_basis=_basis(request),
        asker=Asker(office=request.asker, system=request.asker_system),
        provider=request.holder,
        type=request.type,
        fields=request.fields,
        envelope_digest=arrived.digest,
        case_id=request.case_id,
        step=request.step,
    )


def share_delivered(arrived: Arrived, grant: Grant | None, release: int) -> ReceiptDraft:
    """Receipt of a share's delivery. grant: as this release has it; None for one that has ended since."""
    kind = grant.basis if grant else "law"
    basis = ReceiptBasis(kind=kind, release=release, grant_id=arrived.attributes.get("grantid"))
    return ReceiptDraft(
        side="delivery",
        exchange_id=arrived.exchange_id,
        decision="released",
        purpose=grant.purpose if grant else arrived.kind,
        legal_basis=basis,
        provider=grant.provider if grant else None,
        type=grant.type if grant else None,
        fields=grant.fields if grant else None,
        envelope_digest=arrived.digest,
    )


def task_delivered(arrived: Arrived) -> ReceiptDraft:
    """Receipt of a task's delivery, or of a correction's."""
    return ReceiptDraft(
        side="delivery",
        exchange_id=arrived.exchange_id,
        decision="released",
        purpose=arrived.kind,
        legal_basis=ReceiptBasis(kind="law"),
        envelope_digest=arrived.digest,
        case_id=arrived.attributes.get("caseid"),
    )


def demand_judged(
    asker: Asker, body: DemandProof, exchange_id: str, verdict: Verdict, catalogue: Catalogue, subject: Subject | None
) -> ReceiptDraft:
    """Receipt of a demand on the applicant: refused, or allowed (`empty`: nothing of hers has moved).

    Its leaf says again what the lists know, and no other word of the office's.
    """
    entry, names = verdict.entry.id if verdict.entry else None, catalogue.names
    return ReceiptDraft(
        side="gate",
        exchange_id=exchange_id,
        decision="empty" if verdict.accepted else "refused",
        code=None if verdict.accepted else verdict.code,
        purpose="proof-demand",
        legal_basis=ReceiptBasis(kind="law", entry=entry, release=catalogue.release),
        asker=asker,
        service=body.service if body.service in names.services else None,
        fields=[body.proves] if body.proves in names.facts else None,
        person=subject,
        case_id=body.case_id,
        step=body.step,
    )


def _basis(request: Request) -> ReceiptBasis:
    return ReceiptBasis(
        kind=cast("BasisKind", request.basis),
        entry=request.entry,
        release=request.release,
        grant_id=request.grant_id,
    )


def recorded(now: datetime) -> datetime:
    """Cut a moment to what the wire keeps (milliseconds), so that both gates judge by the very same."""
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
