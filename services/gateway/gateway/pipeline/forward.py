# SPDX-License-Identifier: EUPL-1.2
"""Stage 6: on to the service, with the gateway's word for the token; back with the answer as it came."""

from contracts import http as headers_of
from contracts.http import Exchange
from gateway.domain import Asked, Principal
from kit import deadline
from kit.http import Forwarder, HttpAnswer
from kit.telemetry import current_traceparent
from kit.tokens import HopSigner

_NOT_FORWARDED = frozenset(
    {b"dpop", b"traceparent", b"tracestate", b"accept-encoding", headers_of.DEADLINE.lower().encode()}
)
"""The proof is used up here; trace and deadline are said anew for the next hop."""
_PUBLIC_KEEPS = frozenset({b"dpop"})
"""At identity's own doors the proof is identity's to check."""


class Forward:
    """Sends a request on to the system that answers it."""

    def __init__(self, forwarder: Forwarder, hops: HopSigner, longest_s: float) -> None:
        self._forwarder = forwarder
        self._hops = hops
        self._longest_s = longest_s

    async def __call__(
        self, asked: Asked, system: str, who: Principal | None, exchange: Exchange | None, *, keep_s: float = 0.0
    ) -> HttpAnswer:
        """Give the answer, whatever its status. keep_s: what must be left of the caller's time afterwards.

        Raises UpstreamUnavailable (503).
        """
        allowed_s = deadline.within(self._longest_s)
        if (left_s := deadline.remaining_s()) is not None:
            allowed_s = min(allowed_s, left_s - min(keep_s, left_s / 4))
        allowed_s = max(allowed_s, 0.0)
        dropped = _NOT_FORWARDED if who is not None else _NOT_FORWARDED - _PUBLIC_KEEPS
        headers = [(name, value) for name, value in asked.headers if name not in dropped]
        headers += self._own(system, who, exchange, allowed_s)
        target = asked.path + (f"?{asked.query.decode('latin-1')}" if asked.query else "")
        return await self._forwarder.forward(system, asked.method, target, headers, asked.body, allowed_s)

    def _own(
        self, system: str, who: Principal | None, exchange: Exchange | None, allowed_s: float
    ) -> list[tuple[bytes, bytes]]:
        said = {headers_of.DEADLINE: str(int(allowed_s * 1000)), "traceparent": current_traceparent()}
        if who is not None:
            said[headers_of.HOP] = self._hops.hop(system, who.token)
        if exchange is not None:
            said[headers_of.EXCHANGE] = exchange.header()
        return [(name.lower().encode(), value.encode()) for name, value in said.items() if value is not None]
