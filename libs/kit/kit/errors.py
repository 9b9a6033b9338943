# SPDX-License-Identifier: EUPL-1.2
"""One vocabulary of failure, mapped once at each edge.

    ServiceError                  what a caller is meant to see; anything else is a bug and becomes a bare 500
    ├── InvalidRequest            400  the request is wrong; `errors` names every wrong field at once
    │   ├── InvalidJson           400  the body is no I-JSON value (RFC 7493)
    │   └── InvalidKey            400  the Idempotency-Key is malformed
    ├── KeyMissing                400  a POST that creates came without Idempotency-Key
    ├── ContextMismatch           400  a header and the body's field of the same meaning differ
    ├── InvalidPath               400  the path is not in normal form
    ├── TokenInvalid              401  no usable token
    ├── Forbidden                 403  known, but not allowed
    │   └── WindowNotHere         403  a citizen's own door: no clerk comes in for her
    ├── NotFound                  404  unknown, or private: both look the same
    ├── MethodNotAllowed          405  `Allow` names the methods
    ├── RequestTimeout            408  the body did not arrive in time
    ├── StillRunning              409  the same Idempotency-Key is being worked on
    ├── TooLarge                  413  the body is over its limit
    ├── WrongMediaType            415  not application/json, or an encoding
    ├── Misdirected               421  a host that is not ours
    ├── KeyReused                 422  the same Idempotency-Key with another body
    ├── Throttled                 429  this caller asks too often
    ├── UpstreamError             kept from the answer of the service behind us
    ├── UpstreamUnavailable       503  the service behind us did not answer
    ├── Unavailable               503  we can't now; nothing is wrong with the request
    └── DeadlineExceeded          504  the caller's time is used up

Consumers use the same classes: `is_passing` tells "try the batch again" from "park this key".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal


class Kind(StrEnum):
    """What sort of failure it is. Closed: every edge maps each of them."""

    INVALID = "INVALID"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    METHOD = "METHOD"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    CONFLICT = "CONFLICT"
    PRECONDITION = "PRECONDITION"
    PRECONDITION_REQUIRED = "PRECONDITION_REQUIRED"
    TOO_LARGE = "TOO_LARGE"
    MEDIA = "MEDIA"
    MISDIRECTED = "MISDIRECTED"
    KEY_REUSED = "KEY_REUSED"
    UPGRADE = "UPGRADE"
    THROTTLED = "THROTTLED"
    HEADER_TOO_LARGE = "HEADER_TOO_LARGE"
    BAD_UPSTREAM = "BAD_UPSTREAM"
    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"


HTTP_STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD: 405,
    Kind.REQUEST_TIMEOUT: 408,
    Kind.CONFLICT: 409,
    Kind.PRECONDITION: 412,
    Kind.TOO_LARGE: 413,
    Kind.MEDIA: 415,
    Kind.MISDIRECTED: 421,
    Kind.KEY_REUSED: 422,
    Kind.UPGRADE: 426,
    Kind.PRECONDITION_REQUIRED: 428,
    Kind.THROTTLED: 429,
    Kind.HEADER_TOO_LARGE: 431,
    Kind.BAD_UPSTREAM: 502,
    Kind.UNAVAILABLE: 503,
    Kind.TIMEOUT: 504,
}

_KIND_OF_STATUS: Mapping[int, Kind] = {status: kind for kind, status in HTTP_STATUS.items()}


_PASSING_KINDS = frozenset({Kind.UNAVAILABLE, Kind.TIMEOUT, Kind.THROTTLED})


def kind_of_status(status: int) -> Kind:
    """Give the kind behind an HTTP status of another service; a status we never send means a bad upstream."""
    return _KIND_OF_STATUS.get(status, Kind.BAD_UPSTREAM)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a request. Names the place and the rule, never the value."""

    pointer: str
    """In a body a JSON pointer (RFC 6901) such as `/fields/0`; elsewhere the parameter's or header's name."""
    code: str
    """Stable, UPPER_SNAKE: MISSING, EXTRA_FORBIDDEN, STRING_TOO_LONG, ..."""
    detail: str = ""
    where: Literal["body", "query", "path", "header"] = "body"


class ServiceError(Exception):
    """A failure that a caller is meant to see. Subclasses set kind, code and title; code is stable.

    detail: one sentence for a person, without personal data and without values that came from outside.
    errors: every wrong field, for kind INVALID.
    facts: further members of the problem document (JSON values, camelCase on the wire), without personal data.
    """

    kind: Kind = Kind.INVALID
    code: ClassVar[str] = "INVALID_REQUEST"
    title: ClassVar[str] = "The request is invalid"

    def __init__(self, detail: str = "", *, errors: Sequence[FieldError] = (), **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = tuple(errors)
        self.facts = facts
        self.headers: dict[str, str] = {}

    @property
    def status(self) -> int:
        """The HTTP status of this error's kind."""
        return HTTP_STATUS[self.kind]


class InvalidRequest(ServiceError):
    """The request is wrong. `InvalidRequest([FieldError(...)])` names the fields."""

    kind, code, title = Kind.INVALID, "INVALID_REQUEST", "The request is invalid"

    def __init__(self, errors: Sequence[FieldError] | str = (), detail: str = "", **facts: Any) -> None:
        if isinstance(errors, str):  # InvalidRequest("a sentence") reads well and means the detail
            super().__init__(errors, **facts)
        else:
            super().__init__(detail, errors=errors, **facts)


class InvalidJson(InvalidRequest):
    """The body is not exactly one I-JSON value."""

    code, title = "INVALID_JSON", "The body is not one valid JSON value"


class InvalidKey(InvalidRequest):
    """The Idempotency-Key is not 1 to 255 visible ASCII characters."""

    code, title = "IDEMPOTENCY_KEY_INVALID", "The Idempotency-Key is malformed"


class KeyMissing(ServiceError):
    """A POST that creates came without Idempotency-Key."""

    kind, code, title = Kind.INVALID, "IDEMPOTENCY_KEY_MISSING", "An Idempotency-Key is required"


class ContextMismatch(ServiceError):
    """A context header differs from the body's field of the same meaning."""

    kind, code, title = Kind.INVALID, "CONTEXT_MISMATCH", "Context headers and body disagree"


class InvalidPath(ServiceError):
    """The path is not in normal form, so two readers could take it for two paths."""

    kind, code, title = Kind.INVALID, "INVALID_PATH", "The path is not in normal form"


class TokenInvalid(ServiceError):
    """No token, or one that does not hold. Callers don't learn which check failed."""

    kind, code, title = Kind.UNAUTHENTICATED, "TOKEN_INVALID", "The token is missing or invalid"

    def __init__(self, detail: str = "", *, challenge: str = 'DPoP error="invalid_token", algs="ES256"') -> None:
        super().__init__(detail)
        self.headers["www-authenticate"] = challenge


class Forbidden(ServiceError):
    """Known caller, not allowed."""

    kind, code, title = Kind.FORBIDDEN, "FORBIDDEN", "Not allowed"


class WindowNotHere(Forbidden):
    """A clerk acts for a citizen where only she herself may."""

    code, title = "WINDOW_NOT_HERE", "Only the citizen herself may do this"


class NotFound(ServiceError):
    """Unknown, or private to somebody else: both look the same."""

    kind, code, title = Kind.NOT_FOUND, "NOT_FOUND", "Not found"


class MethodNotAllowed(ServiceError):
    """The path exists, the method doesn't. allow: the methods it has."""

    kind, code, title = Kind.METHOD, "METHOD_NOT_ALLOWED", "The method is not allowed here"

    def __init__(self, allow: Sequence[str]) -> None:
        super().__init__()
        self.headers["allow"] = ", ".join(sorted(allow))


class RequestTimeout(ServiceError):
    """The body did not arrive in time."""

    kind, code, title = Kind.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "The request did not arrive in time"


class StillRunning(ServiceError):
    """The same client and Idempotency-Key are being worked on right now."""

    kind, code, title = Kind.CONFLICT, "REQUEST_STILL_RUNNING", "A request with this key is still running"


class TooLarge(ServiceError):
    """The body is over the limit of its route."""

    kind, code, title = Kind.TOO_LARGE, "BODY_TOO_LARGE", "The body is too large"


class WrongMediaType(ServiceError):
    """Content-Type absent, twice or not accepted here; or a Content-Encoding."""

    kind, code, title = Kind.MEDIA, "MEDIA_TYPE_UNSUPPORTED", "The media type is not supported"


class Misdirected(ServiceError):
    """The Host header names a host that is not ours."""

    kind, code, title = Kind.MISDIRECTED, "MISDIRECTED", "This host is not served here"


class KeyReused(ServiceError):
    """The same Idempotency-Key came with another request."""

    kind, code, title = Kind.KEY_REUSED, "IDEMPOTENCY_KEY_REUSED", "The Idempotency-Key belongs to another request"


class Throttled(ServiceError):
    """This caller asks too often. retry_after_s: seconds until it makes sense again."""

    kind, code, title = Kind.THROTTLED, "THROTTLED", "Too many requests"

    def __init__(self, detail: str = "", *, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.headers["retry-after"] = str(retry_after_s)


class Unavailable(ServiceError):
    """We can't now; the same request may work in a moment."""

    kind, code, title = Kind.UNAVAILABLE, "UNAVAILABLE", "The service is not available at the moment"

    def __init__(self, detail: str = "", *, retry_after_s: int = 1, **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.headers["retry-after"] = str(retry_after_s)


class UpstreamUnavailable(Unavailable):
    """The service behind us gave no answer, or one without a problem document."""

    code, title = "UPSTREAM_UNAVAILABLE", "A service behind this one is not available at the moment"


class UpstreamError(ServiceError):
    """The service behind us refused with a code we don't know. Remembers that answer's kind, so retry rules hold.

    Our own caller sees 503 where a later try may help, else 502: the refusal was not meant for her request.
    """

    kind, code, title = Kind.BAD_UPSTREAM, "UPSTREAM_ERROR", "A service behind this one refused"

    def __init__(self, upstream_kind: Kind, upstream_code: str, problem: Mapping[str, Any] | None = None) -> None:
        """Remember what came. problem: the whole document, for a caller whose own answer it is to pass on."""
        super().__init__()
        self.problem: Mapping[str, Any] = problem or {}
        if upstream_kind in _PASSING_KINDS:
            self.kind = Kind.UNAVAILABLE
            self.headers["retry-after"] = "1"
        self.upstream_kind = upstream_kind
        self.upstream_code = upstream_code


class DeadlineExceeded(ServiceError):
    """The caller's time is used up."""

    kind, code, title = Kind.TIMEOUT, "DEADLINE_EXCEEDED", "The deadline passed"


# PostgreSQL's classes: connection, resources, shutdown, rollback (deadlock, serialization); lock not available.
_PASSING_SQLSTATES = ("08", "53", "57P", "40", "55P03", "25P03", "57014")


def is_passing(exc: BaseException) -> bool:
    """Tell whether the same work may succeed later unchanged: lost connections, deadlocks, a service that is away.

    A consumer brings the batch again when this holds, and parks the key when it doesn't.
    """
    if isinstance(exc, BaseExceptionGroup):
        return all(is_passing(inner) for inner in exc.exceptions)
    if isinstance(exc, UpstreamError):
        return exc.upstream_kind in _PASSING_KINDS
    if isinstance(exc, ServiceError):
        return exc.kind in _PASSING_KINDS
    sqlstate = getattr(exc, "sqlstate", None)  # a driver's error; only kit.db may know the driver by name
    if isinstance(sqlstate, str):
        return sqlstate.startswith(_PASSING_SQLSTATES)
    return isinstance(exc, ConnectionError | TimeoutError)
