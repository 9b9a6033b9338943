# SPDX-License-Identifier: EUPL-1.2
"""What was so on a day, as it was known at a moment."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from certificates.domain import Certificate, Done, Holder, Operation, as_of

START = datetime(2026, 1, 10, 9, tzinfo=UTC)
AMENDED = datetime(2026, 3, 5, 9, tzinfo=UTC)
LATER = datetime(2026, 12, 1, tzinfo=UTC)


def version(number: int, issued_at: datetime, valid_from: date, valid_to: date | None = None) -> Certificate:
    return Certificate(
        "id", "o", "title", 1, "code", Holder("p"), "k", {"place": f"place {number}"}, number, 1, "01", "licence",
        valid_from, valid_to, issued_at, "",
    )  # fmt: skip


# Since 1 January; on 5 March it became known that the place is another one since 1 March.
VERSIONS = [version(1, START, date(2026, 1, 1)), version(2, AMENDED, date(2026, 3, 1), date(2026, 6, 30))]
MADE = Done(2, Operation.AMEND, "01", AMENDED)


def seen(day: date, recorded_at: datetime = LATER, *done: Done) -> Any:
    found = as_of(VERSIONS, [MADE, *done], day, recorded_at)
    return found and (found.version, found.status)


@pytest.mark.parametrize(
    ("day", "recorded_at", "answer"),
    [
        (date(2025, 12, 31), LATER, None),
        (date(2026, 1, 1), LATER, (1, "01")),
        (date(2026, 2, 28), LATER, (1, "01")),
        (date(2026, 3, 1), LATER, (2, "01")),
        (date(2026, 3, 1), AMENDED - timedelta(seconds=1), (1, "01")),
        (date(2026, 3, 1), AMENDED, (2, "01")),
        (date(2026, 1, 1), START - timedelta(seconds=1), None),
        (date(2026, 6, 30), LATER, (2, "01")),
        (date(2026, 7, 1), LATER, (2, "05")),
    ],
)
def test_a_day_and_a_moment_decide(day: date, recorded_at: datetime, answer: Any) -> None:
    assert seen(day, recorded_at) == answer


def test_a_status_holds_from_its_day_and_once_it_is_known() -> None:
    at = datetime(2026, 4, 2, 12, tzinfo=UTC)
    suspended = Done(2, Operation.SUSPEND, "02", at)
    back = Done(2, Operation.REINSTATE, "01", at + timedelta(days=10))
    assert seen(date(2026, 4, 1), LATER, suspended, back) == (2, "01")
    assert seen(date(2026, 4, 2), LATER, suspended, back) == (2, "02")
    assert seen(date(2026, 4, 12), LATER, suspended, back) == (2, "01")
    assert seen(date(2026, 4, 20), at, suspended, back) == (2, "02")
    assert seen(date(2026, 4, 2), at - timedelta(seconds=1), suspended, back) == (2, "01")


def test_what_was_rescinded_never_should_have_been() -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    rescinded, revoked = Done(2, Operation.RESCIND, "03", at), Done(2, Operation.REVOKE, "07", at)
    assert seen(date(2026, 3, 10), LATER, rescinded) == (2, "03")
    assert seen(date(2026, 3, 10), at - timedelta(days=1), rescinded) == (2, "01")
    assert seen(date(2026, 3, 10), LATER, revoked) == (2, "01")


def test_an_ended_certificate_does_not_lapse_besides() -> None:
    assert seen(date(2026, 8, 1), LATER, Done(2, Operation.CANCEL, "04", AMENDED)) == (2, "04")
