# SPDX-License-Identifier: EUPL-1.2
"""Waiting until nothing waits any more: outboxes empty, every consumer at the last number of every key."""

import asyncio
import time
from typing import Any, Final

import asyncpg

from drive.collect import waiting
from kit.events import key_uuid
from local_stack.harness import Stack
from local_stack.table import DEPLOYMENTS

WITHIN_S: Final = 60.0
POLL_S: Final = 0.3
PARKED: Final = "SELECT count(*) FROM parked WHERE event_id::text <> ALL ($1::text[])"
Counted = dict[tuple[str, str, str], int]
"""(source, topic, key) -> the last number."""


class NotQuiet(AssertionError):
    """Something still waits though its time is up."""


async def wait_quiet(stack: Stack, within_s: float = WITHIN_S, *, injected: frozenset[str] = frozenset()) -> float:
    """Wait until all is quiet; gives the seconds it took. injected: events that a test put there, and that may stay.

    Raises NotQuiet with what still waits.
    """
    began = time.monotonic()
    while True:
        left = await unfinished(stack, injected)
        if not left:
            return time.monotonic() - began
        if time.monotonic() - began > within_s:
            raise NotQuiet(f"not quiet after {within_s:g} s: {'; '.join(left)}")
        await asyncio.sleep(POLL_S)


async def unfinished(stack: Stack, injected: frozenset[str] = frozenset()) -> list[str]:
    """Say what still waits, in words; [] when nothing does."""
    try:
        found = await asyncio.gather(*(_look(stack, system, injected) for system in DEPLOYMENTS))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as away:
        return [f"PostgreSQL: {type(away).__name__}"]
    left = [
        f"{system}: {count} in {table}"
        for system, (counts, *_) in zip(DEPLOYMENTS, found, strict=True)
        for table, count in counts.items()
        if count
    ]
    left += [
        f"{system}: {letters} parked" for system, (_, letters, _, _) in zip(DEPLOYMENTS, found, strict=True) if letters
    ]
    return left or _behind({k: v for *_, written, _ in found for k, v in written.items()}, [f[3] for f in found])


def _behind(written: Counted, reached: list[dict[tuple[str, str, str, str], int]]) -> list[str]:
    """Name consumers that haven't reached the last number of a key."""
    by_uuid = {(source, topic, str(key_uuid(key))): number for (source, topic, key), number in written.items()}
    left: dict[str, int] = {}
    for states in reached:
        hears = {(consumer, topic) for consumer, _, topic, _ in states}
        for consumer, heard in hears:
            for (source, topic, key), number in by_uuid.items():
                if topic == heard and states.get((consumer, source, topic, key), 0) < number:
                    left[f"{consumer} of {topic}"] = left.get(f"{consumer} of {topic}", 0) + 1
    return [f"{who}: {keys} keys behind" for who, keys in left.items()]


async def _look(
    stack: Stack, system: str, injected: frozenset[str]
) -> tuple[dict[str, int], int, Counted, dict[tuple[str, str, str, str], int]]:
    deployment = DEPLOYMENTS[system]
    source = f"/zz/{deployment.operator}/{system}"
    connection: Any = await asyncpg.connect(stack.dsn(system), timeout=5)
    try:
        counts = await waiting(connection, deployment.package)
        letters: int = await connection.fetchval(PARKED, sorted(injected))
        if any(counts.values()):
            return counts, letters, {}, {}
        written = await connection.fetch("SELECT topic, key, max(keyseq) AS last FROM outbox GROUP BY topic, key")
        states = await connection.fetch(
            "SELECT s.consumer, s.source, s.topic, k.key, k.last_seq FROM key_state k JOIN stream s ON s.id = k.stream"
        )
    finally:
        await connection.close()
    last = {(source, row["topic"], row["key"]): row["last"] for row in written}
    at = {(r["consumer"], r["source"], r["topic"], str(r["key"])): r["last_seq"] for r in states}
    return counts, letters, last, at
