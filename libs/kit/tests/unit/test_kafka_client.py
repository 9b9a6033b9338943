# SPDX-License-Identifier: EUPL-1.2
"""The client library lets cancellations of its own tasks out when a broker goes away: they must not end ours."""

import asyncio

import pytest

from kit.kafka import KafkaAway, kafka_errors
from kit.kafka.client import bounded_stop


async def a_client_whose_own_task_was_cancelled() -> None:
    inner = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    inner.cancel()
    await inner


async def poll() -> None:
    with kafka_errors():
        await a_client_whose_own_task_was_cancelled()


async def test_a_cancellation_inside_the_client_reads_as_a_bus_that_is_away() -> None:
    with pytest.raises(KafkaAway):
        await poll()


async def test_a_client_that_is_cancelled_while_it_stops_has_stopped() -> None:
    await bounded_stop(a_client_whose_own_task_was_cancelled())


async def test_our_own_end_stays_an_end() -> None:
    async def call() -> None:
        with kafka_errors():
            await asyncio.sleep(60)

    async def stop() -> None:
        await bounded_stop(asyncio.sleep(60))

    for work in (call, stop):
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
