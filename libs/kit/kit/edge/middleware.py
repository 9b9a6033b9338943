# SPDX-License-Identifier: EUPL-1.2
"""The one ASGI layer around every application: rules before, deadline around, one line, one span and numbers after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from contracts import http as headers_of
from kit import deadline
from kit.clock import monotonic
from kit.edge.rules import METHODS, EdgeRules, RawHeaders, check_headers, kept_headers, path_is_normal, time_allowed_s
from kit.errors import DeadlineExceeded, InvalidPath, MethodNotAllowed, ServiceError, TooLarge, Unavailable
from kit.ids import uuid7
from kit.problems import problem_document
from kit.telemetry import fault, get_logger, metrics
from kit.telemetry.logs import wide_line
from kit.telemetry.spans import ERROR, SpanKind, span, with_traceparent

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UNMATCHED: Final = "unmatched"
_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
_NO_STORE: Final = (b"cache-control", b"no-store")
_REQUEST_ID: Final = headers_of.REQUEST_ID.lower().encode()
_API_VERSION: Final = headers_of.API_VERSION.lower().encode()

log = get_logger()


class EdgeMiddleware:
    """Let in what the rules allow, answer every failure as a problem document, and leave one line behind.

    service: name in logs and numbers. version: what `API-Version` says. An application that isn't FastAPI's tells
    its route template by `scope["state"]["route"]`.
    """

    def __init__(self, app: App, *, service: str, version: str = "1.0.0", rules: EdgeRules | None = None) -> None:
        self.app = app
        self.service = service
        self.rules = rules or EdgeRules()
        self.in_flight = 0
        self._own_headers = [*_SECURITY, (_API_VERSION, version.encode())]

    @property
    def state(self) -> Any:
        """The state of the application inside."""
        return getattr(self.app, "state", None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; hand other kinds of scope (lifespan) on. WebSockets are not offered."""
        if scope["type"] == "http":
            self.in_flight += 1
            try:
                await _Request(self, scope, receive, send).serve()
            finally:
                self.in_flight -= 1
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, send)


class _Request:
    """One request on its way through the edge."""

    def __init__(self, edge: EdgeMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self.edge, self.scope, self._receive, self._send = edge, scope, receive, send
        self.state: dict[str, Any] = scope.setdefault("state", {})
        self.request_id = str(uuid7())
        self.status = 0
        self.started_at = monotonic()
        self.body_bytes = 0
        self.cap = 0

    async def serve(self) -> None:
        self.state["request_id"] = self.request_id
        headers = self.scope["headers"]
        self.scope["headers"] = kept_headers(headers, outermost=self.edge.rules.outermost)
        with (
            wide_line() as line,
            with_traceparent(_text(headers, b"traceparent")),
            span(self.scope["method"], kind=SpanKind.SERVER, request_id=self.request_id) as current,
        ):
            await self._answer()
            route = self._route()
            current.update_name(f"{self.scope['method']} {route}")
            current.set_attributes({"route": route, "status": self.status})
            if self.status >= 500:
                current.set_status(ERROR)
            self._account(route, line)

    async def _answer(self) -> None:
        try:
            self._admit()
            seconds = time_allowed_s(self.scope["headers"])
            with deadline.deadline(seconds):
                async with asyncio.timeout(seconds):
                    await self.edge.app(self.scope, self.receive, self.send)
        except TimeoutError:
            await self._refuse(DeadlineExceeded())
        except ServiceError as exc:
            await self._refuse(exc)
        except Exception as exc:  # noqa: BLE001 - the last place that can still answer; it is logged as ours
            await self._refuse(exc)

    def _admit(self) -> None:
        """Check what can be checked before the application sees the request."""
        if self.edge.in_flight > self.edge.rules.in_flight:
            raise Unavailable
        if self.scope["method"] not in METHODS:
            raise MethodNotAllowed(METHODS)
        raw_path = self.scope.get("raw_path") or self.scope["path"].encode()
        if not path_is_normal(raw_path.partition(b"?")[0]):
            raise InvalidPath
        self.cap = self.edge.rules.body_cap(self.scope["path"])
        check_headers(self.scope["headers"], path=self.scope["path"], rules=self.edge.rules)

    async def receive(self) -> Message:
        """Count the body as it comes in; a length that nobody declared is bounded too."""
        message = await self._receive()
        self.body_bytes += len(message.get("body", b""))
        if self.body_bytes > self.cap:
            raise TooLarge
        return message

    async def send(self, message: Message) -> None:
        """Add our headers to the answer's head."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *self.edge._own_headers, (_REQUEST_ID, self.request_id.encode())]  # noqa: SLF001
            if not any(name.lower() == b"cache-control" for name, _ in headers):
                headers.append(_NO_STORE)
            if self.status == 413:
                headers.append((b"connection", b"close"))  # the rest of the body is of no interest
            message = {**message, "headers": headers}
        await self._send(message)

    async def _refuse(self, exc: BaseException) -> None:
        self.state.setdefault("failure", exc)
        if self.status:  # the answer's head is out: all that is left is to break it off, and FastAPI re-raises bugs
            return
        status, headers, body = problem_document(exc, f"urn:uuid:{self.request_id}")
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"" if self.scope["method"] == "HEAD" else body})

    def _route(self) -> str:
        route = self.state.get("route")
        if route is None and (matched := self.scope.get("route")) is not None:
            route = getattr(matched, "path_format", None) or getattr(matched, "path", None)
        return route or UNMATCHED

    def _account(self, route: str, line: dict[str, Any]) -> None:
        seconds = monotonic() - self.started_at
        method = self.scope["method"] if self.scope["method"] in METHODS else "OTHER"
        counted, timed = metrics.of_request(self.edge.service, route, method, str(self.status))
        counted.inc()
        timed.observe(seconds)
        failure = self.state.get("failure")
        if failure is not None:
            line["code"] = failure.code if isinstance(failure, ServiceError) else "INTERNAL"
        say = log.info
        if self.status >= 500:
            say = log.error
            metrics.faults.labels(self.edge.service).inc()
            if failure is not None:
                line |= fault(failure)
        elif self.status >= 400:
            say = log.warning
        line |= {"method": method, "route": route, "status": self.status, "request_id": self.request_id}
        say("request", seconds=round(seconds, 6), body_bytes=self.body_bytes, **line)


def _text(headers: RawHeaders, name: bytes) -> str | None:
    return next((value.decode("latin-1") for known, value in headers if known == name), None)
