# SPDX-License-Identifier: EUPL-1.2
"""Answering requests for evidence: the holder judges again, by its own replica, and answers exactly one way.

Zero matches and two look alike outside: the same code, the same body. Inside, the journal knows which. Where the person
may look first, the first answer says only that she does; `previewing` gives the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from certificates import events, store
from certificates.domain import Preview
from certificates.errors import EvidenceChanged
from certificates.service import records
from certificates.service.breathing import breathing
from certificates.service.credentials import Credentials
from certificates.service.judging import Judged, Judging, Received
from certificates.service.keys import Keys
from certificates.service.rulebook import Rulebook
from certificates.store.evidence import JournalRow
from contracts.certificates.api import Presentation
from contracts.envelopes import Answer
from contracts.ids import uuid7
from kit import envelopes
from kit.db import Transaction
from kit.jose import PublicKey
from kit.registry import Registry

Outcome = Literal["answered", "refused", "previewing"]


class NoOfficeKey(Exception):
    """The asking office has no key to seal an answer to: the request waits."""


@dataclass(frozen=True)
class Prepared:
    """An answer, sealed, for one commit. preview: the one that begins with it. first: nothing was answered before."""

    judged: Judged
    answer: Answer
    envelope: str
    event_id: str
    preview: Preview | None = None
    first: bool = True


class Answering:
    """The use cases `prepare` and `commit`; `last` is the answer after a preview."""

    def __init__(
        self,
        *,
        judging: Judging,
        rulebook: Rulebook,
        credentials: Credentials,
        keys: Keys,
        registry: Registry,
        system: str,
    ) -> None:
        self._judging = judging
        self._rulebook = rulebook
        self._credentials = credentials
        self._keys = keys
        self._registry = registry
        self._system = system

    async def prepare(self, received: Sequence[Received]) -> list[Prepared | NoOfficeKey]:
        """Judge, look up, present, sign and seal: an answer for each request, in order, or why there can be none now.

        Raises Unavailable while our replica of the catalogue is older than a request.
        """
        return [await breathing(self._first(one)) for one in await self._judging.judge(received)]

    def _first(self, judged: Judged) -> Prepared | NoOfficeKey:
        try:
            if judged.preview_due:
                return self._sealed(judged, "previewing", preview=self._preview(judged))
            return self._sealed(judged, _outcome(judged))
        except NoOfficeKey as why:
            return why

    def last(self, judged: Judged) -> Prepared:
        """Prepare the answer that follows a preview. Raises NoOfficeKey."""
        return self._sealed(judged, _outcome(judged), first=False)

    def _preview(self, judged: Judged) -> Preview:
        received, ask, now = judged.received, judged.received.ask, self._rulebook.now()
        return Preview(
            id=str(uuid7()),
            office=received.office,
            subject=judged.subject or "",
            request_id=ask.request_id,
            event_id=received.event_id,
            exchange_id=received.exchange_id,
            asker=ask.asker.office,
            type=ask.type,
            purpose=ask.purpose,
            basis=ask.legal_basis.kind,
            case_id=ask.case_id,
            step=ask.step,
            ask=ask.wire_bytes(),
            deadline=ask.deadline,
            state="waiting",
            until=min(now + judged.opening, ask.deadline),
            made_at=now,
        )

    def _sealed(
        self, judged: Judged, outcome: Outcome, *, preview: Preview | None = None, first: bool = True
    ) -> Prepared:
        received, ask = judged.received, judged.received.ask
        key: PublicKey | None = self._registry.office_key(ask.asker.office, "inbox")
        if key is None:
            raise NoOfficeKey
        answer = Answer(
            request_id=ask.request_id,
            outcome=outcome,
            type=ask.type,
            holder=received.office,
            presentation=self._presented(judged) if outcome == "answered" else None,
            code=judged.code,
        )
        event_id = str(uuid7())
        envelope = envelopes.seal_envelope(
            "answer",
            answer,
            issuer_system=self._system,
            audience_office=ask.asker.office,
            event_id=event_id,
            exchange_id=received.exchange_id,
            key_sig=self._keys.sig,
            key_enc=key,
            now=self._rulebook.now(),
        )
        return Prepared(judged, answer, envelope, event_id, preview, first)

    def _presented(self, judged: Judged) -> Presentation | None:
        ask = judged.received.ask
        if judged.certificate is None:
            return None
        return self._credentials.presented(
            judged.certificate, judged.fields or [], audience=ask.asker.office, purpose=ask.purpose
        )

    # -------------------------------------------------------------------------------------- the commit
    async def commit(self, tx: Transaction, prepared: Sequence[Prepared]) -> None:
        """Journal, receipt and answer of each, in the transaction of its inbox row or of its person's decision.

        Raises EvidenceChanged when what was prepared is no longer so: it is prepared again.
        """
        await self._hold_still(tx, [one.judged for one in prepared if one.judged.certificate is not None])
        if previews := [one.preview for one in prepared if one.preview is not None]:
            await store.previews.insert(tx, previews)
        rows: list[JournalRow] = []
        for one in prepared:
            if one.preview is None:  # what a person may still keep back is no outcome yet
                tx.receipt(records.answered(one.judged, envelopes.digest(one.envelope)))
            tx.emit(
                events.answer_sent(
                    UUID(one.event_id),
                    one.judged.received.ask.asker.office,
                    one.envelope,
                    one.judged.received.exchange_id,
                    one.answer,
                    preview=one.preview,
                    keyseq=1 if one.first else 2,
                )
            )
            rows += self._journal(one)
        await store.evidence.write_journal(tx, rows, self._rulebook.now())

    async def _hold_still(self, tx: Transaction, releases: Sequence[Judged]) -> None:
        """Read versions and grants again, under a lock: nothing leaves that was taken back a moment ago."""
        held = {one.certificate.id: one.certificate for one in releases if one.certificate is not None}
        now = self._rulebook.now()
        if any(not self._judging.lives(one.grant) or now > one.received.ask.deadline for one in releases):
            raise EvidenceChanged
        if held:
            seqs = await store.evidence.hold_still(tx, [(c.office, c.id) for c in held.values()])
            if any(seqs.get(c.id) != c.event_seq for c in held.values()):
                raise EvidenceChanged

    def _journal(self, one: Prepared) -> list[JournalRow]:
        received = one.judged.received
        rows = [records.journal_row(self._keys, one.judged, "request-received", received.event_id)] if one.first else []
        if one.preview is None:
            rows.append(records.outcome_row(self._keys, one.judged, one.event_id, one.answer.presentation))
        return rows


def _outcome(judged: Judged) -> Outcome:
    return "answered" if judged.code is None else "refused"
