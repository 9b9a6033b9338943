# SPDX-License-Identifier: EUPL-1.2
"""When silence may be judged, and what it means."""

from datetime import UTC, datetime, timedelta

import pytest

from cases.domain.clocks import Heartbeat, Outage, Pulse, beaten, concerning, may_judge, open_now, verdict

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
PULSE = Pulse(gap=timedelta(seconds=60), settle=timedelta(seconds=30))
SECOND = timedelta(seconds=1)


def test_a_beat_in_time_follows_the_last_without_an_outage() -> None:
    assert beaten(Heartbeat(NOW - 60 * SECOND, None), NOW, PULSE) == (Heartbeat(NOW, None), None)


def test_a_gap_that_is_too_long_is_an_outage_from_the_last_beat_to_this_one() -> None:
    last = Heartbeat(NOW - 61 * SECOND, None)
    assert beaten(last, NOW, PULSE) == (Heartbeat(NOW, NOW), (last.beat_at, NOW))


def test_a_wall_clock_that_was_set_back_makes_no_outage() -> None:
    last = Heartbeat(NOW + 5 * SECOND, None)
    assert beaten(last, NOW, PULSE) == (last, None)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, False),
        (Heartbeat(NOW - 61 * SECOND, None), False),
        (Heartbeat(NOW - 60 * SECOND, None), True),
        (Heartbeat(NOW, NOW - 29 * SECOND), False),
        (Heartbeat(NOW, NOW - 30 * SECOND), True),
    ],
)
def test_nobody_is_judged_while_we_are_out_or_just_back(last: Heartbeat | None, expected: bool) -> None:
    assert may_judge(last, NOW, PULSE) is expected


def test_the_platforms_outage_stops_every_clock_and_an_offices_only_its_own() -> None:
    ours, theirs = Outage(None, NOW, NOW + SECOND), Outage("tax", NOW, NOW + 2 * SECOND)
    assert concerning([ours, theirs], "tax") == [(NOW, NOW + SECOND), (NOW, NOW + 2 * SECOND)]
    assert concerning([ours, theirs], "fire") == [(NOW, NOW + SECOND)]


def test_an_outage_is_open_from_its_first_moment_to_before_its_last() -> None:
    outage = Outage("tax", NOW, NOW + SECOND)
    assert open_now([outage], "tax", NOW)
    assert not open_now([outage], "tax", NOW + SECOND)
    assert not open_now([outage], "fire", NOW)
    assert open_now([Outage(None, NOW, NOW + SECOND)], "fire", NOW)


@pytest.mark.parametrize(
    ("on_silence", "risk", "expected"),
    [
        ("deemed", "low", "deemed"),
        ("deemed", "medium", "deemed"),
        ("deemed", "high", "escalate"),
        ("escalate", "low", "escalate"),
        (None, None, "escalate"),
    ],
)
def test_silence_is_consent_only_where_the_list_says_so_and_nobody_can_come_to_harm(
    on_silence: str | None, risk: str | None, expected: str
) -> None:
    assert verdict(on_silence, risk) == expected
