# SPDX-License-Identifier: EUPL-1.2
"""Topics that cases hears: how evidence requests ended, and what became of certificates."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from pydantic import ValidationError

from cases.service import Facts, Gathering, Heard
from contracts.certificates.api import Fact
from contracts.exchange_bus import EvidenceRequest
from contracts.identity import SystemRecord
from contracts.roles import Role
from kit.consumer import Bad
from kit.db import Transaction
from kit.errors import Unavailable
from kit.events import Record

_PREFIX = "certificates.certificate."
KINDS: Mapping[str, Literal["issued", "amended", "revoked"]] = {
    f"{_PREFIX}issued.v1": "issued",
    f"{_PREFIX}amended.v1": "amended",
    f"{_PREFIX}revoked.v1": "revoked",
}
"""Facts that may be about a step of a case, by event type."""


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
    """`certificates.certificate.v1` -> what became of steps. Most facts are about no case of ours."""

    def __init__(self, facts: Facts, systems: Systems) -> None:
        self._facts = facts
        self._systems = systems

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: Heard, or Bad; a fact that can't be about a step is None."""
        return [self._heard(record) for record in records]

    def _heard(self, record: Record) -> object:
        """Read a fact; one deployment can't speak for another's office. What is new counts only for a task."""
        kind = KINDS.get(record.type)
        if kind is None or (kind != "revoked" and "taskid" not in record.attributes):
            return None
        fact, sender = _read(Fact, record), _sender(self._systems, record)
        if sender is None or sender.role != Role.CERTIFICATES.value:
            return Bad("ROLE_WRONG")
        if not isinstance(fact, Fact):
            return fact
        return Heard(kind, fact) if fact.office in sender.offices else Bad("NOT_ITS_OFFICE")

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Complete or undo the steps."""
        await self._facts.on_facts(tx, [one for _, one in items if isinstance(one, Heard)])


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
