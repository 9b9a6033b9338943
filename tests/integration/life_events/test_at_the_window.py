# SPDX-License-Identifier: EUPL-1.2
"""A couple registers at the counter of civil affairs: the same steps, figures and receipts as by their app."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from contracts.cases import CaseView, Plan
from contracts.ledger import ReceiptView
from local_stack.offices import CIVIL_AFFAIRS
from local_stack.town import Town, until
from tongban import Citizen, Office
from tongban.applicant import Applicant

EVENT = "marriage"
WORDS: dict[str, Any] = {"presence": True, "declarationOfBoth": True, "signaturesOfBoth": True}
CLERK = "counter-3"
Opened = Callable[[str], Awaitable[Office]]
Way = tuple[Plan, CaseView, CaseView]


async def as_far_as_the_clerk(town: Town, by: Applicant) -> Way:
    """Plan, apply, wait until civil affairs has everything before it, and think better of it."""
    plan = await by.plan(EVENT)
    handle = await by.handle(town.numbers["driver"])
    case_id = (await by.open_case(EVENT, subjects={"other": [handle]}, data=WORDS)).case_id

    async def before_the_clerk() -> CaseView | None:
        view = await by.case(case_id)
        return view if any(one.step == f"{EVENT}/m2" and one.state == "tasked" for one in view.steps) else None

    tasked = await until(before_the_clerk, "the status check to lie before civil affairs", 60)
    return plan, tasked, await by.withdraw(case_id, reason="not today")


def without_ids_and_times(way: Way) -> list[dict[str, Any]]:
    said = [one.model_dump() for one in way]
    for case in said[1:]:
        for name in ("case_id", "opened_at", "closed_at"):
            del case[name]
        for step in case["steps"]:
            del step["certificate_id"], step["deadline"]
    return said


async def receipts_of(owner: Citizen, case_id: str) -> list[ReceiptView]:
    """Wait until all that was asked about her for a case is verified: it was withdrawn, so nothing more comes."""

    async def there() -> list[ReceiptView] | None:
        found = [one for one in (await owner.all_receipts()).receipts if one.case_id == case_id]
        asked = {(one.leaf.type, one.leaf.side) for one in found}
        whole = {(kind, "asker") for kind in ("citizen", "marriage", "judgment")} <= asked
        return found if whole and all(one.verified for one in found) else None

    return await until(there, f"verified receipts of {case_id}", 60)


def sides(receipts: list[ReceiptView]) -> Counter[str]:
    said = Counter[str]()
    for one in receipts:
        leaf = one.leaf
        words = [leaf.side, leaf.decision, leaf.purpose, leaf.legal_basis, leaf.type, leaf.fields, leaf.provider]
        said[repr([*words, leaf.service, leaf.code, leaf.writer, leaf.asker, one.step, one.clerk])] += 1
    return said


async def test_a_couple_at_the_counter_goes_the_way_of_the_app(town: Town, desk: Opened) -> None:
    civil = await desk("civil-affairs")
    async with Citizen(town.target.url, "teacher") as teacher:
        by_app = await as_far_as_the_clerk(town, teacher)
        since = datetime.now(UTC)
        code = (await teacher.confirm_code(CIVIL_AFFAIRS)).code
        async with civil.window(number=town.numbers["teacher"], code=code, clerk=CLERK) as at_the_window:
            by_window = await as_far_as_the_clerk(town, at_the_window)
        assert without_ids_and_times(by_app) == without_ids_and_times(by_window)
        assert by_window[2].state == "withdrawn"
        of_app, of_window = [await receipts_of(teacher, way[1].case_id) for way in (by_app, by_window)]
        assert sides(of_app) == sides(of_window)
        looks = [one for one in (await teacher.all_receipts()).receipts if one.leaf.purpose == "own-case"]
        assert {one.clerk for one in looks if one.leaf.time >= since} == {CLERK}
        assert {one.clerk for one in looks if one.leaf.time < since} == {None}
