# SPDX-License-Identifier: EUPL-1.2
"""Calls: repeated where the outcome is unknown, under the same key; refused where the platform says so."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic.alias_generators import to_camel

from contracts.cases import CaseReport
from contracts.ids import uuid7
from kit import tokens as kit_tokens
from kit.jose import PublicKey
from tongban import Citizen, NoAnswer, Problem
from tongban.http import Answer, Http, Sent

Answers = Callable[..., Callable[[Sent], Answer]]
TASK = str(uuid7())
DONE = {"taskId": TASK, "state": "done"}
PATH = f"/v1/tasks/{TASK}/completion"


def breaks_off(_sent: Sent) -> Answer:
    raise NoAnswer


async def test_a_call_whose_answer_is_lost_is_repeated_under_the_same_key(country: Any, answered: Answers) -> None:
    country.answers = [breaks_off, answered(DONE, 201)]
    async with country.office() as office:
        assert (await office.complete(TASK)).state == "done"
    first, second = country.calls(PATH)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    assert first.headers["dpop"] != second.headers["dpop"]  # a proof counts once


@pytest.mark.parametrize(("code", "status"), [("UNAVAILABLE", 503), ("REQUEST_STILL_RUNNING", 409), ("THROTTLED", 429)])
async def test_a_refusal_that_may_pass_is_tried_again(
    country: Any, answered: Answers, refused: Answers, code: str, status: int
) -> None:
    country.answers = [refused(code, status), answered(DONE, 201)]
    async with country.office() as office:
        assert (await office.complete(TASK)).state == "done"


async def test_a_refusal_for_good_comes_as_a_typed_problem(country: Any, refused: Answers) -> None:
    country.answers = [refused("HELD_BY_OFFICE", 403, rule="proof.held", entry="P-0204")]
    async with country.office() as office:
        with pytest.raises(Problem) as problem:
            await office.demand(TASK, "premises-right")
    assert problem.value.code == "HELD_BY_OFFICE"
    assert problem.value.kind == "FORBIDDEN"
    assert problem.value.members == {"rule": "proof.held", "entry": "P-0204"}
    assert len(country.calls(f"/v1/tasks/{TASK}/demands")) == 1


async def test_whoever_never_answers_is_given_up_after_five_tries(country: Any) -> None:
    country.answers = [breaks_off] * 9
    async with country.office() as office:
        with pytest.raises(NoAnswer):
            await office.complete(TASK)
    assert len(country.calls(PATH)) == 5


async def test_one_token_serves_many_calls(country: Any, answered: Answers) -> None:
    country.answers = [answered(DONE, 201), answered(DONE, 201)]
    async with country.office() as office:
        await office.complete(TASK)
        await office.complete(TASK)
    assert len(country.calls("/v1/token")) == 1


async def test_a_token_that_is_refused_is_fetched_again_once(country: Any, answered: Answers, refused: Answers) -> None:
    country.answers = [refused("TOKEN_INVALID", 401), answered(DONE, 201)]
    async with country.office() as office:
        await office.complete(TASK)
    assert len(country.calls("/v1/token")) == 2
    first, second = country.calls(PATH)
    assert first.headers["authorization"] != second.headers["authorization"]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


async def test_the_token_request_proves_client_and_key_as_identity_checks_them(
    country: Any, answered: Answers, now: Any
) -> None:
    country.answers = [answered(DONE, 201)]
    async with country.office() as office:
        await office.complete(TASK)
    (asked,) = country.calls("/v1/token")
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    assert form["audience"] == "urn:tongban:zz:platform"
    public: PublicKey = country.keys["licensing"].public
    claims = kit_tokens.verify(
        form["client_assertion"],
        "client-authentication+jwt",
        key_of=lambda iss, kid: public if (iss, kid) == ("licensing", public.kid) else None,
        audience="identity",
        now=now,
    )
    assert claims.sub == "licensing"
    url = "http://gateway/v1/token"
    proof = kit_tokens.verify_dpop(asked.headers["dpop"], method="POST", url=url, token=None, now=now)
    assert proof.iat == int(now.timestamp())


async def test_an_answer_that_is_no_problem_document_still_has_a_code(country: Any) -> None:
    country.answers = [lambda _sent: Answer(404, {}, b"<html>")]
    async with country.office() as office:
        with pytest.raises(Problem, match="HTTP_404"):
            await office.complete(TASK)


async def test_a_citizen_logs_in_by_name_and_opens_a_case_in_one_call(now: Any) -> None:
    asked: list[Sent] = []
    case = {
        "caseId": str(uuid7()),
        "lifeEvent": "food-licence",
        "state": "open",
        "openedAt": "2026-11-24T09:30:00Z",
        "lead": "1199990000000006XB",
        "uploads": 0,
        "steps": [],
        "report": {to_camel(name): 0 for name in CaseReport.model_fields},
    }

    async def gateway(sent: Sent) -> Answer:
        asked.append(sent)
        if sent.path == "/v1/sandbox/sessions":
            return Answer(201, {}, json.dumps({"accessToken": "a.b.c", "tokenType": "DPoP", "expiresIn": 300}).encode())
        return Answer(201, {}, json.dumps(case).encode())

    http = Http("http://gateway", stand_in=gateway)
    async with Citizen("http://gateway", "shop-owner", clock=lambda: now, http=http) as citizen:
        view = await citizen.open_case("food-licence", data={"tradeName": "Lotus"})
    assert view.state == "open"
    assert [sent.path for sent in asked] == ["/v1/sandbox/sessions", "/v1/cases"]
    assert json.loads(asked[1].body)["input"] == {"tradeName": "Lotus"}
