# SPDX-License-Identifier: EUPL-1.2
"""Changing a certificate's status: by its office, or by the clock."""

from collections.abc import Sequence
from dataclasses import replace

from certificates import domain, events, store
from certificates.domain import Change, Circumstances, Former, Operation
from certificates.errors import NotFound
from certificates.service.keys import Keys
from certificates.service.rulebook import Rulebook
from certificates.service.telling import issued_answer, queue_facts
from contracts.certificates.api import Issued
from kit.db import Answer, Database, Idem, Transaction

EXPIRY_BATCH = 200


class Changing:
    """The use cases `change` (every operation that keeps the version) and `expire`."""

    def __init__(self, *, db: Database, rulebook: Rulebook, keys: Keys) -> None:
        self._db = db
        self._rulebook = rulebook
        self._keys = keys

    async def change(
        self,
        idem: Idem,
        office: str,
        certificate_id: str,
        operation: Operation,
        *,
        version: int,
        reason: str,
        system: str,
    ) -> Answer:
        """Apply one operation to the latest version; gives `Issued` with 201. version: what the caller saw last.

        Raises NotFound (unknown and another office's alike), VersionChanged, TransitionNotAllowed, StillRunning,
        KeyReused, Unavailable.
        """

        async def work(tx: Transaction) -> tuple[int, Issued]:
            standing = await store.changes.lock(tx, office, certificate_id)
            if standing is None:
                raise NotFound
            domain.check_version(standing, version)
            now = Circumstances(self._rulebook.today())
            if operation is Operation.UNDO_TRANSFER:
                now = replace(now, arrived=await store.changes.arrived(tx, Former(office, certificate_id)))
            change = domain.change(standing, operation, now)
            await self._save(tx, [change], reason=reason, system=system)
            tx.answer_headers["etag"] = f'"{standing.version}"'
            return 201, issued_answer(change.after)

        return await self._db.once(idem, work)

    async def expire(self) -> int:
        """Let certificates lapse whose validity is over; gives how many, at most 200."""
        today = self._rulebook.today()
        async with self._db.transaction() as tx:
            due = await store.changes.lock_expired(tx, today, EXPIRY_BATCH)
            if due:
                changes = [domain.change(standing, Operation.EXPIRE, Circumstances(today)) for standing in due]
                await self._save(tx, changes, reason=None, system=None)
        return len(due)

    async def _save(
        self, tx: Transaction, changes: Sequence[Change], *, reason: str | None, system: str | None
    ) -> None:
        """Write statuses, operation rows, facts and what is to be shared."""
        book = self._rulebook.book()
        await store.changes.save(tx, changes, reason=reason, system=system, at=self._rulebook.now())
        await queue_facts(tx, self._keys, book, [(change.after, change.fact) for change in changes])
        for change in changes:
            tx.emit(events.changed(change))
