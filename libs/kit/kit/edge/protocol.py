# SPDX-License-Identifier: EUPL-1.2
"""The wire: one message at a time, bounded in time and size, to uvicorn's HTTP/1.1 protocol on httptools.

Heads and chunks are judged by `kit.edge.framing` first; the parser then gets exactly the bytes of one message. A
message that is refused here gets one answer, and the connection ends with it.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from kit.edge.framing import HEAD_END, BadFraming, Chunks, check_growing, read_head
from kit.edge.rules import EdgeRules
from kit.errors import RequestTimeout, ServiceError
from kit.ids import uuid7
from kit.problems import problem_document
from kit.telemetry import get_logger

LINGER_S: Final = 1.0
"""How long we go on reading after an early answer: closing at once would destroy the answer on its way."""
_WAITING_BYTES: Final = 1 << 18

log = get_logger()


class EdgeProtocol(HttpToolsProtocol):
    """HTTP/1.1 with the edge's limits. One instance a connection."""

    rules: ClassVar[EdgeRules] = EdgeRules()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock: a connection that never speaks ends too."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._buffer = bytearray()
        self._left: int | None = 0
        self._chunks: Chunks | None = None
        self._in_body = False
        self._current: RequestResponseCycle | None = None  # of the message that is being read
        self._ended = False
        self._stopping = False
        self._clock: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._start_clock(self.rules.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._stop_clock()
        self._stop_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came in; what follows an answer that ends the connection is dropped."""
        if self._ended:
            return
        self._unset_keepalive_if_required()
        self._buffer += data
        self._advance()

    def _advance(self) -> None:
        """Give the parser whatever is complete enough, one message at a time."""
        try:
            while self._buffer and not self._ended and not self.transport.is_closing():
                if self._in_body:
                    self._feed_body()
                elif self._busy:  # the answer in hand comes first; the next message waits unread
                    self._wait()
                    return
                elif not self._feed_head():
                    return
        except ServiceError as why:
            self._refuse(why)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(BadFraming())

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self.flow.pause_reading()
        if len(self._buffer) > _WAITING_BYTES:
            self.transport.abort()

    def _feed_head(self) -> bool:
        """Hand on one whole head; False where its end isn't there yet."""
        end = self._buffer.find(HEAD_END)
        if end < 0:
            if self._clock is None:
                self._start_clock(self.rules.header_timeout_s)
            check_growing(self._buffer, self.rules)
            return False
        self._stop_clock()
        self._current = None
        head = bytes(self._buffer[: end + len(HEAD_END)])
        del self._buffer[: len(head)]
        read = read_head(head, self.rules)
        self._left = read.length
        self._chunks = Chunks(self.rules.largest_body) if read.length is None else None
        self._in_body = read.length != 0
        if self._in_body:
            self._start_clock(self.rules.body_timeout_s)
        self.parser.feed_data(head)
        return True

    def _feed_body(self) -> None:
        if self._chunks is not None:
            taken = self._chunks.consume(self._buffer)
            finished = self._chunks.done
        else:
            left = self._left or 0
            taken = min(left, len(self._buffer))
            self._left = left - taken
            finished = self._left == 0
        piece = bytes(self._buffer[:taken])
        del self._buffer[:taken]
        if finished:
            self._in_body = False
            self._stop_clock()
        self.parser.feed_data(piece)

    def on_headers_complete(self) -> None:
        """Start the application, with a transport that closes gently."""
        super().on_headers_complete()
        self._current = self.cycle
        if self._stopping:
            self.cycle.keep_alive = False
        self.cycle.transport = cast("asyncio.Transport", _Gentle(self))

    def on_response_complete(self) -> None:
        """Go on with what waited."""
        super().on_response_complete()
        if self._buffer and not self._ended:
            self._unset_keepalive_if_required()
            self.loop.call_soon(self._advance)

    # -- ending ------------------------------------------------------------------------------------------------------
    def _refuse(self, why: ServiceError) -> None:
        """Answer once and end. Where the message has its answer, or half of it, the connection just ends."""
        self._stop_clock()
        cycle = self._current
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is None or not cycle.response_started:
            status, headers, body = problem_document(why, f"urn:uuid:{uuid7()}")
            lines = [name + b": " + value for name, value in [*headers, (b"connection", b"close")]]
            self.transport.write(STATUS_LINE[status] + b"\r\n".join(lines) + HEAD_END + body)
            log.warning("request_refused", status=status, code=why.code)
        self.end(linger=True)

    def end(self, *, linger: bool) -> None:
        """End the connection. linger: read on for a moment without looking, so that the answer arrives."""
        if self._ended:
            return
        self._ended = True
        self._buffer.clear()
        if not linger or not self.transport.can_write_eof():
            self._close()
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self._close)

    def _close(self) -> None:
        """Close; a client that doesn't take what is still to be written is dropped after a while."""
        if not self.transport.is_closing():
            self.transport.close()
        if self.transport.get_write_buffer_size():
            self._start_stall()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection."""
        self._close()

    def shutdown(self) -> None:
        """Let the request in hand, or one that may be on its way, be the last.

        Closing an idle connection at once would lose the request that its client is just sending into it.
        """
        self._stopping = True
        if self._busy:
            super().shutdown()
        else:
            self.loop.call_later(self.rules.drain_s, self._drained)

    def _drained(self) -> None:
        if not self._busy:
            self._close()

    @property
    def in_body(self) -> bool:
        """Whether body bytes of the message in hand are still to come."""
        return self._in_body

    # -- clocks ------------------------------------------------------------------------------------------------------
    def _start_clock(self, seconds: float) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(seconds, self._late)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _late(self) -> None:
        """The head or the body took too long: half a body gets an answer, half a head none."""
        self._clock = None
        if self._in_body:
            self._refuse(RequestTimeout())
        else:
            self.end(linger=False)

    def pause_writing(self) -> None:
        """Watch a client that doesn't read."""
        super().pause_writing()
        self._start_stall()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._stop_stall()

    def _start_stall(self) -> None:
        self._stop_stall()
        size = self.transport.get_write_buffer_size()
        self._stall = self.loop.call_later(self.rules.answer_timeout_s, self._stalled, size)

    def _stop_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _stalled(self, size: int) -> None:
        """Drop the client, unless it took something since."""
        if self.transport.get_write_buffer_size() < size:
            self._start_stall()
        else:
            self.transport.abort()


class _Gentle:
    """The transport as the application's answer sees it: closing before the body is read doesn't cut the answer off."""

    def __init__(self, protocol: EdgeProtocol) -> None:
        self._protocol = protocol
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing

    def close(self) -> None:
        """End the connection after the answer."""
        self._protocol.end(linger=self._protocol.in_body)


def edge_protocol(rules: EdgeRules) -> type[EdgeProtocol]:
    """Give the protocol class for *rules*."""
    return type("EdgeProtocol", (EdgeProtocol,), {"rules": rules})


__all__ = ["LINGER_S", "EdgeProtocol", "edge_protocol"]
