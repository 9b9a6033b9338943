# SPDX-License-Identifier: EUPL-1.2
"""Who may record an outage or move the clock: the office that runs the platform, and the runner that seeds it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request

from cases.api import routers
from cases.settings import Settings
from contracts.cases import MoveClock, RecordOutage
from contracts.roles import Role
from kit.api import create_api
from kit.auth import Caller
from kit.db import Answer, Idem
from kit.http import asgi_client
from kit.settings import load

DATA_OFFICE, MARKET = "119999000000002030", "1199990000000006XB"
DESK = Caller("system", "data-office-desk", Role.OFFICE, DATA_OFFICE, None, frozenset({DATA_OFFICE}), "system:desk")
CALLERS = {
    "desk": DESK,
    "portal": replace(DESK, system="portal", role=Role.PORTAL),
    "licensing": replace(DESK, system="licensing", office=MARKET),
    "citizen": Caller("citizen", "portal", None, None, "p" * 43, frozenset(), "citizen:x"),
    "bus": Caller("service", "exchange-bus", Role.EXCHANGE_BUS, None, None, frozenset(), "service:exchange-bus"),
    "bootstrap": Caller("bootstrap", None, None, None, None, frozenset(), "bootstrap"),
}
OUTAGE = {"from": "2026-11-24T09:00:00Z", "to": "2026-11-24T10:00:00Z"}
DOORS = {"/v1/outages": OUTAGE, "/v1/sandbox/clock": {"workingDays": 5}}


class NamedCallers:
    """Believes whom a header names."""

    def authenticate(self, request: Request) -> Caller:
        return CALLERS[request.headers["x-test-caller"]]


class NotedClocks:
    """Takes everything and remembers whose it was."""

    def __init__(self) -> None:
        self.took: list[tuple[object, str]] = []

    async def record_outage(self, said: RecordOutage, idem: Idem) -> Answer:
        self.took.append((said, idem.client))
        return Answer(201, b"{}", {})

    async def move(self, said: MoveClock, idem: Idem) -> Answer:
        self.took.append((said, idem.client))
        return Answer(201, b"{}", {})


class House:
    """The doors of cases with nobody behind them but the clocks."""

    def __init__(self, folder: Path, *, sandbox: bool) -> None:
        values = {
            "DATABASE_URL": "postgresql://cases@127.0.0.1:1/cases", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "PORT": "7101", "INTERNAL_PORT": "7102", "SYSTEM": "cases", "OPERATOR": DATA_OFFICE,
            "PUBLIC_URL": "https://tongban.example", "SECRETS_DIR": str(folder), "TRUST_FILE": str(folder / "trust"),
            "REPLICA_DIR": str(folder), "SANDBOX": str(sandbox).lower(), "IDENTITY_URLS": "http://127.0.0.1:1",
            "EXCHANGE_BUS_URLS": "http://127.0.0.1:1",
        }  # fmt: skip
        settings = load(Settings, {f"CASES_{name}": value for name, value in values.items()})
        self.clocks = NotedClocks()
        state = {"authenticator": NamedCallers(), "clocks": self.clocks, "operator": settings.operator}
        self.app = create_api(settings, routers=routers(sandbox=sandbox), service="cases", state=state)

    async def post(self, path: str, caller: str, **headers: str) -> tuple[int, str]:
        async with asgi_client(self.app) as client:
            sent = {"x-test-caller": caller, "idempotency-key": "k", **headers}
            answer: Any = await client.post(path, json=DOORS[path], headers=sent)
        return answer.status_code, answer.json().get("code", "")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, sandbox=True)


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("caller", ["desk", "portal", "bootstrap"])
async def test_the_platforms_own_office_and_its_runner_are_let_in(house: House, path: str, caller: str) -> None:
    assert await house.post(path, caller) == (201, "")
    assert [owner for _, owner in house.clocks.took] == [CALLERS[caller].client_key_owner]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("caller", ["licensing", "citizen", "bus"])
async def test_nobody_else_is(house: House, path: str, caller: str) -> None:
    assert await house.post(path, caller) == (403, "FORBIDDEN")
    assert house.clocks.took == []


async def test_outside_a_sandbox_there_is_no_clock_to_move(tmp_path: Path) -> None:
    house = House(tmp_path, sandbox=False)
    assert await house.post("/v1/sandbox/clock", "bootstrap") == (404, "NOT_FOUND")
    assert await house.post("/v1/outages", "desk") == (201, "")
