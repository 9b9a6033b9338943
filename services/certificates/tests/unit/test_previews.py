# SPDX-License-Identifier: EUPL-1.2
"""Rules of previews: clocks, pieces, ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from certificates import domain
from certificates.domain import Preview, Seen
from certificates.errors import InvalidRequest, PreviewNotOpened, PreviewOver

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SEEN = Seen("0197a0b0-0000-7000-8000-0000000000aa", 3)
DECIDING = timedelta(minutes=40)
PREVIEW = Preview(
    id="0197a0b0-0000-7000-8000-000000000001", office="1", subject="s", request_id="r", event_id="e", exchange_id="x",
    asker="2", type="title", purpose="p", basis="request", case_id="c", step="e/s", ask=b"{}",
    deadline=NOW + timedelta(hours=1), state="waiting", until=NOW + timedelta(minutes=15), made_at=NOW,
)  # fmt: skip


def test_her_time_to_decide_starts_with_the_first_look_and_a_second_adds_none() -> None:
    first = domain.opened(PREVIEW, SEEN, NOW + timedelta(minutes=5), DECIDING)
    assert (first.state, first.until) == ("opened", NOW + timedelta(minutes=45))
    again = domain.opened(first, Seen("other", 1), NOW + timedelta(minutes=30), DECIDING)
    assert (again.until, again.opened_at, again.seen) == (first.until, first.opened_at, Seen("other", 1))


def test_no_clock_goes_past_the_moment_that_the_asker_waits_for() -> None:
    late = replace(PREVIEW, deadline=NOW + timedelta(minutes=20))
    assert domain.opened(late, SEEN, NOW + timedelta(minutes=10), DECIDING).until == late.deadline


@pytest.mark.parametrize(
    ("state", "until", "deadline", "told"),
    [
        ("waiting", 15, 60, ("clock.opening", "NOT_OPENED")),
        ("opened", 40, 60, ("clock.deciding", "NOT_DECIDED")),
        ("opened", 60, 60, ("clock.holder", "PAST_DEADLINE")),
    ],
)
def test_the_journal_knows_which_clock_ran_out(state: str, until: int, deadline: int, told: tuple[str, str]) -> None:
    ends, last = NOW + timedelta(minutes=until), NOW + timedelta(minutes=deadline)
    over = replace(PREVIEW, state=state, until=ends, deadline=last)  # type: ignore[arg-type]
    assert domain.overdue_rule(over) == told


def test_a_decision_needs_a_look_and_its_time() -> None:
    with pytest.raises(PreviewNotOpened):
        domain.check_decidable(PREVIEW, NOW)
    looked = domain.opened(PREVIEW, SEEN, NOW, DECIDING)
    domain.check_decidable(looked, looked.until)
    with pytest.raises(PreviewOver):
        domain.check_decidable(looked, looked.until + timedelta(seconds=1))
    with pytest.raises(PreviewOver):
        domain.check_decidable(domain.decided(looked, ["place"]), NOW)


def test_a_preview_whose_time_is_over_is_shown_as_over_before_anybody_swept() -> None:
    assert PREVIEW.shown_state(PREVIEW.until) == "waiting"
    assert PREVIEW.shown_state(PREVIEW.until + timedelta(seconds=1)) == "expired"
    assert domain.decided(PREVIEW, ["place"]).shown_state(PREVIEW.until + timedelta(days=1)) == "released"


def test_what_may_go_is_in_the_order_in_which_it_was_shown() -> None:
    shown = ["place", "use", "number"]
    assert domain.accepted(shown, [("number", True), ("use", False), ("place", True)]) == ["place", "number"]
    assert domain.accepted(shown, [(name, False) for name in shown]) == []


@pytest.mark.parametrize(
    ("decisions", "wrong"),
    [
        ([("place", True)], [("/items", "MISSING")]),
        ([("place", True), ("use", True), ("use", False)], [("/items/2/id", "REPEATED")]),
        ([("place", True), ("use", True), ("age", True)], [("/items/2/id", "UNKNOWN")]),
        ([("age", True), ("place", True), ("place", True)], [("/items/0/id", "UNKNOWN"), ("/items/2/id", "REPEATED")]),
    ],
)
def test_every_piece_is_decided_once(decisions: list[tuple[str, bool]], wrong: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        domain.accepted(["place", "use"], decisions)
    assert [(error.pointer, error.code) for error in refused.value.errors] == wrong


def test_all_declined_is_a_refusal_of_hers() -> None:
    assert (domain.decided(PREVIEW, []).state, domain.decided(PREVIEW, []).code) == ("declined", "DECLINED_BY_CITIZEN")
