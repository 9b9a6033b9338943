# SPDX-License-Identifier: EUPL-1.2
"""What silence means, and when nobody may be judged for it. Pure: `now` is an argument."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Verdict = Literal["deemed", "escalate"]


@dataclass(frozen=True)
class Outage:
    """A time in which the clocks of an office stand still; office None: everybody's. ends_at: excluded."""

    office: str | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Heartbeat:
    """The last sign of life of the whole way to the offices. steady_since: end of the last gap, None without one."""

    beat_at: datetime
    steady_since: datetime | None


@dataclass(frozen=True)
class Pulse:
    """How life is judged. gap: longest silence of ours that is no outage. settle: time to catch up after one."""

    gap: timedelta
    settle: timedelta


def beaten(last: Heartbeat, now: datetime, pulse: Pulse) -> tuple[Heartbeat, tuple[datetime, datetime] | None]:
    """Give the next beat, and the gap before it if it was an outage of ours."""
    if now - last.beat_at <= pulse.gap:
        return Heartbeat(max(now, last.beat_at), last.steady_since), None
    return Heartbeat(now, now), (last.beat_at, now)


def may_judge(last: Heartbeat | None, now: datetime, pulse: Pulse) -> bool:
    """Say whether silence can be told from an outage of ours now: we live, and have caught up since the last gap."""
    if last is None or now - last.beat_at > pulse.gap:
        return False
    return last.steady_since is None or now - last.steady_since >= pulse.settle


def concerning(outages: Iterable[Outage], office: str) -> list[tuple[datetime, datetime]]:
    """Give the outages that stop this office's clock: its own and the platform's."""
    return [(one.starts_at, one.ends_at) for one in outages if one.office in (None, office)]


def open_now(outages: Iterable[Outage], office: str, now: datetime) -> bool:
    """Say whether the office, or the platform, is out at this moment."""
    return any(one.office in (None, office) and one.starts_at <= now < one.ends_at for one in outages)


def verdict(on_silence: str | None, risk: str | None) -> Verdict:
    """Say what silence past the deadline means: deemed approval where the list says so, and never at a high risk."""
    return "deemed" if on_silence == "deemed" and risk in ("low", "medium") else "escalate"
