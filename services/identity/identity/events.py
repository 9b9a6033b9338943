# SPDX-License-Identifier: EUPL-1.2
"""What identity says on the bus: signed records of offices and systems. No I/O."""

from datetime import datetime
from typing import Final

from contracts import topics
from contracts.identity import OfficeRecord, SystemRecord
from kit.events import Event
from kit.jose import PrivateKey
from kit.registry import sign_record

SYSTEM_REGISTERED: Final = "identity.system.registered.v1"
OFFICE_REGISTERED: Final = "identity.office.registered.v1"


def registered(
    record: SystemRecord | OfficeRecord, version: int, key: PrivateKey, *, issuer: str, now: datetime
) -> Event:
    """Say that *record* is the newest of its office or system. Its data is the JWS, its keyseq the version."""
    data = sign_record(record, key, issuer=issuer, now=now)
    if isinstance(record, SystemRecord):
        return Event(topics.SYSTEM, record.system_id, SYSTEM_REGISTERED, data, version)
    return Event(topics.OFFICE, record.office, OFFICE_REGISTERED, data, version)
