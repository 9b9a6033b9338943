# SPDX-License-Identifier: EUPL-1.2
"""An evidence request: its states, its clocks, and how it ends."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(days=30)
MARGIN: Final = timedelta(seconds=60)
"""The asker waits this much longer than the holder, or a fifth of the whole where that is less."""

WAITING: Final = "waiting"
OPEN: Final = frozenset({WAITING, "previewing", "deferred"})
"""States in which an answer is still taken. What isn't open is over for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One evidence request, as this service keeps it: nothing that tells whom it is about.

    event_seq: number of the last state event. digest: envelopeDigest of the answer.
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

    @property
    def open(self) -> bool:
        """Say whether an answer is still taken."""
        return self.state in OPEN

    def ended(self, state: str, code: str | None) -> "Request":
        """Give the request in its final state, one event further. The caller has checked that it is open."""
        return replace(self, state=state, code=code, event_seq=self.event_seq + 1)


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


def decision(state: str, code: str | None) -> tuple[str, str | None]:
    """Give (decision, code) of a delivery receipt: no match moves nothing and is no refusal of the holder."""
    if state == "answered":
        return "released", None
    return ("empty", None) if code == "NOT_MATCHED" else ("refused", code)
