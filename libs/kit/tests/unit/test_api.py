# SPDX-License-Identifier: EUPL-1.2
"""What callers of any service's API see: strict bodies, declared queries, problem documents, our headers."""

import asyncio
import json
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import Depends, Query, Request
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import Field

from contracts.base import Day, Model, Text, Timestamp
from kit import deadline
from kit.api import ClientKey, ExchangeOf, StrictRouter, check_context, create_api, wait_s
from kit.edge import EdgeRules
from kit.errors import NotFound
from kit.http import asgi_client
from kit.settings import ServiceSettings
from kit.telemetry import metrics
from kit.telemetry.spans import start_spans, stop_spans

router = StrictRouter(prefix="/v1")


class Colour(StrEnum):
    RED = "red"


class Thing(Model):
    name: Annotated[Text, Field(max_length=100)]
    count: Annotated[int, Field(ge=0, le=10)] = 0
    good: bool = True
    made_at: Timestamp | None = None
    day: Day | None = None
    colour: Colour = Colour.RED
    owner_id: UUID | None = None
    tags: Annotated[list[Text], Field(max_length=3)] = Field(default=[])


@router.post("/things", status_code=201)
async def make(body: Thing, key: ClientKey) -> Thing:
    return body


@router.get("/things")
async def find(
    limit: Annotated[int, Query(ge=1, le=9)] = 5, tag: Annotated[list[str] | None, Query()] = None
) -> list[Thing]:
    return []


@router.get("/things/{thing_id}")
async def one(thing_id: UUID) -> Thing:
    raise NotFound


@router.delete("/things/{thing_id}", status_code=204)
async def drop(thing_id: UUID) -> None:
    return None


@router.get("/broken")
async def broken() -> Thing:
    raise RuntimeError("the number is 999900199003070000")


@router.get("/slow")
async def slow() -> Thing:
    await asyncio.sleep(30)
    return Thing(name="late")


@router.get("/left")
async def left(request: Request, exchange: ExchangeOf) -> dict[str, Any]:
    check_context(request, case="c1", step=None, purpose="p", legal_basis=None)
    return {"left": deadline.remaining_s(), "wait": wait_s(request), "salt": exchange and exchange.salt}


def settings() -> ServiceSettings:
    return ServiceSettings(
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


@pytest.fixture
async def api() -> AsyncIterator[Any]:
    app = create_api(settings(), routers=[router], state={}, service="test")
    async with asgi_client(app) as client:
        yield client


KEY = {"Idempotency-Key": "k", "Content-Type": "application/json"}


async def post(api: Any, body: str | bytes, **headers: str) -> Any:
    return await api.post("/v1/things", content=body, headers=KEY | headers)


async def test_a_good_body_is_taken_and_none_members_are_left_out_of_the_answer(api: Any) -> None:
    owner = "0197b1f0-0000-7000-8000-000000000000"
    body = f'{{"name":"x","madeAt":"2026-01-01T08:00:00+08:00","day":"2024-02-29","colour":"red","ownerId":"{owner}"}}'
    answer = await post(api, body)
    assert answer.status_code == 201
    assert answer.json() == {
        "name": "x",
        "count": 0,
        "good": True,
        "madeAt": "2026-01-01T00:00:00.000Z",
        "day": "2024-02-29",
        "colour": "red",
        "ownerId": owner,
        "tags": [],
    }


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ('"count":"12"', "/count"),
        ('"count":1.0', "/count"),
        ('"count":true', "/count"),
        ('"count":11', "/count"),
        ('"good":"yes"', "/good"),
        ('"good":1', "/good"),
        ('"day":0', "/day"),
        ('"day":"2023-02-29"', "/day"),
        ('"day":"0000-01-01"', "/day"),
        ('"day":"10000-01-01"', "/day"),
        ('"madeAt":"2026-01-01T00:00:00"', "/madeAt"),
        ('"madeAt":1700000000', "/madeAt"),
        ('"colour":"blue"', "/colour"),
        ('"ownerId":"x"', "/ownerId"),
        ('"tags":["a","b","c","d"]', "/tags"),
        ('"tags":["a",1]', "/tags/1"),
        ('"isAdmin":true', "/isAdmin"),
        ('"made_at":"2026-01-01T00:00:00Z"', "/made_at"),
        ('"a/b":1', "/a~1b"),
    ],
)
async def test_wrong_types_values_and_names_are_400_at_their_place(api: Any, members: str, pointer: str) -> None:
    answer = await post(api, f'{{"name":"x",{members}}}')
    assert answer.status_code == 400
    assert answer.json()["code"] == "INVALID_REQUEST"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_all_field_errors_come_at_once_and_no_value_is_echoed(api: Any) -> None:
    answer = await post(api, '{"count":"canary-1","good":"canary-2","day":"canary-3","madeAt":"canary-4"}')
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/name", "/count", "/good", "/day", "/madeAt"}
    assert "canary" not in answer.text


@pytest.mark.parametrize("body", ["", "x", '{"name":"a","name":"b"}', '{"name":"a"} 1', '{"count":NaN}', "[" * 1000])
async def test_a_body_that_is_not_one_json_value_is_400(api: Any, body: str) -> None:
    assert (await post(api, body)).status_code == 400


@pytest.mark.parametrize("body", ["[]", "null", "1", '"x"', "true"])
async def test_a_body_that_is_no_object_is_400(api: Any, body: str) -> None:
    assert (await post(api, body)).status_code == 400


async def test_a_megabyte_in_a_short_field_is_400_and_a_larger_body_413(api: Any) -> None:
    answer = await post(api, '{"name":"' + "x" * 1_000_000 + '"}')
    assert answer.status_code == 400
    assert len(answer.content) <= 2048
    assert (await post(api, '{"name":"' + "x" * 1_100_000 + '"}')).status_code == 413


async def test_a_body_of_unknown_length_is_counted(api: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    assert (await api.post("/v1/things", content=pieces(), headers=KEY)).status_code == 413


@pytest.mark.parametrize(
    "media",
    ["text/plain", "application/xml", "application/yaml", "multipart/form-data; boundary=x", "application/jsonp"],
)
async def test_any_other_media_type_is_415(api: Any, media: str) -> None:
    answer = await api.post("/v1/things", content=b"{}", headers=KEY | {"Content-Type": media})
    assert answer.status_code == 415


async def test_an_encoding_is_415(api: Any) -> None:
    assert (await post(api, "{}", **{"Content-Encoding": "gzip"})).status_code == 415


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "IDEMPOTENCY_KEY_MISSING"), ("x" * 300, "IDEMPOTENCY_KEY_INVALID"), ("a b", "IDEMPOTENCY_KEY_INVALID")],
)
async def test_a_post_without_a_good_key_is_400(api: Any, key: str | None, code: str) -> None:
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    answer = await api.post("/v1/things", content=b'{"name":"x"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("query", ["x=1", "limit=1&limit=2", "limit=x", "limit=0", "limit", "Limit=1", "limit=1&x="])
async def test_an_undeclared_repeated_or_wrong_query_is_400(api: Any, query: str) -> None:
    answer = await api.get(f"/v1/things?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] in ("x", "limit", "Limit")


async def test_a_declared_query_passes_and_a_list_may_repeat(api: Any) -> None:
    assert (await api.get("/v1/things?limit=9&tag=a&tag=b")).status_code == 200


async def test_a_path_parameter_of_the_wrong_type_is_400(api: Any) -> None:
    answer = await api.get("/v1/things/x")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "thing_id")


async def test_an_unknown_path_is_404_and_docs_are_unknown_too(api: Any) -> None:
    for path in ("/v1/unknown", "/docs", "/redoc", "/openapi.json", "/metrics", "/v1/things/"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_wrong_method_is_405_with_all_methods_of_the_path(api: Any) -> None:
    answer = await api.put("/v1/things", content=b"{}", headers=KEY)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert (await api.request("OPTIONS", "/v1/things")).status_code == 405
    assert (await api.request("BREW", "/v1/things")).status_code == 405
    answer = await api.get("/v1/things", headers={"X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code == 200


async def test_a_body_where_none_is_expected_is_400(api: Any) -> None:
    answer = await api.request("DELETE", "/v1/things/0197b1f0-0000-7000-8000-000000000000", content=b"{}", headers=KEY)
    assert answer.status_code == 400


async def test_a_wrong_host_is_421(api: Any) -> None:
    assert (await api.get("/v1/things", headers={"Host": "evil.example"})).status_code == 421


async def test_a_bug_is_a_bare_500_that_tells_nothing(api: Any) -> None:
    answer = await api.get("/v1/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "9999" not in answer.text


async def test_a_call_that_takes_longer_than_its_caller_allows_is_504(api: Any) -> None:
    answer = await api.get("/v1/slow", headers={"Tongban-Deadline": "100"})
    assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")


async def test_the_use_case_sees_the_time_left_the_wait_and_the_exchange(api: Any) -> None:
    exchange = "0197b1f0-0000-7000-8000-000000000000.abcdefghijklmnop"
    headers = {"Tongban-Deadline": "5000", "Prefer": "respond-async, wait=7", "Tongban-Exchange": exchange}
    answer = (await api.get("/v1/left", headers=headers)).json()
    assert 4 < answer["left"] <= 4.98
    assert answer["wait"] == 7
    assert answer["salt"] == "abcdefghijklmnop"


async def test_a_malformed_exchange_is_400(api: Any) -> None:
    for value in ("x", "0197b1f0-0000-7000-8000-000000000000", "0197b1f0-0000-7000-8000-000000000000.short"):
        assert (await api.get("/v1/left", headers={"Tongban-Exchange": value})).status_code == 400


async def test_context_headers_that_differ_from_the_body_are_named(api: Any) -> None:
    answer = await api.get("/v1/left", headers={"Tongban-Case": "c2", "Tongban-Purpose": "p", "Tongban-Step": "any"})
    assert (answer.status_code, answer.json()["code"]) == (400, "CONTEXT_MISMATCH")
    assert [error["header"] for error in answer.json()["errors"]] == ["Tongban-Case"]


async def test_every_answer_carries_our_headers_and_a_request_id_that_the_problem_names(api: Any) -> None:
    for path in ("/v1/things", "/v1/unknown", "/v1/%2e%2e", "/v1/broken"):
        answer = await api.get(path)
        assert answer.headers["api-version"] == "1.0.0"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        if answer.status_code != 200:
            assert answer.json()["instance"] == f"urn:uuid:{answer.headers['request-id']}"


async def test_numbers_carry_the_route_template_and_never_the_path(api: Any) -> None:
    await api.get("/v1/things/0197b1f0-0000-7000-8000-00000000abcd")
    text = metrics.exposition().decode()
    assert 'tongban_http_requests_total{method="GET",route="/v1/things/{thing_id}",service="test",status="404"}' in text
    assert "abcd" not in text


def test_two_body_models_on_one_route_are_refused_at_start() -> None:
    async def both(one: Thing, two: Thing) -> Thing:
        return one

    with pytest.raises(TypeError):
        StrictRouter().post("/both")(both)


async def test_more_requests_at_once_than_can_be_finished_are_turned_away_at_once() -> None:
    rules = EdgeRules(hosts=settings().allowed_hosts, in_flight=1)
    app = create_api(settings(), routers=[router], state={}, service="test", rules=rules)
    async with asgi_client(app) as client:
        busy = asyncio.create_task(client.get("/v1/slow", headers={"Tongban-Deadline": "500"}))
        await asyncio.sleep(0.05)
        refused = await client.get("/v1/things")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        await busy
        assert (await client.get("/v1/things")).status_code == 200


async def test_a_request_leaves_one_span_even_if_somebody_set_a_global_tracer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(foreign))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    start_spans(service="test", file=tmp_path / "spans")
    app = create_api(settings(), routers=[router], state={}, service="test")
    async with asgi_client(app) as client:
        await client.get("/v1/things", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    stop_spans()
    (line,) = [json.loads(text) for text in (tmp_path / "spans").read_text().splitlines()]
    assert (line["name"], line["traceId"], line["parentSpanId"]) == ("GET /v1/things", "a" * 32, "b" * 16)
    assert set(line["attributes"]) == {"request_id", "route", "status"}
    assert not foreign.get_finished_spans()


def test_a_dependency_that_would_run_in_a_thread_is_refused_when_the_route_is_made() -> None:
    def slow(request: Request) -> str:
        return request.method

    with pytest.raises(TypeError, match="a dependency is async"):

        @StrictRouter().get("/slow")
        async def route(said: Annotated[str, Depends(slow)]) -> str:
            return said
