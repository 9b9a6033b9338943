# SPDX-License-Identifier: EUPL-1.2
"""One transaction and what it collects for its commit."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from kit.db.errors import translated
from kit.db.idem import Answer, Idem
from kit.db.queries import Driver, Queries
from kit.events import Event
from kit.receipts import ReceiptDraft
from kit.telemetry import current_traceparent


class Transaction(Queries):
    """Queries of one transaction, and what happens with its commit.

    `emit` and `receipt` collect; kit writes them once, right before the commit, in this transaction. `notify` and
    `after_commit` happen after it, or not at all.
    stored: with an Idem, the answer that a former request with this key got.
    """

    def __init__(self, connection: Driver, begin_nested: Callable[[], object], idem: Idem | None = None) -> None:
        super().__init__(connection)
        self._begin_nested = begin_nested
        self.idem = idem
        self.stored: Answer | None = None
        self.answer: Answer | None = None
        self.answer_headers: dict[str, str] = {}
        self.events: list[Event] = []
        self.traces: list[str | None] = []
        self.drafts: list[ReceiptDraft] = []
        self.channels: list[str] = []
        self.callbacks: list[Callable[[], None]] = []

    def emit(self, event: Event) -> None:
        """Publish *event* with the commit, in the trace at hand. Per (topic, key) emit in order of keyseq."""
        self.events.append(event)
        self.traces.append(current_traceparent())

    def receipt(self, draft: ReceiptDraft) -> UUID:
        """Write this receipt with the commit; gives its receiptId."""
        self.drafts.append(draft)
        return draft.receipt_id

    def notify(self, channel: str) -> None:
        """Wake whoever listens to *channel*, in every process of this database, after the commit. No promise."""
        self.channels.append(channel)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call *callback* after the commit, in this process only. It must not fail."""
        self.callbacks.append(callback)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo only what happened inside, collected events and receipts too, when the body raises."""
        marks = [(kept, len(kept)) for kept in (self.events, self.traces, self.drafts, self.channels, self.callbacks)]
        nested = self._begin_nested()
        with translated():
            await nested.start()  # type: ignore[attr-defined]
        try:
            yield
        except BaseException:
            for kept, length in marks:
                del kept[length:]
            with translated():
                await nested.rollback()  # type: ignore[attr-defined]
            raise
        with translated():
            await nested.commit()  # type: ignore[attr-defined]
