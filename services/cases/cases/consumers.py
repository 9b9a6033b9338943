# SPDX-License-Identifier: EUPL-1.2
"""Topics that cases hears: how evidence requests ended, and which certificates were issued."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import ValidationError

from cases.service import Deciding, Gathering
from contracts.certificates.api import Fact
from contracts.exchange_bus import EvidenceRequest
from contracts.identity import SystemRecord
from contracts.roles import Role
from kit.consumer import Bad
from kit.db import Transaction
from kit.errors import Unavailable
from kit.events import Record

ISSUED = "certificates.certificate.issued.v1"


class Systems(Protocol):
    """What these consumers need of the registry."""

    @property
    def ready(self) -> bool:
        """Whether it is loaded."""
        ...

    def system(self, system_id: str) -> SystemRecord | None:
        """Give the record of a system in force, or None."""
        ...


class RequestStates:
    """`evidence.request.v1` -> needs of steps."""

    def __init__(self, gathering: Gathering, systems: Systems) -> None:
        self._gathering = gathering
        self._systems = systems

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: an EvidenceRequest, or Bad."""
        return [self._request(record) for record in records]

    def _request(self, record: Record) -> object:
        sender = _sender(self._systems, record)
        if sender is None or sender.role != Role.EXCHANGE_BUS.value:
            return Bad("ROLE_WRONG")
        return _read(EvidenceRequest, record)

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Note how the requests ended."""
        await self._gathering.on_request_states(tx, [one for _, one in items if isinstance(one, EvidenceRequest)])


class CertificateFacts:
    """`certificates.certificate.v1` -> ends of steps. Facts without a task are none of ours."""

    def __init__(self, deciding: Deciding, systems: Systems) -> None:
        self._deciding = deciding
        self._systems = systems

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: a Fact, or Bad; a fact that ends no task is None."""
        return [self._fact(r) if r.type == ISSUED and "taskid" in r.attributes else None for r in records]

    def _fact(self, record: Record) -> object:
        """Read a fact; one deployment can't speak for another's office."""
        fact, sender = _read(Fact, record), _sender(self._systems, record)
        if sender is None or sender.role != Role.CERTIFICATES.value:
            return Bad("ROLE_WRONG")
        return Bad("NOT_ITS_OFFICE") if isinstance(fact, Fact) and fact.office not in sender.offices else fact

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Complete the steps."""
        await self._deciding.on_facts(tx, [one for _, one in items if isinstance(one, Fact)])


def _sender(systems: Systems, record: Record) -> SystemRecord | None:
    """Give the system that a record names as its source. Raises Unavailable while systems aren't known yet."""
    if not systems.ready:
        raise Unavailable
    return systems.system(record.source.rpartition("/")[2])


def _read(model: type[EvidenceRequest] | type[Fact], record: Record) -> object:
    try:
        return model.model_validate_json(record.data or b"")
    except ValidationError:
        return Bad("BODY_MALFORMED", f"not a {model.__name__}")
