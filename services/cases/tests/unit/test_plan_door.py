# SPDX-License-Identifier: EUPL-1.2
"""A plan over HTTP: for citizens, without a key, with every fault at once."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cases.api import routers
from cases.service.plans import Planning
from cases.service.windows import Windows
from cases.settings import Settings
from contracts.catalogue import Catalogue
from contracts.catalogue.check import check
from contracts.roles import Role
from kit.api import create_api
from kit.auth import Caller
from kit.http import asgi_client
from kit.settings import load
from tongban.catalogue_files import load_entries

ROOT = Path(__file__).parents[4]
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
CITIZEN = Caller("citizen", "portal", None, None, "p" * 43, frozenset(), "citizen:x")
OFFICE = Caller("system", "licensing", Role.OFFICE, "1199990000000006XB", None, frozenset(), "system:licensing")
LISTS = Catalogue(3, check(load_entries(ROOT / "catalogue"), test_area=True)[0])

Ask = Callable[..., Any]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    values = {
        "DATABASE_URL": "postgresql://cases@127.0.0.1:1/cases", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "PORT": "7101", "INTERNAL_PORT": "7102", "SYSTEM": "cases", "OPERATOR": "119999000000002030",
        "PUBLIC_URL": "https://tongban.example", "SECRETS_DIR": str(tmp_path), "TRUST_FILE": str(tmp_path / "trust"),
        "REPLICA_DIR": str(tmp_path), "IDENTITY_URLS": "http://127.0.0.1:1", "EXCHANGE_BUS_URLS": "http://127.0.0.1:1",
    }  # fmt: skip
    settings = load(Settings, {f"CASES_{name}": value for name, value in values.items()})

    async def post(wish: dict[str, Any], by: Caller = CITIZEN) -> Any:
        state = {
            "authenticator": SimpleNamespace(authenticate=lambda _request: by),
            "planning": Planning(lambda: LISTS, lambda: NOW),
            "windows": Windows(None, lambda: LISTS, lambda: NOW),  # type: ignore[arg-type]  # a plan reads nothing
        }
        app = create_api(settings, routers=routers(sandbox=False), service="cases", state=state)
        async with asgi_client(app) as client:
            return await client.post("/v1/plans", json=wish)

    return post


async def test_a_citizen_gets_a_plan_without_a_key(ask: Ask) -> None:
    answer = await ask({"lifeEvent": "open-restaurant", "people": {"staff": 2}})
    plan = answer.json()
    assert (answer.status_code, plan["workingDays"], plan["visits"], plan["fees"]) == (200, 14, 1, 5000)
    assert plan["longestChain"] == ["open-restaurant/r1", "open-restaurant/r4", "open-restaurant/r8"]
    assert plan["steps"][0]["needs"][0] == {
        "of": "owner",
        "persons": 1,
        "alternatives": [{"type": "citizen", "holder": "119999000000000273"}],
        "legalBasis": "request",
        "preview": "offered",
    }


async def test_what_is_missing_is_named_in_the_answer(ask: Ask) -> None:
    answer = await ask({"lifeEvent": "open-restaurant", "services": ["seal-filing"]})
    gap = {"step": "open-restaurant/r2", "waitsFor": "open-restaurant/r1", "service": "business-licence"}
    assert (answer.status_code, answer.json()["missing"], answer.json()["steps"]) == (200, [gap], [])


async def test_every_unknown_word_is_named_at_once(ask: Ask) -> None:
    wish = {"lifeEvent": "open-restaurant", "services": ["coffee"], "organisations": {"shop": "91999900000000166H"}}
    answer = await ask(wish)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "CASE_INPUT_INVALID")
    assert {error["pointer"]: error["code"] for error in problem["errors"]} == {
        "/services/0": "UNKNOWN_SERVICE",
        "/organisations/shop": "UNKNOWN_SUBJECT",
    }
    unknown = await ask({"lifeEvent": "become-king"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "LIFE_EVENT_UNKNOWN")


async def test_an_office_has_no_plans_to_make(ask: Ask) -> None:
    answer = await ask({"lifeEvent": "open-restaurant"}, OFFICE)
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
