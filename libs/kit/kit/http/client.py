# SPDX-License-Identifier: EUPL-1.2
"""Calls from one of our services to another: signed, traced, bounded, and failing with types."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from contracts import http as headers_of
from contracts.base import Model
from kit import deadline, strictjson
from kit.errors import DeadlineExceeded, ServiceError, UpstreamUnavailable
from kit.http.addresses import Addresses
from kit.http.answers import HttpAnswer, raise_for_problem
from kit.http.wire import WireError
from kit.telemetry import current_traceparent, get_logger
from kit.telemetry.spans import SpanKind, span

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})

log = get_logger()


class Signer(Protocol):
    """Makes the assertion for a callee: `kit.tokens.AssertionSigner`."""

    def assertion(self, audience: str) -> str:
        """Give an assertion for the system *audience*."""
        ...


class ServiceClient:
    """Calls one other service of ours, at any of its addresses. Use as an async context manager.

    urls: addresses of equal processes. audience: the callee's system id. timeout_s: limit of one call, seconds;
    never more than what the caller at our own door still gives.
    """

    def __init__(
        self, name: str, urls: Sequence[str], *, signer: Signer, audience: str, timeout_s: float = 5.0
    ) -> None:
        self.name = name
        self._addresses = Addresses(urls)
        self._signer = signer
        self._audience = audience
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._addresses.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Model | Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        known: Mapping[str, type[ServiceError]] | None = None,
    ) -> HttpAnswer:
        """Call, and give the answer if it is 2xx.

        path: with the query, already escaped. content: the body's exact bytes (JSON), instead of *json*.
        Raises what *known* names by problem code, else UpstreamError (`UPSTREAM_ERROR`); UpstreamUnavailable
        (`UPSTREAM_UNAVAILABLE`) without an answer; DeadlineExceeded (`DEADLINE_EXCEEDED`) with no time left to ask.
        """
        allowed_s = deadline.within(self._timeout_s if deadline_s is None else deadline_s)
        if allowed_s <= deadline.MARGIN_S:
            raise DeadlineExceeded
        body = content if json is None else strictjson.dumps(json)
        sent = self._headers(headers or {}, has_body=body is not None, allowed_s=allowed_s)
        with span(f"{method} {self.name}", kind=SpanKind.CLIENT, upstream=self.name):
            if (traceparent := current_traceparent()) is not None:
                sent["traceparent"] = traceparent
            answer = await self._ask(method, path, sent, body or b"", allowed_s)
        raise_for_problem(answer, known or {})
        return answer

    def _headers(self, given: Mapping[str, str], *, has_body: bool, allowed_s: float) -> dict[str, str]:
        sent = {name.lower(): value for name, value in given.items()}
        sent["authorization"] = f"Bearer {self._signer.assertion(self._audience)}"
        sent[headers_of.DEADLINE.lower()] = str(int(allowed_s * 1000))
        if has_body:
            sent.setdefault("content-type", "application/json")
        return sent

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, allowed_s: float
    ) -> HttpAnswer:
        repeatable = method in _IDEMPOTENT or headers_of.IDEMPOTENCY_KEY.lower() in headers
        raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        try:
            async with asyncio.timeout(allowed_s):
                return await self._addresses.ask(method, path, raw, body, repeatable=repeatable)
        except (TimeoutError, WireError) as exc:
            log.warning("upstream_away", upstream=self.name, error_type=type(exc).__name__)
            raise UpstreamUnavailable(f"{self.name} did not answer") from None
