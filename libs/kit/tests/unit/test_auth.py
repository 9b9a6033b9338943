# SPDX-License-Identifier: EUPL-1.2
"""Who gets in, and with what (attack list A19, A24; contracts: who may sign what)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI

from contracts import signing
from contracts.base import Model
from contracts.identity import SystemKey, SystemRecord
from contracts.roles import Role
from kit import tokens
from kit.api import StrictRouter
from kit.auth import Authenticator, Caller, caller
from kit.edge import EdgeMiddleware
from kit.http import asgi_client
from kit.jose import PrivateKey
from kit.problems import install
from kit.registry import Registered, Registry
from kit.tokens import AssertionSigner, HopSigner
from kit.trust import Trust

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
OFFICE = "1199990000000006XB"
OTHER_OFFICE = "119999000000000941"
PLATFORM = "urn:tongban:zz:platform"


class Systems:
    """A replica that a test fills."""

    ready = True

    def __init__(self) -> None:
        self.records: dict[str, Registered[SystemRecord]] = {}

    def get(self, key: str) -> Registered[SystemRecord] | None:
        return self.records.get(key)

    def items(self) -> Mapping[str, Registered[SystemRecord]]:
        return self.records

    def add(self, system: str, role: Role, key: PrivateKey, *, offices: tuple[str, ...] = (), use: Any = "sig") -> None:
        entry = SystemKey(kid=key.kid, use=use, jwk=key.public.jwk(), from_=NOW - timedelta(days=1))
        record = SystemRecord(
            system_id=system, operator=OFFICE, offices=list(offices), role=role.value, keys=[entry], status="active"
        )
        self.records[system] = Registered(record, ((entry, key.public),))

    def revoke(self, system: str) -> None:
        held = self.records[system]
        self.records[system] = Registered(held.record.model_copy(update={"status": "revoked"}), held.keys)


@dataclass
class World:
    """A country of five systems, and the clock."""

    now: datetime = NOW
    systems: Systems = field(default_factory=Systems)
    token_key: PrivateKey = field(default_factory=PrivateKey.generate)
    gateway_key: PrivateKey = field(default_factory=PrivateKey.generate)
    cases_key: PrivateKey = field(default_factory=PrivateKey.generate)
    office_key: PrivateKey = field(default_factory=PrivateKey.generate)
    bootstrap_key: PrivateKey = field(default_factory=PrivateKey.generate)

    system: str = "exchange-bus"
    platform_audience: str = PLATFORM

    def __post_init__(self) -> None:
        self.systems.add("identity", Role.IDENTITY, self.token_key, use="token")
        self.systems.add("gateway", Role.GATEWAY, self.gateway_key)
        self.systems.add("cases", Role.CASES, self.cases_key)
        self.systems.add("licensing", Role.OFFICE, self.office_key, offices=(OFFICE,))

    def clock(self) -> datetime:
        return self.now

    def authenticator(self) -> Authenticator:
        other = PrivateKey.generate().public
        trust = Trust(registry=other, catalogue=PrivateKey.generate().public, bootstrap=self.bootstrap_key.public)
        offices: Any = Systems()
        return Authenticator(self, Registry(self.systems, offices, self.clock), trust, self.clock)

    def token(self, key: PrivateKey | None = None, **claims: Any) -> str:
        said = {"iss": "identity", "sub": "licensing", "aud": PLATFORM, "office": OFFICE} | claims
        said = {name: value for name, value in said.items() if value is not None}
        return tokens.sign(signing.ACCESS_TOKEN, said, key or self.token_key, now=self.now, life_s=300)

    def hop(self, token: str, audience: str = "exchange-bus", key: PrivateKey | None = None) -> str:
        return HopSigner("gateway", key or self.gateway_key, self.clock).hop(audience, token)

    def assertion(self, issuer: str = "cases", audience: str = "exchange-bus", key: PrivateKey | None = None) -> str:
        return AssertionSigner(issuer, key or self.cases_key, self.clock).assertion(audience)


class Seen(Model):
    kind: str
    system: str | None
    role: str | None
    office: str | None
    subject: str | None
    owner: str


router = StrictRouter()


def seen(by: Caller) -> Seen:
    return Seen(
        kind=by.kind, system=by.system, role=by.role, office=by.office, subject=by.subject, owner=by.client_key_owner
    )


@router.get("/any")
async def anybody(by: Annotated[Caller, Depends(caller("system", "citizen", "service", "bootstrap"))]) -> Seen:
    return seen(by)


@router.get("/systems")
async def systems_only(by: Annotated[Caller, Depends(caller("system"))]) -> Seen:
    return seen(by)


@router.get("/window")
async def also_a_window(by: Annotated[Caller, Depends(caller("citizen", window=True))]) -> Seen:
    said = seen(by)
    return said.model_copy(update={"office": by.window.office, "system": by.window.system}) if by.window else said


@router.get("/cases")
async def cases_only(by: Annotated[Caller, Depends(caller(Role.CASES))]) -> Seen:
    return seen(by)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def api(world: World) -> Any:
    app = FastAPI()
    app.router.routes.extend(router.routes)
    app.state.authenticator = world.authenticator()
    install(app)
    async with asgi_client(EdgeMiddleware(app, service="test")) as client:
        yield client


async def ask(api: Any, path: str, *credentials: tuple[str, str]) -> Any:
    return await api.get(path, headers=list(credentials))


def bound(token: str, hop: str | None) -> list[tuple[str, str]]:
    return [("Authorization", f"DPoP {token}")] + ([("Tongban-Hop", hop)] if hop else [])


async def refused(api: Any, *credentials: tuple[str, str]) -> None:
    answer = await ask(api, "/any", *credentials)
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
    assert answer.headers["www-authenticate"].startswith("DPoP")
    assert "detail" not in answer.json()


async def test_an_office_system_gets_in_with_token_and_hop(world: World, api: Any) -> None:
    token = world.token()
    for _ in range(2):  # the second time from memory
        answer = await ask(api, "/systems", *bound(token, world.hop(token)))
        assert answer.json() == {
            "kind": "system",
            "system": "licensing",
            "role": "office",
            "office": OFFICE,
            "owner": "system:licensing",
        }


async def test_a_citizen_is_known_by_her_pairwise_subject_and_her_keys_do_not_show_it(world: World, api: Any) -> None:
    token = world.token(sub="pseudonym-of-the-platform", office=None)
    answer = (await ask(api, "/any", *bound(token, world.hop(token)))).json()
    assert (answer["kind"], answer["subject"]) == ("citizen", "pseudonym-of-the-platform")
    assert "pseudonym" not in answer["owner"]


async def test_one_of_our_services_gets_in_with_its_own_assertion(world: World, api: Any) -> None:
    answer = await ask(api, "/cases", ("Authorization", f"Bearer {world.assertion()}"))
    assert answer.json() == {"kind": "service", "system": "cases", "role": "cases", "owner": "service:cases"}


async def test_the_bootstrap_key_gets_in_as_bootstrap_and_nobody_else_does(world: World, api: Any) -> None:
    good = world.assertion("bootstrap", key=world.bootstrap_key)
    assert (await ask(api, "/any", ("Authorization", f"Bearer {good}"))).json()["kind"] == "bootstrap"
    await refused(api, ("Authorization", f"Bearer {world.assertion('bootstrap')}"))
    await refused(api, ("Authorization", f"Bearer {world.assertion('cases', key=world.bootstrap_key)}"))


async def test_the_wrong_kind_of_caller_is_forbidden(world: World, api: Any) -> None:
    token = world.token()
    assert (await ask(api, "/cases", *bound(token, world.hop(token)))).status_code == 403
    assert (await ask(api, "/systems", ("Authorization", f"Bearer {world.assertion()}"))).status_code == 403


async def test_a_bound_token_counts_only_with_a_hop_for_it_and_for_us(world: World, api: Any) -> None:
    token, other = world.token(), world.token(jti="another")
    await refused(api, *bound(token, None))
    await refused(api, *bound(token, world.hop(other)))
    await refused(api, *bound(token, world.hop(token, audience="ledger")))
    await refused(api, *bound(token, world.hop(token, key=world.cases_key)))
    await refused(api, ("Authorization", f"Bearer {token}"), ("Tongban-Hop", world.hop(token)))
    await refused(api, *bound(token, world.hop(token)), ("Tongban-Hop", world.hop(token)))


async def test_a_hop_signed_by_another_role_does_not_count(world: World, api: Any) -> None:
    token = world.token()
    forged = HopSigner("cases", world.cases_key, world.clock).hop("exchange-bus", token)
    await refused(api, *bound(token, forged))


async def test_tokens_of_other_issuers_audiences_and_offices_are_refused(world: World, api: Any) -> None:
    for token in (
        world.token(world.cases_key),
        world.token(world.cases_key, iss="cases"),
        world.token(aud="certificates-1"),
        world.token(office=OTHER_OFFICE),
        world.token(sub="unknown"),
        world.assertion(),
    ):
        await refused(api, *bound(token, world.hop(token)))


async def test_an_assertion_counts_only_here_and_never_from_an_office(world: World, api: Any) -> None:
    await refused(api, ("Authorization", f"Bearer {world.assertion(audience='ledger')}"))
    await refused(api, ("Authorization", f"Bearer {world.assertion('licensing', key=world.office_key)}"))
    await refused(api, ("Authorization", f"DPoP {world.assertion()}"))


async def test_no_credential_two_of_them_or_another_scheme_is_refused(world: World, api: Any) -> None:
    good = ("Authorization", f"Bearer {world.assertion()}")
    await refused(api)
    await refused(api, good, good)
    for value in ("", "Bearer", "Basic eDp5", "Bearer x.y.z", "Bearer " + "x" * 9000):
        await refused(api, ("Authorization", value))


async def test_a_revoked_system_is_out_at_its_next_call_though_its_token_was_seen(world: World, api: Any) -> None:
    token = world.token()
    credentials = bound(token, world.hop(token))
    assert (await ask(api, "/any", *credentials)).status_code == 200
    world.systems.revoke("licensing")
    await refused(api, *credentials)
    service = ("Authorization", f"Bearer {world.assertion()}")
    assert (await ask(api, "/any", service)).status_code == 200
    world.systems.revoke("cases")
    await refused(api, service)


async def test_a_token_that_was_seen_still_expires(world: World, api: Any) -> None:
    token = world.token()
    assert (await ask(api, "/any", *bound(token, world.hop(token)))).status_code == 200
    world.now += timedelta(seconds=320)
    await refused(api, *bound(token, world.hop(token)))


ACT = {"sub": "licensing", "office": OFFICE, "clerk": "k-17"}


def at_the_window(world: World, **claims: Any) -> list[tuple[str, str]]:
    said = {"sub": "her-pseudonym", "office": None, "client_id": "licensing", "act": ACT} | claims
    token = world.token(**said)
    return bound(token, world.hop(token))


async def test_a_clerk_comes_in_for_a_citizen_only_where_a_door_lets_a_window_in(world: World, api: Any) -> None:
    let_in = (await ask(api, "/window", *at_the_window(world))).json()
    assert (let_in["kind"], let_in["subject"], let_in["office"]) == ("citizen", "her-pseudonym", OFFICE)
    shut = await ask(api, "/any", *at_the_window(world))
    assert (shut.status_code, shut.json()["code"]) == (403, "WINDOW_NOT_HERE")


async def test_keys_of_a_window_are_not_those_of_the_citizen_herself(world: World, api: Any) -> None:
    own = world.token(sub="her-pseudonym", office=None)
    herself = (await ask(api, "/window", *bound(own, world.hop(own)))).json()["owner"]
    assert (await ask(api, "/window", *at_the_window(world))).json()["owner"] not in ("", herself)


@pytest.mark.parametrize(
    "claims",
    [
        {"act": {**ACT, "office": OTHER_OFFICE}},
        {"act": {**ACT, "sub": "cases"}},
        {"act": {**ACT, "sub": "cases"}, "client_id": "cases"},
        {"act": {**ACT, "sub": "unknown"}, "client_id": "unknown"},
        {"act": {**ACT, "act": ACT}},
        {"act": {"sub": "licensing", "office": OFFICE}},
        {"act": {**ACT, "clerk": 17}},
        {"act": "licensing"},
        {"act": None, "client_id": "unknown"},
        {"client_id": None},
    ],
    ids=repr,
)
async def test_a_window_whose_office_system_or_claim_does_not_hold_is_refused(
    world: World, api: Any, claims: dict[str, Any]
) -> None:
    answer = await ask(api, "/window", *at_the_window(world, **claims))
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


async def test_all_windows_of_a_revoked_system_close_at_once(world: World, api: Any) -> None:
    credentials = at_the_window(world)
    assert (await ask(api, "/window", *credentials)).status_code == 200
    world.systems.revoke("licensing")
    assert (await ask(api, "/window", *credentials)).status_code == 401
