# SPDX-License-Identifier: EUPL-1.2
"""What exchange-bus says and answers: catalogue releases, evidence requests, deliveries, proof demands."""

from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.base import Code, Envelope, Id, Jwe, Jws, Model, OfficeCode, StepRef, Text, Timestamp
from contracts.envelopes import LegalBasis
from contracts.previews import PreviewAt

RequestState = Literal["waiting", "previewing", "deferred", "answered", "refused", "expired", "withdrawn"]


class PublishRelease(Model):
    """`POST /v1/catalogue/releases` (bootstrap): all entries of the release, as written in the YAML."""

    entries: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=5000)]


class Released(Model):
    """201."""

    release: int
    entries: int


class PersonSubject(Model):
    """`platform`: alias for the platform. `holders`: office (USCC) -> alias for that office's `answering` key."""

    platform: Jwe
    holders: Annotated[dict[OfficeCode, Jwe], Field(min_length=1, max_length=20)]


class Subject(Model):
    """Exactly one of the two."""

    person: PersonSubject | None = None
    organisation: OfficeCode | None = None


class ExplicitRequest(Model):
    """That the citizen asked for this fetch in words that were shown."""

    at: Timestamp
    text_version: Code
    session_assurance: Literal["low", "substantial", "high"]


class AskEvidence(Model):
    """`POST /v1/evidence-requests`, `Idempotency-Key` due. Exactly one of `fields` and `predicate`.

    `asker` only from cases, which asks *for* the office that decides.
    """

    case_id: Id
    step: StepRef
    case_proof: Jws
    entry: Code
    release: int
    type: Code
    type_version: int
    fields: Annotated[list[Code], Field(min_length=1, max_length=64)] | None = None
    predicate: Code | None = None
    subject: Subject
    purpose: Code
    legal_basis: LegalBasis
    explicit_request: ExplicitRequest | None = None
    asker: OfficeCode | None = None
    preview: bool = False
    """The person wishes to see first what would go; only where the list entry offers it."""
    deadline: Timestamp


class EvidenceRequest(Model):
    """The resource, and the body of `evidence.request.v1` (event type `evidence.request.<state>.v1`): no subject.

    `envelope` only in the answer of a waiting call: the answer itself, sealed to the asking office. `preview` only
    while the state is `previewing`.
    """

    request_id: Id
    exchange_id: Id
    case_id: Id
    step: StepRef
    asker: OfficeCode
    holder: OfficeCode
    type: Code
    state: RequestState
    code: Code | None = None
    reason: Text | None = None
    deadline: Timestamp
    preview: PreviewAt | None = None
    envelope: Envelope | None = None


class Delivery(Model):
    """One envelope in an office's inbox. `seq` grows per office; `key` orders within itself only."""

    delivery_id: Id
    seq: int
    event_id: Id
    kind: Code
    key: Text
    keyseq: int
    time: Timestamp
    attributes: dict[str, str]
    traceparent: Text | None = None
    envelope: Envelope


class Inbox(Model):
    """`GET /v1/inbox?limit=&wait=&after=`: oldest unacknowledged deliveries; `after` = a `seq` to look past."""

    deliveries: list[Delivery]


class Acknowledge(Model):
    """`POST /v1/inbox/acknowledgements`: deliveries the office has stored."""

    delivery_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Acknowledged(Model):
    """How many became acknowledged by this call; repeats count 0."""

    acknowledged: int


class DemandProof(Model):
    """`POST /v1/proof-demands` (cases, for an office): may this office ask the applicant for this proof?"""

    asked_by: OfficeCode
    service: Code
    step: StepRef | None = None
    proves: Code
    cites: Code | None = None
    demanded_from: Text | None = None
    paper_needs: list[Code] = []
    case_has: list[Code] = []
    case_id: Id | None = None
    person: Jwe | None = None
    """The applicant as alias for the platform, for the receipt."""


class DemandAccepted(Model):
    """201: lawful; only the applicant can give it."""

    demand_id: Id
    code: Literal["ACCEPTED"] = "ACCEPTED"
    entry: Code
    release: int


class RefusalCounts(Model):
    """How often, in all, by code and by fact. Facts that no list knows count together, as `unlisted`."""

    total: int
    by_code: dict[Code, int]
    by_fact: dict[Code, int]


class Refusals(Model):
    """`GET /v1/public/refusals?office=` (anybody): what an office wanted and the gates refused. Nothing about anybody.

    demands: papers that it wanted of applicants. requests: evidence that it wanted of other offices: facts are types.
    """

    office: OfficeCode
    demands: RefusalCounts
    requests: RefusalCounts
