# SPDX-License-Identifier: EUPL-1.2
"""Asking for evidence through the API: what passes, what doesn't, and what the caller hears."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from contracts import topics
from contracts.cases import ExplicitSlot, ProofNeed
from contracts.envelopes import Ask
from contracts.http import Exchange
from contracts.ids import uuid7
from kit import aliases
from kit.receipts import body_hash

from .conftest import HEALTH, LAND, MARKET, RELEASE, STEP, TAX, Answered, Client, House

PATH = "/v1/evidence-requests"


async def post(client: Client, house: House, wish: dict[str, Any], *, key: str = "", **more: str) -> Answered:
    headers = house.office(idempotency_key=key or str(uuid7()), tongban_exchange=Exchange.new().header(), **more)
    return await client.post(PATH, json=wish, headers=headers)


async def test_a_request_goes_sealed_to_its_holder_with_a_receipt(house: House) -> None:
    wish, exchange = house.ask(), Exchange.new()
    headers = house.office(idempotency_key="k1", tongban_exchange=exchange.header())
    async with house.client() as client:
        answer = await client.post(PATH, json=wish, headers=headers)
    taken = answer.json()
    assert (answer.status_code, taken["state"], taken["holder"]) == (202, "waiting", LAND)
    assert answer.headers["location"] == f"{PATH}/{taken['requestId']}"
    opened = await house.sent_ask()
    assert isinstance(opened.body, Ask)
    assert (opened.body.request_id, opened.exchange_id) == (taken["requestId"], exchange.exchange_id)
    assert (opened.body.grant_id, opened.body.asker.system) == ("G-0204", "licensing")
    assert opened.body.request_hash == body_hash(exchange.salt, answer.request.content)
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["exchangeId"]) == ("gate", "pending", exchange.exchange_id)
    assert leaf["legalBasis"] == {"kind": "request", "entry": "P-0204", "release": RELEASE, "grantId": "G-0204"}
    assert leaf["requestHash"] == opened.body.request_hash
    assert "subjectCommit" in leaf


async def test_the_holder_must_answer_before_the_asker_stops_waiting(house: House) -> None:
    async with house.client() as client:
        taken = await house.asked(client)
    body = (await house.sent_ask()).body
    assert isinstance(body, Ask)
    assert house.now + timedelta(minutes=3, seconds=59) < body.deadline <= house.now + timedelta(minutes=4)
    assert taken["deadline"] > body.wire()["deadline"]


async def test_the_state_is_told_on_the_bus_without_a_subject(house: House) -> None:
    async with house.client() as client:
        await house.asked(client)
    [(kind, keyseq, data)] = await house.events(topics.EVIDENCE_REQUEST)
    assert (kind, keyseq) == ("evidence.request.waiting.v1", 1)
    assert b"subject" not in data


async def test_the_same_key_gives_the_same_request_and_asks_once(house: House) -> None:
    wish = house.ask()
    async with house.client() as client:
        first = await post(client, house, wish, key="k1")
        second = await post(client, house, wish, key="k1")
        other = await post(client, house, house.ask(), key="k1")
    assert (second.status_code, second.json()) == (202, first.json())
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(await house.asks_to(LAND)) == 1


async def test_a_repeat_is_an_exchange_of_its_own_with_a_receipt_at_the_gate(house: House) -> None:
    wish, exchange = house.ask(), Exchange.new()
    async with house.client() as client:
        for header in (exchange.header(), exchange.header(), Exchange.new().header()):
            headers = house.office(idempotency_key="k1", tongban_exchange=header)
            assert (await client.post(PATH, json=wish, headers=headers)).status_code == 202
    first, repeated = await house.receipts()
    assert (first["exchangeId"], first["decision"]) == (exchange.exchange_id, "pending")
    assert (repeated["side"], repeated["decision"]) == ("gate", "empty")
    assert repeated["exchangeId"] != exchange.exchange_id


async def test_cases_asks_for_the_office_that_decides(house: House) -> None:
    async with house.client() as client:
        for asker, status in ((MARKET, 202), (None, 400), (TAX, 403)):
            headers = house.service(idempotency_key=str(uuid7()), tongban_exchange=Exchange.new().header())
            answer = await client.post(PATH, json=house.ask(asker=asker), headers=headers)
            assert answer.status_code == status, answer.text
    body = (await house.sent_ask()).body
    assert isinstance(body, Ask)
    assert (body.asker.office, body.asker.system) == (MARKET, "cases")


async def test_an_office_asks_for_itself_only(house: House) -> None:
    async with house.client() as client:
        answer = await post(client, house, house.ask(asker=TAX))
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("an unknown entry", {"entry": "P-9999"}, 404, "REFERENCE_UNKNOWN"),
    ("a release that is not here", {"release": RELEASE + 1}, 404, "REFERENCE_UNKNOWN"),
    ("an unknown version of the type", {"typeVersion": 9}, 404, "REFERENCE_UNKNOWN"),
    ("another office's entry", {"entry": "P-0901"}, 403, "NOT_IN_POWER_LIST"),
    ("an entry about something else", {"entry": "P-0205"}, 403, "NO_LEGAL_BASIS"),
    ("another step", {"step": "food-licence/f2"}, 403, "NO_LEGAL_BASIS"),
    ("another basis", {"legalBasis": {"kind": "law"}}, 403, "NO_LEGAL_BASIS"),
    ("a field that is not granted", {"fields": ["place", "number"]}, 403, "NO_GRANT"),
    ("another purpose", {"purpose": "curiosity"}, 403, "PURPOSE_NOT_GRANTED"),
    ("a predicate", {"fields": None, "predicate": "owns-a-home"}, 400, "NOT_OFFERED"),
    ("a proof of another office", {"proof": {"office": TAX}}, 403, "CASE_PROOF_INVALID"),
    ("a proof of another service", {"proof": {"service": "shop-sign"}}, 403, "CASE_PROOF_INVALID"),
    ("a proof of another case", {"proof": {"case_id": str(uuid7())}}, 403, "CASE_PROOF_INVALID"),
    ("a proof that cases did not sign", {"proof": {"signer": "gateway"}}, 403, "CASE_PROOF_INVALID"),
    ("a proof that is none", {"caseProof": "a.b.c"}, 403, "CASE_PROOF_INVALID"),
    ("a proof that has ended", {"proof": {"iat": 1_700_000_000, "exp": 1_700_000_100}}, 403, "CASE_NOT_LIVE"),
    (
        "a fetch that nobody asked for",
        {"proof": {"explicit_request": ExplicitSlot(not_needed="law")}},
        403,
        "EXPLICIT_REQUEST_MISSING",
    ),
    ("a deadline that is over", {"deadline": "2026-01-01T00:00:00Z"}, 400, "INVALID_REQUEST"),
    ("a deadline that is too far", {"deadline": "2099-01-01T00:00:00Z"}, 400, "INVALID_REQUEST"),
]


@pytest.mark.parametrize(("what", "change", "status", "code"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_the_gate_refuses_and_leaves_a_receipt(
    house: House, what: str, change: dict[str, Any], status: int, code: str
) -> None:
    async with house.client() as client:
        answer = await post(client, house, house.ask(**change))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["code"]) == ("gate", "refused", code)
    assert "subjectCommit" in leaf
    assert await house.journal() == [("request-refused", code)]
    assert await house.asks_to(LAND) == []


async def test_tax_has_a_list_entry_and_no_grant(house: House) -> None:
    wish = house.ask(title=False, entry="P-0901", purpose="tax-registration")
    headers = house.office("tax-office", idempotency_key="k1", tongban_exchange=Exchange.new().header())
    async with house.client() as client:
        answer = await client.post(PATH, json=wish, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["rule"]) == (403, "NO_GRANT", "gate.grant")
    assert problem["entry"] == "P-0901"


async def test_an_alias_of_another_person_does_not_slip_in(house: House) -> None:
    wish = house.ask()
    wish["subject"]["person"]["holders"][LAND] = house.alias(LAND, "bob")
    async with house.client() as client:
        answer = await post(client, house, wish)
    assert answer.json()["code"] == "CASE_PROOF_INVALID"


async def test_a_request_that_names_no_alias_for_the_holder_finds_none(house: House) -> None:
    platform, held = house.alias("platform", "ann"), house.alias(HEALTH, "ann")
    need = ProofNeed(type="title", platform=aliases.digest(platform), holders={HEALTH: aliases.digest(held)})
    case_id = str(uuid7())
    wish = house.ask(
        caseId=case_id,
        caseProof=house.proof([need], case_id),
        subject={"person": {"platform": platform, "holders": {HEALTH: held}}},
    )
    async with house.client() as client:
        answer = await post(client, house, wish)
    assert (answer.status_code, answer.json()["code"]) == (404, "NO_HOLDER")


async def test_an_organisation_is_asked_about_by_its_public_code(house: House) -> None:
    firm, case_id = "91999900000000166H", str(uuid7())
    need = ProofNeed(type="title", platform=aliases.digest(firm), holders={LAND: aliases.digest(firm)})
    wish = house.ask(caseId=case_id, caseProof=house.proof([need], case_id), subject={"organisation": firm})
    async with house.client() as client:
        answer = await post(client, house, wish)
    assert answer.status_code == 202, answer.text
    body = (await house.sent_ask()).body
    assert isinstance(body, Ask)
    assert (body.organisation, body.aliases) == (firm, None)


async def test_all_that_is_wrong_with_a_body_is_said_at_once(house: House) -> None:
    wish = house.ask(predicate="owns-a-home", subject={})
    async with house.client() as client:
        answer = await post(client, house, wish)
    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/fields", "/subject"}


async def test_words_that_differ_from_the_proof_are_no_explicit_request(house: House) -> None:
    said = {"at": house.now.isoformat(), "textVersion": "2020-01", "sessionAssurance": "high"}
    async with house.client() as client:
        answer = await post(client, house, house.ask(explicitRequest=said))
    assert answer.json()["code"] == "EXPLICIT_REQUEST_MISSING"


async def test_headers_that_differ_from_the_body_are_refused(house: House) -> None:
    async with house.client() as client:
        answer = await post(client, house, house.ask(), tongban_purpose="curiosity")
    assert (answer.status_code, answer.json()["code"]) == (400, "CONTEXT_MISMATCH")


async def test_a_second_open_request_of_one_exchange_is_refused(house: House) -> None:
    exchange = Exchange.new().header()
    async with house.client() as client:
        answers = [
            await client.post(
                PATH, json=house.ask(), headers=house.office(idempotency_key=key, tongban_exchange=exchange)
            )
            for key in ("k1", "k2")
        ]
    assert [answer.status_code for answer in answers] == [202, 409]
    assert answers[1].json()["code"] == "DUPLICATE_REQUEST"


async def test_without_the_holders_key_nothing_is_sent(house: House) -> None:
    del house.offices_table.held[LAND]
    async with house.client() as client:
        answer = await post(client, house, house.ask())
    assert (answer.status_code, answer.json()["code"]) == (503, "NO_OFFICE_KEY")
    assert await house.receipts() == []


async def test_missing_and_foreign_requests_look_alike(house: House) -> None:
    async with house.client() as client:
        taken = await house.asked(client)
        own = await client.get(f"{PATH}/{taken['requestId']}", headers=house.office())
        foreign = await client.get(f"{PATH}/{taken['requestId']}", headers=house.office("tax-office"))
        missing = await client.get(f"{PATH}/{uuid7()}", headers=house.office("tax-office"))
    assert own.json() == taken
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.json()["code"] == missing.json()["code"]


async def _ask_and_answer(house: House, code: str | None) -> Answered:
    async with house.client() as client:
        asking = asyncio.create_task(post(client, house, house.ask(), prefer="wait=8"))
        await house.sent_to(LAND)
        [row] = await house.rows("SELECT request_id, exchange_id FROM evidence_request")
        request = {"requestId": str(row["request_id"]), "exchangeId": str(row["exchange_id"])}
        assert await house.hear(house.envelopes, house.answer(request, code=code)) == []
        return await asking


async def test_a_waiting_caller_gets_the_sealed_answer_in_the_same_call(house: House) -> None:
    answer = await _ask_and_answer(house, None)
    assert (answer.status_code, answer.json()["state"]) == (200, "answered")
    [delivery] = await house.rows("SELECT envelope FROM delivery")
    assert answer.json()["envelope"] == delivery["envelope"]


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [("NOT_MATCHED", 404, "NOT_MATCHED"), ("NO_GRANT", 403, "NO_GRANT"), ("ADAPTER_BROKE", 502, "HOLDER_FAILED")],
)
async def test_a_waiting_caller_gets_a_refusal_as_its_problem(house: House, code: str, status: int, said: str) -> None:
    answer = await _ask_and_answer(house, code)
    assert (answer.status_code, answer.json()["code"]) == (status, said)


async def test_nobody_waits_for_a_holder_that_was_seen_away(house: House) -> None:
    async with house.client() as client:
        first = await post(client, house, house.ask(), prefer="wait=3")
        began = asyncio.get_running_loop().time()
        second = await post(client, house, house.ask(), prefer="wait=8")
        took_s = asyncio.get_running_loop().time() - began
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json()["reason"] == "HOLDER_AWAY"
    assert took_s < 5


async def test_waiters_are_let_go_when_the_process_stops(house: House) -> None:
    async with house.client() as client:
        asking = asyncio.create_task(post(client, house, house.ask(), prefer="wait=8"))
        await house.sent_to(LAND)
        house.health.stopping.set()
        answer = await asyncio.wait_for(asking, 5)
    assert answer.status_code == 202
    assert answer.json()["step"] == STEP
