# SPDX-License-Identifier: EUPL-1.2
"""A compacted topic in memory: catalogue, offices, systems. Serves what it holds while the bus is away.

With a folder it also keeps what it holds on disk, so that a restart while the bus is away needs nobody. What comes from
disk passes the same `parse` (signatures) as what comes from the bus.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import orjson

from kit.clock import monotonic
from kit.errors import Unavailable
from kit.events import Record, Unreadable, read_record
from kit.kafka import Raw, tail
from kit.telemetry import fault, get_logger

log = get_logger()

RETRY_S: Final = 0.5
KEEP_EVERY_S: Final = 1.0

T = TypeVar("T")


class _Table(Generic[T]):
    """The newest value of each key, and the record that it came from."""

    def __init__(self, topic: str, parse: Callable[[Record], T | None], *, forgets: bool) -> None:
        self._topic = topic
        self._parse = parse
        self._forgets = forgets
        self._seqs: dict[tuple[str, str], int] = {}
        self.values: dict[str, T] = {}
        self.raws: dict[str, Raw] = {}
        self.refused: set[str] = set()

    def take(self, raw: Raw) -> str | None:
        """Take one record in; gives the key that changed. Older and repeated numbers change nothing."""
        try:
            record = read_record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers)
        except Unreadable as why:
            log.warning("replica_refused", topic=self._topic, offset=raw.offset, reason=str(why))
            return None
        if record.keyseq <= self._seqs.get((record.source, record.key), 0):
            return None
        if record.data is None and self._forgets:
            self.values.pop(record.key, None)
            self.raws.pop(record.key, None)
        else:
            value = self._parsed(record)
            if value is None:
                self.refused.add(record.key)
                return None
            self.values[record.key] = value
            self.raws[record.key] = raw
        self._seqs[record.source, record.key] = record.keyseq
        return record.key

    def _parsed(self, record: Record) -> T | None:
        if record.data is None:
            log.warning("replica_refused", topic=self._topic, offset=record.offset, reason="TOMBSTONE")
            return None
        try:
            return self._parse(record)
        except Exception as why:  # noqa: BLE001 - whatever a forged record does to its reader, the former value stays
            log.warning("replica_refused", topic=self._topic, offset=record.offset, **fault(why))
            return None


class Replica(Generic[T]):
    """The newest value of each key of *topic*.

    parse: makes a value of a record, or gives None (or raises) to refuse it; then the key keeps its former value. A
    tombstone removes its key. keep_in: folder for a copy on disk, None for none. forgets: False refuses tombstones too,
    for topics of signed records: nobody signs a tombstone, so anybody who may write could take a key away.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        parse: Callable[[Record], T | None],
        *,
        keep_in: Path | None = None,
        forgets: bool = True,
    ) -> None:
        self._bootstrap = bootstrap
        self.topic = topic
        self._parse = parse
        self._forgets = forgets
        self._table: _Table[T] = _Table(topic, parse, forgets=forgets)
        self._file = None if keep_in is None else keep_in / f"{topic}.jsonl"
        self._unkept = False
        self._keep_at = 0.0
        self._listeners: list[Callable[[str], None]] = []
        self.ready = False
        """True once all that lay in the topic when we looked, or a whole copy from disk, is here; stays true."""
        self.version = 0
        """Rises with each change."""

    def get(self, key: str) -> T | None:
        """Give the value of *key*, None if there is none."""
        return self._table.values.get(key)

    def items(self) -> dict[str, T]:
        """Give a copy of all keys and values."""
        return dict(self._table.values)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call *listener* with each key that changed, once the new value is in. It must not fail."""
        self._listeners.append(listener)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topic until *stop*; begins anew from the earliest record when the bus fails."""
        await self._load()
        while not stop.is_set():
            following = asyncio.ensure_future(self._follow())
            stopping = asyncio.ensure_future(stop.wait())
            try:
                await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (following, stopping):
                    task.cancel()
                results = await asyncio.gather(following, stopping, return_exceptions=True)
            why = results[0]
            if isinstance(why, Exception):
                if not isinstance(why, Unavailable):
                    raise why
                log.warning("replica_interrupted", topic=self.topic, **fault(why))
                with suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_S):
                        await stop.wait()

    async def _follow(self) -> None:
        """Read the topic from its start into a new table, which takes the old one's place once it has caught up."""
        fresh: _Table[T] | None = _Table(self.topic, self._parse, forgets=self._forgets)
        records = tail(self._bootstrap, self.topic)
        try:
            async for raws, caught_up in records:
                if fresh is None:
                    self._changed([key for raw in raws if (key := self._table.take(raw)) is not None])
                else:
                    for raw in raws:
                        fresh.take(raw)
                    if caught_up:
                        self._swap(fresh)
                        fresh = None
                if fresh is None and self._unkept and monotonic() >= self._keep_at:
                    await self._keep()
        finally:
            await records.aclose()

    def _swap(self, fresh: _Table[T]) -> None:
        old, self._table = self._table, fresh
        for key in fresh.refused - fresh.values.keys():  # a forged record may have displaced the good one on the bus
            if key in old.values:
                fresh.values[key], fresh.raws[key] = old.values[key], old.raws[key]
        before, after = old.raws, fresh.raws
        self.ready = True
        self._changed(
            [key for key in after if key not in before or before[key].value != after[key].value]
            + [key for key in before if key not in after]
        )

    def _changed(self, keys: list[str]) -> None:
        for key in keys:
            self.version += 1
            self._unkept = True
            for listener in self._listeners:
                listener(key)

    async def _keep(self) -> None:
        """Replace the copy on disk by what we hold. A disk that fails costs the next restart its head start only."""
        self._unkept, self._keep_at = False, monotonic() + KEEP_EVERY_S
        if self._file is None:
            return
        lines = b"".join(_line(raw) for raw in self._table.raws.values())
        try:
            await asyncio.to_thread(_replace, self._file, lines)
        except OSError as why:
            log.warning("replica_not_kept", topic=self.topic, **fault(why))

    async def _load(self) -> None:
        """Serve the copy on disk until the bus has been read."""
        if self._file is None:
            return
        try:
            lines = await asyncio.to_thread(self._file.read_bytes)
            raws = [_raw(self.topic, line) for line in lines.splitlines()]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError) as why:
            log.warning("replica_copy_unusable", topic=self.topic, **fault(why))
            return
        self.ready = True
        self._changed([key for raw in raws if (key := self._table.take(raw)) is not None])


def _line(raw: Raw) -> bytes:
    told = {
        "partition": raw.partition,
        "offset": raw.offset,
        "key": (raw.key or b"").decode(),
        "value": base64.b64encode(raw.value or b"").decode(),
        "headers": [[name, content.decode("latin-1")] for name, content in raw.headers],
    }
    return orjson.dumps(told) + b"\n"


def _raw(topic: str, line: bytes) -> Raw:
    told: dict[str, Any] = orjson.loads(line)
    headers = [(name, content.encode("latin-1")) for name, content in told["headers"]]
    value = base64.b64decode(told["value"])
    return Raw(topic, told["partition"], told["offset"], 0, told["key"].encode(), value, headers)


def _replace(file: Path, content: bytes) -> None:
    """Write whole or not at all: a half-written copy must not pass for a small topic."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")  # processes of one deployment share the folder
    draft.write_bytes(content)
    draft.replace(file)
