# SPDX-License-Identifier: EUPL-1.2
"""A clerk at the door, for a citizen: let in where a route says so, written down, and stopped everywhere else."""

import json
from typing import Any

import pytest

from contracts.receipts import Sealed
from contracts.routes import ROUTES, Route
from kit import jose, tokens
from kit.http import asgi_client
from kit.jose import PrivateKey

from .conftest import CASE, NOW, PUBLIC, TAX, House

ACT = {"sub": "tax-office", "office": TAX, "clerk": "k-17"}
OPEN = [route for route in ROUTES if route.window]
SHUT = [route for route in ROUTES if route.security == "citizen" and not route.window]


def window(house: House, **changes: Any) -> str:
    return house.token(**{"citizen": True, "client_id": "tax-office", "act": ACT, **changes})


def path_of(route: Route) -> str:
    return route.path.replace("{id}", CASE).replace("{step}", "r7")


async def ask(house: House, route: Route, token: str) -> Any:
    body = b"{}" if route.method == "POST" else None
    return await house.ask(route.method, path_of(route), token=token, body=body, idempotency_key="k")


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", OPEN, ids=named)
async def test_what_a_citizen_may_do_by_her_app_she_may_do_at_the_window(house: House, route: Route) -> None:
    assert (await ask(house, route, window(house))).status_code == 200
    [(_, _, target, headers, _)] = house.behind.got
    assert target == path_of(route)
    assert b"tongban-hop" in headers


@pytest.mark.parametrize("audience", ["urn:tongban:zz:platform", "certificates-1"])
@pytest.mark.parametrize("route", SHUT, ids=named)
async def test_what_is_hers_alone_no_clerk_does(house: House, route: Route, audience: str) -> None:
    answer = await ask(house, route, window(house, aud=audience))
    assert (answer.status_code, answer.json()["code"]) == (403, "WINDOW_NOT_HERE")
    assert house.behind.got == []


async def test_a_window_is_no_system_of_the_office(house: House) -> None:
    answer = await house.ask("GET", "/v1/inbox", token=window(house))
    assert (answer.status_code, answer.json()["code"]) == (403, "WINDOW_NOT_HERE")
    assert house.behind.got == []


async def test_the_receipt_of_a_look_names_office_and_system_and_in_its_sealed_part_the_clerk(house: House) -> None:
    await house.ask("GET", f"/v1/cases/{CASE}", token=window(house))
    await house.ask("GET", f"/v1/cases/{CASE}", token=house.token(citizen=True))
    at_the_window, herself = await house.receipts()
    assert at_the_window["asker"] == {"office": TAX, "system": "tax-office"}
    assert "asker" not in herself
    assert "k-17" not in json.dumps(at_the_window)
    assert [sealed.clerk for sealed in await opened(house)] == ["k-17", None]
    assert len({sealed.subject_key for sealed in await opened(house)}) == 1  # one chain: hers


async def opened(house: House) -> list[Sealed]:
    async with house.db.read() as tx:
        rows = await tx.fetch("SELECT payload FROM outbox WHERE topic = 'receipts.receipt.v1' ORDER BY id")
    sealed = [receipt["sealed"] for row in rows for receipt in json.loads(row["payload"])["receipts"]]
    return [Sealed.model_validate_json(jose.open_sealed(text, {house.ledger.kid: house.ledger})) for text in sealed]


async def test_a_stolen_window_token_is_worth_nothing_without_the_systems_key(house: House) -> None:
    token, path, thief = window(house), f"/v1/cases/{CASE}", PrivateKey.generate()
    proof = tokens.dpop_proof(thief, method="GET", url=PUBLIC + path, token=token, now=NOW)
    async with asgi_client(house.app) as client:
        answer = await client.get(path, headers={"authorization": f"DPoP {token}", "dpop": proof})
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
    assert house.behind.got == []


async def test_all_windows_of_a_revoked_system_close_at_once(house: House) -> None:
    token, path = window(house), f"/v1/cases/{CASE}"
    assert (await house.ask("GET", path, token=token)).status_code == 200
    del house.systems.values["tax-office"]
    answer = await house.ask("GET", path, token=token)
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize(
    "changes",
    [
        {"act": {**ACT, "office": "11999900000000035X"}},
        {"act": {**ACT, "sub": "certificates-1"}, "client_id": "certificates-1"},
        {"act": {**ACT, "act": ACT}},
        {"act": []},
        {"client_id": "licensing"},
    ],
    ids=repr,
)
async def test_a_clerk_whose_office_is_not_her_systems_is_refused(house: House, changes: dict[str, Any]) -> None:
    answer = await house.ask("GET", f"/v1/cases/{CASE}", token=window(house, **changes))
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
