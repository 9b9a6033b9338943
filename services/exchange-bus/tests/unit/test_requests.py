# SPDX-License-Identifier: EUPL-1.2
"""Rules of an evidence request that need nothing but their arguments."""

from datetime import UTC, datetime, timedelta

import pytest

from exchange_bus.domain.requests import Look, choose_holder, clocks_fit, decision, holder_deadline, look_of, outcome

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_with_one_listed_source_the_request_goes_there_though_the_directory_is_silent() -> None:
    assert choose_holder(["land"], set(), only_source=True) == "land"


def test_of_several_sources_the_first_that_is_known_to_hold_it_is_asked() -> None:
    assert choose_holder(["land", "housing", "court"], {"court", "housing"}, only_source=False) == "housing"


def test_of_several_sources_none_is_asked_at_a_guess() -> None:
    assert choose_holder(["land", "housing"], set(), only_source=False) is None


def test_nobody_is_asked_who_is_not_listed_and_granted() -> None:
    assert choose_holder([], {"land"}, only_source=True) is None
    assert choose_holder(["housing"], {"land"}, only_source=False) is None


@pytest.mark.parametrize(
    ("left", "holders"),
    [(timedelta(minutes=10), timedelta(minutes=9)), (timedelta(seconds=10), timedelta(seconds=8))],
)
def test_the_holder_has_less_time_than_the_asker(left: timedelta, holders: timedelta) -> None:
    assert holder_deadline(NOW, NOW + left) == NOW + holders


@pytest.mark.parametrize(
    ("left", "fits"),
    [
        (timedelta(seconds=0), False),
        (timedelta(seconds=1), True),
        (timedelta(days=30), True),
        (timedelta(days=31), False),
        (timedelta(days=-1), False),
    ],
)
def test_a_deadline_lies_ahead_and_not_too_far(left: timedelta, fits: bool) -> None:
    assert clocks_fit(NOW, NOW + left) is fits


def test_an_answer_without_an_outcome_is_no_answer() -> None:
    assert outcome({"outcome": "answered"}) == ("answered", None)
    assert outcome({"outcome": "refused", "code": "NOT_MATCHED"}) == ("refused", "NOT_MATCHED")
    assert outcome({}) == ("refused", "HOLDER_FAILED")


def test_no_match_moves_nothing_and_is_no_refusal() -> None:
    assert decision("answered", None) == ("released", None)
    assert decision("refused", "NOT_MATCHED") == ("empty", None)
    assert decision("refused", "NO_GRANT") == ("refused", "NO_GRANT")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"previewid": "x", "previewuntil": "2026-11-24T09:00:00Z"},
        {"previewid": "0197A3C2-0000-7000-8000-00000000000A"},
        {"previewid": "0197A3C2-0000-7000-8000-00000000000A", "previewuntil": "soon"},
        {"previewid": "0197A3C2-0000-7000-8000-00000000000A", "previewuntil": "2026-11-24T09:00:00"},
    ],
)
def test_a_first_answer_without_a_place_and_a_moment_says_nothing(said: dict[str, str]) -> None:
    assert look_of(said, "certificates-1") is None


def test_where_a_person_looks_is_read_as_it_is_kept() -> None:
    said = {"previewid": "0197A3C2-0000-7000-8000-00000000000A", "previewuntil": "2026-11-24T09:00:00.000Z"}
    look = look_of(said, "certificates-1")
    assert look == Look("0197a3c2-0000-7000-8000-00000000000a", "certificates-1", datetime(2026, 11, 24, 9, tzinfo=UTC))
