# SPDX-License-Identifier: EUPL-1.2
"""At a service's own door, behind the gateway: only our own services may knock, each for itself and for what it is."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from kit.jose import PrivateKey, digest

from .forging import STRANGER, jws, seconds
from .knocking import MARK, Knock
from .scene import Scene, key_of

pytestmark = pytest.mark.asyncio(loop_scope="package")

DEMAND = {"askedBy": "1199990000000006XB", "service": "food-licence", "proves": "premises-right"}
ALIASES = {"from": "platform", "subject": "A" * 43, "to": [{"party": "platform", "use": "answering"}]}


def signed(system: str, key: PrivateKey, audience: str, typ: str = "assertion+jwt", **changes: Any) -> str:
    """Sign what one system says to another."""
    claims = {"iss": system, "sub": system, "aud": audience, "jti": str(uuid4())}
    claims |= {"iat": seconds(), "nbf": seconds(), "exp": seconds(seconds=60)} | changes
    return jws({"alg": "ES256", "kid": key.kid, "typ": typ}, claims, key)


def bearing(port: str, method: str, path: str, token: str, body: Any = None) -> Knock:
    """Give a knock with an assertion, straight at a service."""
    headers = {"authorization": f"Bearer {token}", "idempotency-key": uuid4().hex}
    return Knock(method, path, body, who=None, headers=headers, port=port)


def _aliases(scene: Scene, system: str, audience: str = "identity", **changes: Any) -> Knock:
    key = changes.pop("key", None) or key_of(scene.stack, system)
    return bearing("identity", "POST", "/v1/aliases", signed(system, key, audience, **changes), ALIASES)


def _demand(scene: Scene, system: str) -> Knock:
    token = signed(system, key_of(scene.stack, system), "exchange-bus")
    return bearing("exchange-bus", "POST", "/v1/proof-demands", token, DEMAND)


def _bootstrap(scene: Scene, path: str, body: Any, *, key: PrivateKey | None = None, port: str = "identity") -> Knock:
    own = key or scene.stack.plan.keyring.bootstrap()
    return bearing(port, "POST", path, signed("bootstrap", own, port), body)


PERSONA = {"persona": "nobody", "number": "99990019700101004X"}
Make = Callable[[Scene], Knock]
ASSERTIONS: dict[str, tuple[Make, int, str]] = {
    "by an office's system": (lambda s: _aliases(s, "licensing"), 401, "TOKEN_INVALID"),
    "by an office's system in the name of cases": (
        lambda s: _aliases(s, "cases", key=key_of(s.stack, "licensing")),
        401,
        "TOKEN_INVALID",
    ),
    "by nobody": (lambda s: _aliases(s, "cases", key=STRANGER), 401, "TOKEN_INVALID"),
    "by a system that isn't there": (lambda s: _aliases(s, "ghost", key=STRANGER), 401, "TOKEN_INVALID"),
    "of cases for another service": (lambda s: _aliases(s, "cases", "exchange-bus"), 401, "TOKEN_INVALID"),
    "of cases of five minutes ago": (
        lambda s: _aliases(s, "cases", iat=seconds(minutes=-6), nbf=seconds(minutes=-6), exp=seconds(minutes=-5)),
        401,
        "TOKEN_INVALID",
    ),
    "of cases for an hour": (lambda s: _aliases(s, "cases", exp=seconds(hours=1)), 401, "TOKEN_INVALID"),
    "of cases about somebody else": (lambda s: _aliases(s, "cases", sub="ledger"), 401, "TOKEN_INVALID"),
    "of cases, but a hop": (lambda s: _aliases(s, "cases", typ="hop+jwt"), 401, "TOKEN_INVALID"),
    "of the ledger, which mints no aliases": (lambda s: _aliases(s, "ledger"), 403, "FORBIDDEN"),
    "of certificates in the platform's name": (lambda s: _aliases(s, "certificates-1"), 403, "FORBIDDEN"),
    "of the ledger, which demands no proofs": (lambda s: _demand(s, "ledger"), 403, "FORBIDDEN"),
    "of certificates, which demands no proofs": (lambda s: _demand(s, "certificates-2"), 403, "FORBIDDEN"),
    "of an office, which demands no proofs": (lambda s: _demand(s, "licensing"), 401, "TOKEN_INVALID"),
    "of cases, which registers nobody": (
        lambda s: bearing(
            "identity",
            "POST",
            "/v1/sandbox/personas",
            signed("cases", key_of(s.stack, "cases"), "identity"),
            PERSONA,
        ),
        403,
        "FORBIDDEN",
    ),
    "of a bootstrap that isn't pinned": (
        lambda s: _bootstrap(s, "/v1/sandbox/personas", PERSONA, key=STRANGER),
        401,
        "TOKEN_INVALID",
    ),
    "of the registry's key as bootstrap": (
        lambda s: _bootstrap(s, "/v1/sandbox/personas", PERSONA, key=key_of(s.stack, "identity", "registry.jwk")),
        401,
        "TOKEN_INVALID",
    ),
    "of a bootstrap that asks for evidence": (
        lambda s: _bootstrap(s, "/v1/evidence-requests", s.asks["title"], port="exchange-bus"),
        403,
        "FORBIDDEN",
    ),
    "of a service that reads an inbox": (
        lambda s: bearing(
            "exchange-bus", "GET", "/v1/inbox", signed("cases", key_of(s.stack, "cases"), "exchange-bus")
        ),
        403,
        "FORBIDDEN",
    ),
    "that is none": (lambda _: bearing("cases", "GET", f"/v1/cases/{uuid4()}", MARK), 401, "TOKEN_INVALID"),
}


@pytest.mark.parametrize("name", ASSERTIONS)
async def test_an_assertion_is_refused(scene: Scene, name: str) -> None:
    make, status, code = ASSERTIONS[name]
    await scene.refuses(make(scene), status, code)


def _inbox(scene: Scene, token: str, hop: str | None) -> Knock:
    headers: dict[str, str | None] = {"authorization": f"DPoP {token}", "tongban-hop": hop}
    return Knock("GET", "/v1/inbox", who=None, headers=headers, port="exchange-bus")


def _hop(scene: Scene, token: str, system: str = "gateway", audience: str = "exchange-bus", **changes: Any) -> str:
    key = changes.pop("key", None) or key_of(scene.stack, system)
    typ = changes.pop("typ", "hop+jwt")
    return signed(system, key, audience, typ, **{"ath": digest(token), "bound": "dpop", **changes})


Hop = Callable[[Scene, str], Awaitable[str | None]]


async def _none(scene: Scene, token: str) -> str | None:
    return None


async def _other_token(scene: Scene, token: str) -> str | None:
    return _hop(scene, await scene.token("licensing"))


def _made(**how: Any) -> Hop:
    async def make(scene: Scene, token: str) -> str | None:
        given = {name: value(scene) if callable(value) else value for name, value in how.items()}
        return _hop(scene, token, **given)

    return make


HOPS: dict[str, Hop] = {
    "no hop": _none,
    "a hop by an office's system": _made(system="tax-office"),
    "a hop by an office's system in the gateway's name": _made(key=lambda s: key_of(s.stack, "tax-office")),
    "a hop by another of our services": _made(system="cases"),
    "a hop by nobody": _made(key=lambda _: STRANGER),
    "a hop for another token": _other_token,
    "a hop for another service": _made(audience="cases"),
    "a hop of five minutes ago": _made(
        iat=lambda _: seconds(minutes=-6), nbf=lambda _: seconds(minutes=-6), exp=lambda _: seconds(minutes=-5)
    ),
    "a hop without the token's hash": _made(ath=""),
    "a hop that is an assertion": _made(typ="assertion+jwt"),
}


@pytest.mark.parametrize("name", HOPS)
async def test_a_callers_token_counts_for_nothing_with(scene: Scene, name: str) -> None:
    token = await scene.token("tax-office")
    await scene.refuses(_inbox(scene, token, await HOPS[name](scene, token)), 401, "TOKEN_INVALID")


async def test_the_gateways_own_word_opens_the_door(scene: Scene) -> None:
    """The rows above fail for their one fault, and for nothing else."""
    token = await scene.token("tax-office")
    assert (await scene.knock(_inbox(scene, token, _hop(scene, token)))).status == 200


async def test_a_hop_does_not_stretch_a_token_to_a_service_that_it_is_not_for(scene: Scene) -> None:
    """A token for the platform opens no certificates deployment, whatever the gateway says."""
    token = await scene.token("health-registry")
    order = scene.attest()
    headers = {"authorization": f"DPoP {token}", "tongban-hop": _hop(scene, token, audience="certificates-1")}
    await scene.refuses(order.but(who=None, port="certificates-1", headers=headers), 401, "TOKEN_INVALID")


async def test_two_hops_are_one_too_many(scene: Scene) -> None:
    token = await scene.token("tax-office")
    extra = [("tongban-hop", _hop(scene, token))]
    await scene.refuses(_inbox(scene, token, _hop(scene, token)), 401, "TOKEN_INVALID", extra)
