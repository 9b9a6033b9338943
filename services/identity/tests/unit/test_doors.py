# SPDX-License-Identifier: EUPL-1.2
from typing import Any

import pytest

SESSIONS = "/v1/sandbox/sessions"
DATA_OFFICE = "119999000000002030"
PERSONA = {"persona": "cook", "number": "999900198908220138"}


async def test_outside_a_sandbox_nobody_can_log_in_by_a_name(closed_sandbox: Any) -> None:
    answer = await closed_sandbox.post(SESSIONS, {"persona": "cook"}, dpop=closed_sandbox.proof("cook", SESSIONS))
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_outside_a_sandbox_no_persona_can_be_registered(closed_sandbox: Any) -> None:
    answer = await closed_sandbox.post(
        "/v1/sandbox/personas", PERSONA, idempotency_key="k", **closed_sandbox.bootstrap()
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_closed_sandbox_answers_like_a_path_that_never_was(closed_sandbox: Any) -> None:
    one = await closed_sandbox.post(SESSIONS, {"persona": "cook"})
    other = await closed_sandbox.post("/v1/nothing", {"persona": "cook"})
    assert one.json().keys() == other.json().keys()
    assert (one.status_code, one.json()["title"]) == (other.status_code, other.json()["title"])


@pytest.mark.parametrize("path", ["/v1/offices", "/v1/systems", "/v1/systems/x/revocations", "/v1/sandbox/personas"])
async def test_a37_a_registration_without_a_key_is_refused(lone: Any, path: str) -> None:
    bodies = {
        "/v1/offices": lone.office("platform", "answering"),
        "/v1/systems": lone.system("cases", "cases", DATA_OFFICE),
        "/v1/sandbox/personas": PERSONA,
    }
    answer = await lone.post(path, bodies.get(path), **lone.bootstrap())
    assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/offices",
        "/v1/systems",
        "/v1/systems/x/revocations",
        "/v1/persons/resolve",
        "/v1/persons/handles",
        "/v1/confirm-codes",
        "/v1/window-sessions",
        "/v1/aliases",
    ],
)
async def test_nobody_gets_in_without_a_credential(lone: Any, path: str) -> None:
    answer = await lone.post(path, None if "revocations" in path else {}, idempotency_key="k")
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("role", ["gateway", "exchange-bus", "ledger", "portal"])
async def test_only_cases_and_certificates_may_mint_aliases(lone: Any, role: str) -> None:
    lone.tables_from(lone.system("asking", role, DATA_OFFICE))
    order = {"from": "platform", "subject": "A" * 43, "to": [{"party": "platform"}]}
    answer = await lone.post("/v1/aliases", order, **lone.service("asking"))
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_a_service_cannot_register_anybody(lone: Any) -> None:
    lone.tables_from(lone.system("cases", "cases", DATA_OFFICE))
    record = lone.system("evil", "cases", DATA_OFFICE)
    answer = await lone.post("/v1/systems", record, idempotency_key="k", **lone.service("cases"))
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_a31_a_member_that_no_contract_names_is_refused(lone: Any) -> None:
    record = {**lone.system("cases", "cases", DATA_OFFICE), "isAdmin": True}
    answer = await lone.post("/v1/systems", record, idempotency_key="k", **lone.bootstrap())
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"pointer": "/isAdmin", "code": "EXTRA_FORBIDDEN", "detail": "Extra inputs are not permitted"}
    ]


@pytest.mark.parametrize("number", ["1", "99990019890822013８", "999900198908220138 ", 999900198908220138])
async def test_a_malformed_number_is_refused_and_never_repeated(lone: Any, number: object) -> None:
    body = {"persona": "cook", "number": number}
    answer = await lone.post("/v1/sandbox/personas", body, idempotency_key="k", **lone.bootstrap())
    assert answer.status_code == 400
    assert str(number).strip()[:17] not in answer.text or number == "1"


@pytest.mark.parametrize("number", ["110101199003070011", "999900198908220139", "999900198913220138"])
async def test_a_number_of_a_real_area_or_with_a_wrong_check_never_gets_in(lone: Any, number: str) -> None:
    body = {"persona": "cook", "number": number}
    answer = await lone.post("/v1/sandbox/personas", body, idempotency_key="k", **lone.bootstrap())
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/number"
    assert number not in answer.text


async def test_the_token_endpoint_takes_a_form_and_nothing_else(lone: Any) -> None:
    answer = await lone.post("/v1/token", {"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["code"]) == (415, "MEDIA_TYPE_UNSUPPORTED")


async def test_every_other_door_takes_json_and_nothing_else(lone: Any) -> None:
    answer = await lone.post("/v1/systems", {}, content_type="application/x-www-form-urlencoded", **lone.bootstrap())
    assert (answer.status_code, answer.json()["code"]) == (415, "MEDIA_TYPE_UNSUPPORTED")


async def test_errors_of_the_token_endpoint_have_the_shape_of_oauth(lone: Any) -> None:
    answer = await lone.form({"grant_type": "password"})
    assert answer.status_code == 400
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.json()["error"] == "unsupported_grant_type"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_token_request_with_parameters_in_the_address_is_refused(lone: Any) -> None:
    lone_path = "/v1/token?grant_type=client_credentials"
    answer = await lone.post(lone_path, content_type="application/x-www-form-urlencoded")
    assert answer.json()["error"] == "invalid_request"


async def test_a_client_that_shows_a_password_is_not_believed(lone: Any) -> None:
    answer = await lone.form(lone.credentials("licensing"), lone.proof("x"), authorization="Basic bGljZW5zaW5nOng=")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "www-authenticate" in answer.headers


async def test_a_database_that_is_away_is_503_and_no_refusal(lone: Any) -> None:
    answer = await lone.form(lone.credentials("licensing"), lone.proof("x"))
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    assert "retry-after" in answer.headers
