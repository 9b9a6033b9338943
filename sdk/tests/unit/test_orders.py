# SPDX-License-Identifier: EUPL-1.2
"""Approving a task: which of its orders, for whom, on which promise, under which key."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.envelopes import IssueOrder, Task
from tongban import NotBelieved, Problem

Answers = Callable[..., Any]
FIRM, OTHER, MARKET = "119999000000000941", "11999900000000107N", "1199990000000006XB"
ALIAS = "a.b.c.d.e"
FROM = date(2026, 11, 24)


def task(new_id: Callable[[], str], *issues: IssueOrder) -> Task:
    return Task(
        task_id=new_id(), case_id=new_id(), step="open-restaurant/r5", service="fire-check", mode="review",
        deadline=datetime(2026, 12, 1, tzinfo=UTC), subject=ALIAS, input={}, needs=[], issues=list(issues),
        case_proof="a.b.c",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def deployment(country: Any) -> None:
    """The deployment that answers for market regulation."""
    country.system("certificates-1", MARKET, [MARKET], "certificates")


@pytest.fixture
def issued(answered: Answers, new_id: Callable[[], str]) -> Any:
    """An answer to an issue."""
    return answered({"certificateId": new_id(), "version": 1, "licenceId": "1.2.156", "status": "01"}, 201)


async def test_each_order_of_a_task_has_its_own_key_and_holder(country: Any, issued: Any, new_id: Any) -> None:
    ordered = task(
        new_id,
        IssueOrder(type="tax-registration", to="business", organisation=FIRM),
        IssueOrder(type="staff-card", to="staff", holder=ALIAS),
    )
    country.answers = [issued, issued]
    async with country.office() as office:
        await office.approve(ordered, {"number": "1"}, "staff-card", valid_from=FROM)
        await office.approve(ordered, {"number": "2"}, "tax-registration", valid_from=FROM)
    second, first = country.calls("/v1/certificates")
    assert first.headers["idempotency-key"] == f"task-{ordered.task_id}"
    assert second.headers["idempotency-key"] == f"task-{ordered.task_id}-2"
    assert json.loads(first.body)["holder"] == {"organisation": FIRM}
    assert json.loads(second.body)["holder"] == {"alias": ALIAS}


async def test_what_is_owed_after_silence_has_keys_of_its_own(country: Any, issued: Any, new_id: Any) -> None:
    first = task(new_id, IssueOrder(type="tax-registration", to="business", organisation=FIRM))
    owed = first.model_copy(update={"deemed": True})
    country.answers = [issued, issued]
    async with country.office() as office:
        for ordered in (first, owed):
            await office.approve(ordered, {"number": "1"}, valid_from=FROM)
    keys = [call.headers["idempotency-key"] for call in country.calls("/v1/certificates")]
    assert keys == [f"task-{first.task_id}", f"task-{first.task_id}-owed"]


async def test_a_task_that_founds_an_organisation_needs_its_code(country: Any, issued: Any, new_id: Any) -> None:
    founding = task(new_id, IssueOrder(type="business-licence", to="business"))
    country.answers = [issued]
    async with country.office() as office:
        with pytest.raises(NotBelieved, match="TASK_FOUNDS_ORGANISATION"):
            await office.approve(founding, {}, valid_from=FROM)
        await office.approve(founding, {}, organisation=FIRM, valid_from=FROM)
    [sent] = country.calls("/v1/certificates")
    assert json.loads(sent.body)["holder"] == {"organisation": FIRM}
    assert json.loads(sent.body)["task"]["taskId"] == founding.task_id


async def test_what_rests_on_a_promise_is_issued_on_it(country: Any, issued: Any, new_id: Any) -> None:
    due = date(2026, 12, 22)
    promised = task(new_id, IssueOrder(type="fire-check", to="b", organisation=FIRM, provisional=due))
    country.answers = [issued, issued]
    async with country.office() as office:
        await office.approve(promised, {}, valid_from=FROM)
        await office.approve(promised, {}, valid_from=FROM, provisional=["Two exits are kept free."])
    silent, said = (json.loads(sent.body)["provisional"] for sent in country.calls("/v1/certificates"))
    assert (silent["checkBy"], len(silent["conditions"])) == ("2026-12-22", 1)
    assert said == {"conditions": ["Two exits are kept free."], "checkBy": "2026-12-22"}


async def test_a_change_that_a_task_asks_for_names_the_holder_and_the_new_values(
    country: Any, issued: Any, new_id: Any
) -> None:
    asked = task(new_id, IssueOrder(type="household", to="one", holder=ALIAS, amends=True))
    country.answers = [issued]
    async with country.office() as office:
        await office.approve(asked, {"spouse": "x"}, valid_from=FROM)
    [sent] = country.calls("/v1/certificates/amendments")
    body = json.loads(sent.body)
    assert (body["holder"], body["changes"], body["type"]) == ({"alias": ALIAS}, {"spouse": "x"}, "household")
    assert sent.headers["idempotency-key"] == f"task-{asked.task_id}"


async def test_where_there_is_nothing_to_change_yet_the_first_one_is_made(
    country: Any, issued: Any, refused: Any, new_id: Any
) -> None:
    asked = task(new_id, IssueOrder(type="household", to="mover", holder=ALIAS, amends=True))
    country.answers = [refused("NOT_FOUND", 404), issued, refused("NOT_FOUND", 404)]
    async with country.office() as office:
        await office.approve(asked, {"address": "x"}, valid_from=FROM, or_new=True, ruling="case 7")
        with pytest.raises(Problem) as none:
            await office.approve(asked, {"address": "x"}, valid_from=FROM)
    [sent] = country.calls("/v1/certificates")
    body = json.loads(sent.body)
    assert (body["holder"], body["claims"], body["ruling"]) == ({"alias": ALIAS}, {"address": "x"}, "case 7")
    assert sent.headers["idempotency-key"] == f"task-{asked.task_id}-new"
    assert none.value.code == "NOT_FOUND"


async def test_what_is_true_of_all_or_nobody_goes_in_one_call(country: Any, answered: Answers, new_id: Any) -> None:
    both = task(new_id, *(IssueOrder(type="marriage", to=to, holder=ALIAS) for to in ("one", "other")))
    one = {"certificateId": new_id(), "version": 1, "licenceId": "1.2.156", "status": "01"}
    country.answers = [answered({"certificates": [one, one]}, 201)]
    async with country.office() as office:
        made = await office.approve_together(both, [{"number": "1"}, {"number": "2"}], valid_from=FROM)
    [sent] = country.calls("/v1/certificates/together")
    assert [order["claims"] for order in json.loads(sent.body)["orders"]] == [{"number": "1"}, {"number": "2"}]
    assert sent.headers["idempotency-key"] == f"task-{both.task_id}"
    assert len(made) == 2


@pytest.mark.parametrize(
    ("orders", "more", "code"),
    [
        ([], {}, "TASK_ISSUES_OTHERWISE"),
        ([IssueOrder(type="x", to="b", holder=ALIAS)], {"type": "y"}, "TASK_ISSUES_OTHERWISE"),
        ([IssueOrder(type="x", to=to, holder=ALIAS) for to in "ab"], {}, "TASK_ISSUES_OTHERWISE"),
        ([IssueOrder(type="x", to="b", holder=ALIAS)], {"organisation": FIRM}, "TASK_ISSUES_OTHERWISE"),
        ([IssueOrder(type="x", to="b", organisation=FIRM)], {"organisation": OTHER}, "TASK_ISSUES_OTHERWISE"),
        ([IssueOrder(type="x", to="b", holder=ALIAS)], {"provisional": ["p"]}, "TASK_ISSUES_OTHERWISE"),
    ],
)
async def test_what_a_task_does_not_ask_for_is_not_issued(
    country: Any, new_id: Any, orders: list[IssueOrder], more: dict[str, Any], code: str
) -> None:
    async with country.office() as office:
        with pytest.raises(NotBelieved) as refused:
            await office.approve(task(new_id, *orders), {}, valid_from=FROM, **more)
    assert refused.value.code == code
    assert country.calls("/v1/certificates") == []
