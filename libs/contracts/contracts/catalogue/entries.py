# SPDX-License-Identifier: EUPL-1.2
"""The kinds of catalogue entry. A record's key on the bus is `{kind}/{id}/{version}`."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from contracts.base import Code, Day, Digest, Model, OfficeCode, StepRef, Text, Timestamp

Words = dict[Literal["zh-CN", "en"], Text]
"""A text in both languages."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
BasisKind = Literal["request", "law", "consent"]
PreviewRule = Literal["none", "offered", "required"]
"""offered: where the applicant wishes it. required: always. An organisation has nobody who could look."""


class Dated(Model):
    """Every entry is dated: in force from `from` (included) to `to` (excluded; None = open)."""

    version: Annotated[int, Field(ge=1)] = 1
    from_: Day = Field(alias="from")
    to: Day | None = None

    def in_force(self, on: date) -> bool:
        """Say whether the entry holds on that day."""
        return self.from_ <= on and (self.to is None or on < self.to)


Duration = Annotated[str, Field(pattern=r"^PT[1-9][0-9]{0,4}[HMS]$")]
"""A time in one unit (ISO 8601): `PT5M`, `PT90S`, `PT2H`."""


class Clocks(Model):
    """How long one side of an evidence request takes.

    first: until the first answer, counted from the request. opening: until the citizen opens a preview, from the first
    answer. deciding: until she has decided, from the opening. A side that says less has the defaults of `clocks`.
    """

    first: Duration | None = None
    opening: Duration | None = None
    deciding: Duration | None = None


class Office(Dated):
    """An office that takes part. `deployment`: system id of the certificates service that answers for it, if any."""

    kind: Literal["office"]
    id: OfficeCode
    name: Words
    level: Literal["county", "city", "province", "nation", "utility", "company"]
    deployment: Code | None = None


class TypeField(Model):
    """One field of a certificate type."""

    name: Code
    type: Literal["text", "code", "date", "integer", "decimal", "holderRef"]
    sensitivity: Literal["public", "internal", "personal", "sensitive"]
    max_length: int = 200


class CertificateType(Dated):
    """What an office attests. `key`: the field that, with office, type and holder, names one certificate."""

    kind: Literal["certificateType"]
    id: Code
    type_code: Text
    source: OfficeCode
    holder: Literal["person", "organisation", "either"]
    category: Literal["register", "licence", "certificate"]
    key: Code
    sharing: dict[str, Text]
    via: list[Literal["api", "event"]]
    grace_days: int = 0
    clocks: Clocks | None = None
    """What its holders need; five minutes unless told."""
    fields: list[TypeField]


class Power(Dated):
    """An office may do this in this service."""

    kind: Literal["power"]
    id: Code
    office: OfficeCode
    service: Code
    action: Literal["issue", "decide", "attest"]
    type: Code | None = None
    law: Text


class Responsibility(Dated):
    """Who is accountable for a step, by when, and what silence means. A high risk forbids `deemed`."""

    kind: Literal["responsibility"]
    id: Code
    step: StepRef
    accountable: OfficeCode
    within: dict[Literal["workingDays"], int]
    on_silence: Literal["deemed", "escalate"]
    risk: Literal["low", "medium", "high"]
    inspect_within: dict[Literal["workingDays"], int] | None = None
    """After a commitment: until when the promise is checked on the spot."""
    fee: Annotated[int, Field(ge=0)] = 0
    """What the office charges for the step by that law, in fen."""
    law: Text


class Calendar(Dated):
    """The working days of the country: weekdays without `holidays`, and the `workdays` that make up for some."""

    kind: Literal["calendar"]
    id: Code
    holidays: list[Day] = []
    workdays: list[Day] = []
    law: Text


class Source(Model):
    """One office that attests the fact, and by which type."""

    office: OfficeCode
    type: Code


class Proof(Dated):
    """An office may ask for this fact in this step, and how it is proven (`route`)."""

    kind: Literal["proof"]
    id: Code
    service: Code
    step: StepRef | None = None
    asked_by: OfficeCode
    proves: Code
    route: Literal["register", "licence", "check", "other", "contract", "commitment", "applicant"]
    sources: list[Source] = []
    legal_basis: BasisKind = "law"
    clocks: Clocks | None = None
    """How long the asker waits: more than any of the sources needs. An hour for the first answer unless told."""
    preview: PreviewRule | None = None
    law: Text

    @property
    def previewed(self) -> PreviewRule:
        """Say whether the person sees what would go before it goes; unless told, where nothing but law asks for it."""
        return self.preview or ("none" if self.legal_basis == "law" else "offered")

    def preview_due(self, *, person: bool, wished: bool) -> bool:
        """Say whether a preview comes before the answer. person: the subject is one. wished: she asked to look."""
        return person and (self.previewed == "required" or (self.previewed == "offered" and wished))


class Demand(Dated):
    """A wish for data with its law: the ground of a grant."""

    kind: Literal["demand"]
    id: Code
    consumer: OfficeCode
    provider: OfficeCode
    type: Code
    fields: list[Code]
    service: Code
    steps: list[StepRef] = []
    purpose: Code
    law: Text
    via: list[Literal["api", "event"]] = ["api"]
    per_day: int = 1000


class Grant(Dated):
    """A match of demand and supply. `onRequest` needs a live case of a listed step; `onEvent` flows without one."""

    kind: Literal["grant"]
    id: Code
    demand: Code
    consumer: OfficeCode
    provider: OfficeCode
    type: Code
    fields: list[Code]
    mode: Literal["onRequest", "onEvent"]
    purpose: Code
    basis: BasisKind
    steps: list[StepRef] = []
    law: Text


class Need(Model):
    """One need of a step: a type about a subject, or any one of several; `each`: of every person in the list."""

    type: Code | None = None
    of: Code | None = None
    each: bool = False
    any_of: list["Need"] | None = None


class IssueRule(Model):
    """What an approval issues, and to which subject; `amends`: a new version of the one that the subject has."""

    type: Code
    to: Code
    amends: bool = False


class InputField(Model):
    """New input: something no office holds."""

    id: Code
    type: Literal["text", "file", "boolean", "date"]
    max_length: int = 400
    media: list[Text] = []
    max_bytes: Annotated[int, Field(ge=1, le=262_144)] = 131_072
    """Of a file, once decoded."""
    proves: Code | None = None
    """The fact that it states, as the proof list names it, where that isn't its own name."""

    @property
    def fact(self) -> str:
        """Give the fact that it states: its name in the proof list's way of writing, `floor-plan` of `floorPlan`."""
        return self.proves or _HUMP.sub("-", self.id).lower()


class LifeEventStep(Model):
    """One step. One task per office in `tasks`; starts when all of `after` are done and its needs are answered.

    optional: only where the applicant chose its service. input: the fields that the step's offices see, and nobody
    else. commitment: the boolean input by which the applicant promises; due where mode is `commitment`. visit: the
    joint visit that the step shares. on_refusal: what a refusal takes with it: the steps that wait for this one, or
    all that aren't over. on_withdrawal: whether what was issued is cancelled, and what was
    changed put back, when the applicant withdraws.
    """

    id: Code
    tasks: Annotated[list[OfficeCode], Field(min_length=1)]
    service: Code
    mode: Literal["auto", "review", "commitment", "offer"]
    after: list[Code] = []
    needs: list[Need] = []
    input: list[Code] = []
    issues: list[IssueRule] = []
    optional: bool = False
    commitment: Code | None = None
    visit: Code | None = None
    on_refusal: Literal["dependents", "all"] = "dependents"
    on_withdrawal: Literal["keep", "cancel"] = "keep"


class VisitRule(Model):
    """One visit on the spot that several steps share, on one date."""

    id: Code
    within: dict[Literal["workingDays"], int]


class LifeEvent(Dated):
    """One application, many offices, as data. `subjects`: name -> `person`, `["person"]` (a list) or `organisation`."""

    kind: Literal["lifeEvent"]
    id: Code
    lead: OfficeCode
    title: Words
    subjects: dict[Code, Literal["person", "organisation"] | list[Literal["person"]]]
    input: list[InputField] = []
    visits: list[VisitRule] = []
    steps: Annotated[list[LifeEventStep], Field(min_length=1)]


Entry = Office | CertificateType | Power | Responsibility | Calendar | Proof | Demand | Grant | LifeEvent

ENTRY_MODELS: dict[str, type[Dated]] = {
    "office": Office,
    "certificateType": CertificateType,
    "power": Power,
    "responsibility": Responsibility,
    "calendar": Calendar,
    "proof": Proof,
    "demand": Demand,
    "grant": Grant,
    "lifeEvent": LifeEvent,
}
"""Kind -> model."""

_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


class Manifest(Model):
    """Claims of `catalogue-release+jwt`: a release is its entries' digests. Its record's key is `release/{n}`.

    `entries`: record key -> SHA-256 of the record's bytes.
    """

    iss: Code
    iat: int
    release: int
    at: Timestamp
    entries: dict[str, Digest]


def parse_entry(raw: dict[str, Any]) -> Entry:
    """Read one entry. Raises pydantic.ValidationError with the path of each fault."""
    return _ENTRY.validate_python(raw)


def record_key(entry: Entry) -> str:
    """Name the entry's record on the bus."""
    return f"{entry.kind}/{entry.id}/{entry.version}"
