# SPDX-License-Identifier: EUPL-1.2
"""One case can be followed by one trace, over HTTP, outbox and Kafka; and the numbers that operators need are there."""

import json
import urllib.request
from collections import defaultdict
from typing import Any

import pytest

from local_stack.harness import Stack

from .conftest import World, until

SERVING = ("tongban_http_requests_total{", "tongban_http_request_seconds_bucket{")
WORKING = (
    "tongban_outbox_rows ",
    "tongban_outbox_oldest_seconds ",
    "tongban_consumer_lag_records{",
    "tongban_parked_rows ",
)


def spans(stack: Stack) -> list[dict[str, Any]]:
    """Give every span that any process wrote, with the process's name."""
    found = []
    for file in sorted((stack.layout.run / "spans").glob("*.jsonl")):
        lines = [line for line in file.read_text().splitlines() if line.endswith("}")]  # the last may be half written
        found += [{**json.loads(line), "process": file.stem} for line in lines]
    return found


async def test_a_trace_leads_over_http_outbox_and_kafka_to_the_holder(world: World) -> None:
    await world.registers()
    await world.decide((await world.apply()).case_id)

    async def followed() -> bool:
        kept = spans(world.stack)
        steps: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for span in kept:
            steps[span["traceId"]].add((span["service"], span["name"]))
        reached = {trace for span in kept if span["service"] == "certificates-1" for trace in span["links"]}
        asked = {("cases", "POST exchange-bus"), ("exchange-bus", "POST /v1/evidence-requests")}
        return any(asked <= steps[trace] for trace in reached)

    assert await until(followed, "a trace from cases over exchange-bus and Kafka to a holder")


@pytest.mark.parametrize(("half", "names"), [("serve", SERVING), ("work", WORKING)])
def test_each_half_of_a_service_tells_the_numbers_that_operators_need(
    stack: Stack, half: str, names: tuple[str, ...]
) -> None:
    for process in (name for name in stack.processes("exchange-bus") if half in name):
        text = metrics(stack, process)
        assert not [name for name in names if name not in text], process


def metrics(stack: Stack, process: str) -> str:
    with urllib.request.urlopen(stack.internal_url(process) + "/metrics", timeout=5) as answer:  # noqa: S310
        return str(answer.read().decode())


@pytest.mark.parametrize("probe", ["startupz", "readyz", "livez"])
def test_every_process_answers_its_probes(stack: Stack, probe: str) -> None:
    for system in ("identity", "exchange-bus", "certificates-1", "certificates-2", "cases", "ledger", "gateway"):
        for process in stack.processes(system):
            with urllib.request.urlopen(f"{stack.internal_url(process)}/{probe}", timeout=5) as answer:  # noqa: S310
                assert answer.status == 200
