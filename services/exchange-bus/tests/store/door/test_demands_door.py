# SPDX-License-Identifier: EUPL-1.2
"""Demands on the applicant: what an office holds, an office fetches."""

from typing import Any

from contracts.http import Exchange
from contracts.ids import uuid7

from .conftest import LAND, MARKET, RELEASE, STEP, Answered, Client, House

PATH = "/v1/proof-demands"


async def demand(client: Client, house: House, *, key: str = "", **more: Any) -> Answered:
    wish = {"askedBy": MARKET, "service": "food-licence", "step": STEP, "proves": "premises-right", **more}
    headers = house.service(idempotency_key=key or str(uuid7()), tongban_exchange=Exchange.new().header())
    return await client.post(PATH, json=wish, headers=headers)


async def test_a_paper_that_an_office_holds_is_not_asked_of_the_applicant(house: House) -> None:
    case_id = str(uuid7())
    async with house.client() as client:
        answer = await demand(client, house, caseId=case_id, person=house.alias("platform", "ann"))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "HELD_BY_OFFICE")
    assert problem["instead"] == {"action": "fetch", "office": LAND, "type": "title", "grantId": "G-0204"}
    assert problem["appeal"] == "/v1/appeals"
    assert (problem["entry"], problem["caseId"], problem["step"]) == ("P-0204", case_id, STEP)
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["code"]) == ("gate", "refused", "HELD_BY_OFFICE")
    assert "subjectCommit" in leaf


async def test_what_only_the_applicant_can_give_is_lawful_when_the_entry_is_cited(house: House) -> None:
    async with house.client() as client:
        answer = await demand(client, house, key="k1", proves="floor-plan", cites="P-0201")
        again = await demand(client, house, key="k1", proves="floor-plan", cites="P-0201")
        silent = await demand(client, house, proves="floor-plan")
    assert answer.status_code == 201
    assert (answer.json()["code"], answer.json()["entry"], answer.json()["release"]) == ("ACCEPTED", "P-0201", RELEASE)
    assert again.json() == answer.json()
    assert (silent.status_code, silent.json()["code"], silent.json()["entry"]) == (409, "NO_LEGAL_BASIS", "P-0201")


async def test_every_demand_leaves_a_row_and_a_receipt(house: House) -> None:
    async with house.client() as client:
        await demand(client, house)
        await demand(client, house, proves="floor-plan", cites="P-0201")
        await demand(client, house, askedBy=LAND)
    rows = await house.rows("SELECT code FROM proof_demand ORDER BY demanded_at, demand_id")
    assert sorted(row["code"] for row in rows) == ["ACCEPTED", "HELD_BY_OFFICE", "NOT_IN_POWER_LIST"]
    decisions = [(leaf["decision"], leaf.get("code")) for leaf in await house.receipts()]
    assert decisions == [("refused", "HELD_BY_OFFICE"), ("empty", None), ("refused", "NOT_IN_POWER_LIST")]


async def test_a_demand_without_power_is_forbidden(house: House) -> None:
    async with house.client() as client:
        answer = await demand(client, house, askedBy=LAND)
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_IN_POWER_LIST")


async def test_an_office_cannot_come_to_this_door_by_itself(house: House) -> None:
    async with house.client() as client:
        answer = await client.post(PATH, json={}, headers=house.office(idempotency_key="k1"))
    assert answer.status_code in (400, 403)
    assert await house.rows("SELECT code FROM proof_demand") == []


async def test_every_refusal_says_what_happens_instead_and_where_to_appeal(house: House) -> None:
    wishes: list[dict[str, Any]] = [
        {},
        {"caseHas": ["premises-right"]},
        {"paperNeeds": ["food-licence"]},
        {"demandedFrom": "the neighbours"},
        {"proves": "floor-plan"},
        {"proves": "good-conduct"},
        {"askedBy": LAND},
    ]
    async with house.client() as client:
        problems = [(await demand(client, house, **wish)).json() for wish in wishes]
    assert {problem["appeal"] for problem in problems} == {"/v1/appeals"}
    assert [(problem["code"], problem["instead"]["action"]) for problem in problems] == [
        ("HELD_BY_OFFICE", "fetch"),
        ("REPEATED_IN_CASE", "useCase"),
        ("CIRCULAR", "fetch"),
        ("ISSUER_CANNOT_KNOW", "fetch"),
        ("NO_LEGAL_BASIS", "cite"),
        ("NO_LEGAL_BASIS", "none"),
        ("NOT_IN_POWER_LIST", "none"),
    ]
    assert problems[4]["instead"]["entry"] == "P-0201"


async def test_a_refusal_that_is_asked_for_again_counts_once(house: House) -> None:
    async with house.client() as client:
        first = await demand(client, house, key="k1")
        again = await demand(client, house, key="k1")
        another = await demand(client, house, key="k2")
    assert (first.json()["code"], again.json()["code"]) == ("HELD_BY_OFFICE", "HELD_BY_OFFICE")
    assert another.status_code == 409
    assert len(await house.rows("SELECT code FROM proof_demand")) == 2
    assert len(await house.receipts()) == 2


async def test_a_receipt_says_only_words_that_a_list_knows(house: House) -> None:
    async with house.client() as client:
        await demand(client, house, proves="Zhang-San-is-alive", service="for-Li-Si")
        await demand(client, house, proves="Zhang-San-is-alive")
    leaves = await house.receipts()
    assert [(leaf["code"], leaf.get("service"), leaf.get("fields")) for leaf in leaves] == [
        ("NOT_IN_POWER_LIST", None, None),
        ("NO_LEGAL_BASIS", "food-licence", None),
    ]
    assert "Zhang" not in str(leaves)
