# SPDX-License-Identifier: EUPL-1.2
"""The client on the wire: which answers count, when a connection is used again, and when a request may be repeated."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from kit.http.addresses import Addresses
from kit.http.wire import Wire, WireError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """A server that follows a script: for each connection, answers to its requests in turn; then it closes."""

    def __init__(self, *scripts: tuple[bytes, ...], hold: bool = False) -> None:
        self.scripts = list(scripts)
        self.hold = hold
        self.requests: list[bytes] = []
        self.connections = 0
        self.open: list[tuple[asyncio.StreamWriter, asyncio.Task[None]]] = []
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.open.append((writer, task))
        script = self.scripts.pop(0) if self.scripts else ()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            for answer in script:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((line for line in head.split(b"\r\n") if line.startswith(b"content-length")), b":0")
                self.requests.append(head + await reader.readexactly(int(length.split(b":")[1])))
                writer.write(answer)
                await writer.drain()
            if self.hold:
                await reader.read()
        writer.close()
        self.ended.set()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for writer, task in server.open:
            writer.transport.abort()
            await asyncio.wait([task])


async def with_wire(server: Server, use: Callable[[Wire], Awaitable[None]]) -> None:
    async with serving(server) as url:
        wire = Wire(url)
        await use(wire)
        await wire.close()


async def test_requests_one_after_the_other_use_one_connection() -> None:
    server = Server((OK, b"HTTP/1.1 204 No Content\r\n\r\n", OK), hold=True)

    async def use(wire: Wire) -> None:
        first = await wire.request("GET", "/a?b=c", [(b"x", b"y")], b"")
        assert (first.status, first.header("Content-Length"), first.body) == (200, "2", b"ok")
        assert (await wire.request("DELETE", "/a", [], b"")).status == 204
        assert (await wire.request("POST", "/a", [], b"body")).body == b"ok"

    await with_wire(server, use)
    assert server.connections == 1
    assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:")
    assert server.requests[2].endswith(b"content-length: 4\r\n\r\nbody")


ODD = {
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "no length": b"HTTP/1.1 200 OK\r\n\r\nok",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
    "half a head": b"HTTP/1.1 200",
    "not HTTP": b"SSH-2.0-x\r\n\r\n",
    "a huge head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", ODD)
async def test_an_answer_whose_end_is_unclear_is_no_answer(name: str) -> None:
    async def use(wire: Wire) -> None:
        with pytest.raises(WireError) as failed:
            await wire.request("GET", "/", [], b"")
        assert failed.value.sent

    await with_wire(Server((ODD[name],)), use)


@pytest.mark.parametrize("name", ["two answers", "said close", "head"])
async def test_a_connection_with_anything_odd_on_it_is_not_used_again(name: str) -> None:
    first = {
        "two answers": OK + OK,
        "said close": OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n", 1),
        "head": OK[:-2],
    }
    server = Server((first[name], OK), (OK,), hold=True)

    async def use(wire: Wire) -> None:
        await wire.request("HEAD" if name == "head" else "GET", "/", [], b"")
        assert (await wire.request("GET", "/", [], b"")).body == b"ok"

    await with_wire(server, use)
    assert server.connections == 2


async def test_interim_answers_are_passed_over_and_chunks_put_together() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"

    async def use(wire: Wire) -> None:
        answer = await wire.request("GET", "/", [], b"")
        assert (answer.status, answer.body) == (200, b"ok")
        assert answer.header("x") is None

    await with_wire(Server((interim + chunked,)), use)


async def test_a_cancelled_request_takes_its_connection_with_it() -> None:
    server = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",), (OK,), hold=True)

    async def use(wire: Wire) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await wire.request("GET", "/", [], b"")
        assert (await wire.request("GET", "/", [], b"")).body == b"ok"

    await with_wire(server, use)
    assert server.connections == 2


async def test_what_could_split_a_message_is_never_sent() -> None:
    wire = Wire("http://127.0.0.1:1")
    for target in ("x", "/a b", "/\r\nx", "http://x/", "/ü"):
        with pytest.raises(ValueError, match="target"):
            await wire.request("GET", target, [], b"")
    for header in ((b"x", b"a\r\nb: c"), (b"x\n", b"y"), (b"x", b"\0")):
        with pytest.raises(ValueError, match="header"):
            await wire.request("GET", "/", [header], b"")


async def test_more_calls_than_may_wait_are_refused_at_once() -> None:
    async with serving(Server(*[(b"",)] * 9, hold=True)) as url:
        wire = Wire(url, connections=1, waiting=1)
        running = [asyncio.create_task(wire.request("GET", "/", [], b"")) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(WireError) as refused:
            await wire.request("GET", "/", [], b"")
        assert not refused.value.sent
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await wire.close()


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    server = Server((OK,), (OK,))

    async def use(wire: Wire) -> None:
        await wire.request("POST", "/", [], b"x")
        await server.ended.wait()
        await asyncio.sleep(0.05)  # lets the end of the connection arrive
        assert (await wire.request("POST", "/", [], b"x")).body == b"ok"

    await with_wire(server, use)


@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_request_that_may_have_been_seen_is_repeated_only_where_that_is_safe(repeatable: bool) -> None:
    breaking, good = Server((b"",), (b"",)), Server((OK, OK), (OK,), hold=True)
    async with serving(breaking) as first, serving(good) as second:
        addresses = Addresses([second, first])  # the turn begins with the second of the list
        if repeatable:
            assert (await addresses.ask("POST", "/", [], b"x", repeatable=True)).body == b"ok"
        else:
            with pytest.raises(WireError):
                await addresses.ask("POST", "/", [], b"x", repeatable=False)
        assert len(good.requests) == int(repeatable)
        # Whoever failed a moment ago is asked last.
        assert (await addresses.ask("POST", "/", [], b"x", repeatable=False)).body == b"ok"
        await addresses.close()


async def test_an_address_that_refuses_connections_is_passed_over_for_any_request() -> None:
    good = Server((OK,))
    async with serving(good) as url:
        addresses = Addresses([url, "http://127.0.0.1:1"])
        assert (await addresses.ask("POST", "/", [], b"x", repeatable=False)).body == b"ok"
        await addresses.close()
    with pytest.raises(WireError) as failed:
        await Addresses(["http://127.0.0.1:1"]).ask("GET", "/", [], b"", repeatable=True)
    assert not failed.value.sent
