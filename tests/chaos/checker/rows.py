# SPDX-License-Identifier: EUPL-1.2
"""What a run left behind, as plain rows: the checker reads nothing else.

Digests are SHA-256 in base64url without padding, as everywhere in the contracts: an envelope's digest on the bus is the
`envelopeDigest` of its receipts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["ok", "failed", "unknown"]


@dataclass(frozen=True)
class Request:
    """One request of a client, all its tries under one key folded together.

    kind: issue, change, open-case, refuse, look or ask. facts: what was wanted. answers: every 2xx answer, in order.
    outcome: ok if any try was answered 2xx; failed only if each try was refused for good; unknown otherwise.
    """

    id: str
    kind: str
    client: str
    key: str
    facts: Mapping[str, Any]
    outcome: Outcome
    answers: Sequence[Mapping[str, Any]] = ()
    code: str | None = None


@dataclass(frozen=True)
class Handled:
    """A delivery that an office's SDK gave to its program and then acknowledged."""

    office: str
    event_id: str
    delivery_id: str
    key: str
    keyseq: int
    digest: str


@dataclass(frozen=True)
class History:
    """The clients' side of a run."""

    requests: Sequence[Request] = ()
    handled: Sequence[Handled] = ()
    injected: frozenset[str] = frozenset()
    """Ids of events that a test put on the bus by itself (poison)."""


@dataclass(frozen=True)
class Event:
    """One outbox row, or one record on the bus. facts: the body, where it isn't sealed and is JSON."""

    source: str
    event_id: str
    topic: str
    key: str
    keyseq: int
    type: str
    attributes: Mapping[str, str]
    digest: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def what(self) -> tuple[str, str, str, int, str, str]:
        """All that must be the same in the database and on the bus, but for the id."""
        return (self.source, self.topic, self.key, self.keyseq, self.type, self.digest)


@dataclass(frozen=True)
class KeyState:
    """How far a consumer came with one key. key: the UUID that stands for it."""

    consumer: str
    source: str
    topic: str
    key: str
    last_seq: int


@dataclass(frozen=True)
class Idem:
    """A stored answer."""

    client: str
    key: str
    status: int
    response: Mapping[str, Any]


@dataclass(frozen=True)
class Parked:
    """A dead letter."""

    consumer: str
    topic: str
    key: str
    event_id: str
    state: str
    reason: str


@dataclass(frozen=True)
class Database:
    """What delivery keeps in one service's database. waiting: rows that wait for somebody, by table."""

    system: str
    source: str
    outbox: Sequence[Event] = ()
    key_states: Sequence[KeyState] = ()
    idem: Sequence[Idem] = ()
    parked: Sequence[Parked] = ()
    gaps: Sequence[tuple[str, int]] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Certificate:
    """A certificate's newest version. system: the deployment that holds it."""

    system: str
    office: str
    id: str
    type: str
    holder: str
    natural_key: str
    version: int
    event_seq: int
    status: str
    licence_id: str
    task_id: str | None = None


@dataclass(frozen=True)
class Case:
    """A case and how it stands."""

    case_id: str
    state: str


@dataclass(frozen=True)
class Step:
    """A step of a case."""

    case_id: str
    step_id: str
    state: str
    task_id: str | None
    task_exchange_id: str | None
    certificate_id: str | None


@dataclass(frozen=True)
class Need:
    """One need of a step. asked: whether an ask was written for it, so that receipts are due."""

    ask_id: str
    step_id: str
    exchange_id: str
    state: str
    request_id: str | None
    code: str | None
    asked: bool


@dataclass(frozen=True)
class Asked:
    """An evidence request as exchange-bus keeps it."""

    request_id: str
    exchange_id: str
    state: str
    code: str | None


@dataclass(frozen=True)
class Holding:
    """A row of the directory."""

    certificate_id: str
    version: int
    status: str


@dataclass(frozen=True)
class Delivery:
    """A row of an inbox."""

    delivery_id: str
    office: str
    event_id: str
    kind: str
    key: str
    keyseq: int
    digest: str
    acknowledged: bool


@dataclass(frozen=True)
class Receipt:
    """A receipt's leaf, and what chains it. leaf: digest of its canonical text."""

    receipt_id: str
    exchange_id: str
    side: str
    decision: str
    writer: str
    purpose: str
    leaf: str
    request_hash: str | None = None
    envelope_digest: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Kept:
    """A receipt in the ledger. chain_seq: its place in the chain of `subject_key`. previous: the commitment before."""

    receipt: Receipt
    slot: str
    slot_seq: int
    subject_key: str | None = None
    chain_seq: int | None = None
    previous: str | None = None
    subject_commit: str | None = None


@dataclass(frozen=True)
class Run:
    """Everything that is left of a run. Any service may have seen only a part of it; the whole must add up.

    receipts: as their writers committed them. aliases: rows of alias tables, by system.
    """

    history: History
    databases: Mapping[str, Database]
    bus: Sequence[Event]
    certificates: Sequence[Certificate] = ()
    cases: Sequence[Case] = ()
    steps: Sequence[Step] = ()
    needs: Sequence[Need] = ()
    asked: Sequence[Asked] = ()
    closed: frozenset[str] = frozenset()
    holdings: Sequence[Holding] = ()
    deliveries: Sequence[Delivery] = ()
    receipts: Sequence[Receipt] = ()
    ledger: Sequence[Kept] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)

    @property
    def events(self) -> list[Event]:
        """The outboxes of all databases together."""
        return [event for database in self.databases.values() for event in database.outbox]
