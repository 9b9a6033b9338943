# SPDX-License-Identifier: EUPL-1.2
"""A clerk at the doors of cases: the citizen's own doors, for offices that have a part in the life event."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cases.api import routers
from cases.service import Windows
from cases.service.plans import Planning
from cases.settings import Settings
from contracts.ids import uuid7
from kit.api import create_api
from kit.auth import Caller
from kit.http import asgi_client
from kit.settings import load
from kit.window import Window

MARKET, TAX = "1199990000000006XB", "119999000000000941"
OWNER = "o" * 43
HERSELF = Caller("citizen", None, None, None, OWNER, frozenset(), "citizen:owner")
FOREIGN = ("WINDOW_NOT_OF_EVENT", 403)


class Doors:
    """The HTTP side of a house, and who comes in: `by`."""

    def __init__(self, house: Any, folder: Path) -> None:
        self.house, self.by = house, HERSELF
        values = {
            "DATABASE_URL": "postgresql://cases@127.0.0.1:1/cases", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "PORT": "7101", "INTERNAL_PORT": "7102", "SYSTEM": "cases", "OPERATOR": "119999000000002030",
            "PUBLIC_URL": "https://tongban.example", "SECRETS_DIR": str(folder), "TRUST_FILE": str(folder / "trust"),
            "REPLICA_DIR": str(folder), "IDENTITY_URLS": "http://127.0.0.1:1",
            "EXCHANGE_BUS_URLS": "http://127.0.0.1:1",
        }  # fmt: skip
        settings = load(Settings, {f"CASES_{name}": value for name, value in values.items()})
        parts = house.parts
        state = {
            "authenticator": SimpleNamespace(authenticate=lambda _request: self.by),
            "planning": Planning(parts.catalogue, parts.clock),
            "opening": house.opening,
            "viewing": house.viewing,
            "applying": house.applying,
            "windows": Windows(parts.db, parts.catalogue, parts.clock),
        }
        self.app = create_api(settings, routers=routers(sandbox=False), service="cases", state=state)

    def at_the_window(self, office: str, *, person: str = OWNER) -> "Doors":
        by = Window(office, "desk", "k-17")
        self.by = replace(HERSELF, subject=person, window=by, client_key_owner=f"window:desk:{person[0]}")
        return self

    def herself(self) -> "Doors":
        self.by = HERSELF
        return self

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with asgi_client(self.app) as client:
            return await client.request(method, f"/v1/{path}", json=body, headers={"idempotency-key": str(uuid7())})

    async def refusal(self, *asked: Any) -> tuple[str, int]:
        answer = await self.ask(*asked)
        return answer.json()["code"], answer.status_code

    def wish(self) -> dict[str, Any]:
        subjects = {"staff": [self.house.handle()]}
        return {"lifeEvent": "food-licence", "subjects": subjects, "input": {"tradeName": "Noodles"}}


@pytest.fixture
def doors(house: Any, tmp_path: Path) -> Doors:
    return Doors(house, tmp_path)


async def test_a_window_of_an_office_in_the_life_event_plans_opens_reads_and_withdraws(doors: Doors) -> None:
    window = doors.at_the_window(MARKET)
    assert (await window.ask("POST", "plans", {"lifeEvent": "food-licence"})).status_code == 200
    opened = await window.ask("POST", "cases", doors.wish())
    assert opened.status_code == 201
    path = f"cases/{opened.json()['caseId']}"
    assert (await window.ask("GET", path)).status_code == 200
    assert (await window.ask("POST", f"{path}/offers/f1", {"accept": True})).json()["code"] == "OFFER_NOT_OPEN"
    ended = await window.ask("POST", f"{path}/withdrawal", {})
    assert (ended.status_code, ended.json()["state"]) == (201, "withdrawn")
    assert (await doors.herself().ask("GET", path)).json()["state"] == "withdrawn"


async def test_an_office_without_a_part_in_the_life_event_has_no_window_for_it(doors: Doors) -> None:
    case_id = (await doors.ask("POST", "cases", doors.wish())).json()["caseId"]
    foreign = doors.at_the_window(TAX)
    for asked in (
        ("POST", "plans", {"lifeEvent": "food-licence"}),
        ("POST", "cases", doors.wish()),
        ("GET", f"cases/{case_id}"),
        ("POST", f"cases/{case_id}/withdrawal", {}),
        ("POST", f"cases/{case_id}/offers/f1", {"accept": True}),
    ):
        assert await foreign.refusal(*asked) == FOREIGN, asked
    assert (await foreign.ask("POST", "plans", {"lifeEvent": "open-restaurant"})).status_code == 200
    async with doors.house.db.read() as tx:
        assert await tx.fetchval("SELECT count(*) FROM case_file WHERE state = 'open'") == 1


async def test_a_window_sees_no_case_but_the_citizens_own(doors: Doors) -> None:
    case_id = (await doors.ask("POST", "cases", doors.wish())).json()["caseId"]
    for office in (MARKET, TAX):
        other = doors.at_the_window(office, person="q" * 43)
        assert await other.refusal("GET", f"cases/{case_id}") == ("CASE_UNKNOWN", 404)
        assert await other.refusal("GET", f"cases/{uuid7()}") == ("CASE_UNKNOWN", 404)


async def test_a_case_that_was_opened_by_the_app_goes_on_at_the_window(doors: Doors) -> None:
    opened = (await doors.ask("POST", "cases", doors.wish())).json()
    seen = (await doors.at_the_window(MARKET).ask("GET", f"cases/{opened['caseId']}")).json()
    assert seen == (await doors.herself().ask("GET", f"cases/{opened['caseId']}")).json()


async def test_a_life_event_that_nobody_knows_is_unknown_at_the_window_too(doors: Doors) -> None:
    window = doors.at_the_window(MARKET)
    for path in ("plans", "cases"):
        assert await window.refusal("POST", path, {"lifeEvent": "become-king"}) == ("LIFE_EVENT_UNKNOWN", 404)
