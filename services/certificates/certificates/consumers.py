# SPDX-License-Identifier: EUPL-1.2
"""Requests for evidence as they arrive, sealed to one of our offices, and their withdrawals."""

from collections.abc import Sequence
from typing import Final

from certificates.service import (
    Answering,
    Keys,
    NoOfficeKey,
    Prepared,
    Previewing,
    Received,
    Withdrawn,
    breathing,
)
from contracts import topics
from contracts.envelopes import Ask
from contracts.roles import Role
from kit import envelopes
from kit.clock import Clock
from kit.consumer import Bad, Item
from kit.db import Transaction
from kit.envelopes import EnvelopeRefused
from kit.events import Record
from kit.registry import Registry

WITHDRAWN: Final = "evidence.ask.withdrawn.v1"
"""Its body says nothing: the key names the request."""


class Asks:
    """Handler of `evidence.ask.<office>.v1`: open and parse, then one use case for all."""

    def __init__(
        self,
        answering: Answering,
        previewing: Previewing,
        keys: Keys,
        registry: Registry,
        offices: Sequence[str],
        clock: Clock,
    ) -> None:
        self._answering = answering
        self._previewing = previewing
        self._keys = keys
        self._registry = registry
        self._office_of = {topics.ask_topic(office): office for office in offices}
        self._clock = clock

    async def prepare(self, records: Sequence[Record]) -> Sequence[Item | Bad]:
        """Open and verify each, then judge and seal all that are readable."""
        items: list[Received | Withdrawn | Bad] = [await breathing(self._read(record)) for record in records]
        readable = [item for item in items if isinstance(item, Received)]
        prepared = iter(await self._answering.prepare(readable))
        return [_item(next(prepared)) if isinstance(item, Received) else item for item in items]

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, Item]]) -> None:
        """Commit the answers with their receipts and journal; then end what was withdrawn meanwhile."""
        await self._answering.commit(tx, [item for _record, item in items if isinstance(item, Prepared)])
        if withdrawn := [item for _record, item in items if isinstance(item, Withdrawn)]:
            await self._previewing.withdraw(tx, withdrawn)

    def _read(self, record: Record) -> Received | Withdrawn | Bad:
        office = self._office_of[record.topic]
        if record.type == WITHDRAWN:
            sender = self._registry.system(record.source.rpartition("/")[2])
            if sender is None or Role(sender.role) is not Role.EXCHANGE_BUS:
                return Bad("ROLE_WRONG")
            return Withdrawn(office, record.key, str(record.id))
        try:
            opened = envelopes.open_envelope(
                (record.data or b"").decode("ascii", "replace"),
                keys=self._keys.opening(office),
                registry=self._registry,
                expect_kinds={"ask"},
                office=office,
                now=self._clock(),
            )
        except EnvelopeRefused as why:
            return Bad(why.code)
        ask = opened.body
        if not isinstance(ask, Ask) or (ask.aliases is None) == (ask.organisation is None):
            return Bad("BODY_INVALID")
        # An envelope under another event or key is an old one put back onto the bus.
        if opened.jti != str(record.id) or ask.request_id != record.key:
            return Bad("REPLAYED")
        return Received(office, opened.jti, opened.exchange_id, ask)


def _item(prepared: Prepared | NoOfficeKey) -> Prepared | Bad:
    return Bad("NO_OFFICE_KEY") if isinstance(prepared, NoOfficeKey) else prepared
