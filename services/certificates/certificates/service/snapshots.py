# SPDX-License-Identifier: EUPL-1.2
"""Snapshots: whoever is granted to hear of a type learns first what stands, then each fact after it.

A grant begins once, under a lock that divides the facts: those before are in its snapshot, those after have rows of
their own. The snapshot is queued batch by batch behind a cursor, each batch one commit.
"""

from typing import Final
from uuid import UUID

from certificates import store
from certificates.domain import EventGrant, ShareTask
from certificates.service.keys import Keys
from certificates.service.rulebook import Book, Rulebook
from certificates.store.snapshots import Begun, Stand
from kit.db import Database, Transaction
from kit.telemetry import get_logger

log = get_logger()

BATCH: Final = 200
LIVE: Final = ("01", "02")


class Snapshots:
    """The use cases `begin` and `queue_next`, for whichever process leads."""

    def __init__(self, *, db: Database, rulebook: Rulebook, keys: Keys, batch: int = BATCH) -> None:
        self._db = db
        self._rulebook = rulebook
        self._keys = keys
        self._batch = batch
        self._begun: Book | None = None

    async def begin(self) -> None:
        """Let grants begin that came into force, and end those that are no more. Raises Unavailable."""
        book = self._rulebook.book()
        if book is self._begun:
            return
        living = self._living(book)
        async with self._db.read() as reader:
            known = await store.snapshots.known(reader)
        new = [grant for name, grant in living.items() if name not in known]
        ended = [name for name, over in known.items() if not over and name not in living]
        if new:
            async with self._db.transaction() as tx:
                await store.snapshots.begin(tx, new, book.release, book.day)
        if ended:  # by itself: it may wait for a batch, and no fact should wait with it
            async with self._db.transaction() as tx:
                await store.snapshots.close(tx, ended, book.release, book.day)
        self._begun = book

    def _living(self, book: Book) -> dict[tuple[str, str], EventGrant]:
        """Give grants of our offices by (office, id)."""
        return {
            (office, grant.id): grant
            for (office, _type), grants in book.event_grants.items()
            if office in self._keys.issuing
            for grant in grants
        }

    async def queue_next(self) -> int:
        """Queue the next batch of a snapshot, in one commit; gives 0 when all are through. Raises Unavailable."""
        async with self._db.transaction() as tx:
            one = await store.snapshots.lock_open(tx)
            if one is None:
                return 0
            window = await store.snapshots.window(tx, one, self._batch)
            if window:
                await self._queue(tx, one, window)
            else:
                queued = await store.snapshots.finish(tx, one, self._rulebook.now())
                log.info("snapshot_queued", grant=one.grant_id, certificates=queued)
        return 1

    async def _queue(self, tx: Transaction, one: Begun, window: list[tuple[UUID, bool]]) -> None:
        # 1. Hold them still: whatever changes one now comes after its row. By waiting one at most, since whoever
        #    changes several would wait for us in turn.
        wanted = [certificate_id for certificate_id, is_wanted in window if is_wanted]
        held = await store.snapshots.hold(tx, one.office, wanted)
        if wanted and wanted[0] not in held:
            wanted = wanted[:1]
            held = await store.snapshots.hold_one(tx, one.office, wanted[0])
            window = window[: window.index((wanted[0], True)) + 1]
        # 2. Up to the first that somebody is changing: the next batch starts there.
        missing = next((at for at, (id_, is_wanted) in enumerate(window) if is_wanted and id_ not in held), len(window))
        tasks = [self._task(one, held[id_]) for id_, _ in window[:missing] if id_ in held and held[id_].status in LIVE]
        queued = await store.snapshots.queue(tx, tasks)
        await store.snapshots.advance(tx, one, window[missing - 1][0], queued)

    def _task(self, one: Begun, stand: Stand) -> ShareTask:
        stream = self._keys.share_id(one.grant_id, stand.id)
        return ShareTask(
            one.office, stream, one.grant_id, stand.id, stand.version, stand.event_seq, "issued", stand.status
        )
