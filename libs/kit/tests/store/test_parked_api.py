# SPDX-License-Identifier: EUPL-1.2
"""The operators' door to dead letters."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contracts.ids import uuid7
from kit import parked
from kit.api import create_api
from kit.auth import Caller
from kit.consumer.work import BatchWorker
from kit.db import Database
from kit.http import asgi_client
from kit.settings import ServiceSettings


class Gatekeeper:
    """Lets everybody in as what the test says."""

    def __init__(self) -> None:
        self.kind: Any = "bootstrap"

    def authenticate(self, _request: object) -> Caller:
        return Caller(self.kind, None, None, None, None, frozenset(), "operator")


@pytest.fixture
def gatekeeper() -> Gatekeeper:
    return Gatekeeper()


@pytest.fixture
async def api(db: Database, gatekeeper: Gatekeeper) -> AsyncIterator[Any]:
    settings = ServiceSettings(
        database_url="postgresql://x@127.0.0.1/x",
        kafka_bootstrap_servers="127.0.0.1:1",
        port=1,
        internal_port=2,
        system="test",
        operator="119999000000002030",
        public_url="http://gateway.example",
        secrets_dir=Path("/nowhere"),
        trust_file=Path("/nowhere"),
        replica_dir=Path("/nowhere"),
    )
    state = {"db": db, "authenticator": gatekeeper}
    async with asgi_client(create_api(settings, routers=[parked.router], state=state)) as client:
        yield client


async def redrive(api: Any, **key: str) -> Any:
    return await api.post("/v1/parked/redrives", json=key)


async def test_an_operator_sees_what_is_parked_without_its_content_and_frees_it(
    api: Any, db: Database, handler: Any, bus: Any
) -> None:
    bad = uuid7()
    handler.bad.add(bad)
    await BatchWorker(db, "test", handler, "strict").handle([bus.raw("k", 1, event_id=bad), bus.raw("k", 2)], {})
    answer = (await api.get("/v1/parked")).json()
    assert answer["total"] == 2
    assert [(one["keyseq"], one["state"], one["reason"]) for one in answer["parked"]] == [
        (1, "retry", "BAD_SIGNATURE"),
        (2, "behind", "BEHIND_PARKED"),
    ]
    assert not {"payload", "record", "data"} & answer["parked"][0].keys()
    freed = await redrive(api, topic=bus.topic, key="k")
    assert (freed.status_code, freed.json()) == (200, {"records": 2})


async def test_freeing_what_is_not_parked_is_404(api: Any) -> None:
    assert (await redrive(api, topic="t", key="k")).status_code == 404


async def test_nobody_but_an_operator_may_look(api: Any, gatekeeper: Gatekeeper) -> None:
    gatekeeper.kind = "citizen"
    assert (await api.get("/v1/parked")).status_code == 403
    assert (await redrive(api, topic="t", key="k")).status_code == 403
