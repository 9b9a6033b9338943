# SPDX-License-Identifier: EUPL-1.2
"""Working days: weekends, holidays, make-up days, year ends, and clocks that stand still."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalogue import Calendar, Catalogue
from contracts.catalogue.calendar import (
    Span,
    add_working_days,
    add_working_time,
    extended,
    is_working_day,
    start_of,
    working_day,
    working_time,
)

DAY = timedelta(days=1)
SPRING = Calendar(
    kind="calendar",
    id="working-days",
    from_=date(2026, 1, 1),
    # The Spring Festival from Sunday to Monday week, made up for on two Saturdays; and New Year's Day.
    holidays=[date(2026, 2, 15) + timedelta(days=n) for n in range(9)] + [date(2027, 1, 1)],
    workdays=[date(2026, 2, 14), date(2026, 2, 28)],
    law="Demo",
)
HOUR = timedelta(hours=1)
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them bare
CALENDARS = st.one_of(
    st.none(),
    st.just(SPRING),
    st.builds(
        lambda off, on: SPRING.model_copy(update={"holidays": sorted(off), "workdays": sorted(on)}),
        st.sets(DAYS, max_size=40),
        st.sets(DAYS, max_size=40),
    ),
)


def at(day: int, hour: int = 0, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 2, 13), True),  # Friday
        (date(2026, 2, 14), True),  # Saturday that makes up
        (date(2026, 2, 16), False),  # Monday of the festival
        (date(2026, 2, 24), True),  # Tuesday after it
        (date(2026, 2, 21), False),  # Saturday
    ],
)
def test_make_up_days_count_and_holidays_do_not(day: date, expected: bool) -> None:
    assert is_working_day(day, SPRING) is expected


def test_without_a_calendar_weekdays_are_working_days() -> None:
    assert [is_working_day(date(2026, 11, 23) + timedelta(days=n), None) for n in range(7)] == [True] * 5 + [False] * 2


def test_five_days_from_a_tuesday_end_with_the_next_tuesday() -> None:
    assert add_working_days(at(24, 9), 5, None) == at(2, month=12)
    assert add_working_days(at(24, 23, 59), 5, None) == add_working_days(at(24), 5, None)


def test_days_that_begin_on_a_weekend_count_from_monday() -> None:
    assert working_day(date(2026, 11, 28), 1, None) == date(2026, 11, 30)
    assert working_day(date(2026, 11, 28), 0, None) == date(2026, 11, 30)
    assert working_day(date(2026, 11, 27), 0, None) == date(2026, 11, 27)


def test_the_festival_is_left_out_and_its_make_up_day_counts() -> None:
    assert working_day(date(2026, 2, 13), 1, SPRING) == date(2026, 2, 14)
    assert working_day(date(2026, 2, 13), 2, SPRING) == date(2026, 2, 24)


def test_a_deadline_passes_the_end_of_the_year() -> None:
    assert working_day(date(2026, 12, 30), 2, SPRING) == date(2027, 1, 4)
    assert add_working_days(date(2026, 12, 30), 1, SPRING) == datetime(2027, 1, 1, tzinfo=UTC)


def days_between(first: date, last: date, calendar: Calendar | None) -> timedelta:
    """Give the working time after the day *first*, up to and with the day *last*: whole days."""
    return working_time(start_of(first + DAY), start_of(last + DAY), calendar)


def test_the_working_time_between_two_days_is_whole_working_days() -> None:
    assert days_between(date(2026, 11, 24), date(2026, 11, 24), None) == timedelta()
    assert days_between(date(2026, 11, 24), date(2026, 11, 25), None) == DAY
    assert days_between(date(2026, 2, 13), date(2026, 2, 28), SPRING) == 6 * DAY
    assert days_between(date(2026, 11, 25), date(2026, 11, 24), None) == timedelta()


def test_a_moment_with_another_zone_belongs_to_its_day_of_utc() -> None:
    east = datetime.fromisoformat("2026-11-25T07:00:00+08:00")
    assert add_working_days(east, 1, None) == at(26)


def test_an_outage_moves_the_deadline_by_exactly_its_working_time() -> None:
    deadline = add_working_days(at(24, 9), 5, None)
    assert extended(at(24, 9), deadline, [(at(25, 9), at(25, 12))], None) == deadline + 3 * HOUR


def test_an_outage_at_the_weekend_moves_nothing() -> None:
    deadline = add_working_days(at(24, 9), 5, None)
    assert extended(at(24, 9), deadline, [(at(28, 1), at(29, 5))], None) == deadline


def test_what_is_added_behind_a_friday_is_monday() -> None:
    deadline = add_working_days(at(24, 9), 3, None)
    assert deadline == at(28)
    assert extended(at(24, 9), deadline, [(at(27, 22), at(29, 5))], None) == at(30, 2)


def test_an_outage_before_the_clock_or_after_its_end_moves_nothing() -> None:
    deadline = add_working_days(at(24, 9), 5, None)
    assert extended(at(24, 9), deadline, [(at(23), at(24, 9)), (deadline, deadline + HOUR)], None) == deadline


def test_only_what_overlaps_the_clock_counts() -> None:
    deadline = add_working_days(at(24, 9), 5, None)
    assert extended(at(24, 9), deadline, [(at(24, 7), at(24, 10))], None) == deadline + HOUR


def test_two_outages_at_once_count_once_and_one_in_the_added_time_counts_too() -> None:
    deadline = add_working_days(at(24, 9), 5, None)
    twice = [(at(25, 10), at(25, 12)), (at(25, 9), at(25, 11))]
    assert extended(at(24, 9), deadline, twice, None) == deadline + 3 * HOUR
    late = (deadline + HOUR, deadline + 2 * HOUR)
    assert extended(at(24, 9), deadline, [late, *twice], None) == deadline + 4 * HOUR


def test_an_outage_that_still_lasts_at_the_deadline_leaves_what_was_left() -> None:
    deadline = add_working_days(at(24, 9), 5, None)
    assert extended(at(24, 9), deadline, [(deadline - HOUR, deadline + 5 * HOUR)], None) == deadline + 6 * HOUR


def test_a_release_gives_its_calendar_in_force() -> None:
    catalogue = Catalogue(1, [SPRING, SPRING.model_copy(update={"version": 2, "holidays": []})])
    found = catalogue.calendar(date(2026, 5, 1))
    assert found is not None
    assert found.version == 2
    assert catalogue.calendar(date(2025, 5, 1)) is None


@given(DAYS, st.integers(1, 60), CALENDARS)
def test_the_nth_working_day_is_n_working_days_away(day: date, n: int, calendar: Calendar | None) -> None:
    found = working_day(day, n, calendar)
    assert is_working_day(found, calendar)
    assert days_between(day, found, calendar) == n * DAY
    assert working_day(day, n + 1, calendar) > found


@given(MOMENTS, st.integers(1, 30), CALENDARS)
def test_a_deadline_is_a_midnight_after_a_working_day(start: datetime, n: int, calendar: Calendar | None) -> None:
    deadline = add_working_days(start, n, calendar)
    assert deadline > start
    assert deadline == start_of(deadline.date())
    assert is_working_day(deadline.date() - timedelta(days=1), calendar)


@given(DAYS, DAYS, DAYS, CALENDARS)
def test_working_days_add_up(one: date, two: date, three: date, calendar: Calendar | None) -> None:
    first, middle, last = sorted([one, two, three])
    whole = days_between(first, last, calendar)
    assert whole == days_between(first, middle, calendar) + days_between(middle, last, calendar)


@given(MOMENTS, st.timedeltas(timedelta(), timedelta(days=20)), CALENDARS)
def test_working_time_that_is_added_is_what_passes(
    start: datetime, amount: timedelta, calendar: Calendar | None
) -> None:
    assert working_time(start, add_working_time(start, amount, calendar), calendar) == amount


SPANS = st.lists(
    st.builds(lambda start, length: (start, start + length), MOMENTS, st.timedeltas(timedelta(), timedelta(days=9))),
    max_size=5,
)


@given(MOMENTS, st.integers(1, 20), SPANS, CALENDARS)
def test_a_clock_that_stood_still_still_gives_its_whole_time(
    start: datetime, n: int, outages: list[Span], calendar: Calendar | None
) -> None:
    base = add_working_days(start, n, calendar)
    late = extended(start, base, outages, calendar)
    stood = _standing(start, late, outages, calendar)
    assert working_time(start, late, calendar) - stood == working_time(start, base, calendar)


def _standing(since: datetime, until: datetime, outages: list[Span], calendar: Calendar | None) -> timedelta:
    """Count the working time of outages between two moments, cut at every edge."""
    edges = sorted({since, until, *(moment for span in outages for moment in span if since < moment < until)})
    total = timedelta()
    for first, last in pairwise(edges):
        if any(start <= first and last <= end for start, end in outages):
            total += working_time(first, last, calendar)
    return total


@given(MOMENTS, st.integers(1, 20), SPANS, CALENDARS)
def test_the_order_in_which_outages_were_recorded_does_not_matter(
    start: datetime, n: int, outages: list[Span], calendar: Calendar | None
) -> None:
    base = add_working_days(start, n, calendar)
    assert extended(start, base, outages, calendar) == extended(start, base, outages[::-1], calendar) >= base
