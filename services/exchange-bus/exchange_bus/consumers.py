# SPDX-License-Identifier: EUPL-1.2
"""Topics that exchange-bus hears: envelopes to deliver, holdings for the directory, cases that end or leave asks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from contracts import signing
from contracts.cases import AsksWithdrawn, CaseFact
from contracts.certificates.api import Holding as HoldingFact
from contracts.roles import PLATFORM, Role
from exchange_bus.domain.records import Arrived, Holding
from exchange_bus.service import Closing, Delivering, Directing, Signed
from kit import envelopes, jose
from kit.aliases import AliasRefused, open_alias
from kit.consumer import Bad
from kit.db import Transaction
from kit.errors import Unavailable
from kit.events import Record
from kit.jose import JoseError, PrivateKey
from kit.registry import Registry

CLOSED = "cases.case.closed.v1"
LEFT = "cases.asks.withdrawn.v1"


def _need_keys(registry: Registry) -> None:
    """Wait for the registry at the start: an unknown sender would be parked, though we only don't know it yet."""
    if not registry.ready:
        raise Unavailable("The registry isn't loaded yet.")


class Envelopes:
    """`envelope.<office>.v1` -> inboxes. What is inside, only the office can read; who sent it, we check."""

    def __init__(self, delivering: Delivering, registry: Registry) -> None:
        self._delivering = delivering
        self._registry = registry

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: a Signed envelope, or Bad."""
        _need_keys(self._registry)
        return [self._read(record) for record in records]

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Deliver the batch."""
        await self._delivering.deliver(tx, [one for _, one in items if isinstance(one, Signed)])

    def _read(self, record: Record) -> Signed | Bad:
        kind = record.type.removeprefix("envelope.").removesuffix(".v1")
        sender = self._registry.system(record.source.rpartition("/")[2])
        if kind not in signing.ENVELOPE_SIGNERS or kind == "ask":
            return Bad("KIND_UNEXPECTED")
        if sender is None or Role(sender.role) not in signing.ENVELOPE_SIGNERS[kind]:
            return Bad("ROLE_WRONG")
        if "exchangeid" not in record.attributes or record.data is None:
            return Bad("NO_EXCHANGE")
        try:
            text = record.data.decode("ascii")
            jose.sealed_to(text)
        except (UnicodeDecodeError, JoseError):
            return Bad("NOT_SEALED")
        return Signed(_arrived(record, kind, text), sender.system_id, frozenset(sender.offices))


def _arrived(record: Record, kind: str, envelope: str) -> Arrived:
    return Arrived(
        event_id=str(record.id),
        office=record.topic.split(".")[1],
        kind=kind,
        key=record.key,
        keyseq=record.keyseq,
        at=record.time,
        attributes=record.attributes,
        traceparent=record.traceparent,
        envelope=envelope,
        digest=envelopes.digest(envelope),
    )


@dataclass(frozen=True)
class Erased:
    """A tombstone: the certificate's id."""

    certificate_id: str


class Holdings:
    """`certificates.holding.v1` -> the directory. platform_keys: private, by kid, to open the holders' aliases."""

    def __init__(self, directing: Directing, registry: Registry, platform_keys: Mapping[str, PrivateKey]) -> None:
        self._directing = directing
        self._registry = registry
        self._platform_keys = platform_keys

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: a Holding, an Erased, or Bad."""
        _need_keys(self._registry)
        items: list[object] = []
        for record in records:
            items.append(self._read(record))
            await asyncio.sleep(0)  # opening aliases takes its time: heartbeats and probes come first
        return items

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Keep them."""
        held = [one for _, one in items if isinstance(one, Holding)]
        await self._directing.hold(tx, held, [one.certificate_id for _, one in items if isinstance(one, Erased)])

    def _read(self, record: Record) -> Holding | Erased | Bad:
        if record.data is None:
            return Erased(record.key)
        sender = self._registry.system(record.source.rpartition("/")[2])
        try:
            fact = HoldingFact.model_validate_json(record.data)
            person = open_alias(self._platform_keys, PLATFORM, fact.person) if fact.person is not None else None
        except ValidationError:
            return Bad("BODY_MALFORMED")
        except AliasRefused:
            return Bad("ALIAS_UNREADABLE")
        if sender is None or Role(sender.role) is not Role.CERTIFICATES or fact.office not in sender.offices:
            return Bad("NOT_ITS_OFFICE")
        if (person is None) == (fact.organisation is None):
            return Bad("BODY_MALFORMED")
        return Holding(
            certificate_id=fact.certificate_id,
            type=fact.type,
            office=fact.office,
            version=fact.version,
            status=fact.status,
            valid_from=fact.valid_from,
            valid_to=fact.valid_to,
            person=person,
            organisation=fact.organisation,
        )


class ClosedCases:
    """`cases.case.v1` -> closed cases, and what was asked in vain. Opened ones are nothing to us."""

    def __init__(self, closing: Closing, registry: Registry) -> None:
        self._closing = closing
        self._registry = registry

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: a CaseFact of a closed case, AsksWithdrawn, None, or Bad."""
        _need_keys(self._registry)
        bodies: Mapping[str, type[CaseFact | AsksWithdrawn]] = {CLOSED: CaseFact, LEFT: AsksWithdrawn}
        return [self._read(record, bodies[record.type]) if record.type in bodies else None for record in records]

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Close them, and withdraw what waits for nothing any more."""
        closed = [one for _, one in items if isinstance(one, CaseFact)]
        await self._closing.on_cases(tx, closed, [one for _, one in items if isinstance(one, AsksWithdrawn)])

    def _read(self, record: Record, body: type[CaseFact | AsksWithdrawn]) -> CaseFact | AsksWithdrawn | Bad:
        sender = self._registry.system(record.source.rpartition("/")[2])
        if sender is None or Role(sender.role) is not Role.CASES:
            return Bad("ROLE_WRONG")
        try:
            return body.model_validate_json(record.data or b"")
        except ValidationError:
            return Bad("BODY_MALFORMED")
