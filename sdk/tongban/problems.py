# SPDX-License-Identifier: EUPL-1.2
"""What can go wrong, as types. Branch on `code`, never on texts.

TongbanError
├── Problem          the platform refused: an RFC 9457 problem document, or OAuth's error at the token endpoint
├── NoAnswer         nobody knows whether the call took effect: repeat it under the same Idempotency-Key
├── NotBelieved      a signature, envelope or presentation that this side does not accept
└── NotConfigured    a key, a file or a record that this system needs is not there
"""

import json
from collections.abc import Mapping
from typing import Any, Final

KINDS: Final[Mapping[int, str]] = {
    400: "INVALID",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    412: "PRECONDITION",
    413: "TOO_LARGE",
    415: "MEDIA",
    422: "KEY_REUSED",
    428: "PRECONDITION_REQUIRED",
    429: "THROTTLED",
    431: "HEADER_TOO_LARGE",
    502: "BAD_UPSTREAM",
    503: "UNAVAILABLE",
    504: "TIMEOUT",
}
"""HTTP status -> kind of problem."""
PASSING: Final = frozenset({"UNAVAILABLE", "TIMEOUT", "BAD_UPSTREAM", "THROTTLED", "REQUEST_TIMEOUT"})
"""Kinds that may go away by themselves."""
_NAMED: Final = frozenset({"type", "title", "status", "detail", "instance", "code"})


class TongbanError(Exception):
    """Everything that the SDK raises. code: UPPER_SNAKE, stable."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class Problem(TongbanError):
    """A refusal of the platform.

    kind: what sort of refusal (`KINDS`). status: HTTP. members: everything else in the document (`errors`, `rule`,
    `entry`, ...). instance: names this occurrence, for a question to whoever runs the platform.
    """

    def __init__(
        self,
        code: str,
        status: int,
        *,
        title: str = "",
        detail: str = "",
        instance: str = "",
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, detail or title)
        self.status = status
        self.kind = KINDS.get(status, "INVALID" if status < 500 else "UNAVAILABLE")
        self.title = title
        self.instance = instance
        self.members: Mapping[str, Any] = members or {}

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.kind in PASSING or self.code == "REQUEST_STILL_RUNNING"

    @classmethod
    def of(cls, status: int, body: bytes) -> "Problem":
        """Read a problem document; anything else becomes `HTTP_<status>`. Never raises."""
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            return cls(f"HTTP_{status}", status)
        if isinstance(document.get("error"), str):  # RFC 6749, section 5.2
            return cls(document["error"].upper(), status, detail=str(document.get("error_description", "")))
        return cls(
            str(document.get("code", f"HTTP_{status}")),
            status,
            title=str(document.get("title", "")),
            detail=str(document.get("detail", "")),
            instance=str(document.get("instance", "")),
            members={name: value for name, value in document.items() if name not in _NAMED},
        )


class NoAnswer(TongbanError):
    """The connection failed or the time ran out: the call may or may not have taken effect."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("NO_ANSWER", detail)


class NotBelieved(TongbanError):
    """Something signed or sealed that does not hold. code says which check failed; no content is repeated."""


class NotConfigured(TongbanError):
    """Something this system needs is missing here."""


def is_away(why: TongbanError) -> bool:
    """Tell whether the platform is away for now: the same thing may go well a little later."""
    return isinstance(why, NoAnswer) or (isinstance(why, Problem) and why.passing)
