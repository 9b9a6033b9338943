# SPDX-License-Identifier: EUPL-1.2
"""Working days and working time, by the catalogue's calendar. Pure.

A day is a day of UTC, as everywhere in this house. The day on which something begins isn't counted; a deadline is the
end (24:00) of its last day, written as 00:00 of the day after. Working time is all 24 hours of the working days.
`calendar` None: weekdays from Monday to Friday, without holidays.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from contracts.catalogue.entries import Calendar

Span = tuple[datetime, datetime]
"""From (included) to (excluded); both aware."""

_DAY = timedelta(days=1)
_SATURDAY = 5


def is_working_day(day: date, calendar: Calendar | None) -> bool:
    """Say whether people work on *day*: make-up days first, then holidays, then weekends."""
    if calendar is not None and day in calendar.workdays:
        return True
    if calendar is not None and day in calendar.holidays:
        return False
    return day.weekday() < _SATURDAY


def working_day(start: date | datetime, n: int, calendar: Calendar | None) -> date:
    """Give the *n*-th working day after the day of *start*. n = 0: that day, or the next working one."""
    day = day_of(start)
    if n <= 0:
        while not is_working_day(day, calendar):
            day += _DAY
        return day
    while n > 0:
        day += _DAY
        n -= is_working_day(day, calendar)
    return day


def add_working_days(start: date | datetime, n: int, calendar: Calendar | None) -> datetime:
    """Give the end (24:00) of the *n*-th working day after the day of *start*: a deadline of n working days."""
    return start_of(working_day(start, n, calendar) + _DAY)


def working_time(since: datetime, until: datetime, calendar: Calendar | None) -> timedelta:
    """Give how much of the time from *since* to *until* lies within working days."""
    total, at = timedelta(), since.astimezone(UTC)
    while at < until:
        end = min(start_of(at.date() + _DAY), until)
        if is_working_day(at.date(), calendar):
            total += end - at
        at = end
    return total


def add_working_time(start: datetime, amount: timedelta, calendar: Calendar | None) -> datetime:
    """Give the moment at which *amount* of working time has passed since *start*. Nothing to add: *start* itself."""
    at = start.astimezone(UTC)
    while amount > timedelta():
        end = start_of(at.date() + _DAY)
        if is_working_day(at.date(), calendar):
            if amount <= end - at:
                return at + amount
            amount -= end - at
        at = end
    return at


def extended(since: datetime, deadline: datetime, outages: Iterable[Span], calendar: Calendar | None) -> datetime:
    """Give the deadline of a clock that began at *since* and stood still during *outages*, in any order.

    It grows by exactly the working time of those outages in which the clock would have run; what overlaps counts once,
    and so does what falls into the time that an earlier one added.
    """
    for start, end in _merged(outages):
        if start >= deadline:
            break
        lost = working_time(max(start, since), end, calendar)
        deadline = add_working_time(deadline, lost, calendar)
    return deadline


def start_of(day: date) -> datetime:
    """Give 00:00 of *day*."""
    return datetime.combine(day, time(), UTC)


def day_of(moment: date | datetime) -> date:
    """Give the day of a moment; a day is its own."""
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


def _merged(spans: Iterable[Span]) -> Sequence[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
