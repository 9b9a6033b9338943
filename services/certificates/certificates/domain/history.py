# SPDX-License-Identifier: EUPL-1.2
"""What was so on a day, as far as it was known at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from certificates.domain.content import Certificate
from certificates.domain.operations import Operation, Status

_MAKES_VERSION: Final = frozenset({Operation.AMEND, Operation.RENEW})
_ALWAYS: Final = _MAKES_VERSION | {Operation.RESCIND}
"""Operations that hold for every day: a rescinded certificate never should have been, a version begins with its own."""
_LAPSES: Final = frozenset({"01", "02", "99"})


@dataclass(frozen=True, slots=True)
class Done:
    """An operation of the journal. version: the one it acted on, or made. after: that version's status then."""

    version: int
    operation: Operation
    after: Status
    at: datetime


def as_of(
    versions: Sequence[Certificate], operations: Sequence[Done], day: date, recorded_at: datetime
) -> Certificate | None:
    """Give the version that was in force on *day*, with its status on that day, as it was known at *recorded_at*.

    versions: all, the first one first. operations: all, in their order. None: nothing was known, or nothing had begun.
    A version gives way to the next on the day from which that one is valid, not on the day it was written.
    """
    known = [one for one in versions if one.issued_at <= recorded_at and one.valid_from <= day]
    if not known:
        return None
    version = known[-1]
    status: Status = "01"
    for done in operations:
        if done.version != version.version or done.at > recorded_at:
            continue
        if done.operation in _ALWAYS or done.at.astimezone(UTC).date() <= day:
            status = done.after
    lapsed = version.valid_to is not None and version.valid_to < day and status in _LAPSES
    return replace(version, status="05" if lapsed else status)
