# SPDX-License-Identifier: EUPL-1.2
"""What callers of cases may see beside the common errors of kit."""

from kit.errors import Kind, ServiceError, UpstreamError

_OWN_MEMBERS = frozenset({"type", "title", "status", "code", "instance", "detail", "errors"})


class LifeEventUnknown(ServiceError):
    """404: no life event of that name is in force."""

    kind, code, title = Kind.NOT_FOUND, "LIFE_EVENT_UNKNOWN", "No such life event is in force"


class WindowNotOfEvent(ServiceError):
    """403: a clerk acts for the citizen, of an office that neither leads the life event nor has a step in it."""

    kind, code, title = Kind.FORBIDDEN, "WINDOW_NOT_OF_EVENT", "This office has no part in the life event"


class CaseInputInvalid(ServiceError):
    """400: subjects or input don't fit the life event; every fault is named."""

    kind, code, title = Kind.INVALID, "CASE_INPUT_INVALID", "The application does not fit the life event"


class CaseUnknown(ServiceError):
    """404: no such case of this applicant. Another citizen's case looks the same."""

    kind, code, title = Kind.NOT_FOUND, "CASE_UNKNOWN", "No such case"


class CaseNotOpen(ServiceError):
    """409: the case is completed, refused or withdrawn already."""

    kind, code, title = Kind.CONFLICT, "CASE_NOT_OPEN", "The case is not open"


class StepUnknown(ServiceError):
    """404: the case has no such step."""

    kind, code, title = Kind.NOT_FOUND, "STEP_UNKNOWN", "No such step"


class OfferNotOpen(ServiceError):
    """409: the step is not offered now: not yet, answered already, or no offer at all."""

    kind, code, title = Kind.CONFLICT, "OFFER_NOT_OPEN", "The step is not offered now"


class TaskUnknown(ServiceError):
    """404: no such task of this office. Another office's task looks the same."""

    kind, code, title = Kind.NOT_FOUND, "TASK_UNKNOWN", "No such task"


class TaskNotOpen(ServiceError):
    """409: the task is done, refused or cancelled already."""

    kind, code, title = Kind.CONFLICT, "TASK_NOT_OPEN", "The task is not open"


class TaskIssues(ServiceError):
    """409: this task is completed by issuing its certificate, not by a note."""

    kind, code, title = Kind.CONFLICT, "TASK_ISSUES", "The task is completed by the certificate it asks for"


class StepNotReopenable(ServiceError):
    """409: no earlier step of the task's office that is done, or another office has acted on it already."""

    kind, code, title = Kind.CONFLICT, "STEP_NOT_REOPENABLE", "The step can not be done again"


class StepHasIssued(ServiceError):
    """409: the step, or one between it and the task, has led to a certificate: that is taken back by its office."""

    kind, code, title = Kind.CONFLICT, "STEP_HAS_ISSUED", "The step has led to a certificate"


class OutageInvalid(ServiceError):
    """400: the outage has no length, is longer than anything we would know of, or names no office."""

    kind, code, title = Kind.INVALID, "OUTAGE_INVALID", "The outage does not fit"


class ClockTooFar(ServiceError):
    """409: the sandbox's clock is too far ahead already."""

    kind, code, title = Kind.CONFLICT, "CLOCK_TOO_FAR", "The clock is too far ahead"


class Refused(ServiceError):
    """What exchange-bus refused, passed on with its own code, kind and members (`instead`, `entry`, `appeal`, ...)."""

    def __init__(self, upstream: UpstreamError) -> None:
        facts = {name: value for name, value in upstream.problem.items() if name not in _OWN_MEMBERS}
        super().__init__(str(upstream.problem.get("detail", "")), **facts)
        self.kind = upstream.upstream_kind
        self.code = upstream.upstream_code  # type: ignore[misc]
        self.title = str(upstream.problem.get("title", "Refused"))  # type: ignore[misc]


class PersonUnknown(ServiceError):
    """404: identity knows no such person (a handle of a number that nobody has)."""

    kind, code, title = Kind.NOT_FOUND, "NOT_FOUND", "Not found"
