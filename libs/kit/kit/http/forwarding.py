# SPDX-License-Identifier: EUPL-1.2
"""Forwarding for the gateway: the caller's message to a service behind, its answer back, unchanged in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from kit.errors import NotFound, UpstreamUnavailable
from kit.http.addresses import Addresses
from kit.http.answers import HttpAnswer
from kit.http.wire import WireError

HOP_BY_HOP: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"host", b"content-length", b"expect"),
    }
)
"""Headers that belong to one connection; forwarding makes its own."""


class Forwarder:
    """Sends requests on to the processes of each system. Use as an async context manager.

    upstreams: system id -> addresses of equal processes.
    """

    def __init__(self, upstreams: Mapping[str, Sequence[str]]) -> None:
        self._systems = {system: Addresses(urls) for system, urls in upstreams.items()}

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        for addresses in self._systems.values():
            await addresses.close()

    async def forward(
        self,
        system: str,
        method: str,
        path_and_query: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timeout_s: float,
    ) -> HttpAnswer:
        """Forward one request and give the answer, whatever its status; hop-by-hop headers stay behind both ways.

        Raises NotFound (`NOT_FOUND`) for an unknown system, UpstreamUnavailable (`UPSTREAM_UNAVAILABLE`) where no
        process of it answers in *timeout_s* seconds.
        """
        addresses = self._systems.get(system)
        if addresses is None:
            raise NotFound
        sent = [(name, value) for name, value in headers if name not in HOP_BY_HOP]
        repeatable = method in ("GET", "HEAD") or any(name == b"idempotency-key" for name, _ in sent)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await addresses.ask(method, path_and_query, sent, body, repeatable=repeatable)
        except (TimeoutError, WireError):
            raise UpstreamUnavailable from None
        kept = [(name, value) for name, value in answer.headers if name not in HOP_BY_HOP]
        return HttpAnswer(answer.status, kept, answer.body)
