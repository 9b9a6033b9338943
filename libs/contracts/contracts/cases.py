# SPDX-License-Identifier: EUPL-1.2
"""What cases says and answers: cases, steps, tasks, the case proof."""

from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.base import Code, Digest, Id, Jwe, Model, OfficeCode, StepRef, Text, Timestamp

CaseState = Literal["open", "completed", "refused", "withdrawn"]
StepState = Literal["waiting", "gathering", "tasked", "done", "refused", "cancelled"]


class OpenCase(Model):
    """`POST /v1/cases` (citizen), `Idempotency-Key` due. `subjects`: name in the life event -> handles.

    The applicant is the token's `sub` and takes the life event's first person subject (`owner`).
    """

    life_event: Code
    subjects: dict[Code, Annotated[list[Jwe], Field(max_length=50)]] = {}
    input: dict[Code, Any] = {}
    text_version: Code = "2026-11"
    """Version of the words by which the applicant asked for the fetches (explicit request)."""


class StepView(Model):
    """A step as the applicant sees it."""

    step: StepRef
    office: OfficeCode
    service: Code
    state: StepState
    needs: int
    answered: int
    certificate_id: Id | None = None
    code: Code | None = None


class CaseView(Model):
    """`GET /v1/cases/{id}`, and the answer of `POST /v1/cases`."""

    case_id: Id
    life_event: Code
    state: CaseState
    opened_at: Timestamp
    closed_at: Timestamp | None = None
    uploads: int
    steps: list[StepView]


class CaseFact(Model):
    """Body of `cases.case.v1`; types `cases.case.opened.v1`, `.closed.v1`. `proof_until`: last exp of its proofs."""

    case_id: Id
    life_event: Code
    state: CaseState
    proof_until: Timestamp | None = None


class StepFact(Model):
    """Body of `cases.step.v1`; event type `cases.step.<state>.v1`."""

    case_id: Id
    step: StepRef
    office: OfficeCode
    state: StepState


class ProofNeed(Model):
    """One need in a case proof: digests of the aliases (SHA-256 of their text)."""

    type: Code
    platform: Digest
    holders: dict[OfficeCode, Digest]


class ProofIssue(Model):
    """One certificate the step may lead to; digest of the holder's alias for the office's `answering` key."""

    type: Code
    holder: Digest


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


class DemandOnApplicant(Model):
    """`POST /v1/tasks/{id}/demands`: passes the proof gate, always."""

    proves: Code
    cites: Code | None = None
    demanded_from: Text | None = None
    paper_needs: list[Code] = []


class DemandMade(Model):
    """201: the demand stands; the applicant sees it in the case."""

    demand_id: Id
    proves: Code
    entry: Code
