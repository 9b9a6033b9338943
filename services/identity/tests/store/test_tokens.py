# SPDX-License-Identifier: EUPL-1.2
"""The token endpoint and its attack rows (A15 to A18, A21, A24)."""

import asyncio
import json
from typing import Any

import pytest

from contracts import signing
from kit import jose, tokens
from kit.jose import PrivateKey

PATH = "/v1/token"
PUBLIC = "https://gate.example"
MARKET = "1199990000000006XB"
HEALTH = "11999900000000035X"
LAND = "11999900000000107N"


def refusal(answer: Any) -> tuple[int, str]:
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["error"]


async def still_works(house: Any) -> None:
    """A plain valid request after an attack."""
    assert await house.system_token("licensing")


# ------------------------------------------------------------------------------------------------ client credentials
async def test_a_system_gets_a_token_that_is_bound_to_its_key(furnished: Any) -> None:
    answer = await furnished.form(furnished.credentials("licensing"), furnished.proof("bound"))
    assert answer.status_code == 200
    assert {"token_type": "DPoP", "expires_in": 300}.items() <= answer.json().items()
    claims = furnished.read_token(answer.json()["access_token"])
    assert claims["cnf"] == {"jkt": furnished.key("bound").public.thumbprint}
    assert (claims["sub"], claims["client_id"], claims["office"], claims["role"]) == (
        "licensing",
        "licensing",
        MARKET,
        "office",
    )
    assert claims["exp"] - claims["iat"] == 300


async def test_a_token_for_a_certificates_deployment_counts_there_alone(furnished: Any) -> None:
    token = await furnished.system_token("licensing", "certificates-2")
    assert furnished.read_token(token, "certificates-2")["aud"] == "certificates-2"
    with pytest.raises(tokens.TokenRefused):
        furnished.read_token(token)


@pytest.mark.parametrize("audience", ["certificates-9", "cases", "identity", "licensing", "urn:tongban:zz:platform/"])
async def test_no_token_for_an_audience_that_is_no_deployment(furnished: Any, audience: str) -> None:
    answer = await furnished.form(furnished.credentials("licensing", audience), furnished.proof("k"))
    assert refusal(answer) == (400, "invalid_target")


@pytest.mark.parametrize("system", ["cases", "gateway", "portal", "certificates-1"])
async def test_only_systems_of_offices_get_tokens_of_their_own(furnished: Any, system: str) -> None:
    answer = await furnished.form(furnished.credentials(system), furnished.proof("k"))
    assert refusal(answer) == (400, "unauthorized_client")


async def test_a15_a_client_assertion_counts_once_also_when_fifty_come_at_once(furnished: Any) -> None:
    form = furnished.credentials("licensing")
    answers = await asyncio.gather(*(furnished.form(form, furnished.proof("k")) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49
    assert refusal(await furnished.form(form, furnished.proof("k"))) == (401, "invalid_client")
    await still_works(furnished)


async def test_a15_a_refused_request_uses_its_assertion_up_too(furnished: Any) -> None:
    form = furnished.credentials("licensing", "certificates-9")
    assert refusal(await furnished.form(form, furnished.proof("k"))) == (400, "invalid_target")
    again = {**form, "audience": "certificates-1"}
    assert refusal(await furnished.form(again, furnished.proof("k"))) == (401, "invalid_client")


async def test_a15_an_assertion_is_remembered_for_longer_than_it_counts(furnished: Any) -> None:
    form = furnished.credentials("licensing")
    assert (await furnished.form(form, furnished.proof("k"))).status_code == 200
    furnished.later(69)  # life and skew
    async with furnished.db.read() as reader:
        from identity import store  # noqa: PLC0415 - the sweep is what is under test

        await store.sweep(reader, furnished.now)
    assert refusal(await furnished.form(form, furnished.proof("k"))) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "tax-office"},
        {"sub": "tax-office"},
        {"iss": "tax-office"},
        {"iss": "tax-office", "sub": "tax-office"},
        {"iss": "nobody", "sub": "nobody"},
        {"iss": "licensing/", "sub": "licensing/"},
        {"iss": "licensin", "sub": "licensin"},
    ],
)
async def test_a16_an_assertion_of_another_client_is_refused(furnished: Any, changes: dict[str, str]) -> None:
    form = furnished.credentials("licensing")
    form["client_assertion"] = furnished.client_assertion("licensing", **{"key": "licensing", **changes})
    assert refusal(await furnished.form(form, furnished.proof("k"))) == (401, "invalid_client")
    await still_works(furnished)


async def test_a16_an_assertion_whose_client_id_differs_is_refused(furnished: Any) -> None:
    answer = await furnished.form(furnished.credentials("licensing", client_id="tax-office"), furnished.proof("k"))
    assert refusal(answer) == (401, "invalid_client")
    assert (
        await furnished.form(furnished.credentials("licensing", client_id="licensing"), furnished.proof("k"))
    ).status_code == 200


@pytest.mark.parametrize("audience", ["https://gate.example/v1/token", "identity/", "Identity", "cases"])
async def test_a16_an_assertion_for_another_audience_is_refused(furnished: Any, audience: str) -> None:
    form = furnished.credentials("licensing")
    form["client_assertion"] = furnished.client_assertion("licensing", aud=audience)
    assert refusal(await furnished.form(form, furnished.proof("k"))) == (401, "invalid_client")


@pytest.mark.parametrize(("shift_s", "status"), [(-360, 401), (-71, 401), (-65, 200), (8, 200), (70, 401)])
async def test_a17_an_assertion_counts_for_its_minute_and_the_skew(furnished: Any, shift_s: int, status: int) -> None:
    moment = int(furnished.now.timestamp()) + shift_s
    form = furnished.credentials("licensing")
    form["client_assertion"] = furnished.client_assertion("licensing", iat=moment, nbf=moment, exp=moment + 60)
    assert (await furnished.form(form, furnished.proof("k"))).status_code == status


@pytest.mark.parametrize("claims", [{"exp": 4102444800}, {"exp": "soon"}, {"exp": None}, {"jti": 7}, {"jti": ""}])
async def test_a17_an_assertion_with_claims_out_of_range_is_refused(furnished: Any, claims: dict[str, Any]) -> None:
    form = furnished.credentials("licensing")
    form["client_assertion"] = furnished.client_assertion("licensing", **claims)
    assert refusal(await furnished.form(form, furnished.proof("k"))) == (401, "invalid_client")


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "assertion+jwt", "hop+jwt"])
async def test_an_assertion_of_another_type_is_refused(furnished: Any, typ: str) -> None:
    claims = {"iss": "licensing", "sub": "licensing", "aud": "identity"}
    filled = tokens.sign(signing.CLIENT_ASSERTION, claims, furnished.key("licensing"), now=furnished.now)
    payload = jose.b64u_decode(filled.split(".")[1])
    form = {**furnished.credentials("licensing")}
    form["client_assertion"] = jose.sign_jws(payload, furnished.key("licensing"), typ)
    assert refusal(await furnished.form(form, furnished.proof("k"))) == (401, "invalid_client")


async def test_a_key_that_was_revoked_in_the_record_gets_no_token(furnished: Any) -> None:
    record = furnished.system("licensing", "office", MARKET)
    record["keys"][0]["status"] = "revoked"
    await furnished.register("/v1/systems", record)
    answer = await furnished.form(furnished.credentials("licensing"), furnished.proof("k"))
    assert refusal(answer) == (401, "invalid_client")


async def test_a24_a_revoked_system_gets_no_token_from_that_moment(furnished: Any) -> None:
    await still_works(furnished)
    await furnished.register("/v1/systems/licensing/revocations", None)
    answer = await furnished.form(furnished.credentials("licensing"), furnished.proof("k"))
    assert refusal(answer) == (401, "invalid_client")


# ------------------------------------------------------------------------------------------------ DPoP at the endpoint
def _dpop(house: Any, header: dict[str, Any], claims: dict[str, Any]) -> str:
    key = house.key("k")
    jwk = {name: value for name, value in key.public.jwk().items() if name != "kid"}
    said = {"jti": "0123456789abcdef", "htm": "POST", "htu": PUBLIC + PATH, "iat": int(house.now.timestamp()), **claims}
    payload = json.dumps({name: value for name, value in said.items() if value is not None}).encode()
    return jose.sign_jws_with(payload, key, {"typ": "dpop+jwt", "jwk": jwk, **header})


A18: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("private key in jwk", {"jwk": PrivateKey.generate().jwk()}, {}),
    ("another key in jwk", {"jwk": PrivateKey.generate().public.jwk()}, {}),
    ("symmetric key", {"jwk": {"kty": "oct", "k": "c2VjcmV0"}}, {}),
    ("kid beside jwk", {"kid": "x"}, {}),
    ("jku", {"jku": "https://evil.example/keys"}, {}),
    ("typ", {"typ": "JWT"}, {}),
    ("crit", {"crit": ["b64"], "b64": False}, {}),
    ("htm", {}, {"htm": "GET"}),
    ("htm case", {}, {"htm": "post"}),
    ("no htm", {}, {"htm": None}),
    ("htu path", {}, {"htu": f"{PUBLIC}/v1/tokens"}),
    ("htu host", {}, {"htu": f"https://evil.example{PATH}"}),
    ("htu scheme", {}, {"htu": f"http://gate.example{PATH}"}),
    ("htu port", {}, {"htu": f"https://gate.example:8443{PATH}"}),
    ("htu user", {}, {"htu": f"https://gate.example@evil.example{PATH}"}),
    ("no htu", {}, {"htu": None}),
    ("old", {}, {"iat": 1790000000}),
    ("iat text", {}, {"iat": "1790845200"}),
    ("no iat", {}, {"iat": None}),
    ("no jti", {}, {"jti": None}),
    ("short jti", {}, {"jti": "1"}),
    ("jti number", {}, {"jti": 12345678}),
]


@pytest.mark.parametrize(("header", "claims"), [row[1:] for row in A18], ids=[row[0] for row in A18])
async def test_a18_a_proof_that_does_not_hold_is_refused(
    furnished: Any, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    answer = await furnished.form(furnished.credentials("licensing"), _dpop(furnished, header, claims))
    assert refusal(answer) == (400, "invalid_dpop_proof")


async def test_a18_the_proof_that_the_others_vary_does_hold(furnished: Any) -> None:
    answer = await furnished.form(furnished.credentials("licensing"), _dpop(furnished, {}, {}))
    assert answer.status_code == 200


@pytest.mark.parametrize("shift_s", [-3600, -61, 61, 3600])
async def test_a18_a_proof_out_of_its_time_is_refused(furnished: Any, shift_s: int) -> None:
    proof = _dpop(furnished, {}, {"iat": int(furnished.now.timestamp()) + shift_s})
    answer = await furnished.form(furnished.credentials("licensing"), proof)
    assert refusal(answer) == (400, "invalid_dpop_proof")


async def test_a18_no_proof_two_proofs_and_a_used_proof_are_refused(furnished: Any) -> None:
    none = await furnished.form(furnished.credentials("licensing"))
    two = await furnished.form(furnished.credentials("licensing"), furnished.proof("k"), furnished.proof("k"))
    proof = furnished.proof("k")
    assert (await furnished.form(furnished.credentials("licensing"), proof)).status_code == 200
    used = await furnished.form(furnished.credentials("licensing"), proof)
    assert {refusal(answer) for answer in (none, two, used)} == {(400, "invalid_dpop_proof")}
    await still_works(furnished)


async def test_a18_a_proof_signed_with_rsa_or_nothing_is_refused(furnished: Any) -> None:
    head, payload, signature = furnished.proof("k").split(".")
    for alg in ("RS256", "none", "HS256", "ES384"):
        header = json.loads(jose.b64u_decode(head)) | {"alg": alg}
        forged = f"{jose.b64u(json.dumps(header).encode())}.{payload}.{signature}"
        answer = await furnished.form(furnished.credentials("licensing"), forged)
        assert refusal(answer) == (400, "invalid_dpop_proof")


async def test_a_token_says_nothing_of_why_a_client_was_refused(furnished: Any) -> None:
    unknown = {**furnished.credentials("licensing")}
    unknown["client_assertion"] = furnished.client_assertion("nobody")
    stolen = {**furnished.credentials("licensing")}
    stolen["client_assertion"] = furnished.client_assertion("licensing", key="nobody")
    answers = [await furnished.form(form, furnished.proof("k")) for form in (unknown, stolen)]
    assert answers[0].json() == answers[1].json()
