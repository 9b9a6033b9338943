# SPDX-License-Identifier: EUPL-1.2
"""What an office may not do with a task or a transfer, whatever it sends and how often."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from certificates import store
from contracts.cases import ProofIssue
from kit import aliases

Body = Callable[..., dict[str, Any]]
WAITS = """SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database
  WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"""


async def transferred_out(house: Any, licence: Body, names: Any) -> str:
    issued = (await house.post(names.market, "/certificates", licence())).json()
    one = str(issued["certificateId"])
    out = await house.post(names.market, f"/certificates/{one}/transfers", {"reason": "x"}, key="out", if_match='"1"')
    assert out.status_code == 201, out.text
    return one


def takeover(licence: Body, names: Any, one: str, number: str, **more: Any) -> dict[str, Any]:
    return licence(
        **{
            "office": names.health,
            "holder": {"subject": names.pseudonym(names.health, "ann")},
            "claims": {"number": number, "place": "x"},
            "transferredFrom": {"office": names.market, "certificateId": one},
            **more,
        }
    )


async def test_of_many_that_take_one_over_at_once_one_succeeds(house: Any, licence: Body, names: Any) -> None:
    one = await transferred_out(house, licence, names)
    answers = await asyncio.gather(
        *(
            house.post(names.health, "/certificates", takeover(licence, names, one, f"F-{n}"), key=f"in-{n}")
            for n in range(6)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert {answer.json()["reason"] for answer in answers if answer.status_code == 409} == {"NOT_TRANSFERRED_OUT"}


async def test_one_certificate_is_not_taken_over_twice_together(house: Any, licence: Body, names: Any) -> None:
    one = await transferred_out(house, licence, names)
    orders = [takeover(licence, names, one, f"F-{n}") for n in range(2)]
    answer = await house.post(names.health, "/certificates/together", {"orders": orders}, key="in")
    assert (answer.status_code, answer.json().get("reason")) == (409, "NOT_TRANSFERRED_OUT"), answer.text
    assert len(await house.rows("SELECT id FROM certificate")) == 1


async def test_a_certificate_of_another_deployment_is_taken_over_once(house: Any, licence: Body, names: Any) -> None:
    former = {"office": names.tax, "certificateId": str(names.zero)}
    first = await house.post(names.market, "/certificates", licence(transferredFrom=former))
    assert first.status_code == 201
    again = licence(transferredFrom=former, claims={"number": "F-2", "place": "x"})
    second = await house.post(names.market, "/certificates", again, key="2")
    assert (second.status_code, second.json().get("reason")) == (409, "NOT_TRANSFERRED_OUT"), second.text


async def test_only_the_same_type_and_organisation_come_by_transfer(house: Any, licence: Body, names: Any) -> None:
    issued = (await house.post(names.market, "/certificates", licence(holder={"organisation": names.tax}))).json()
    one = issued["certificateId"]
    await house.post(names.market, f"/certificates/{one}/transfers", {"reason": "x"}, key="out", if_match='"1"')
    claims = {"result": "fit", "examinedOn": "2026-01-01"}
    other_type = takeover(licence, names, one, "", type="staff-health", claims=claims)
    other_holder = takeover(licence, names, one, "F-1", holder={"organisation": names.land})
    for key, body in (("type", other_type), ("holder", other_holder)):
        answer = await house.post(names.health, "/certificates", body, key=key)
        assert (answer.status_code, answer.json().get("reason")) == (409, "NOT_TRANSFERRED_OUT"), (key, answer.text)
    same = takeover(licence, names, one, "F-1", holder={"organisation": names.tax})
    assert (await house.post(names.health, "/certificates", same, key="same")).status_code == 201


async def test_a_task_gives_one_certificate_of_a_type_to_a_holder_new_or_changed(
    house: Any, licence: Body, names: Any
) -> None:
    alias = house.world.alias(names.market, "ann")
    task = house.world.task(alias)
    before = [
        (await house.post(names.market, "/certificates", licence(claims={"number": n, "place": "x"}), key=n)).json()
        for n in ("F-1", "F-2")
    ]

    async def change(one: str, key: str, task: dict[str, Any]) -> Any:
        body = {
            "claims": {"number": key, "place": "y"}, "validFrom": "2026-01-01", "task": task, "holder": alias,
        }  # fmt: skip
        return await house.post(names.market, f"/certificates/{one}/amendments", body, key=key, if_match='"1"')

    async def issue(number: str, task: dict[str, Any]) -> Any:
        body = licence(holder={"alias": alias}, task=task, claims={"number": number, "place": "x"})
        return await house.post(names.market, "/certificates", body, key=number)

    assert (await change(before[0]["certificateId"], "F-3", task)).status_code == 201
    for answer in (await change(before[1]["certificateId"], "F-4", task), await issue("F-5", task)):
        assert (answer.status_code, answer.json().get("code")) == (409, "TASK_ALREADY_ISSUED"), answer.text
    other = house.world.task(alias)
    assert (await issue("F-6", other)).status_code == 201
    late = await change(before[1]["certificateId"], "F-7", other)
    assert (late.status_code, late.json().get("code")) == (409, "TASK_ALREADY_ISSUED"), late.text


async def test_of_an_issue_and_a_change_for_a_task_at_once_exactly_one_passes(
    house: Any, licence: Body, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias = house.world.alias(names.market, "ann")
    task = house.world.task(alias)
    held = (await house.post(names.market, "/certificates", licence(), key="held")).json()
    looked, go_on, is_used = asyncio.Event(), asyncio.Event(), store.certificates.task_is_used

    async def look_and_wait(*args: Any) -> bool:
        found = await is_used(*args)
        looked.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(store.certificates, "task_is_used", look_and_wait)
    body = {"claims": {"number": "F-3", "place": "y"}, "validFrom": "2026-01-01", "task": task, "holder": alias}
    path = f"/certificates/{held['certificateId']}/amendments"
    change = asyncio.create_task(house.post(names.market, path, body, key="change", if_match='"1"'))
    await looked.wait()
    new = licence(holder={"alias": alias}, task=task, claims={"number": "F-4", "place": "x"})
    issue = asyncio.create_task(house.post(names.market, "/certificates", new, key="issue"))
    while not issue.done() and not await _waits_for_a_task(house):
        await asyncio.wait({issue}, timeout=0.01)
    go_on.set()
    answers = await asyncio.gather(change, issue)
    assert [(a.status_code, a.json().get("code")) for a in answers] == [(201, None), (409, "TASK_ALREADY_ISSUED")]


async def _waits_for_a_task(house: Any) -> bool:
    return bool(await house.rows(WAITS))


async def test_a_task_founds_no_organisation_that_is_somebodys_already(house: Any, licence: Body, names: Any) -> None:
    theirs = licence(holder={"organisation": names.tax})
    assert (await house.post(names.market, "/certificates", theirs, key="theirs")).status_code == 201
    task = house.world.task("", issues=[ProofIssue(type="food-licence", holder=None)])
    claims = {"number": "F-2", "place": "x"}
    body = licence(holder={"organisation": names.tax}, task=task, claims=claims)
    refused = await house.post(names.market, "/certificates", body, key=f"task-{task['taskId']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "ORGANISATION_EXISTS"), refused.text
    named = house.world.task("", issues=[ProofIssue(type="food-licence", holder=aliases.digest(names.tax))])
    lawful = licence(holder={"organisation": names.tax}, task=named, claims=claims)
    assert (await house.post(names.market, "/certificates", lawful, key="named")).status_code == 201
