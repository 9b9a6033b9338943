# SPDX-License-Identifier: EUPL-1.2
"""The equal processes behind one name: whom to ask next, and whom to leave alone for a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kit.clock import monotonic
from kit.http.answers import HttpAnswer
from kit.http.wire import RawHeaders, Wire, WireError

ASIDE_S: Final = 1.0
"""An address that failed is asked last for so long."""
MAX_ATTEMPTS: Final = 3


class Addresses:
    """Asks one of several equal processes; another one where the first can't be reached."""

    def __init__(self, urls: Sequence[str]) -> None:
        if not urls:
            raise ValueError("no address")
        self._wires = [Wire(url.rstrip("/")) for url in urls]
        self._turn = 0
        self._failed_at: dict[str, float] = {}

    async def ask(self, method: str, target: str, headers: RawHeaders, body: bytes, *, repeatable: bool) -> HttpAnswer:
        """Give the first answer. What may have been seen by one process is sent to another only if *repeatable*.

        Raises WireError where nobody answered.
        """
        order = self._order()
        if len(order) == 1:
            order = order * 2  # a kept connection may just have been closed on the other side
        failure = WireError("nobody was asked", sent=False)
        for wire in order[:MAX_ATTEMPTS]:
            try:
                answer = await wire.request(method, target, headers, body)
            except WireError as exc:
                self._failed_at[wire.url] = monotonic()
                failure = exc
                if exc.sent and not repeatable:
                    break
            else:
                self._failed_at.pop(wire.url, None)
                return answer
        raise failure

    def _order(self) -> list[Wire]:
        """Take turns; those that failed a moment ago come last."""
        self._turn = (self._turn + 1) % len(self._wires)
        turn = self._wires[self._turn :] + self._wires[: self._turn]
        if not self._failed_at:
            return turn
        now = monotonic()
        return sorted(turn, key=lambda wire: now - self._failed_at.get(wire.url, -ASIDE_S) < ASIDE_S)

    async def close(self) -> None:
        """Close all connections."""
        for wire in self._wires:
            await wire.close()
