# SPDX-License-Identifier: EUPL-1.2
"""What is written about a request for evidence: rows of the journal, and receipts for the person."""

from dataclasses import replace

from certificates.domain import Certificate, Preview
from certificates.service.judging import NOT_MATCHED, Judged
from certificates.service.keys import Keys
from certificates.store.evidence import JournalRow
from contracts.certificates.api import Presentation
from kit.receipts import Decision, ReceiptBasis, ReceiptDraft, Side, Subject

MEDIA_TYPE = "application/dc+sd-jwt"


def journal_row(keys: Keys, judged: Judged, kind: str, event_id: str | None) -> JournalRow:
    """Give a row that names a request and its parties, and nothing of an outcome."""
    received, ask = judged.received, judged.received.ask
    return JournalRow(
        type=kind,
        event_id=event_id,
        case_id=ask.case_id,
        exchange_id=received.exchange_id,
        request_id=ask.request_id,
        asker=ask.asker.office,
        holder=received.office,
        step=ask.step,
        entry=ask.entry,
        release=ask.release,
        evidence_type=ask.type,
        subject=ask.aliases.holder if ask.aliases else None,
        subject_key=keys.subject_key(received.office, judged.subject) if judged.subject else None,
    )


def outcome_row(keys: Keys, judged: Judged, event_id: str, presentation: Presentation | None) -> JournalRow:
    """Give the row of an answer that was sent, or of a refusal."""
    row = journal_row(keys, judged, "answer-sent" if judged.code is None else "error-sent", event_id)
    return replace(
        about(row, judged.certificate),
        answer_id=event_id,
        digest=presentation.evidence_digest if presentation else None,
        media_type=MEDIA_TYPE if presentation else None,
        code=judged.code,
        rule=judged.rule,
        reason=judged.reason,
    )


def given_up(keys: Keys, preview: Preview, code: str) -> JournalRow:
    """Give the row of a preview that nobody waits for any more and that couldn't be answered, its request unread."""
    return JournalRow(
        type="request-refused",
        case_id=preview.case_id,
        exchange_id=preview.exchange_id,
        request_id=preview.request_id,
        asker=preview.asker,
        holder=preview.office,
        step=preview.step,
        evidence_type=preview.type,
        code=code,
        rule="clock.holder",
        reason="NOBODY_WAITS",
        subject_key=keys.subject_key(preview.office, preview.subject),
    )


def about(row: JournalRow, certificate: Certificate | None) -> JournalRow:
    """Say in a row which evidence it is about."""
    if certificate is None:
        return row
    return replace(row, evidence_id=certificate.id, evidence_version=certificate.version)


def answered(judged: Judged, envelope_digest: str) -> ReceiptDraft:
    """Give the holder's receipt for a request: what went, or that nothing did and why."""
    decision: Decision = "released" if judged.code is None else "empty" if judged.code == NOT_MATCHED else "refused"
    ask = judged.received.ask
    return replace(
        _receipt(judged, "holder", decision),
        asker=ask.asker,
        fields=judged.fields,
        code=judged.code if decision == "refused" else None,
        request_hash=ask.request_hash,
        envelope_digest=envelope_digest,
        organisation=ask.organisation if judged.holder is not None else None,
        deadline=ask.deadline,
    )


def looked(judged: Judged) -> ReceiptDraft:
    """Give the receipt for a person's look at what would go. She looked, so no asker stands in it."""
    return replace(_receipt(judged, "view", "released"), fields=list(judged.pieces))


def _receipt(judged: Judged, side: Side, decision: Decision) -> ReceiptDraft:
    received, ask = judged.received, judged.received.ask
    person = None
    if judged.subject is not None and ask.aliases is not None:
        person = Subject(f"{received.office}/{judged.subject}", ask.aliases.platform)
    return ReceiptDraft(
        side=side,
        exchange_id=received.exchange_id,
        decision=decision,
        purpose=ask.purpose,
        legal_basis=ReceiptBasis(
            kind=ask.legal_basis.kind, entry=ask.entry, release=ask.release, grant_id=ask.grant_id
        ),
        provider=received.office,
        type=ask.type,
        predicate=ask.predicate,
        person=person,
        case_id=ask.case_id,
        step=ask.step,
        salt=ask.salt,
        certificate_id=judged.certificate.id if judged.certificate else None,
        certificate_version=judged.certificate.version if judged.certificate else None,
        consent_id=ask.legal_basis.consent_id,
    )
