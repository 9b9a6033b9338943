# SPDX-License-Identifier: EUPL-1.2
"""What is true of all or of nobody, as a marriage, is issued in one commit."""

import asyncio
from collections.abc import Callable
from typing import Any

Body = Callable[..., dict[str, Any]]


async def together(house: Any, names: Any, *orders: dict[str, Any], key: str = "k") -> Any:
    return await house.post(names.land, "/certificates/together", {"orders": list(orders)}, key=key)


async def kept(house: Any) -> list[str]:
    """Give the holders of all certificates that stand."""
    return [row["subject"] for row in await house.rows("SELECT subject FROM certificate ORDER BY subject")]


async def test_each_holder_has_one_and_each_is_announced(house: Any, title: Body, names: Any) -> None:
    answer = await together(house, names, title("ann"), title("bob"))
    assert answer.status_code == 201, answer.text
    ids = [one["certificateId"] for one in answer.json()["certificates"]]
    facts = await house.said("certificates.certificate.v1")
    assert sorted(fact["key"] for fact in facts) == sorted(ids)
    again = await together(house, names, title("ann"), title("bob"))
    assert again.content == answer.content
    assert len(await kept(house)) == 2


async def test_where_one_has_it_already_nobody_gets_any(house: Any, title: Body, names: Any) -> None:
    await house.post(names.land, "/certificates", title("bob"), key="before")
    refused = await together(house, names, title("ann"), title("bob"))
    assert (refused.status_code, refused.json()["code"]) == (409, "TRANSITION_NOT_ALLOWED")
    assert await kept(house) == [names.pseudonym(names.land, "bob")]
    assert len(await house.said("certificates.certificate.v1")) == 1


async def test_of_two_counters_with_one_person_in_common_exactly_one_succeeds(
    house: Any, title: Body, names: Any
) -> None:
    pairs = [("ann", "bob"), ("bob", "cyd"), ("dan", "bob"), ("bob", "eve")]
    answers = await asyncio.gather(*(together(house, names, title(a), title(b), key=f"{a}-{b}") for a, b in pairs))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    won = pairs[[answer.status_code for answer in answers].index(201)]
    assert await kept(house) == sorted(names.pseudonym(names.land, person) for person in won)


async def test_all_are_of_one_office_and_one_task(house: Any, title: Body, names: Any) -> None:
    odd = await together(house, names, title("ann"), title("bob", office=names.market))
    assert (odd.status_code, odd.json()["errors"][0]) == (
        400, {"pointer": "/orders/1", "code": "NOT_OF_ONE_TASK"},
    )  # fmt: skip
    alias = house.world.alias(names.land, "bob")
    tasked = title("bob", holder={"alias": alias}, task=house.world.task(alias))
    assert (await together(house, names, title("ann"), tasked)).status_code == 400
    foreign = await together(house, names, title("ann", office=names.market), title("bob", office=names.market))
    assert foreign.status_code == 403
    assert await kept(house) == []


async def test_a_fault_in_one_refuses_all_before_anything_is_written(house: Any, title: Body, names: Any) -> None:
    wrong = await together(house, names, title("ann"), title("bob", claims={"colour": "red"}))
    assert wrong.status_code == 400
    alone = await together(house, names, title("ann"))
    assert alone.status_code == 400
    assert await kept(house) == []
