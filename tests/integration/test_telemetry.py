# SPDX-License-Identifier: EUPL-1.2
"""One case can be followed by one trace, over HTTP, outbox and Kafka; and the numbers that operators need are there."""

import json
import urllib.request
from collections import defaultdict
from typing import Any

import pytest

from local_stack.harness import Stack

from .conftest import World, until

PROMISED = (
    "tongban_http_requests_total",
    "tongban_http_request_seconds_bucket",
    "tongban_outbox_rows",
    "tongban_outbox_oldest_seconds",
    "tongban_parked_rows",
)


def spans(stack: Stack) -> list[dict[str, Any]]:
    """Give every span that any process wrote, with the process's name."""
    found = []
    for file in sorted((stack.layout.run / "spans").glob("*.jsonl")):
        lines = [line for line in file.read_text().splitlines() if line.endswith("}")]  # the last may be half written
        found += [{**json.loads(line), "process": file.stem} for line in lines]
    return found


async def test_a_trace_leads_from_the_gateway_over_the_bus_to_the_holder(world: World) -> None:
    await world.registers()
    await world.decide((await world.apply()).case_id)

    async def followed() -> set[str] | None:
        of_trace: dict[str, set[str]] = defaultdict(set)
        for span in spans(world.stack):
            of_trace[span["trace_id"]].add(span["process"].split("-work")[0].split("-serve")[0])
        reached = [services for services in of_trace.values() if {"exchange-bus", "certificates-1"} <= services]
        return reached[0] if reached else None

    assert await until(followed, "a trace that reaches a holder over Kafka")


def test_every_process_tells_the_numbers_that_operators_need(stack: Stack) -> None:
    for process in stack.processes("exchange-bus") + stack.processes("gateway"):
        with urllib.request.urlopen(stack.internal_url(process) + "/metrics", timeout=5) as answer:  # noqa: S310
            text = answer.read().decode()
        missing = [name for name in PROMISED if name not in text and "serve" not in process]
        assert not missing, f"{process}: {missing}"


def test_a_worker_tells_how_far_behind_it_is(stack: Stack) -> None:
    process = next(name for name in stack.processes("exchange-bus") if "work" in name)
    with urllib.request.urlopen(stack.internal_url(process) + "/metrics", timeout=5) as answer:  # noqa: S310
        assert "tongban_consumer_lag_records{topic=" in answer.read().decode()


@pytest.mark.parametrize("probe", ["startupz", "readyz", "livez"])
def test_every_process_answers_its_probes(stack: Stack, probe: str) -> None:
    for system in ("identity", "exchange-bus", "certificates-1", "certificates-2", "cases", "ledger", "gateway"):
        for process in stack.processes(system):
            with urllib.request.urlopen(f"{stack.internal_url(process)}/{probe}", timeout=5) as answer:  # noqa: S310
                assert answer.status == 200
