# SPDX-License-Identifier: EUPL-1.2
"""Models of the certificates API and of its facts on the bus."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from contracts.base import Code, Day, Digest, Id, Jwe, Jws, Model, OfficeCode, Pseudonym, StepRef, Text, Timestamp

Status = Literal["01", "02", "03", "04", "05", "06", "07", "99"]
"""Status codes of the ministries' interface: 01 valid, 02 suspended, 03 rescinded, 04 cancelled, 05 lapsed, ..."""
FactType = Literal["issued", "amended", "suspended", "reinstated", "revoked", "expired"]
Claims = Annotated[dict[str, Any], Field(max_length=64)]
"""Fields of the type by name; names and types are checked against the catalogue."""

BESIDE: Final = frozenset({"licenceId", "purpose", "provisional"})
"""What stands beside a certificate's fields in a signed copy, so that no field may have these names."""


class Holder(Model):
    """Whose certificate it is; exactly one member.

    `subject`: the office's own pseudonym of a person. `alias`: the same, sealed to the office's `answering` key, as a
    task carries it. `organisation`: USCC.
    """

    subject: Pseudonym | None = None
    alias: Jwe | None = None
    organisation: OfficeCode | None = None


class TaskRef(Model):
    """The task that asked for this certificate, proved by cases."""

    task_id: Id
    case_id: Id
    step: StepRef
    case_proof: Jws


class Provisional(Model):
    """Given on a promise: it counts, and what was promised is checked until that day."""

    conditions: Annotated[list[Text], Field(min_length=1, max_length=20)]
    check_by: Day


class TransferredFrom(Model):
    """The certificate of another office that was transferred out (06)."""

    office: OfficeCode
    certificate_id: Id


class Issue(Model):
    """`POST /v1/certificates`, `Idempotency-Key` due.

    It is `task-{taskId}` when a task asked for it, `task-{taskId}-{n}` for the task's n-th certificate, from 2.

    `ruling`: the reference of a review or court decision; due where an earlier one ended for cause (03, 04, 07).
    `transferredFrom`: the operation is a transfer in, not a new one.
    """

    office: OfficeCode
    type: Code
    holder: Holder
    claims: Claims
    valid_from: Day
    valid_to: Day | None = None
    provisional: Provisional | None = None
    ruling: Text | None = None
    transferred_from: TransferredFrom | None = None
    task: TaskRef | None = None


class IssueTogether(Model):
    """`POST /v1/certificates/together`: all of them in one commit, or none; `Idempotency-Key` due.

    For what is true of all or of nobody, as a marriage. All are of one office, and of one task where a task asked.
    """

    orders: Annotated[list[Issue], Field(min_length=2, max_length=20)]


class Amend(Model):
    """`POST /v1/certificates/{id}/amendments | renewals`. `Idempotency-Key` and `If-Match: "{version}"` due.

    What the next version says, in full: without `provisional` there is no mark any more. It takes effect at once.
    `task`: where a task asked for it; then `holder` is the person's alias as the task has it.
    """

    claims: Claims
    valid_from: Day
    valid_to: Day | None = None
    provisional: Provisional | None = None
    reason: Text | None = None
    task: TaskRef | None = None
    holder: Jwe | None = None


class AmendHeld(Model):
    """`POST /v1/certificates/amendments`: a change of content of the one certificate of this type that the holder has.

    For an office that knows whom it is about and not which certificate, as a task says it. `changes`: the fields that
    get another value; the others stay, and so do validity and promise where nothing is said.
    """

    office: OfficeCode
    type: Code
    holder: Holder
    changes: Claims
    valid_from: Day | None = None
    valid_to: Day | None = None
    reason: Text | None = None
    task: TaskRef | None = None


class Certificate(Model):
    """A certificate version as its own office reads it."""

    certificate_id: Id
    version: int
    office: OfficeCode
    type: Code
    type_version: int
    licence_id: Text
    status: Status
    subject: Pseudonym | None = None
    organisation: OfficeCode | None = None
    claims: Claims
    valid_from: Day
    valid_to: Day | None = None
    issued_at: Timestamp
    credential: str
    """SD-JWT VC (RFC 9901), all disclosures: the office's own copy."""
    provisional: Provisional | None = None
    ruling: Text | None = None
    transferred_from: TransferredFrom | None = None
    status_text: Text | None = None
    """What status 99 means here."""


class Issued(Model):
    """201: what the issuing office needs to know at once; no claims."""

    certificate_id: Id
    version: int
    licence_id: Text
    status: Status


class IssuedTogether(Model):
    """201: one for each order, in their order."""

    certificates: list[Issued]


class ChangeStatus(Model):
    """`POST /v1/certificates/{id}/` and the operation; `If-Match: "{version}"` due.

    suspensions | reinstatements | revocations | transfers | transfer-reversals | others. `ending` only for revocations:
    cancel 04, rescind 03, revoke 07. `reason` of an `other` is the text that status 99 stands for.
    """

    reason: Text
    ending: Literal["cancel", "rescind", "revoke"] | None = None


class Verify(Model):
    """`POST /v1/verifications`."""

    credential: Annotated[str, Field(max_length=65536)]


class Check(Model):
    """One named check and how it went."""

    name: Code
    ok: bool


class Verdict(Model):
    """Never a bare boolean: the first failed check gives `code`."""

    verdict: Literal["valid", "invalid", "unknown"]
    code: Code | None = None
    checks: list[Check]
    status: Status | None = None
    claims: Claims | None = None


class Fact(Model):
    """Body of `certificates.certificate.v1`: a bare fact, no subject; type `certificates.certificate.<fact>.v1`."""

    certificate_id: Id
    version: int
    office: OfficeCode
    type: Code
    type_code: Text
    status: Status
    provisional: bool = False
    organisation: OfficeCode | None = None
    """Its holder, where that is an organisation that the task founded; persons are never in a fact."""
    case_id: Id | None = None
    task_id: Id | None = None


class Holding(Model):
    """Body of `certificates.holding.v1`, for the directory. The person is a fresh alias for the platform."""

    certificate_id: Id
    type: Code
    office: OfficeCode
    version: int
    status: Status
    valid_from: Day
    valid_to: Day | None = None
    person: Jwe | None = None
    organisation: OfficeCode | None = None


class Presentation(Model):
    """What a receiver gets: an SD-JWT VC signed for this one release, granted fields only."""

    credential: Annotated[str, Field(max_length=65536)]
    evidence_digest: Digest
