# SPDX-License-Identifier: EUPL-1.2
"""The worker's jobs: what waits for others holds back nothing that is ready."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cases.app import App
from cases.service import Gathering, Sealing
from kit.db import Hint


class QuietDatabase:
    """Nobody ever gives a hint."""

    lanes = 1

    @contextmanager
    def listen(self, channel: str) -> Iterator[Hint]:
        yield Hint()


SETTINGS = {"kafka_bootstrap_servers": "nowhere:1", "beat_s": 1.0, "outage_gap_s": 60, "outage_settle_s": 30}


def parts_of_the_worker() -> dict[str, Any]:
    async def no_silence() -> int:
        return 0

    app = App(cast("Any", SimpleNamespace(**SETTINGS)))
    parts, clocks = SimpleNamespace(db=QuietDatabase()), SimpleNamespace(judge_silence=no_silence, beat=no_silence)
    return dict(app._work(cast("Any", parts), cast("Any", SimpleNamespace()), cast("Any", clocks)))


async def test_a_ready_task_goes_out_while_an_ask_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, hangs = asyncio.Event(), asyncio.Event()

    async def hang(_: Gathering) -> int:
        hangs.set()
        await asyncio.Event().wait()
        return 0

    async def seal(_: Sealing) -> int:
        await hangs.wait()
        sealed.set()
        return 0

    monkeypatch.setattr(Gathering, "send_asks", hang)
    monkeypatch.setattr(Sealing, "seal_tasks", seal)
    worker, stop = parts_of_the_worker(), asyncio.Event()
    running = [asyncio.create_task(worker[name](stop)) for name in ("asks", "tasks")]
    try:
        async with asyncio.timeout(5):
            await sealed.wait()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
