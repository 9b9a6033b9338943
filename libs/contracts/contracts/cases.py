# SPDX-License-Identifier: EUPL-1.2
"""What cases says and answers: cases, steps, tasks, the case proof."""

from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.base import Code, Day, Digest, Id, Jwe, Model, OfficeCode, StepRef, Text, Timestamp
from contracts.previews import PreviewAt

CaseState = Literal["open", "completed", "refused", "withdrawn"]
StepState = Literal["waiting", "offered", "gathering", "tasked", "done", "refused", "cancelled", "skipped", "undone"]


class OpenCase(Model):
    """`POST /v1/cases` (citizen), `Idempotency-Key` due. `subjects`: name in the life event -> handles.

    The applicant is the token's `sub` and takes the life event's first person subject (`owner`). `services`: those
    wanted; None for every step that isn't optional. A file in `input` is {name, media, content: base64}.
    """

    life_event: Code
    subjects: dict[Code, Annotated[list[Jwe], Field(max_length=50)]] = {}
    organisations: dict[Code, OfficeCode] = {}
    """Subjects that are organisations and exist already, by USCC; the others get theirs from a step."""
    services: Annotated[list[Code], Field(min_length=1, max_length=50)] | None = None
    input: dict[Code, Any] = {}
    previews: bool = False
    """She wishes to see what would go before it goes, wherever the lists offer that."""
    text_version: Code = "2026-11"
    """Version of the words by which the applicant asked for the fetches (explicit request)."""


class Visit(Model):
    """The joint visit that a step shares, and its date."""

    id: Code
    on: Day


class StepView(Model):
    """A step as the applicant sees it. `accountable`: the office that answers for it now, the lead once it escalated.

    `deemed`: it passed by silence; then `accountable` is the liable office.
    """

    step: StepRef
    office: OfficeCode
    accountable: OfficeCode
    service: Code
    mode: Literal["auto", "review", "commitment", "offer"]
    state: StepState
    needs: int
    answered: int
    deadline: Timestamp | None = None
    deemed: bool = False
    escalated: bool = False
    visit: Visit | None = None
    certificate_id: Id | None = None
    code: Code | None = None
    reason: Text | None = None


class CaseReport(Model):
    """What a case cost and saved. Each figure can be recounted from facts and receipts."""

    offices: int
    """Offices that had a task, or were asked."""
    steps: int
    """Steps that ended done, one for each office of a step."""
    longest_chain: int
    """Steps of the longest chain of those done."""
    uploads: int
    """Files that the applicant gave."""
    visits: int
    """Joint visits, each on one date."""
    demands_refused: int
    """Papers that an office wanted of the applicant and the gate refused."""
    deemed_steps: int
    commitments: int
    """Steps approved on a promise."""
    documents_not_asked: int
    """Evidence that came from its holder instead of from the applicant."""
    elapsed_working_days: int
    """Whole working days (24 hours of working time) from its opening to its end, by the clock that deadlines follow."""


class PreviewDue(PreviewAt):
    """Something about the applicant that waits for her look: who holds it, who asked for it, in which step."""

    holder: OfficeCode
    asker: OfficeCode
    step: StepRef
    type: Code


class CaseView(Model):
    """`GET /v1/cases/{id}`, and the answer of `POST /v1/cases`. `previews`: what waits for her look, in one list."""

    case_id: Id
    life_event: Code
    state: CaseState
    opened_at: Timestamp
    closed_at: Timestamp | None = None
    lead: OfficeCode
    """The one office accountable for the case as a whole."""
    uploads: int
    organisations: dict[Code, OfficeCode] = {}
    steps: list[StepView]
    previews: list[PreviewDue] = []
    report: CaseReport


class CaseFact(Model):
    """Body of `cases.case.v1`; types `cases.case.opened.v1`, `.closed.v1`. `proof_until`: last exp of its proofs."""

    case_id: Id
    life_event: Code
    lead: OfficeCode
    state: CaseState
    uploads: int = 0
    proof_until: Timestamp | None = None


class AsksWithdrawn(Model):
    """Body of `cases.asks.withdrawn.v1` on `cases.case.v1`: exchanges whose answers count no more; the case goes on."""

    case_id: Id
    exchange_ids: list[Id]


class StepFact(Model):
    """Body of `cases.step.v1`; event type `cases.step.<state>.v1`."""

    case_id: Id
    step: StepRef
    office: OfficeCode
    state: StepState
    after: list[Code] = []
    deemed: bool = False
    committed: bool = False
    """It was done on the applicant's promise."""
    visit: Visit | None = None
    accountable: OfficeCode | None = None


class ProofNeed(Model):
    """One need in a case proof: digests of the aliases (SHA-256 of their text)."""

    type: Code
    platform: Digest
    holders: dict[OfficeCode, Digest]


class ProofIssue(Model):
    """One certificate the step may lead to; digest of the holder's alias for the office's `answering` key.

    Of an organisation: the digest of its USCC. None: the step founds the organisation, whose code the office gives.
    """

    type: Code
    holder: Digest | None = None


class ExplicitSlot(Model):
    """Always there: filled, or why it need not be."""

    at: Timestamp | None = None
    text_version: Code | None = None
    session_assurance: Literal["low", "substantial", "high"] | None = None
    not_needed: Text | None = None


class CaseProof(Model):
    """Claims of `case-proof+jwt`, signed by cases. Times in seconds since the epoch."""

    iss: Code
    jti: Id
    iat: int
    exp: int
    case_id: Id
    step: StepRef
    office: OfficeCode
    service: Code
    explicit_request: ExplicitSlot
    needs: list[ProofNeed]
    issues: list[ProofIssue]


class CompleteTask(Model):
    """`POST /v1/tasks/{id}/completion`: nothing to issue."""

    note: Text | None = None


class RefuseTask(Model):
    """`POST /v1/tasks/{id}/refusal`."""

    code: Code
    reason: Text


class TaskDone(Model):
    """201."""

    task_id: Id
    state: StepState


class ReopenStep(Model):
    """`POST /v1/tasks/{id}/reopening`: an earlier step of the caller's own is to be done again.

    `step`: its id within the life event. What it was decided on has changed since; all that rests on it waits again.
    """

    step: Code
    reason: Text


class DemandOnApplicant(Model):
    """`POST /v1/tasks/{id}/demands`: passes the proof gate, always."""

    proves: Code
    cites: Code | None = None
    demanded_from: Text | None = None
    paper_needs: list[Code] = []


class WithdrawCase(Model):
    """`POST /v1/cases/{id}/withdrawal` (citizen)."""

    reason: Text | None = None


class TakeOffer(Model):
    """`POST /v1/cases/{id}/offers/{step}` (citizen): yes or no to a step of mode `offer`; `step` without the event."""

    accept: bool


class PlanWish(Model):
    """`POST /v1/plans` (citizen). `services`: None for every step that isn't optional. `has`: organisations by USCC."""

    life_event: Code
    services: Annotated[list[Code], Field(min_length=1, max_length=50)] | None = None
    people: dict[Code, Annotated[int, Field(ge=1, le=50)]] = {}
    """How many persons a subject that is a list stands for; 1 unless told."""
    organisations: dict[Code, OfficeCode] = {}


class PlannedNeed(Model):
    """One thing that a step needs: who holds it. `alternatives`: (type, holder) in the order in which they are asked.

    A step with several offices has it once for each of them, in the order of `offices`.
    """

    of: Code
    persons: int = 1
    alternatives: list["Source"]
    legal_basis: Literal["request", "law", "consent"] | None = None
    """None: nobody may be asked for it; then `code` says why."""
    preview: Literal["none", "offered", "required"] = "none"
    code: Code | None = None


class Source(Model):
    """One type and the office that would be asked for it."""

    type: Code
    holder: OfficeCode


class PlannedStep(Model):
    """A step of a plan. `starts`, `ends`: working days after the submit, counted along the longest way to it."""

    step: StepRef
    offices: list[OfficeCode]
    service: Code
    mode: Literal["auto", "review", "commitment", "offer"]
    after: list[Code]
    needs: list[PlannedNeed]
    input: list[Code]
    issues: list[Code]
    working_days: int
    starts: int
    ends: int
    fee: int = 0
    """What its offices charge, in fen."""
    visit: Code | None = None


class MissingPrerequisite(Model):
    """A chosen step waits for one that wasn't chosen."""

    step: StepRef
    waits_for: StepRef
    service: Code
    """Choose this too."""


class Plan(Model):
    """200: what will happen, if all is chosen that must be. `missing` not empty: there are no steps."""

    life_event: Code
    release: int
    steps: list[PlannedStep]
    missing: list[MissingPrerequisite]
    input: list[Code]
    """What is asked anew, once each."""
    offices: int
    documents_not_asked: int
    longest_chain: list[StepRef]
    working_days: int
    visits: int
    fees: int = 0
    """All that is charged, in fen."""


class RecordOutage(Model):
    """`POST /v1/outages` (the data office). `office`: None for the platform itself. Clocks stand still meanwhile."""

    office: OfficeCode | None = None
    from_: Timestamp = Field(alias="from")
    to: Timestamp


class Outage(RecordOutage):
    """201."""

    outage_id: Id


class MoveClock(Model):
    """`POST /v1/sandbox/clock` (the data office, sandbox only): deadlines are reckoned as if this much later."""

    working_days: Annotated[int, Field(ge=1, le=250)]


class ClockMoved(Model):
    """201: the moment that deadlines are reckoned by now."""

    now: Timestamp


class DemandMade(Model):
    """201: the demand stands, on that entry of the proof list."""

    demand_id: Id
    proves: Code
    entry: Code
