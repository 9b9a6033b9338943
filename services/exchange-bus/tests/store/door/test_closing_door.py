# SPDX-License-Identifier: EUPL-1.2
"""Requests that end without an answer, and cases that are over."""

from datetime import timedelta
from typing import Any

from contracts import topics
from contracts.cases import CaseFact
from contracts.ids import uuid7
from kit.events import Record

from .conftest import MARKET, House
from .test_asking_door import post


def closed(house: House, case_id: str, *, sender: str = "cases", **more: Any) -> Record:
    fact = CaseFact(case_id=case_id, life_event="food-licence", lead=MARKET, state="completed", **more)
    return house.record(topics.CASE, case_id, "cases.case.closed.v1", fact.wire_bytes(), sender=sender)


async def test_a_request_expires_when_its_clock_runs_out(house: House) -> None:
    async with house.client() as client:
        await house.asked(client)
        assert await house.uses.closing.expire() == 0
        house.later(minutes=6)
        assert await house.uses.closing.expire() == 1
        assert await house.uses.closing.expire() == 0
    kind, keyseq, data = (await house.events(topics.EVIDENCE_REQUEST))[-1]
    assert (kind, keyseq) == ("evidence.request.expired.v1", 2)
    assert b"EVIDENCE_TIMEOUT" in data


async def test_a_bad_row_does_not_stall_the_rest(house: House) -> None:
    async with house.client() as client:
        bad, good = await house.asked(client), await house.asked(client)
    async with house.db.transaction() as tx:  # a type that no receipt can name
        await tx.execute("UPDATE evidence_request SET type = '!' WHERE request_id = $1", bad["requestId"])
    house.later(minutes=6)
    assert await house.uses.closing.expire() == 1
    rows = await house.rows("SELECT request_id, state FROM evidence_request")
    assert {str(row["request_id"]): row["state"] for row in rows} == {
        bad["requestId"]: "waiting",
        good["requestId"]: "expired",
    }


async def test_closing_a_case_withdraws_what_waits_for_it(house: House) -> None:
    async with house.client() as client:
        one, other = await house.asked(client), await house.asked(client)
        assert await house.hear(house.closed_cases, closed(house, one["caseId"])) == []
        states = [
            (await client.get(f"/v1/evidence-requests/{it['requestId']}", headers=house.office())).json()
            for it in (one, other)
        ]
    assert [(it["state"], it.get("code")) for it in states] == [("withdrawn", "CASE_NOT_LIVE"), ("waiting", None)]


async def test_a_closed_case_asks_for_nothing_any_more(house: House) -> None:
    case_id = str(uuid7())
    until = house.now + timedelta(days=5)
    await house.hear(house.closed_cases, closed(house, case_id, proof_until=until))
    async with house.client() as client:
        answer = await post(client, house, house.ask(caseId=case_id))
        assert (answer.status_code, answer.json()["code"]) == (403, "CASE_NOT_LIVE")
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["code"]) == ("gate", "refused", "CASE_NOT_LIVE")


async def test_a_closed_case_is_forgotten_when_its_proofs_have_ended(house: House) -> None:
    case_id = str(uuid7())
    await house.hear(house.closed_cases, closed(house, case_id, proof_until=house.now + timedelta(days=5)))
    house.later(days=4)
    await house.uses.closing.expire()
    assert len(await house.rows("SELECT case_id FROM closed_case")) == 1
    house.later(days=2)
    await house.uses.closing.expire()
    assert await house.rows("SELECT case_id FROM closed_case") == []


async def test_only_cases_may_close_a_case(house: House) -> None:
    reasons = await house.hear(house.closed_cases, closed(house, str(uuid7()), sender="gateway"))
    assert reasons == ["ROLE_WRONG"]


async def test_an_opened_case_is_nothing_to_us(house: House) -> None:
    fact = CaseFact(case_id=str(uuid7()), life_event="food-licence", lead=MARKET, state="open")
    opened = house.record(topics.CASE, fact.case_id, "cases.case.opened.v1", fact.wire_bytes(), sender="cases")
    assert await house.hear(house.closed_cases, opened) == []
    assert await house.rows("SELECT case_id FROM closed_case") == []
