# SPDX-License-Identifier: EUPL-1.2
"""What the probes say."""

from typing import Any

import orjson

from kit.errors import Unavailable
from kit.health import Health


async def probe(health: Health, path: str) -> tuple[int, Any]:
    status, _, body = await health.answer(path)
    return status, orjson.loads(body)


async def test_ready_means_every_check_holds() -> None:
    health, state = Health(), {"replica": False}

    async def replica() -> bool:
        return state["replica"]

    async def key() -> str | None:
        return None if state["replica"] else "NO_OFFICE_KEY"

    async def database() -> None:
        if not state["replica"]:
            raise Unavailable("secret-host is away")

    health.add("replica", replica)
    health.add("key", key)
    health.add("database", database)
    assert await probe(health, "/readyz") == (
        503,
        {"status": "waiting", "checks": {"replica": "waiting", "key": "NO_OFFICE_KEY", "database": "UNAVAILABLE"}},
    )
    assert (await probe(health, "/startupz"))[0] == 503
    assert (await probe(health, "/livez"))[0] == 200
    state["replica"] = True
    assert await probe(health, "/readyz") == (
        200,
        {"status": "ok", "checks": dict.fromkeys(["replica", "key", "database"], "ok")},
    )
    state["replica"] = False
    assert (await probe(health, "/startupz"))[0] == 200  # it had started once
    assert (await probe(health, "/readyz"))[0] == 503


async def test_a_process_that_is_asked_to_stop_is_not_ready_but_alive() -> None:
    health = Health()
    assert (await probe(health, "/readyz"))[0] == 200
    health.stopping.set()
    assert await probe(health, "/readyz") == (503, {"status": "stopping", "checks": {}})
    assert (await probe(health, "/livez"))[0] == 200


async def test_notes_are_shown_and_do_not_decide() -> None:
    health = Health()
    health.note("waitingForKeys", lambda: 3)
    assert await probe(health, "/readyz") == (200, {"status": "ok", "checks": {}, "notes": {"waitingForKeys": 3}})


async def test_metrics_are_text_and_other_paths_unknown() -> None:
    status, media, body = await Health().answer("/metrics")
    assert (status, media.split(";")[0]) == (200, "text/plain")
    assert b"tongban_outbox_rows" in body
    assert (await probe(Health(), "/x"))[0] == 404
