# SPDX-License-Identifier: EUPL-1.2
"""Previews: a person sees what would go, before it goes, and decides piece by piece. Pure; moments are UTC."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from certificates.errors import FieldError, InvalidRequest, PreviewNotOpened, PreviewOver

PreviewState = Literal["waiting", "opened", "released", "declined", "expired"]

DECLINED: Final = "DECLINED_BY_CITIZEN"


@dataclass(frozen=True, slots=True)
class Seen:
    """What she saw: a certificate as it stood after its event number `event_seq`."""

    certificate_id: str
    event_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One request that waits for the person it is about.

    subject: what the office calls her. ask: the request as it was received, emptied with the preview's end. until: when
    it ends unless she opens (waiting) or decides (opened), never past `deadline`. code: why it ended otherwise than by
    a release.
    """

    id: str
    office: str
    subject: str
    request_id: str
    event_id: str
    exchange_id: str
    asker: str
    type: str
    purpose: str
    basis: Literal["request", "law", "consent"]
    case_id: str
    step: str
    ask: bytes
    deadline: datetime
    state: PreviewState
    until: datetime
    made_at: datetime
    opened_at: datetime | None = None
    seen: Seen | None = None
    code: str | None = None

    @property
    def unsettled(self) -> bool:
        """Whether the asker waits for an answer still."""
        return self.state in ("waiting", "opened")

    def lives(self, now: datetime) -> bool:
        """Whether she may look or decide; where her time is over the answer may be still to come."""
        return self.unsettled and now <= self.until

    def shown_state(self, now: datetime) -> PreviewState:
        """Give the state as she is told it: once her time is over nothing waits for her."""
        return "expired" if self.unsettled and not self.lives(now) else self.state


def opened(preview: Preview, seen: Seen, now: datetime, deciding: timedelta) -> Preview:
    """Note a look at what stands now. deciding: her time from the first look; later looks add none."""
    if preview.opened_at is not None:
        return replace(preview, seen=seen)
    until = min(now + deciding, preview.deadline)
    return replace(preview, state="opened", until=until, opened_at=now, seen=seen)


def check_decidable(preview: Preview, now: datetime) -> None:
    """Raises PreviewOver, PreviewNotOpened."""
    if not preview.lives(now):
        raise PreviewOver
    if preview.state == "waiting":
        raise PreviewNotOpened


def accepted(shown: Sequence[str], decisions: Sequence[tuple[str, bool]]) -> list[str]:
    """Give the pieces that may go, in the order in which they were shown. decisions: (piece, whether it may go).

    Raises InvalidRequest unless every piece is decided once and nothing else is.
    """
    errors: list[FieldError] = []
    decided: dict[str, bool] = {}
    for at, (piece, accept) in enumerate(decisions):
        if piece in decided or piece not in shown:
            errors.append(FieldError(f"/items/{at}/id", "REPEATED" if piece in decided else "UNKNOWN"))
        decided[piece] = accept
    if not errors and len(decided) < len(shown):
        errors.append(FieldError("/items", "MISSING", "Decide on every piece."))
    if errors:
        raise InvalidRequest(errors)
    return [piece for piece in shown if decided[piece]]


def decided(preview: Preview, released: Sequence[str]) -> Preview:
    """End a preview by her decision."""
    if released:
        return replace(preview, state="released")
    return replace(preview, state="declined", code=DECLINED)


def expired(preview: Preview, code: str) -> Preview:
    """End a preview without her decision. code: what the asker is told."""
    return replace(preview, state="expired", code=code)


def overdue_rule(preview: Preview) -> tuple[str, str]:
    """Name the clock that has run out, and what only we may know of it."""
    if preview.until >= preview.deadline:
        return "clock.holder", "PAST_DEADLINE"
    return ("clock.opening", "NOT_OPENED") if preview.state == "waiting" else ("clock.deciding", "NOT_DECIDED")
