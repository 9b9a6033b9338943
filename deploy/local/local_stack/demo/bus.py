# SPDX-License-Identifier: EUPL-1.2
"""Watches the bus while the demo runs: the real topics, as anybody with a network cable would see them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from contracts.topics import CASE, CERTIFICATE, EVIDENCE_REQUEST, HOLDING, RECEIPT, STEP, ask_topic, envelope_topic
from kit.events import Record, Unreadable, read_record
from kit.kafka import tail
from local_stack.errors import StackError

PLAIN: Final = (CASE, STEP, EVIDENCE_REQUEST, CERTIFICATE, HOLDING, RECEIPT)
"""Topics whose records say what happened, never about whom. Those of offices are sealed."""


@dataclass(frozen=True)
class Seen:
    """A record as it passed. on_bus: when the broker took it. size: bytes of its value."""

    record: Record
    on_bus: datetime
    size: int

    @property
    def topic(self) -> str:
        """Its topic."""
        return self.record.topic

    @property
    def writer(self) -> str:
        """The system that wrote it: last part of `/{instance}/{office}/{system}`."""
        return self.record.source.rpartition("/")[2]

    @property
    def text(self) -> str:
        """Its value as text; empty for a tombstone."""
        return (self.record.data or b"").decode("utf-8", "replace")

    @property
    def waited_ms(self) -> float:
        """From its recording (the commit) until the broker had it."""
        return max((self.on_bus - self.record.time).total_seconds() * 1000, 0.0)


class Watch:
    """All records since *since*, in the order in which they came to us. on_record is called for each."""

    def __init__(self, since: datetime, on_record: Callable[[Seen], None]) -> None:
        self.seen: list[Seen] = []
        self._since = since
        self._on_record = on_record
        self._news = asyncio.Event()
        self._ready: set[str] = set()

    async def follow(self, bootstrap: str, topic: str) -> None:
        """Follow one topic until cancelled."""
        async for records, caught_up in tail(bootstrap, topic, poll_s=0.1):
            for raw in records:
                try:
                    record = read_record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers)
                except Unreadable:
                    continue
                if record.time >= self._since:
                    self._take(
                        Seen(record, datetime.fromtimestamp(raw.timestamp_ms / 1000, UTC), len(raw.value or b""))
                    )
            if caught_up:
                self._ready.add(topic)
            self._tell()

    async def until(
        self, what: str, matches: Callable[[Seen], bool], *, count: int = 1, timeout_s: float = 40.0
    ) -> list[Seen]:
        """Give the first *count* records that match. Raises StackError (`DEMO_WAITED_IN_VAIN`) naming *what*."""
        found: list[Seen] = []

        def enough() -> bool:
            found[:] = [seen for seen in self.seen if matches(seen)]
            return len(found) >= count

        await self._wait(what, enough, timeout_s)
        return found[:count]

    async def ready(self, topics: Iterable[str]) -> None:
        """Wait until everything that lay in *topics* before has been passed over."""
        wanted = set(topics)
        await self._wait("the topics", lambda: self._ready >= wanted, 30.0)

    async def _wait(self, what: str, done: Callable[[], bool], timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not done():
                    news = self._news
                    await news.wait()
        except TimeoutError:
            raise StackError("DEMO_WAITED_IN_VAIN", f"{what} did not come within {timeout_s:g} s") from None

    def _take(self, seen: Seen) -> None:
        self.seen.append(seen)
        self._on_record(seen)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def topics_of(offices: Iterable[str]) -> list[str]:
    """Name the topics that a demo watches."""
    return [*PLAIN, *(name(office) for office in offices for name in (ask_topic, envelope_topic))]


@asynccontextmanager
async def watching(bootstrap: str, topics: Iterable[str], watch: Watch) -> AsyncIterator[Watch]:
    """Follow *topics* while the block runs; a reader that dies ends it."""
    names = list(topics)
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        running = [group.create_task(watch.follow(bootstrap, topic)) for topic in names]
        await watch.ready(names)
        try:
            yield watch
        finally:
            for task in running:
                task.cancel()


async def scan(bootstrap: str, topic: str) -> list[Seen]:
    """Give all records that lie in a topic now."""
    found: list[Seen] = []
    async with aclosing(tail(bootstrap, topic, poll_s=0.1)) as pages:
        async for records, caught_up in pages:
            for raw in records:
                record = read_record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers)
                found.append(Seen(record, datetime.fromtimestamp(raw.timestamp_ms / 1000, UTC), len(raw.value or b"")))
            if caught_up:
                break
    return found


def leaves(seen: Seen) -> list[dict[str, object]]:
    """Give the public leaves of the receipts that a record of `receipts.receipt.v1` carries."""
    batch = json.loads(seen.text)
    return [receipt["leaf"] for receipt in batch["receipts"]]
