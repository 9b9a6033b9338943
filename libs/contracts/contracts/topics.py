# SPDX-License-Identifier: EUPL-1.2
"""The topics of the bus: declared here, created by one command, never by use."""

from collections.abc import Iterable
from dataclasses import dataclass

CATALOGUE_ENTRY = "catalogue.entry.v1"
OFFICE = "identity.office.v1"
SYSTEM = "identity.system.v1"
MANDATE = "identity.mandate.v1"
CONSENT = "identity.consent.v1"
CERTIFICATE = "certificates.certificate.v1"
HOLDING = "certificates.holding.v1"
EVIDENCE_REQUEST = "evidence.request.v1"
CASE = "cases.case.v1"
STEP = "cases.step.v1"
RECEIPT = "receipts.receipt.v1"
CHECKPOINT = "ledger.checkpoint.v1"
GATEWAY_EXCHANGE = "gateway.exchange.v1"

_IDS = frozenset({"caseid", "taskid", "exchangeid", "grantid", "office", "previewid"})
ATTRIBUTES = _IDS | {"outcome", "code", "status", "previewuntil"}
"""CloudEvents extension attributes that an event may carry: ids, states and moments, never personal data."""

_DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class Topic:
    """One topic: its name, how it is cleaned, and how many partitions a city starts with."""

    name: str
    compacted: bool
    retention_ms: int | None
    city_partitions: int


def ask_topic(office: str) -> str:
    """Name the topic of requests that are sealed to *office* (USCC)."""
    return f"evidence.ask.{office}.v1"


def envelope_topic(office: str) -> str:
    """Name the topic of envelopes that are sealed to *office* (USCC)."""
    return f"envelope.{office}.v1"


def office_topics(offices: Iterable[str]) -> list[Topic]:
    """Declare the two topics of each office: exchange-bus makes them before it publishes a release with that office."""
    return [
        Topic(name(office), compacted=False, retention_ms=7 * _DAY_MS, city_partitions=3)
        for office in offices
        for name in (ask_topic, envelope_topic)
    ]


TOPICS: tuple[Topic, ...] = (
    Topic(CATALOGUE_ENTRY, True, None, 1),
    Topic(OFFICE, True, None, 1),
    Topic(SYSTEM, True, None, 1),
    Topic(MANDATE, True, None, 2),
    Topic(CONSENT, True, None, 2),
    Topic(CERTIFICATE, False, 7 * _DAY_MS, 12),
    Topic(HOLDING, True, None, 12),
    Topic(EVIDENCE_REQUEST, False, 7 * _DAY_MS, 12),
    Topic(CASE, False, 7 * _DAY_MS, 12),
    Topic(STEP, False, 7 * _DAY_MS, 12),
    Topic(RECEIPT, False, 7 * _DAY_MS, 12),
    Topic(CHECKPOINT, True, None, 1),
    Topic(GATEWAY_EXCHANGE, False, 2 * _DAY_MS, 6),
)
"""All fixed topics. Those of offices come from `office_topics`."""
