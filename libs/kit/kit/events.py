# SPDX-License-Identifier: EUPL-1.2
"""Events as services emit them and records as they arrive: CloudEvents 1.0 in Kafka's binary mode, without Kafka."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.ids import uuid7
from contracts.topics import ATTRIBUTES

SPEC_VERSION: Final = "1.0"
RECORD_BYTES: Final = 1_000_000
"""Longest record value that we let into the outbox: the broker takes 1 MiB with key and headers."""

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Event:
    """One fact, to be published with the transaction that emits it.

    key: what order is kept by. keyseq: counts per (source, topic, key) from 1 without gaps; the aggregate's own row
    gives it (`event_seq`). data: the body; None is a tombstone on a compacted topic. attributes: CloudEvents
    extensions, names out of `contracts.topics.ATTRIBUTES`, never personal data. time: None means the commit's moment.
    Raises ValueError for an attribute that isn't declared, a keyseq below 1 or a body above 1 MB.
    """

    topic: str
    key: str
    type: str
    data: bytes | None
    keyseq: int
    id: UUID = field(default_factory=uuid7)
    attributes: Mapping[str, str] = field(default_factory=dict)
    time: datetime | None = None

    def __post_init__(self) -> None:
        unknown = self.attributes.keys() - ATTRIBUTES
        if unknown:
            raise ValueError(f"undeclared event attributes: {', '.join(sorted(unknown))}")
        if self.keyseq < 1:
            raise ValueError(f"keyseq counts from 1, not {self.keyseq}")
        if self.data is not None and len(self.data) > RECORD_BYTES:
            raise ValueError(f"a record holds at most {RECORD_BYTES} bytes")


@dataclass(frozen=True)
class Record:
    """One event as it came off the bus. data: None is a tombstone. source: `/{instance}/{office}/{system}`."""

    topic: str
    partition: int
    offset: int
    key: str
    id: UUID
    type: str
    source: str
    time: datetime
    keyseq: int
    attributes: Mapping[str, str]
    data: bytes | None
    traceparent: str | None = None

    @property
    def state_key(self) -> UUID:
        """The key as the gate keeps it: itself if it is a UUID, else a UUIDv5 of it."""
        return key_uuid(self.key)


def key_uuid(key: str) -> UUID:
    """Turn a record's key into the UUID that `key_state` keeps: 16 bytes whatever the key is."""
    try:
        return UUID(key)
    except ValueError:
        return uuid5(NAMESPACE_URL, key)


class Unreadable(ValueError):
    """A record that isn't a CloudEvent of ours. The text is a reason code, never content."""


def read_record(
    topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None, headers: Headers
) -> Record:
    """Read a record's headers. Raises Unreadable with a reason code; unknown attributes are left out.

    Source: CloudEvents Kafka protocol binding 1.0.2, section 3.2 (binary mode).
    """
    found = {name: content or b"" for name, content in headers if name.startswith("ce_")}
    try:
        text = {name: content.decode("ascii") for name, content in found.items()}
        name = (key or b"").decode("ascii")
    except UnicodeDecodeError as why:
        raise Unreadable("HEADER_NOT_ASCII") from why
    if text.get("ce_specversion") != SPEC_VERSION:
        raise Unreadable("NO_CLOUD_EVENT")
    if not name:
        raise Unreadable("NO_KEY")
    try:
        return Record(
            topic=topic,
            partition=partition,
            offset=offset,
            key=name,
            id=UUID(text["ce_id"]),
            type=text["ce_type"],
            source=text["ce_source"],
            time=datetime.fromisoformat(text["ce_time"]),
            keyseq=_positive(text["ce_keyseq"]),
            attributes={a: text[f"ce_{a}"] for a in ATTRIBUTES if f"ce_{a}" in text},
            data=value,
            traceparent=text.get("ce_traceparent"),
        )
    except (KeyError, ValueError) as why:
        raise Unreadable("HEADER_INVALID") from why


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number < 2**63:
        raise ValueError("keyseq out of range")
    return number
