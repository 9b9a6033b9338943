# SPDX-License-Identifier: EUPL-1.2
"""Previews: the person looks at what would go, lets it go piece by piece, or lets her time pass.

What she saw is what goes: her decision counts for the state of the certificate that she looked at. Every end of a
preview is one commit: preview, journal, receipt and the answer that the asker waits for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from certificates import domain, store
from certificates.domain import Preview, Seen
from certificates.errors import EvidenceChanged, NotFound, PreviewOutdated, PreviewOver, Unavailable
from certificates.service import records
from certificates.service.answering import Answering, NoOfficeKey, Prepared
from certificates.service.judging import EVIDENCE_TIMEOUT, NOT_MATCHED, Judged, Judging, Received
from certificates.service.keys import Keys
from certificates.service.rulebook import Rulebook
from contracts import previews as models
from contracts.catalogue import clocks
from contracts.envelopes import Ask
from kit import crash, gate
from kit.db import Answer, Database, Idem, Transaction
from kit.telemetry import fault, get_logger

log = get_logger()

TRIES: Final = 3
"""Of one call, while what it looks at changes under it."""
BATCH: Final = 200
PUT_OFF: Final = timedelta(minutes=1)
"""Until what can't be answered now is tried again."""


@dataclass(frozen=True)
class Withdrawn:
    """A request that its asker no longer wants answered. office: whom it was sealed to."""

    office: str
    request_id: str
    event_id: str


class Previewing:
    """The use cases `waiting`, `look`, `decide`, `expire` and `withdraw`. subject: what the office calls the caller."""

    def __init__(self, *, db: Database, rulebook: Rulebook, judging: Judging, answering: Answering, keys: Keys) -> None:
        self._db = db
        self._rulebook = rulebook
        self._judging = judging
        self._answering = answering
        self._keys = keys

    async def waiting(self, subject: str) -> models.Previews:
        """Give what waits for her, the oldest first, without what is in it."""
        now = self._rulebook.now()
        async with self._db.read() as reader:
            found = await store.previews.waiting(reader, subject, now)
        return models.Previews(previews=[models.PreviewHead(**self._head(preview)) for preview in found])

    # -------------------------------------------------------------------------------------- looking
    async def look(self, subject: str, preview_id: str) -> models.Preview:
        """Show what would go; the receipt is durable before the body leaves. Her time to decide starts with the first.

        Where nothing would go any more (no grant, no certificate) the asker is told so at once, and the preview is
        over. Raises NotFound (unknown and another person's alike), Unavailable.
        """
        preview = await self._own(subject, preview_id)
        if not preview.lives(self._rulebook.now()):
            return self._view(preview, None)
        judged = await self._judge(preview)
        if judged.code is not None or judged.certificate is None:
            return self._view(await self._refuse(preview, judged), None)
        seen = Seen(judged.certificate.id, judged.certificate.event_seq)
        now = self._rulebook.now()
        async with self._db.transaction() as tx:
            locked = await store.previews.lock(tx, preview.id)
            if not locked.lives(now):
                return self._view(locked, None)
            preview = domain.opened(locked, seen, now, judged.deciding)
            await store.previews.save(tx, preview)
            tx.receipt(records.looked(judged))
            row = records.journal_row(self._keys, judged, "preview-opened", None)
            await store.evidence.write_journal(tx, [records.about(row, judged.certificate)], now)
        crash.point("release.after_receipt")
        return self._view(preview, judged)

    # -------------------------------------------------------------------------------------- deciding
    async def decide(self, idem: Idem, subject: str, preview_id: str, decisions: Sequence[tuple[str, bool]]) -> Answer:
        """Let go what she accepts, and nothing else; gives `PreviewDecided` with 201. decisions: (piece, accept).

        Raises NotFound (unknown and another person's alike), PreviewOver, PreviewNotOpened, PreviewOutdated,
        InvalidRequest (not every piece once), StillRunning, KeyReused, Unavailable.
        """
        stored = await self._db.stored(idem)
        if stored is not None:
            return stored
        for _ in range(TRIES):
            try:
                return await self._decide(idem, await self._own(subject, preview_id), decisions)
            except EvidenceChanged:  # since it was judged, a moment ago: judged anew it may be outdated, or refused
                continue
        raise EvidenceChanged

    async def _decide(self, idem: Idem, preview: Preview, decisions: Sequence[tuple[str, bool]]) -> Answer:
        # 1. It must be hers to decide still, and about what she saw.
        domain.check_decidable(preview, self._rulebook.now())
        judged = await self._judge_seen(preview)
        # 2. What she accepts, signed and sealed before any lock is taken.
        released = domain.accepted(list(judged.pieces), decisions)
        judged.kept = released
        if not released:
            judged.refuse(domain.DECLINED, rule="preview.decision")
        prepared = self._last(judged)
        crash.point("release.after_seal")

        # 3. One commit: her decision, the journal, the receipt, and the answer on its way.
        async def work(tx: Transaction) -> tuple[int, models.PreviewDecided]:
            locked = await store.previews.lock(tx, preview.id)
            domain.check_decidable(locked, self._rulebook.now())
            if locked.seen != preview.seen:
                raise PreviewOutdated
            row = records.journal_row(self._keys, judged, "preview-decided", None)
            now = self._rulebook.now()
            await store.evidence.write_journal(tx, [records.about(row, judged.certificate)], now)
            ended = domain.decided(locked, released)
            await self._end(tx, ended, prepared)
            return 201, models.PreviewDecided(
                preview_id=ended.id, state="released" if released else "declined", released=released
            )

        return await self._db.once(idem, work)

    async def _judge_seen(self, preview: Preview) -> Judged:
        """Judge anew what she decides on. Raises PreviewOver where it may not go any more, PreviewOutdated."""
        judged = await self._judge(preview)
        if judged.code not in (None, NOT_MATCHED):
            await self._refuse(preview, judged)
            raise PreviewOver(reason=judged.code)
        found = judged.certificate
        if found is None or preview.seen != Seen(found.id, found.event_seq):
            raise PreviewOutdated
        return judged

    # -------------------------------------------------------------------------------------- ends without her
    async def expire(self) -> int:
        """Answer for previews whose time is over, each in a transaction of its own; gives how many ended."""
        async with self._db.read() as reader:
            overdue = await store.previews.overdue(reader, self._rulebook.now(), BATCH)
        return sum([await self._expire(preview_id, subject) for preview_id, subject in overdue])

    async def _expire(self, preview_id: str, subject: str) -> int:
        try:
            preview = await self._own(subject, preview_id)
            if not preview.unsettled:  # she was quicker, or another process
                return 0
            judged = Judged(self._received(preview), holder=subject, subject=subject)
            rule, reason = domain.overdue_rule(preview)
            judged.refuse(EVIDENCE_TIMEOUT, rule=rule, reason=reason)
            ended = await self._settle(preview, judged, self._answering.last(judged))
        except Unavailable:
            raise
        except Exception as why:  # noqa: BLE001 - whatever is wrong with this one, the others have their own clocks
            log.error("preview_expiry_failed", preview_id=preview_id, **fault(why))  # noqa: TRY400 - may hold values
            return await self._put_off(preview_id)
        return int(ended.state == "expired")

    async def _put_off(self, preview_id: str) -> int:
        """Try again later while the asker waits. Afterwards nobody is to be answered, and no request is kept."""
        now = self._rulebook.now()
        async with self._db.transaction() as tx:
            preview = await store.previews.lock(tx, preview_id)
            if not preview.unsettled:
                return 0
            if now <= preview.deadline + clocks.MARGIN:  # the asker's own moment is later by no more than that
                await store.previews.put_off(tx, preview_id, now + PUT_OFF)
                return 0
            row = records.given_up(self._keys, preview, EVIDENCE_TIMEOUT)
            await store.previews.save(tx, domain.expired(preview, EVIDENCE_TIMEOUT))
            await store.evidence.write_journal(tx, [row], now)
        return 1

    async def withdraw(self, tx: Transaction, withdrawn: Sequence[Withdrawn]) -> None:
        """End previews whose request was withdrawn: nobody is answered. What was answered already stays as it is."""
        by_request = {(one.office, one.request_id): one for one in withdrawn}
        rows = []
        for preview in await store.previews.lock_unsettled(tx, sorted(by_request)):
            judged = Judged(self._received(preview), subject=preview.subject)
            event_id = by_request[preview.office, preview.request_id].event_id
            row = records.journal_row(self._keys, judged, "request-refused", event_id)
            ended = gate.CaseNotLive
            rows.append(replace(row, code=ended.code, rule=ended.rule, reason="WITHDRAWN"))
            await store.previews.save(tx, domain.expired(preview, ended.code))
        await store.evidence.write_journal(tx, rows, self._rulebook.now())

    async def _refuse(self, preview: Preview, judged: Judged) -> Preview:
        """End a preview of which nothing can go any more, whatever she would decide."""
        return await self._settle(preview, judged, self._last(judged))

    async def _settle(self, preview: Preview, judged: Judged, prepared: Prepared) -> Preview:
        """Answer for her with a refusal, unless the preview ended, or went on, meanwhile; gives how it stands then."""
        async with self._db.transaction() as tx:
            locked = await store.previews.lock(tx, preview.id)
            if not locked.unsettled or (judged.code == EVIDENCE_TIMEOUT and locked.lives(self._rulebook.now())):
                return locked
            ended = domain.expired(locked, judged.code or EVIDENCE_TIMEOUT)
            await self._end(tx, ended, prepared)
        return ended

    async def _end(self, tx: Transaction, ended: Preview, prepared: Prepared) -> None:
        await store.previews.save(tx, ended)
        await self._answering.commit(tx, [prepared])

    # -------------------------------------------------------------------------------------- parts
    async def _own(self, subject: str, preview_id: str) -> Preview:
        async with self._db.read() as reader:
            preview = await store.previews.read(reader, subject, preview_id)
        if preview is None:
            raise NotFound
        return preview

    def _received(self, preview: Preview) -> Received:
        ask = Ask.model_validate_json(preview.ask)
        return Received(preview.office, preview.event_id, preview.exchange_id, ask)

    async def _judge(self, preview: Preview) -> Judged:
        [judged] = await self._judging.judge([self._received(preview)])
        return judged

    def _last(self, judged: Judged) -> Prepared:
        try:
            return self._answering.last(judged)
        except NoOfficeKey as why:
            raise Unavailable("The asking office has no key at the moment") from why

    def _view(self, preview: Preview, judged: Judged | None) -> models.Preview:
        pieces = {} if judged is None else judged.pieces
        items = [models.PreviewItem(id=name, value=value) for name, value in pieces.items()]
        return models.Preview(**self._head(preview), items=items)

    def _head(self, preview: Preview) -> dict[str, Any]:
        return {
            "preview_id": preview.id,
            "state": preview.shown_state(self._rulebook.now()),
            "office": preview.office,
            "asker": preview.asker,
            "type": preview.type,
            "purpose": preview.purpose,
            "legal_basis": preview.basis,
            "case_id": preview.case_id,
            "step": preview.step,
            "until": preview.until,
        }
