# SPDX-License-Identifier: EUPL-1.2
"""Callers that wait for a holder's word. They hold no connection: one query a round asks for all of them."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Final

from exchange_bus.domain.requests import WAITING, Request
from exchange_bus.store import requests as store
from kit.clock import monotonic
from kit.db import Database
from kit.errors import Unavailable

STATE_CHANNEL: Final = "request_state"
LIMIT: Final = 1000
"""So many may wait in one process; the next one gets its 202 at once."""
POLL_S: Final = 1.0
PATIENCE_S: Final = 2.0
"""A holder that lets somebody wait this long in vain counts as away."""
AWAY_S: Final = 10.0
"""So long nobody else waits for it; then the next one tries again."""


class Waiting:
    """Waits for holders to answer. stopping: set on SIGTERM; then everybody gets 202."""

    def __init__(self, db: Database, stopping: asyncio.Event) -> None:
        self._db = db
        self._stopping = stopping
        self._asked: dict[str, set[asyncio.Future[Request]]] = defaultdict(set)
        self._away_until: dict[str, float] = {}
        self._arrived = asyncio.Event()

    async def end_of(self, request_id: str, wait_s: float) -> Request | None:
        """Give the request once it ended or a person is to look first; that takes longer than anybody waits in a call.

        None when the time is up, too many wait, or we are stopping.
        """
        if wait_s <= 0 or self._stopping.is_set() or sum(map(len, self._asked.values())) >= LIMIT:
            return None
        ended: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        self._asked[request_id].add(ended)
        self._arrived.set()
        try:
            done, _ = await asyncio.wait([ended], timeout=wait_s)
            return ended.result() if done and not ended.cancelled() else None
        finally:
            self._asked[request_id].discard(ended)
            if not self._asked[request_id]:
                del self._asked[request_id]

    def away(self, holder: str) -> bool:
        """Say whether the holder was seen away just now: its answer will come by an event."""
        return self._away_until.get(holder, 0.0) > monotonic()

    def learn(self, holder: str, *, waited_s: float, ended: bool) -> None:
        """Learn from a wait: whoever answers is there, whoever lets us wait in vain is not."""
        if ended:
            self._away_until.pop(holder, None)
        elif waited_s >= PATIENCE_S and not self._stopping.is_set():
            self._away_until[holder] = monotonic() + AWAY_S

    async def run(self, stop: asyncio.Event) -> None:
        """Look whenever there is a hint, and every second, while somebody waits."""
        with self._db.listen(STATE_CHANNEL) as hint:
            while not stop.is_set():
                if not self._asked:
                    self._arrived.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._arrived.wait(), POLL_S)
                    continue
                with suppress(Unavailable):
                    await self._look()
                if self._stopping.is_set():
                    self._let_go()
                await hint.wait(POLL_S)

    async def _look(self) -> None:
        async with self._db.read() as tx:
            found = await store.find(tx, list(self._asked))
        for request in (one for one in found if one.state != WAITING):
            for ended in self._asked.get(request.request_id, ()):
                if not ended.done():
                    ended.set_result(request)

    def _let_go(self) -> None:
        for waiting in self._asked.values():
            for ended in waiting:
                ended.cancel()
