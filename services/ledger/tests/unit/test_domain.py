# SPDX-License-Identifier: EUPL-1.2
"""What the ledger says is missing."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.domain import GAPS_NAMED, Kept, Slot, advance, is_late, missing_sides

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def receipt(side: str, decision: str, digest: str | None = None, deadline: datetime | None = None) -> Kept:
    return Kept("r", "e", side, decision, NOW, "/zz/o/s", digest, "{}", "/zz/o/s/0", 1, deadline=deadline)


ASKED = receipt("asker", "pending")
GATE = receipt("gate", "pending")
HOLDER = receipt("holder", "released", "d1")
DELIVERED = receipt("delivery", "released", "d1")
LOOK = receipt("view", "released")


@pytest.mark.parametrize(
    ("seen", "missing"),
    [
        ([ASKED, GATE, HOLDER, DELIVERED], []),
        ([ASKED], ["gate"]),
        ([ASKED, GATE], ["holder"]),
        ([ASKED, GATE, HOLDER], ["delivery"]),
        ([GATE, HOLDER, DELIVERED], []),
        ([ASKED, receipt("gate", "refused")], []),
        ([ASKED, GATE, receipt("gate", "refused")], []),
        ([HOLDER, receipt("delivery", "released", "another")], ["delivery"]),
        ([receipt("gateway", "pending")], ["gate", "gateway"]),
        ([receipt("gateway", "pending"), receipt("gateway", "released"), GATE, HOLDER, DELIVERED], []),
        ([receipt("gateway", "pending"), receipt("gateway", "refused")], []),
        ([receipt("gateway", "pending"), receipt("gateway", "pending")], ["gate"]),
        ([receipt("asker", "released", "task")], ["delivery"]),
        ([receipt("view", "released")], []),
        ([receipt("identity", "released")], []),
        ([receipt("holder", "released")], []),
        # Where the person looks first: what she decides, what nobody decides, what is withdrawn, and what crosses that.
        ([ASKED, GATE, LOOK], ["holder"]),
        ([ASKED, GATE, LOOK, LOOK, HOLDER, DELIVERED], []),
        ([ASKED, GATE, LOOK, receipt("holder", "refused", "d2"), receipt("delivery", "refused", "d2")], []),
        ([ASKED, GATE, LOOK, receipt("gate", "refused")], []),
        ([ASKED, GATE, LOOK, receipt("gate", "refused"), HOLDER], ["delivery"]),
        ([ASKED, GATE, LOOK, receipt("gate", "refused"), HOLDER, receipt("delivery", "refused", "d1")], []),
    ],
)
def test_each_side_calls_for_the_next(seen: list[Kept], missing: list[str]) -> None:
    assert missing_sides(seen) == missing


def test_a_skipped_number_is_a_gap_until_it_comes() -> None:
    slot, missing, late = advance(Slot("s", 3), [4, 7])
    assert (slot.last, missing, late) == (7, [5, 6], [])
    slot, missing, late = advance(slot, [5])
    assert (slot.last, missing, late) == (7, [], [5])


def test_numbers_that_arrive_out_of_order_in_one_batch_leave_no_gap() -> None:
    assert advance(Slot("s", 0), [3, 1, 2]) == (Slot("s", 3), [], [])


def test_a_wild_jump_names_a_bounded_number_of_gaps() -> None:
    _, missing, _ = advance(Slot("s", 0), [10_000_000])
    assert len(missing) == GAPS_NAMED


def test_an_exchange_is_late_only_after_its_deadline_and_a_minute() -> None:
    open_until = receipt("gate", "pending", deadline=NOW + timedelta(minutes=5))
    assert not is_late([open_until], NOW + timedelta(minutes=6))
    assert is_late([open_until], NOW + timedelta(minutes=6, seconds=1))
