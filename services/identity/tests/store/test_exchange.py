# SPDX-License-Identifier: EUPL-1.2
"""Citizens: log-in, and token exchange with its attack row (A21)."""

from typing import Any

import pytest

from contracts import signing
from kit import tokens

MARKET = "1199990000000006XB"
HEALTH = "11999900000000035X"
LAND = "11999900000000107N"
TAX = "119999000000000941"
SESSIONS = "/v1/sandbox/sessions"
PLATFORM_AUDIENCE = "urn:tongban:zz:platform"
SCOPE = f"office:{HEALTH}"


@pytest.fixture
async def town(furnished: Any) -> Any:
    """Two persons who can log in."""
    for persona, number in (("cook", "999900198908220138"), ("waitress", "999900199103140020")):
        answer = await furnished.register("/v1/sandbox/personas", {"persona": persona, "number": number})
        assert (answer.status_code, answer.json()) == (201, {"id": persona, "version": 1})
    return furnished


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def test_a_persona_gets_a_token_for_the_platform_with_a_name_that_only_the_platform_knows(town: Any) -> None:
    one, two = town.read_token(await town.log_in("cook")), town.read_token(await town.log_in("cook"))
    other = town.read_token(await town.log_in("waitress"))
    assert one["sub"] == two["sub"] != other["sub"]
    assert (one["role"], one["aud"]) == ("citizen", PLATFORM_AUDIENCE)
    assert one["sid"] != two["sid"]
    assert one["cnf"] == {"jkt": town.key("cook").public.thumbprint}
    assert "office" not in one


async def test_an_unknown_persona_is_not_found(town: Any) -> None:
    answer = await town.post(SESSIONS, {"persona": "nobody"}, dpop=town.proof("k", SESSIONS))
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a18_no_log_in_without_a_fresh_proof_for_this_very_door(town: Any) -> None:
    proof = town.proof("k", SESSIONS)
    assert (await town.post(SESSIONS, {"persona": "cook"}, dpop=proof)).status_code == 201
    wrong = [proof, town.proof("k", "/v1/token"), town.proof("k", SESSIONS, method="GET"), "x"]
    for bad in wrong:
        answer = await town.post(SESSIONS, {"persona": "cook"}, dpop=bad)
        assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
        assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]
    assert (await town.post(SESSIONS, {"persona": "cook"})).status_code == 401


async def test_a_persona_keeps_its_number(town: Any) -> None:
    same = {"persona": "cook", "number": "999900198908220138"}
    assert (await town.register("/v1/sandbox/personas", same)).status_code == 201
    other = {"persona": "cook", "number": "999900199103140020"}
    answer = await town.register("/v1/sandbox/personas", other)
    assert (answer.status_code, answer.json()["code"]) == (409, "PERSONA_TAKEN")


async def test_a_citizen_gets_a_token_for_one_office_under_that_offices_name(town: Any) -> None:
    subject = await town.log_in("cook")
    answer = await town.form(town.exchange(subject, "certificates-1", SCOPE), town.proof("cook"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert (answer.json()["token_type"], answer.json()["scope"]) == ("DPoP", SCOPE)
    claims = town.read_token(answer.json()["access_token"], "certificates-1")
    assert claims["sub"] != town.read_token(subject)["sub"]
    assert (claims["role"], claims["scope"]) == ("citizen", SCOPE)
    resolved = await town.post(
        "/v1/persons/resolve",
        {"numbers": ["999900198908220138"]},
        **town.through_gateway(await _token_of(town, HEALTH)),
    )
    assert resolved.json()["subjects"] == [claims["sub"]]


async def _token_of(town: Any, office: str) -> str:
    await town.register("/v1/systems", town.system("health-registry", "office", office))
    return str(await town.system_token("health-registry"))


async def test_an_exchanged_token_ends_with_its_session(town: Any) -> None:
    subject = await town.log_in("cook")
    town.later(200)
    answer = await town.form(town.exchange(subject, "certificates-1", SCOPE), town.proof("cook"))
    assert answer.json()["expires_in"] == 100


async def test_a21_a_token_that_was_exchanged_cannot_be_exchanged_again(town: Any) -> None:
    answer = await town.form(town.exchange(await town.log_in("cook"), "certificates-1", SCOPE), town.proof("cook"))
    again = town.exchange(answer.json()["access_token"], "certificates-2", f"office:{MARKET}")
    assert refusal(await town.form(again, town.proof("cook"))) == (400, "invalid_target")


async def test_a21_a_systems_token_is_no_citizens(town: Any) -> None:
    token = await town.system_token("licensing")
    answer = await town.form(town.exchange(token, "certificates-1", SCOPE), town.proof("licensing-dpop"))
    assert refusal(answer) == (400, "invalid_target")


async def test_a21_a_chain_of_actors_is_refused(town: Any) -> None:
    claims = town.read_token(await town.log_in("cook"))
    actors: dict[str, Any] = {"sub": "a", "act": {"sub": "b", "act": {"sub": "c", "act": {"sub": "d"}}}}
    forged = tokens.sign(signing.ACCESS_TOKEN, {**claims, "act": actors}, town.key("token"))
    answer = await town.form(town.exchange(forged, "certificates-1", SCOPE), town.proof("cook"))
    assert refusal(answer) == (400, "invalid_target")


async def test_a21_an_actor_has_no_right_here(town: Any) -> None:
    subject, actor = await town.log_in("cook"), await town.log_in("waitress")
    more = {"actor_token": actor, "actor_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    answer = await town.form(town.exchange(subject, "certificates-1", SCOPE, **more), town.proof("cook"))
    assert refusal(answer) == (400, "invalid_target")


@pytest.mark.parametrize(
    "scope",
    [f"office:{MARKET}", f"{SCOPE} office:{LAND}", f"office:{TAX}", "office:*", "openid", SCOPE.lower(), f" {SCOPE}"],
)
async def test_a21_a_scope_that_is_wider_or_anothers_is_refused(town: Any, scope: str) -> None:
    subject = await town.log_in("cook")
    answer = await town.form(town.exchange(subject, "certificates-1", scope), town.proof("cook"))
    assert refusal(answer) == (400, "invalid_scope")


@pytest.mark.parametrize("audience", [PLATFORM_AUDIENCE, "cases", "identity", "licensing", "nobody"])
async def test_a21_no_exchange_for_a_target_that_is_no_deployment(town: Any, audience: str) -> None:
    subject = await town.log_in("cook")
    answer = await town.form(town.exchange(subject, audience, SCOPE), town.proof("cook"))
    assert refusal(answer) == (400, "invalid_target")


async def test_a_stolen_subject_token_is_useless_without_its_key(town: Any) -> None:
    subject = await town.log_in("cook")
    answer = await town.form(town.exchange(subject, "certificates-1", SCOPE), town.proof("thief"))
    assert refusal(answer) == (400, "invalid_dpop_proof")


async def test_a_subject_token_that_is_over_or_changed_or_signed_by_another_is_refused(town: Any) -> None:
    subject = await town.log_in("cook")
    claims = town.read_token(subject)
    changed = subject[:-4] + ("AAAA" if subject[-4:] != "AAAA" else "BBBB")
    foreign = tokens.sign(signing.ACCESS_TOKEN, claims, town.key("cases"))
    for bad in (changed, foreign, "x", "a.b.c"):
        answer = await town.form(town.exchange(bad, "certificates-1", SCOPE), town.proof("cook"))
        assert refusal(answer) == (400, "invalid_request")
    town.later(311)
    answer = await town.form(town.exchange(subject, "certificates-1", SCOPE), town.proof("cook"))
    assert refusal(answer) == (400, "invalid_request")


async def test_a_token_of_a_session_that_was_never_opened_is_refused(town: Any) -> None:
    claims = town.read_token(await town.log_in("cook"))
    other = town.read_token(await town.log_in("waitress"))
    for forged_claims in ({**claims, "sid": "x"}, {**claims, "sub": other["sub"]}, {**claims, "sid": other["sid"]}):
        forged = tokens.sign(signing.ACCESS_TOKEN, forged_claims, town.key("token"))
        answer = await town.form(town.exchange(forged, "certificates-1", SCOPE), town.proof("cook"))
        assert refusal(answer) == (400, "invalid_request")


async def test_an_exchange_to_a_revoked_deployment_is_refused(town: Any) -> None:
    subject = await town.log_in("cook")
    await town.register("/v1/systems/certificates-1/revocations", None)
    answer = await town.form(town.exchange(subject, "certificates-1", SCOPE), town.proof("cook"))
    assert refusal(answer) == (400, "invalid_target")


async def test_a24_a_revoked_gateway_lets_nobody_through(town: Any) -> None:
    way = town.through_gateway(await town.log_in("cook"))
    assert (await town.post("/v1/persons/handles", {"number": "999900199103140020"}, **way)).status_code == 200
    await town.register("/v1/systems/gateway/revocations", None)
    answer = await town.post("/v1/persons/handles", {"number": "999900199103140020"}, **way)
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
