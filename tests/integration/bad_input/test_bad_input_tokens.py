# SPDX-License-Identifier: EUPL-1.2
"""Tokens and proofs that don't hold, at the front door and at the token endpoint."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from local_stack import seed

from .forging import STRANGER, Forger, claims_of, hs256, jws, kit_key, seconds, unsigned
from .knocking import MARK, Knock, Reply, check_refusal, check_silent
from .scene import PLATFORM, TAX, Scene, key_of, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

MakeToken = Callable[[Forger], Awaitable[str]]
TEN_YEARS = 10 * 365 * 24 * 3600


async def _unsigned(forger: Forger, alg: str) -> str:
    claims = claims_of(await forger.token())
    return unsigned({**forger.header, "alg": alg}, claims) + "."


async def _mac(forger: Forger) -> str:
    secret = json.dumps(forger.key.public.jwk()).encode()
    return hs256({**forger.header, "alg": "HS256"}, claims_of(await forger.token()), secret)


async def _cut(forger: Forger, part: int) -> str:
    parts = (await forger.token()).split(".")
    parts[part] = ("B" if parts[part][10] == "A" else "A").join([parts[part][:10], parts[part][11:]])
    return ".".join(parts)


async def _of(forger: Forger, who: str, audience: str) -> str:
    return await forger.scene.token(who, audience)


TOKENS: dict[str, MakeToken] = {
    "signed by nobody (alg none)": lambda f: _unsigned(f, "none"),
    "signed by nobody (alg noNE)": lambda f: _unsigned(f, "noNE"),
    "signed with the public key as a shared secret": _mac,
    "by a key that nobody registered": lambda f: f.token(key=STRANGER, header={"kid": STRANGER.kid}),
    "by another key under identity's kid": lambda f: f.token(key=STRANGER),
    "by an office's own key": lambda f: f.token(
        key=key_of(f.scene.stack, "tax-office"), header={"kid": key_of(f.scene.stack, "tax-office").kid}
    ),
    "by identity's other key": lambda f: f.token(
        key=key_of(f.scene.stack, "identity"), header={"kid": key_of(f.scene.stack, "identity").kid}
    ),
    "of a service that issues none": lambda f: f.token(iss="cases"),
    "of an issuer with a slash": lambda f: f.token(iss="identity/"),
    "of an issuer in look-alike letters": lambda f: f.token(iss="ident\u0456ty"),
    "with the attacker's key in its header": lambda f: f.token(
        key=STRANGER, header={"kid": STRANGER.kid, "jwk": STRANGER.public.jwk()}
    ),
    "with an address for its key": lambda f: f.token(header={"jku": f"http://a.example/{MARK}"}),
    "with a certificate for its key": lambda f: f.token(header={"x5c": ["MIIB"]}),
    "with an extension nobody knows": lambda f: f.token(header={"crit": ["exp2"], "exp2": 1}),
    "with the payload unencoded": lambda f: f.token(header={"b64": False, "crit": ["b64"]}),
    "of the type JWT": lambda f: f.token(header={"typ": "JWT"}),
    "of another type of ours": lambda f: f.token(header={"typ": "assertion+jwt"}),
    "expired five minutes ago": lambda f: f.token(
        iat=seconds(minutes=-10), nbf=seconds(minutes=-10), exp=seconds(minutes=-5)
    ),
    "without an end": lambda f: f.token(exp=...),
    "that ends in ten years": lambda f: f.token(exp=seconds() + TEN_YEARS),
    "whose end is a text": lambda f: f.token(exp=str(seconds(minutes=5))),
    "whose end is a fraction": lambda f: f.token(exp=seconds(minutes=5) + 0.5),
    "of the day after tomorrow": lambda f: f.token(iat=seconds(days=2), nbf=seconds(days=2), exp=seconds(days=2) + 60),
    "for another audience": lambda f: f.token(aud="urn:tongban:xx:platform"),
    "for two audiences": lambda f: f.token(aud=[PLATFORM, "x"]),
    "for a certificates deployment": lambda f: _of(f, "tax-office", "certificates-2"),
    "of a system that isn't there": lambda f: f.token(sub="ghost", client_id="ghost"),
    "of a system that acts for another office": lambda f: f.token(office="1199990000000006XB"),
    "of one of our own services": lambda f: f.token(sub="cases", client_id="cases", office="119999000000002030"),
    "bound to no key": lambda f: f.token(cnf=...),
    "bound to another key": lambda f: f.token(cnf={"jkt": "A" * 43}),
    "with one bit turned in its header": lambda f: _cut(f, 0),
    "with one bit turned in its claims": lambda f: _cut(f, 1),
    "with one bit turned in its signature": lambda f: _cut(f, 2),
    "of nine kilobytes": lambda f: f.token(pad="x" * 9000),
    "that is none": lambda _: _text(MARK),
}


async def _text(text: str) -> str:
    return text


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_that_does_not_hold_opens_no_door(scene: Scene, name: str) -> None:
    forger = Forger(scene)
    await scene.refuses(forger.with_token(await TOKENS[name](forger)), 401, "TOKEN_INVALID")


async def test_a_forger_with_all_keys_would_get_in(scene: Scene) -> None:
    """The rows above fail for their one fault, and for nothing else."""
    forger = Forger(scene)
    assert (await scene.knock(forger.with_token(await forger.token()))).status == 200


def _lent(forger: Forger, token: str) -> str:
    return forger.proof(token).rpartition(".")[0] + "." + forger.proof(token, key=STRANGER).rpartition(".")[2]


PROOFS: dict[str, Callable[[Forger, str], str]] = {
    "for another method": lambda f, t: f.proof(t, htm="POST"),
    "for another address": lambda f, t: f.proof(t, htu="http://a.example/v1/inbox"),
    "for another path": lambda f, t: f.proof(t, htu=f.scene.stack.url("gateway") + "/v1/receipts"),
    "for another token": lambda f, t: f.proof(t, ath="A" * 43),
    "for no token": lambda f, _: f.proof(None),
    "of an hour ago": lambda f, t: f.proof(t, iat=seconds(hours=-1)),
    "of an hour from now": lambda f, t: f.proof(t, iat=seconds(hours=1)),
    "without a time": lambda f, t: f.proof(t, iat=...),
    "without a name": lambda f, t: f.proof(t, jti=...),
    "by another key": lambda f, t: f.proof(t, key=STRANGER),
    "under the right key, signed by another": _lent,
    "that shows the private key": lambda f, t: f.proof(
        t, header={"jwk": {n: v for n, v in kit_key(f.scene.callers["tax-office"].key).jwk().items() if n != "kid"}}
    ),
    "without a key": lambda f, t: f.proof(t, header={"jwk": ...}),
    "of RS256": lambda f, t: f.proof(t, header={"alg": "RS256"}),
    "of no algorithm": lambda f, t: f.proof(t, header={"alg": "none"}).rpartition(".")[0] + ".",
    "of the type JWT": lambda f, t: f.proof(t, header={"typ": "JWT"}),
    "that is none": lambda _f, _t: MARK,
}


@pytest.mark.parametrize("name", PROOFS)
async def test_a_stolen_token_is_useless_with_a_proof(scene: Scene, name: str) -> None:
    forger = Forger(scene)
    token = await scene.token("tax-office")
    await scene.refuses(forger.with_token(token, proof=PROOFS[name](forger, token)), 401, "TOKEN_INVALID")


async def test_a_proof_counts_once(scene: Scene) -> None:
    look = scene.inbox()
    headers = await scene.proof_headers(look)
    again = look.but(who=None, headers=headers)
    assert (await scene.knock(again)).status == 200
    await scene.refuses(again, 401, "TOKEN_INVALID")


async def test_a_token_needs_exactly_one_proof(scene: Scene) -> None:
    look = scene.inbox()
    await scene.refuses(look.but(headers={"dpop": None}), 401, "TOKEN_INVALID")
    forger = Forger(scene)
    second = forger.proof(await scene.token("tax-office"))
    reply = await scene.knock(look, [("dpop", second)])
    assert reply.status in (400, 401), reply.body
    check_silent(reply)


async def test_a_bound_token_is_no_bearer_token(scene: Scene) -> None:
    token = await scene.token("tax-office")
    await scene.refuses(Forger(scene).with_token(token, scheme="Bearer"), 401, "TOKEN_INVALID")
    await scene.refuses(scene.inbox().but(headers={"authorization": None}), 401, "TOKEN_INVALID")
    await scene.refuses(scene.inbox().but(headers={"authorization": "DPoP"}), 401, "TOKEN_INVALID")


async def test_a_refused_token_is_told_the_word_of_the_rfc(scene: Scene) -> None:
    reply = await scene.knock(Forger(scene).with_token(MARK))
    assert reply.headers["www-authenticate"].startswith("DPoP ")
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]


async def test_citizens_and_offices_do_not_pass_each_others_doors(scene: Scene) -> None:
    await scene.refuses(scene.inbox("neighbour"), 403, "FORBIDDEN")
    await scene.refuses(Knock("GET", "/v1/receipts", who="licensing"), 403, "FORBIDDEN")
    await scene.refuses(scene.open_case().but(who="licensing"), 403, "FORBIDDEN")
    await scene.refuses(scene.attest().but(who="neighbour", audience="platform"), 401, "TOKEN_INVALID")


# ------------------------------------------------------------------------------------------------ token endpoint
def _client_assertion(scene: Scene, **changes: Any) -> str:
    key = changes.pop("key", None) or key_of(scene.stack, "tax-office")
    claims = {"iss": "tax-office", "sub": "tax-office", "aud": "identity", "jti": str(uuid4())}
    claims |= {"iat": seconds(), "nbf": seconds(), "exp": seconds(seconds=60)} | changes
    return jws({"alg": "ES256", "kid": key.kid, "typ": "client-authentication+jwt"}, claims, key)


async def _ask_token(scene: Scene, assertion: str, *, dpop: str | None = "", **form: str) -> Reply:
    fields = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        "audience": PLATFORM,
        **form,
    }
    url = scene.stack.url("gateway") + "/v1/token"
    proof = Forger(scene).proof(None, htm="POST", htu=url) if dpop == "" else dpop
    headers = {"content-type": "application/x-www-form-urlencoded", "dpop": proof}
    return await scene.knock(Knock("POST", "/v1/token", urlencode(fields).encode(), who=None, headers=headers))


Ask = Callable[[Scene], Awaitable[Reply]]
GRANTS: dict[str, tuple[Ask, int, str]] = {
    "another client's name": (
        lambda s: _ask_token(s, _client_assertion(s, iss="licensing", sub="licensing")),
        401,
        "invalid_client",
    ),
    "one name signing for another": (
        lambda s: _ask_token(s, _client_assertion(s, sub="licensing")),
        401,
        "invalid_client",
    ),
    "a client nobody registered": (
        lambda s: _ask_token(s, _client_assertion(s, iss="ghost", sub="ghost", key=STRANGER)),
        401,
        "invalid_client",
    ),
    "an assertion for somebody else": (
        lambda s: _ask_token(s, _client_assertion(s, aud="cases")),
        401,
        "invalid_client",
    ),
    "an assertion of five minutes ago": (
        lambda s: _ask_token(
            s, _client_assertion(s, iat=seconds(minutes=-6), nbf=seconds(minutes=-6), exp=seconds(minutes=-5))
        ),
        401,
        "invalid_client",
    ),
    "an assertion that is none": (lambda s: _ask_token(s, MARK), 401, "invalid_client"),
    "one of our services": (
        lambda s: _ask_token(s, _client_assertion(s, iss="cases", sub="cases", key=key_of(s.stack, "cases"))),
        400,
        "unauthorized_client",
    ),
    "no proof": (lambda s: _ask_token(s, _client_assertion(s), dpop=None), 400, "invalid_dpop_proof"),
    "a proof that is none": (lambda s: _ask_token(s, _client_assertion(s), dpop=MARK), 400, "invalid_dpop_proof"),
    "a target nobody knows": (lambda s: _ask_token(s, _client_assertion(s), audience=MARK), 400, "invalid_target"),
    "a grant that isn't offered": (
        lambda s: _ask_token(s, _client_assertion(s), grant_type="password", username=MARK),
        400,
        "unsupported_grant_type",
    ),
    "a scope of its own": (lambda s: _ask_token(s, _client_assertion(s), scope=MARK), 400, "invalid_scope"),
}


@pytest.mark.parametrize("name", GRANTS)
async def test_the_token_endpoint_refuses(scene: Scene, name: str) -> None:
    ask, status, code = GRANTS[name]
    reply = await ask(scene)
    assert (reply.status, reply.document["error"]) == (status, code), reply.body
    check_silent(reply)
    await scene.unharmed()


async def test_a_client_assertion_counts_once(scene: Scene) -> None:
    assertion = _client_assertion(scene)
    assert (await _ask_token(scene, assertion)).status == 200
    again = await _ask_token(scene, assertion)
    assert (again.status, again.document["error"]) == (401, "invalid_client")


async def test_a_persona_nobody_knows_cannot_log_in(scene: Scene) -> None:
    url = scene.stack.url("gateway") + "/v1/sandbox/sessions"
    proof = Forger(scene).proof(None, htm="POST", htu=url)
    knock = Knock("POST", "/v1/sandbox/sessions", {"persona": MARK}, who=None, headers={"dpop": proof})
    await scene.refuses(knock, 404, "NOT_FOUND")


async def test_a_revoked_system_is_out_within_five_seconds_though_its_token_is_good(scene: Scene) -> None:
    bootstrap = seed.Bootstrap(scene.stack.plan.keyring.bootstrap(), scene.stack.url)
    system, key = f"visiting-{uuid4().hex[:8]}", STRANGER.generate()
    entry = {"kid": key.kid, "use": "sig", "jwk": key.public.jwk(), "from": "2026-01-01T00:00:00Z"}
    record = {"systemId": system, "operator": TAX, "offices": [TAX], "role": "office", "keys": [entry]}
    bootstrap.post("identity", "/v1/systems", record)
    scene.counted = await scene.count()
    forger = Forger(scene)

    async def look() -> Reply:
        token = await forger.token(sub=system, client_id=system)
        return await scene.knock(forger.with_token(token))

    async def in_() -> bool:
        return (await look()).status == 200

    async def out() -> Reply | None:
        reply = await look()
        return reply if reply.status != 200 else None

    await until(in_, "the new system to be let in", 10)
    bootstrap.post("identity", f"/v1/systems/{system}/revocations", None)
    check_refusal(await until(out, "the revoked system to be out", 5), 401, "TOKEN_INVALID")
    scene.counted = await scene.count()
