# SPDX-License-Identifier: EUPL-1.2
"""What callers of certificates may see, beside kit's common refusals.

ServiceError
├── InvalidRequest         400  from kit; `ClaimsInvalid` names every wrong claim at once
├── NotInPowerList         403  the office may not issue this type
├── ListExpired            403  the type is on the list, but not in force today
├── TaskNotProven          403  the case proof doesn't prove this task, this office or this holder
├── NotServed              403  the office isn't one of this deployment's
├── TypeUnknown            404  no such type in the catalogue
├── TransitionNotAllowed   409  the table of operations has a dot there
├── TaskAlreadyIssued      409  this task has its certificate
├── OrganisationExists     409  a task founds an organisation that has a certificate of the type
├── HolderUnclear          409  the holder has several certificates of the type
├── PreviewNotOpened       409  she must look before she decides
├── PreviewOver            409  a preview that was decided, or whose time is over
├── PreviewOutdated        409  the certificate isn't the one that she saw
├── KeyTaken               409  another certificate of the holder has this natural key
├── VersionsUsedUp         409  a licence id counts 999 versions
├── VersionChanged         412  `If-Match` names another version
├── VersionMissing         428  `If-Match` is due
├── EvidenceChanged        503  what was to be released changed meanwhile: prepare again
└── SerialsUsedUp          503  a million numbers of one type were taken today
"""

from kit.errors import FieldError, Forbidden, InvalidRequest, Kind, NotFound, ServiceError, Unavailable

__all__ = [
    "ClaimsInvalid",
    "EvidenceChanged",
    "FieldError",
    "Forbidden",
    "HolderUnclear",
    "InvalidRequest",
    "KeyTaken",
    "ListExpired",
    "NotFound",
    "NotInPowerList",
    "NotServed",
    "OrganisationExists",
    "PreviewNotOpened",
    "PreviewOutdated",
    "PreviewOver",
    "SerialsUsedUp",
    "SubjectUnknown",
    "TaskAlreadyIssued",
    "TaskNotProven",
    "TransitionNotAllowed",
    "TypeUnknown",
    "Unavailable",
    "VersionChanged",
    "VersionMissing",
    "VersionsUsedUp",
]


class ClaimsInvalid(InvalidRequest):
    """400: holder, claims or validity don't fit the type. `errors` names the fields."""


class NotInPowerList(ServiceError):
    """403: no entry of the power list lets this office issue this type today."""

    kind, code, title = Kind.FORBIDDEN, "NOT_IN_POWER_LIST", "The office may not issue this type"


class ListExpired(ServiceError):
    """403: the type is in the catalogue, but not in force today."""

    kind, code, title = Kind.FORBIDDEN, "LIST_EXPIRED", "The type is not in force"


class TypeUnknown(ServiceError):
    """404: the catalogue knows no such type."""

    kind, code, title = Kind.NOT_FOUND, "REFERENCE_UNKNOWN", "The type is not in the catalogue"


class NotServed(Forbidden):
    """403: the caller's office isn't one of this deployment's, or the body names another one."""

    title = "This office is not served here"


class TransitionNotAllowed(ServiceError):
    """409: the operation isn't legal in this status (domain, table of operations). Nothing was changed.

    `reason`: what the certificate is (`IS_REVOKED`, ...), or the condition that doesn't hold (`GRACE_OVER`, ...).
    """

    kind, code, title = Kind.CONFLICT, "TRANSITION_NOT_ALLOWED", "The operation is not allowed in this status"


class TaskNotProven(ServiceError):
    """403: the case proof isn't valid, or doesn't name this office, step, type and holder."""

    kind, code, title = Kind.FORBIDDEN, "CASE_PROOF_INVALID", "The case proof does not prove this task"


class TaskAlreadyIssued(ServiceError):
    """409: a certificate was issued for this task, under another Idempotency-Key."""

    kind, code, title = Kind.CONFLICT, "TASK_ALREADY_ISSUED", "This task has its certificate"


class OrganisationExists(ServiceError):
    """409: what a task founds is new; this organisation has, or had, a certificate of the type."""

    kind, code, title = Kind.CONFLICT, "ORGANISATION_EXISTS", "The organisation is there already"


class HolderUnclear(ServiceError):
    """409: the holder has several certificates of the type: say which, by its id."""

    kind, code, title = Kind.CONFLICT, "SEVERAL_CERTIFICATES", "The holder has several certificates of the type"


class PreviewNotOpened(ServiceError):
    """409: nobody decides on what she hasn't seen."""

    kind, code, title = Kind.CONFLICT, "PREVIEW_NOT_OPENED", "The preview has not been opened yet"


class PreviewOver(ServiceError):
    """409: a preview counts once, and until its time is over. `reason`: why nothing can go any more, where known."""

    kind, code, title = Kind.CONFLICT, "PREVIEW_OVER", "The preview is over"


class PreviewOutdated(ServiceError):
    """409: what she decided on has changed since. Nothing is decided; she looks again."""

    kind, code, title = Kind.CONFLICT, "PREVIEW_OUTDATED", "The certificate has changed since the preview was opened"


class KeyTaken(ServiceError):
    """409: what was to become the natural key is another certificate's."""

    kind, code, title = Kind.CONFLICT, "NATURAL_KEY_TAKEN", "Another certificate of the holder has this key"


class VersionsUsedUp(ServiceError):
    """409: the licence id has no version left after 999."""

    kind, code, title = Kind.CONFLICT, "VERSIONS_USED_UP", "The certificate has no version left"


class VersionMissing(ServiceError):
    """428: the caller must say which version it means."""

    kind, code, title = Kind.PRECONDITION_REQUIRED, "IF_MATCH_MISSING", "If-Match with the version is required"


class VersionChanged(ServiceError):
    """412: the latest version is another one."""

    kind, code, title = Kind.PRECONDITION, "VERSION_CHANGED", "The certificate has another version"


class SubjectUnknown(ServiceError):
    """404: identity knows no person by this pseudonym of the office."""

    kind, code, title = Kind.NOT_FOUND, "SUBJECT_UNKNOWN", "Nobody is known by this pseudonym"


class EvidenceChanged(Unavailable):
    """503: certificate or grant changed between preparing an answer and its commit."""

    code, title = "EVIDENCE_CHANGED", "The evidence changed meanwhile"


class SerialsUsedUp(Unavailable):
    """503: the day's serials of a type are used up."""

    code, title = "SERIALS_USED_UP", "No serial is left for today"
