# SPDX-License-Identifier: EUPL-1.2
"""The edge on a real socket: raw bytes in, and exactly one answer out (attack list A42-A62)."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response

from contracts.base import Model, Text
from kit.api import StrictRouter
from kit.edge import EdgeMiddleware, EdgeRules
from kit.problems import install
from kit.process import listen, server

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
GET = b"GET /v1/things HTTP/1.1\r\n" + HOST + b"\r\n"

router = StrictRouter(prefix="/v1")


class Thing(Model):
    name: Text


@router.get("/things")
async def read() -> Thing:
    return Thing(name="x")


@router.get("/large")
async def large() -> Response:
    return Response(b"x" * 20_000_000, media_type="application/octet-stream")


@router.post("/things", status_code=201)
async def make(body: Thing) -> Thing:
    return body


@router.post("/early")
async def early(request: Request) -> Thing:
    return Thing(name="early")


def _app(rules: EdgeRules) -> EdgeMiddleware:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(router.routes)
    install(app)
    return EdgeMiddleware(app, service="test", rules=rules)


RULES = EdgeRules(
    hosts=frozenset({"localhost"}),
    body_bytes=4096,
    header_timeout_s=0.3,
    body_timeout_s=0.3,
    answer_timeout_s=0.3,
    idle_timeout_s=1.0,
)


def on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run *test* on the loop that runs in production."""

    @functools.wraps(test)
    def run(*args: Any, **named: Any) -> None:
        uvloop.run(test(*args, **named))

    return run


@asynccontextmanager
async def serving(rules: EdgeRules = RULES, stop: asyncio.Event | None = None) -> AsyncIterator[int]:
    running, listening = server(_app(rules), 3), listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    task = asyncio.create_task(running.serve([listening]))
    try:
        async with asyncio.timeout(5):
            while not running.started:  # noqa: ASYNC110 - uvicorn offers a flag, no event
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(_stop_on(stop, running))
        yield port
        stopping.cancel()
    finally:
        running.should_exit = True
        await task


async def _stop_on(stop: asyncio.Event | None, running: uvicorn.Server) -> None:
    if stop is not None:
        await stop.wait()
        running.should_exit = True


async def say(port: int, *pieces: bytes, wait_s: float = 3.0) -> bytes:
    """Send *pieces* and give everything that comes back until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(wait_s):
            return await reader.read()
    finally:
        writer.close()


def post(*lines: bytes, body: bytes = b"", path: bytes = b"/v1/things") -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def status(answer: bytes) -> int:
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    return int(answer.split(b" ", 2)[1])


SMUGGLING = {
    "both lengths": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + GET),
    "two lengths": post(b"Content-Length: 0", b"Content-Length: 0", body=GET),
    "list of lengths": post(b"Content-Length: 5, 5", body=b"12345" + GET),
    "signed length": post(b"Content-Length: +5", body=b"12345"),
    "two codings": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + GET),
    "list of codings": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n" + GET),
    "unknown coding": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + GET),
    "chunked in HTTP/1.0": b"POST /v1/things HTTP/1.0\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + GET,
    "space before colon": post(b"Content-Length : 5", body=b"12345" + GET),
    "bare LF": b"GET /v1/things HTTP/1.1\nHost: localhost\n\n" + GET,
    "bare LF in a header": b"GET /v1/things HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n" + GET,
    "bare CR in a header": b"GET /v1/things HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n" + GET,
    "folded header": b"GET /v1/things HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n" + GET,
    "NUL in a header": b"GET /v1/things HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n" + GET,
    "chunk extension": post(JSON.strip(), b"Transfer-Encoding: chunked", body=b"2;a=b\r\n{}\r\n0\r\n\r\n" + GET),
    "bad chunk size": post(JSON.strip(), b"Transfer-Encoding: chunked", body=b"0x2\r\n{}\r\n0\r\n\r\n" + GET),
    "chunk without its end": post(JSON.strip(), b"Transfer-Encoding: chunked", body=b"2\r\n{}x\r\n0\r\n\r\n" + GET),
    "bare LF after a chunk": post(JSON.strip(), b"Transfer-Encoding: chunked", body=b"2\n{}\n0\n\n" + GET),
    "trailer": post(JSON.strip(), b"Transfer-Encoding: chunked", body=b"0\r\nX: y\r\n\r\n" + GET),
    "no host": b"GET /v1/things HTTP/1.1\r\n\r\n" + GET,
    "two hosts": b"GET /v1/things HTTP/1.1\r\n" + HOST + HOST + b"\r\n" + GET,
    "absolute target": b"GET http://localhost/v1/things HTTP/1.1\r\n" + HOST + b"\r\n" + GET,
    "asterisk target": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n" + GET,
    "no target": b"GET HTTP/1.1\r\n" + HOST + b"\r\n" + GET,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + GET,
    "HTTP/0.9": b"GET /v1/things\r\n\r\n" + GET,
    "long target": b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "empty line first": b"\r\n" + GET,
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
@on_uvloop
async def test_a_message_with_unclear_bounds_gets_one_400_and_the_connection_ends(name: str) -> None:
    async with serving() as port:
        assert status(await say(port, SMUGGLING[name])) == 400
        assert status(await say(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) == 200  # the canary


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"GET /v1/things HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /v1/things HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 10_000 + b"\r\n", 431),
        (b"GET /v1/things HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 70 + b"\r\n", 431),
        (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
        (b"TRACE /v1/things HTTP/1.1\r\n" + HOST + b"\r\n", 405),
        (b"BREW /v1/things HTTP/1.1\r\n" + HOST + b"\r\n", 405),
        (GET[:-2] + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", 426),
        (GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", 426),
        (post(JSON.strip(), b"Content-Length: 20000000"), 413),
        (post(JSON.strip(), b"Content-Length: 20000000", b"Expect: 100-continue"), 413),
        (post(JSON.strip(), b"Transfer-Encoding: chunked", body=b"1001\r\n" + b"x" * 4097 + b"\r\n0\r\n\r\n"), 413),
        (post(JSON.strip(), b"Transfer-Encoding: chunked", body=b"fff\r\n" + b"x" * 4095 + b"\r\n2\r\nxx\r\n"), 413),
    ],
)
@on_uvloop
async def test_what_the_edge_does_not_read_is_refused_with_its_own_status(request_bytes: bytes, expected: int) -> None:
    async with serving() as port:
        answer = await say(port, request_bytes)
        assert status(answer) == expected
        assert b"application/problem+json" in answer
        assert (b"allow: DELETE, GET" in answer) == (expected == 405)


@on_uvloop
async def test_a_chunked_body_in_many_pieces_is_read() -> None:
    message = post(
        JSON.strip(),
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        body=b'b\r\n{"name":"x"\r\n1\r\n}\r\n0\r\n\r\n',
    )
    async with serving() as port:
        assert status(await say(port, *(message[i : i + 3] for i in range(0, len(message), 3)))) == 201


@on_uvloop
async def test_requests_sent_ahead_are_answered_one_by_one_in_order() -> None:
    body = b'{"name":"second"}'
    second = post(JSON.strip(), b"Content-Length: %d" % len(body), b"Connection: close", body=body)
    async with serving() as port:
        answer = await say(port, GET + second)
        assert answer.count(b"HTTP/1.1 ") == 2
        assert answer.index(b"HTTP/1.1 200") < answer.index(b"HTTP/1.1 201")
        assert answer.endswith(body)


@on_uvloop
async def test_a_bad_message_behind_a_good_one_does_not_disturb_its_answer() -> None:
    async with serving() as port:
        answer = await say(port, GET + SMUGGLING["both lengths"])
        assert answer.count(b"HTTP/1.1 ") == 2
        assert answer.index(b"HTTP/1.1 200") < answer.index(b"HTTP/1.1 400")


@on_uvloop
async def test_a_connection_that_never_speaks_ends() -> None:
    async with serving() as port:
        assert await say(port) == b""


@on_uvloop
async def test_a_head_that_trickles_ends_without_an_answer() -> None:
    async with serving() as port:
        assert await say(port, b"GET /v1/things HT") == b""


@on_uvloop
async def test_a_second_head_that_trickles_ends_too() -> None:
    async with serving() as port:
        answer = await say(port, GET + b"GET /v1")
        assert status(answer) == 200


@on_uvloop
async def test_a_body_that_trickles_is_answered_408() -> None:
    async with serving() as port:
        assert status(await say(port, post(JSON.strip(), b"Content-Length: 10", body=b"{"))) == 408


@on_uvloop
async def test_an_early_answer_is_the_only_one_even_if_its_body_never_comes() -> None:
    async with serving() as port:
        unknown = post(JSON.strip(), b"Content-Length: 10", body=b"{", path=b"/v1/unknown")
        assert status(await say(port, unknown)) == 404


@on_uvloop
async def test_a_client_that_does_not_read_is_dropped() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /v1/large HTTP/1.1\r\n" + HOST + b"\r\n")
        await writer.drain()
        await asyncio.sleep(1.2)  # the point of this test is time: the client does nothing for longer than allowed
        received = 0
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                while piece := await reader.read(1 << 20):
                    received += len(piece)
        assert received < 20_000_000
        writer.close()


@on_uvloop
async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with serving(replace(RULES, idle_timeout_s=1)) as port:
        assert status(await say(port, GET)) == 200


@on_uvloop
async def test_answers_name_neither_server_nor_date() -> None:
    async with serving() as port:
        answer: Any = await say(port, GET[:-2] + b"Connection: close\r\n\r\n")
        head = answer.split(b"\r\n\r\n")[0].lower()
        assert b"\r\nserver:" not in head
        assert b"\r\ndate:" not in head


@on_uvloop
async def test_a_wrong_host_is_misdirected() -> None:
    async with serving() as port:
        answer = await say(port, b"GET /v1/things HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert status(answer) == 421


@on_uvloop
async def test_the_path_is_judged_as_it_was_sent() -> None:
    async with serving() as port:
        for path in (
            b"/v1/%74hings",
            b"/v1//things",
            b"/v1/./things",
            b"/v1/x/../things",
            b"/v1/things%2f",
            b"/v1/things;a=b",
        ):
            answer = await say(port, b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            assert status(answer) == 400, path
            assert b"INVALID_PATH" in answer


@on_uvloop
async def test_a_request_on_its_way_into_a_stopping_server_is_still_answered_and_is_the_last() -> None:
    stop = asyncio.Event()
    async with serving(replace(RULES, header_timeout_s=5, idle_timeout_s=5), stop) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for last in (False, True):
            writer.write(GET)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert (b"connection: close" in head) == last
            assert await reader.readexactly(12) == b'{"name":"x"}'
            stop.set()
            await asyncio.sleep(0.3)  # lets the server notice
        assert await reader.read() == b""
        writer.close()


@on_uvloop
async def test_an_idle_connection_does_not_hold_a_stopping_server_for_long() -> None:
    stop = asyncio.Event()
    async with serving(replace(RULES, header_timeout_s=30, idle_timeout_s=30, drain_s=0.2), stop) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stop.set()
        async with asyncio.timeout(2):
            assert await reader.read() == b""
        writer.close()
