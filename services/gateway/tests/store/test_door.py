# SPDX-License-Identifier: EUPL-1.2
"""At the door: who is let in, what goes on, and what is written down before anything leaves."""

from datetime import timedelta
from typing import Any

import pytest

from contracts import signing
from kit import tokens
from kit.http import HttpAnswer, asgi_client
from kit.jose import PrivateKey

from .conftest import CASE, NOW, House

ASK = "/v1/evidence-requests"
BODY = b"{}"


async def ask_evidence(house: House) -> HttpAnswer:
    context = {"tongban_purpose": "staff-health-check", "tongban_legal_basis": "law", "tongban_case": CASE}
    given: dict[str, Any] = {"idempotency_key": "k", **context}
    answer = await house.ask("POST", ASK, body=BODY, **given)
    return HttpAnswer(answer.status_code, answer.headers.raw, answer.content)


async def test_a_good_call_goes_on_with_the_gateways_word_for_the_token(house: House) -> None:
    token = house.token()
    answer = await house.ask("GET", "/v1/inbox", token=token, query="?limit=5")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    [(name, method, target, headers, _)] = house.behind.got
    assert (name, method, target) == ("exchange-bus", "GET", "/v1/inbox?limit=5")
    hop = tokens.verify(
        headers[b"tongban-hop"].decode(),
        signing.HOP,
        key_of=lambda _i, _k: house.gateway.public,
        audience="exchange-bus",
        now=NOW,
    )
    assert hop.data["ath"] == tokens.ath(token)
    assert headers[b"authorization"] == f"DPoP {token}".encode()
    assert b"dpop" not in headers


async def test_a_proof_counts_once(house: House) -> None:
    token = house.token()
    headers = house.headers(token, "GET", "/v1/inbox")
    first = await house.ask("GET", "/v1/inbox", token=token, dpop=headers["dpop"])
    again = await house.ask("GET", "/v1/inbox", token=token, dpop=headers["dpop"])
    assert (first.status_code, again.status_code) == (200, 401)
    assert again.json()["code"] == "TOKEN_INVALID"


async def test_hop_and_exchange_of_a_caller_are_dropped(house: House) -> None:
    await house.ask("GET", "/v1/inbox", tongban_hop="forged", tongban_exchange=f"{CASE}.aaaaaaaaaaaaaaaaaaaaaa")
    [(_, _, _, headers, _)] = house.behind.got
    assert headers[b"tongban-hop"] != b"forged"
    assert CASE.encode() not in headers[b"tongban-exchange"]


async def test_a_token_of_a_revoked_system_is_refused_at_the_next_call(house: House) -> None:
    token = house.token()
    assert (await house.ask("GET", "/v1/inbox", token=token)).status_code == 200
    del house.systems.values["tax-office"]
    assert (await house.ask("GET", "/v1/inbox", token=token)).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "certificates-1"},
        {"aud": "somebody-else"},
        {"key": PrivateKey.generate()},
        {"now": NOW - timedelta(minutes=6)},
        {"office": "11999900000000035X"},
        {"cnf": {"jkt": "x" * 43}},
        {"cnf": None},
        {"sub": "licensing"},
        {"sub": "certificates-1"},
    ],
    ids="-".join,
)
async def test_a_token_that_is_not_for_this_call_is_refused(house: House, changes: dict[str, Any]) -> None:
    answer = await house.ask("GET", "/v1/inbox", token=house.token(**changes))
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
    assert "www-authenticate" in answer.headers
    assert house.behind.got == []


@pytest.mark.parametrize("scheme", ["Bearer", "Basic", ""])
async def test_a_bound_token_sent_another_way_is_refused(house: House, scheme: str) -> None:
    answer = await house.ask("GET", "/v1/inbox", authorization=f"{scheme} {house.token()}".strip())
    assert answer.status_code == 401


async def test_a_citizen_may_not_use_an_offices_route_nor_the_reverse(house: House) -> None:
    assert (await house.ask("GET", "/v1/inbox", token=house.token(citizen=True))).status_code == 403
    assert (await house.ask("GET", "/v1/receipts")).status_code == 403
    assert house.behind.got == []


async def test_certificates_are_reached_by_the_tokens_audience(house: House) -> None:
    path = f"/v1/certificates/{CASE}/suspensions"
    token = house.token(aud="certificates-1")
    await house.ask("POST", path, token=token, body=BODY, idempotency_key="k")
    assert [name for name, *_ in house.behind.got] == ["certificates-1"]
    assert (await house.ask("POST", path, body=BODY, idempotency_key="k")).status_code == 401


async def test_an_exchange_has_two_receipts_with_equal_hashes(house: House) -> None:
    assert (await ask_evidence(house)).status == 200
    pending, outcome = await house.receipts()
    assert (pending["side"], pending["decision"], outcome["decision"]) == ("gateway", "pending", "released")
    assert pending["exchangeId"] == outcome["exchangeId"]
    assert pending["requestHash"] == outcome["requestHash"]
    assert "responseHash" in outcome
    assert outcome["asker"] == {"office": "119999000000000941", "system": "tax-office"}


async def test_a_refusal_behind_the_door_is_written_down_with_its_code(house: House) -> None:
    house.behind.answer = HttpAnswer(403, [(b"content-type", b"application/problem+json")], b'{"code":"NO_GRANT"}')
    assert (await ask_evidence(house)).status == 403
    assert [(leaf["decision"], leaf.get("code")) for leaf in await house.receipts()] == [
        ("pending", None),
        ("refused", "NO_GRANT"),
    ]


async def test_a_service_that_is_away_is_a_503_with_both_receipts(house: House) -> None:
    house.behind.away = True
    assert (await ask_evidence(house)).status == 503
    assert [leaf["decision"] for leaf in await house.receipts()] == ["pending", "refused"]


async def test_personal_data_without_a_purpose_is_refused_with_a_receipt(house: House) -> None:
    answer = await house.ask("POST", ASK, body=BODY, idempotency_key="k")
    assert (answer.status_code, answer.json()["code"]) == (403, "PURPOSE_MISSING")
    assert [(leaf["decision"], leaf["code"]) for leaf in await house.receipts()] == [("refused", "PURPOSE_MISSING")]
    assert house.behind.got == []


async def test_public_figures_need_no_token_and_leave_no_receipt(house: House) -> None:
    path = "/v1/public/refusals"
    async with asgi_client(house.app) as client:
        answer = await client.get(path, params={"office": "119999000000000941"})
        wrong = await client.get(path, params={"person": "Zhang"})
    assert (answer.status_code, wrong.status_code) == (200, 400)
    [(name, _, target, headers, _)] = house.behind.got
    assert (name, target) == ("exchange-bus", f"{path}?office=119999000000000941")
    assert not {b"authorization", b"tongban-hop", b"tongban-exchange"} & headers.keys()
    assert await house.receipts() == []


async def test_a_receipt_repeats_no_purpose_that_no_list_knows(house: House) -> None:
    context: dict[str, Any] = {"tongban_purpose": "for-Zhang-San-13800000000", "tongban_legal_basis": "law"}
    assert (await house.ask("POST", ASK, body=BODY, idempotency_key="k", **context)).status_code == 200
    leaves = await house.receipts()
    assert [(leaf["decision"], leaf["purpose"]) for leaf in leaves] == [
        ("pending", "unlisted"),
        ("released", "unlisted"),
    ]
    assert "Zhang" not in str(leaves)


async def test_a_citizens_look_is_a_receipt_about_herself(house: House) -> None:
    assert (await house.ask("GET", "/v1/receipts", token=house.token(citizen=True))).status_code == 200
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["purpose"]) == ("view", "released", "own-receipts")
    assert "subjectCommit" in leaf


async def test_no_receipt_no_data(house: House) -> None:
    del house.systems.values["ledger"]  # nothing can be sealed to it any more
    answer = await house.ask("GET", "/v1/receipts", token=house.token(citizen=True))
    assert answer.status_code == 503
    assert b"ok" not in answer.content


async def test_records_of_an_unknown_topic_are_not_found(house: House) -> None:
    assert (await house.ask("GET", "/v1/records/cases.case.v1")).status_code == 404


@pytest.mark.parametrize("segment", ["a%3Fx=1", "a%20b", "%C3%A9", "a%23b"])
async def test_a_path_goes_on_as_it_was_sent(house: House, segment: str) -> None:
    path = f"/v1/certificates/{segment}"
    context: dict[str, Any] = {"tongban_purpose": "own-register", "tongban_legal_basis": "law"}
    answer = await house.ask("GET", path, token=house.token(aud="certificates-1"), **context)
    assert answer.status_code == 200
    assert [target for _, _, target, *_ in house.behind.got] == [path]


async def test_a_call_that_runs_out_of_time_has_its_outcome_written_down_too(house: House) -> None:
    house.behind.silent = True
    context = {"tongban_purpose": "staff-health-check", "tongban_legal_basis": "law", "tongban_deadline": "3000"}
    answer = await house.ask("POST", ASK, body=BODY, idempotency_key="k", **context)
    assert answer.status_code in (503, 504)
    assert [leaf["decision"] for leaf in await house.receipts()] == ["pending", "refused"]
