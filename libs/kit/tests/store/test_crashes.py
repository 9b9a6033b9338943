# SPDX-License-Identifier: EUPL-1.2
"""A process dies at each crash point and comes back: every event takes effect once, in order."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.topics import Topic
from kit import crash
from kit.kafka import ensure_topics
from local_stack.testing import KafkaServer

WORKER = Path(__file__).with_name("crash_worker.py")


async def run_worker(dsn: str, bootstrap: str, topic: str, point: str) -> tuple[int, str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    arguments = (sys.executable, str(WORKER), dsn, bootstrap, topic, point)
    process = await asyncio.create_subprocess_exec(*arguments, env=env, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(60):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode()[-2000:]


@pytest.mark.parametrize("point", sorted(crash.POINTS - {"release.after_receipt", "release.after_seal"}))
async def test_a_death_loses_nothing_and_doubles_nothing(
    dsn: str, kafka_server: KafkaServer, effects_of: Any, parked_of: Any, point: str
) -> None:
    topic = f"test.t{uuid4().hex[:8]}.v1"
    await ensure_topics(kafka_server.bootstrap, [Topic(topic, compacted=False, retention_ms=None, city_partitions=1)])
    assert (await run_worker(dsn, kafka_server.bootstrap, topic, point))[0] == crash.EXIT_STATUS
    assert await run_worker(dsn, kafka_server.bootstrap, topic, "") == (0, "")
    assert await effects_of() == [("k", n) for n in range(1, 6)]
    assert await parked_of() == []
