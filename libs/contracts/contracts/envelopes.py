# SPDX-License-Identifier: EUPL-1.2
"""Bodies of the sealed envelopes: sign, then seal; one JWE to one office."""

from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.base import Code, Day, Digest, Id, Jwe, Jws, Model, OfficeCode, StepRef, Text, Timestamp
from contracts.cases import Visit
from contracts.certificates.api import FactType, Presentation, Status
from contracts.receipts import Asker

Kind = Literal["ask", "answer", "share", "task", "correction"]


class EnvelopeClaims(Model):
    """Claims of the JWS `envelope+jwt` inside the JWE. `jti` = event id; `iss` a system id; `aud` a USCC."""

    iss: Code
    aud: OfficeCode
    iat: int
    jti: Id
    kind: Kind
    exchange_id: Id
    body: dict[str, Any]


class LegalBasis(Model):
    """Kind and, for law, the provision; for consent, its id."""

    kind: Literal["request", "law", "consent"]
    provision: Text | None = None
    consent_id: Id | None = None


class PersonAliases(Model):
    """One person, for the platform and for the holder that this ask goes to."""

    platform: Jwe
    holder: Jwe


class Ask(Model):
    """exchange-bus -> holder. Exactly one of `fields` and `predicate`; `aliases` or `organisation`."""

    request_id: Id
    request_hash: Digest
    salt: Text
    asker: Asker
    type: Code
    type_version: int
    fields: list[Code] | None = None
    predicate: Code | None = None
    purpose: Code
    legal_basis: LegalBasis
    entry: Code
    release: int
    grant_id: Code
    case_id: Id
    step: StepRef
    case_proof: Jws
    aliases: PersonAliases | None = None
    organisation: OfficeCode | None = None
    preview: bool = False
    """The person is to see first what would go, and to decide piece by piece."""
    recorded_at: Timestamp
    deadline: Timestamp


class Answer(Model):
    """Holder -> asker: `presentation` or `code`. No subject: the asker knows whom it asked about.

    `previewing`: neither yet. The person looks first; another answer of the same request follows. The attributes
    `previewid` and `previewuntil` (RFC 3339) say where and how long, and no more reaches the asker.
    """

    request_id: Id
    outcome: Literal["answered", "refused", "previewing"]
    type: Code
    holder: OfficeCode
    presentation: Presentation | None = None
    predicate: dict[str, Any] | None = None
    code: Code | None = None


class Share(Model):
    """Holder -> grantee, for every fact of a shared certificate, in order per share id. No certificate id."""

    share_id: Digest
    grant_id: Code
    fact: FactType
    type: Code
    office: OfficeCode
    certificate_version: int
    status: Status
    subject: Jwe | None = None
    """Alias for the receiver's `inbox` key."""
    organisation: OfficeCode | None = None
    presentation: Presentation | None = None
    """There while the certificate's status is 01."""


class NeedAnswer(Model):
    """One need of a task: the request that answered it, or why none did."""

    type: Code
    of: Code
    index: Annotated[int, Field(ge=0)] = 0
    request_id: Id
    outcome: Literal["answered", "refused"]
    code: Code | None = None


class IssueOrder(Model):
    """What the task asks the office to issue; `holder` is an alias for the office's `answering` key.

    `subject`: the same person as alias for its `inbox` key, by which it knows her again in what else it hears of her.
    `to`: the subject's name in the life event. An organisation stands under `organisation`; neither: the step founds
    it, and the office gives it its code. `amends`: a new version of the certificate that the holder has, or her first
    where the office sees that she has none. `provisional`: on a promise, to be checked until that day.
    """

    type: Code
    to: Code
    holder: Jwe | None = None
    subject: Jwe | None = None
    organisation: OfficeCode | None = None
    amends: bool = False
    provisional: Day | None = None


class Restoring(Model):
    """A certificate that was there before the task, and the version that the task made of it."""

    certificate_id: Id
    version: int


class Undo(Model):
    """A task of a withdrawn case: cancel what an earlier task led to, and put back what it changed.

    `restores`: what the task's version changed says again what the version before it said, in a new version; what
    changed since stays.
    """

    task_id: Id
    certificate_ids: list[Id]
    restores: list[Restoring] = []


class Task(Model):
    """cases -> office. `subject`: the applicant as alias for the office's `inbox` key.

    `deemed`: the office was silent too long; the step passed, and what it issues is due at once. `undo`: the applicant
    withdrew; nothing else is asked.
    """

    task_id: Id
    case_id: Id
    step: StepRef
    service: Code
    mode: Literal["auto", "review", "commitment", "offer"]
    deadline: Timestamp
    subject: Jwe
    input: dict[str, Any]
    needs: list[NeedAnswer]
    issues: list[IssueOrder]
    case_proof: Jws
    visit: Visit | None = None
    deemed: bool = False
    undo: Undo | None = None
