# SPDX-License-Identifier: EUPL-1.2
"""Topics that cases hears: how evidence requests ended, and which certificates were issued."""

from collections.abc import Sequence

from pydantic import ValidationError

from cases.service import Deciding, Gathering
from contracts.certificates.api import Fact
from contracts.exchange_bus import EvidenceRequest
from kit.consumer import Bad
from kit.db import Transaction
from kit.events import Record

ISSUED = "certificates.certificate.issued.v1"


class RequestStates:
    """`evidence.request.v1` -> needs of steps."""

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: an EvidenceRequest, or Bad."""
        return [_read(EvidenceRequest, record) for record in records]

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Note how the requests ended."""
        await self._gathering.on_request_states(tx, [one for _, one in items if isinstance(one, EvidenceRequest)])


class CertificateFacts:
    """`certificates.certificate.v1` -> ends of steps. Facts without a task are none of ours."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: a Fact, or Bad; a fact that ends no task is None."""
        return [_read(Fact, r) if r.type == ISSUED and "taskid" in r.attributes else None for r in records]

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Complete the steps."""
        await self._deciding.on_facts(tx, [one for _, one in items if isinstance(one, Fact)])


def _read(model: type[EvidenceRequest] | type[Fact], record: Record) -> object:
    try:
        return model.model_validate_json(record.data or b"")
    except ValidationError:
        return Bad("BODY_MALFORMED", f"not a {model.__name__}")
