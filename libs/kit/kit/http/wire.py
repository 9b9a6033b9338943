# SPDX-License-Identifier: EUPL-1.2
"""A small HTTP/1.1 client on httptools: kept connections to one address, strict about where answers end.

Forwarding is what a gateway is for. The general client costs milliseconds of processor time a request under load
(a search through all its connections for each); this one takes the last used connection off a list.
Time limits are the caller's (`asyncio.timeout`): a cancelled request takes its connection with it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

from kit.clock import monotonic
from kit.http.answers import HttpAnswer

IDLE_S: Final = 30.0  # less than the server's idle time, so that we rarely write into a closing connection
CONNECTIONS: Final = 256
WAITING: Final = 512
HEAD_BYTES: Final = 64 * 1024
BODY_BYTES: Final = 16 << 20

_UNSAFE = re.compile(rb"[\r\n\0]")
_TARGET = re.compile(r"/[\x21-\x7e]*")

RawHeaders = Sequence[tuple[bytes, bytes]]


class WireError(Exception):
    """No answer. sent: whether the other side may have seen the request."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Wire:
    """Kept connections to one address (scheme, host, port)."""

    def __init__(self, url: str, *, connections: int = CONNECTIONS, waiting: int = WAITING) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None or parts.path.strip("/"):
            raise ValueError("an address is scheme, host and port")
        self.url = url
        self._host, self._port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host_header = parts.netloc.encode("ascii")
        self._idle: deque[_Connection] = deque()
        self._room = asyncio.Semaphore(connections)
        self._waiting, self._may_wait = 0, waiting

    async def request(self, method: str, target: str, headers: RawHeaders, body: bytes) -> HttpAnswer:
        """Send one request and give its answer. headers: names in lower case, without host and length.

        Raises WireError where there is no well-formed answer, ValueError for a target or header that can't be sent.
        """
        message = self._message(method, target, headers, body)
        if self._room.locked() and self._waiting >= self._may_wait:
            raise WireError("too many calls wait", sent=False)
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._exchange(method, message)
        finally:
            self._room.release()

    async def _exchange(self, method: str, message: bytes) -> HttpAnswer:
        connection = self._kept() or await self._connect()
        try:
            answer = await connection.exchange(method, message)
        except BaseException:
            connection.abort()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.abort()
        return answer

    def _message(self, method: str, target: str, headers: RawHeaders, body: bytes) -> bytes:
        if not _TARGET.fullmatch(target) or not method.isascii() or not method.isalpha():
            raise ValueError("the target or method can't be sent")
        lines = [f"{method} {target} HTTP/1.1".encode("ascii"), b"host: " + self._host_header]
        lines += [name + b": " + value for name, value in headers]
        if body or method not in ("GET", "HEAD", "DELETE"):
            lines.append(b"content-length: %d" % len(body))
        if any(_UNSAFE.search(line) for line in lines):
            raise ValueError("a header can't be sent")
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _kept(self) -> _Connection | None:
        """Take the connection that was used last, if it is still good."""
        oldest = monotonic() - IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if connection.usable_since(oldest):
                return connection
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._tls)
        except OSError as exc:
            raise WireError("no connection", sent=False) from exc
        return connection

    async def close(self) -> None:
        """Close all kept connections."""
        while self._idle:
            self._idle.pop().abort()
        await asyncio.sleep(0)  # lets the transports end


class _Connection(asyncio.Protocol):
    """One connection. One request at a time; anything odd on it, and it isn't used again."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[HttpAnswer] | None = None
        self._method = ""
        self._used_at = 0.0
        self._lost = False
        self.reusable = False
        self._start_message()

    def _start_message(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._body = bytearray()
        self._bounded = False

    # -- asyncio -----------------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read an answer; bytes that nobody asked for end the connection."""
        if self._waiter is None:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, httptools.HttpParserCallbackError):
            self._fail("the answer is malformed")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._lost = True
        self._fail("the connection broke")

    # -- parser ------------------------------------------------------------------------------------------------------
    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("the head is too large")
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Learn where the answer ends; an end that is stated not at all or twice is none."""
        status = self._parser.get_status_code()
        ends = [name for name, _ in self._headers if name in (b"content-length", b"transfer-encoding")]
        if len(ends) > 1 or (not ends and self._method != "HEAD" and status >= 200 and status not in (204, 304)):
            raise ValueError("where the answer ends is unclear")
        if self._method == "HEAD" and status >= 200:
            self._finish(status, keep=False)  # the parser would wait for a body that never comes

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if len(self._body) + len(body) > BODY_BYTES:
            raise ValueError("the body is too large")
        self._body += body

    def on_message_complete(self) -> None:
        """Hand the answer over; an interim one (1xx) is passed over."""
        status = self._parser.get_status_code()
        if status < 200:
            self._start_message()
        else:
            self._finish(status, keep=self._parser.should_keep_alive())

    # -- use ---------------------------------------------------------------------------------------------------------
    def usable_since(self, oldest: float) -> bool:
        """Tell whether this kept connection may be used: open, and used after *oldest* (monotonic seconds)."""
        return (
            not self._lost
            and self._used_at > oldest
            and self._transport is not None
            and not self._transport.is_closing()
        )

    async def exchange(self, method: str, message: bytes) -> HttpAnswer:
        """Write *message* and wait for its answer."""
        if self._transport is None or self._lost:
            raise WireError("the connection broke", sent=False)
        self._start_message()
        self._method, self.reusable = method, False
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _finish(self, status: int, *, keep: bool) -> None:
        if self._waiter is None or self._waiter.done():
            self.reusable = False  # a second answer to one request
            return
        self._used_at, self.reusable = monotonic(), keep
        self._waiter.set_result(HttpAnswer(status, self._headers, bytes(self._body)))

    def _fail(self, reason: str) -> None:
        self.reusable = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(WireError(reason, sent=True))

    def abort(self) -> None:
        """End the connection now."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()
