# SPDX-License-Identifier: EUPL-1.2
"""What this service keeps beside requests: deliveries, directory entries, journal rows, proof demands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """An envelope as it came off the bus. office: whom it is for. digest: SHA-256 of the JWE (envelopeDigest)."""

    event_id: str
    office: str
    kind: str
    key: str
    keyseq: int
    at: datetime
    attributes: Mapping[str, str]
    traceparent: str | None
    envelope: str
    digest: str

    @property
    def exchange_id(self) -> str:
        """The exchange that the envelope belongs to."""
        return self.attributes["exchangeid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An envelope in an office's inbox. seq: grows per office. envelope: gone once acknowledged."""

    delivery_id: str
    seq: int
    arrived: Arrived


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A directory entry. person: the platform's pseudonym; exactly one of person and organisation."""

    certificate_id: str
    type: str
    office: str
    version: int
    status: str
    valid_from: date
    valid_to: date | None
    person: str | None
    organisation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One row of the journal of evidence; types are those of the evidence protocol, section 8."""

    type: str
    exchange_id: str | None = None
    request_id: str | None = None
    case_id: str | None = None
    event_id: str | None = None
    asker: str | None = None
    holder: str | None = None
    step: str | None = None
    entry: str | None = None
    release: int | None = None
    evidence_type: str | None = None
    digest: str | None = None
    code: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofDemand:
    """A demand on the applicant and what the gate said."""

    demand_id: str
    asked_by: str
    service: str
    step: str | None
    proves: str
    cites: str | None
    case_id: str | None
    code: str
    entry: str | None
    release: int


@dataclass(frozen=True, slots=True)
class Refused:
    """How often something was refused. fact: a free word of the office that asked, until a list knows it."""

    code: str
    fact: str
    times: int
