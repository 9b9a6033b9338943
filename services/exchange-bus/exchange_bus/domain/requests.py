# SPDX-License-Identifier: EUPL-1.2
"""An evidence request: its states, its clocks, and how it ends."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(days=30)
MARGIN: Final = timedelta(seconds=60)
"""The asker waits this much longer than the holder, or a fifth of the whole where that is less."""

WAITING: Final = "waiting"
PREVIEWING: Final = "previewing"
OPEN: Final = frozenset({WAITING, PREVIEWING, "deferred"})
"""States in which an answer is still taken. What isn't open is over for good."""


@dataclass(frozen=True, slots=True)
class Look:
    """Where a person looks at what would go: the preview's id, who shows it (system id), and until when it opens."""

    preview_id: str
    deployment: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One evidence request, as this service keeps it: nothing that tells whom it is about.

    event_seq: number of the last state event. look: only while it is previewing.
    """

    request_id: str
    exchange_id: str
    case_id: str
    step: str
    asker: str
    asker_system: str
    holder: str
    type: str
    fields: tuple[str, ...]
    purpose: str
    basis: str
    entry: str
    release: int
    grant_id: str
    state: str
    code: str | None
    event_seq: int
    recorded_at: datetime
    deadline: datetime
    look: Look | None = None

    @property
    def open(self) -> bool:
        """Say whether an answer is still taken."""
        return self.state in OPEN

    def ended(self, state: str, code: str | None) -> "Request":
        """Give the request in its final state, one event further. The caller has checked that it is open."""
        return replace(self, state=state, code=code, event_seq=self.event_seq + 1, look=None)

    def previewed(self, look: Look) -> "Request":
        """Give the request while the person decides, one event further. The caller has checked that it waits."""
        return replace(self, state=PREVIEWING, event_seq=self.event_seq + 1, look=look)


def clocks_fit(recorded_at: datetime, deadline: datetime) -> bool:
    """Say whether there is time to answer, and whether the answer can still matter."""
    return SHORTEST <= deadline - recorded_at <= LONGEST


def holder_deadline(recorded_at: datetime, deadline: datetime) -> datetime:
    """Give the holder's last moment: earlier than the asker's, so that a late answer is late at the holder first."""
    return deadline - min(MARGIN, (deadline - recorded_at) / 5)


def choose_holder(candidates: Collection[str], known: Collection[str], *, only_source: bool) -> str | None:
    """Choose whom to ask; None when nobody fits.

    candidates: listed, granted and named by the subject's aliases, in the list entry's order. known: who holds the
    type about this subject, by the directory. only_source: the entry lists one source for the type; then the
    directory's silence means nothing, since it is a hint and may lag.
    """
    if only_source:
        return next(iter(candidates), None)
    return next((office for office in candidates if office in known), None)


def outcome(attributes: Mapping[str, str]) -> tuple[str, str | None]:
    """Read (state, code) off the attributes of an answer. Whatever isn't `answered` is refused, with some code."""
    if attributes.get("outcome") == "answered":
        return "answered", None
    return "refused", attributes.get("code", "HOLDER_FAILED")


def look_of(attributes: Mapping[str, str], deployment: str) -> Look | None:
    """Read where a person looks off the attributes of a first answer; None where they don't say it. deployment: whose.

    The id is given as it is kept everywhere: a UUID in lower case.
    """
    try:
        preview_id = str(UUID(attributes["previewid"]))
        until = datetime.fromisoformat(attributes["previewuntil"])
    except (KeyError, ValueError):
        return None
    return None if until.tzinfo is None else Look(preview_id, deployment, until)


def decision(state: str, code: str | None) -> tuple[str, str | None]:
    """Give (decision, code) of a delivery receipt: no match moves nothing and is no refusal of the holder."""
    if state == "answered":
        return "released", None
    return ("empty", None) if code == "NOT_MATCHED" else ("refused", code)
