# SPDX-License-Identifier: EUPL-1.2
"""Signed records of catalogue and keys, fetched from the gateway and kept on disk: the copy that offline checks use.

Kept as they came; `Directory` verifies what it reads from them, each time. So a changed file is no danger, only a loss.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from contracts.records import Records as Page
from contracts.topics import CATALOGUE_ENTRY, OFFICE, SYSTEM
from tongban.caller import read
from tongban.http import Http

TOPICS: Final = (SYSTEM, OFFICE, CATALOGUE_ENTRY)
BEFORE_ALL: Final = -1
"""Offsets start at 0."""


class Records:
    """The newest record under each key of three topics, in one folder.

    pinned: kid of the trusted registry key. A folder that was filled under another one is filled anew.
    """

    def __init__(self, http: Http, folder: Path, pinned: str) -> None:
        self._http = http
        self._folder = folder
        self._pinned = pinned
        self._held: dict[str, _Held] = {topic: _Held.read(self._file(topic), pinned) for topic in TOPICS}

    def of(self, topic: str) -> Mapping[str, str]:
        """Give key -> value of a topic, as it was last fetched."""
        return self._held[topic].values

    async def sync(self) -> bool:
        """Fetch what is new in all topics; say whether anything was. Raises Problem, NoAnswer."""
        return any([await self._sync(topic) for topic in TOPICS])

    async def _sync(self, topic: str) -> bool:
        held = self._held[topic]
        before = held.after
        complete = False
        while not complete:
            answer = await self._http.call("GET", f"/v1/records/{topic}?after={held.after}")
            page = read(answer, Page)
            held.values.update({record.key: record.value for record in page.records})
            complete = page.complete or not page.records
            held.after = max(held.after, page.next)
        if held.after != before:
            held.write(self._file(topic))
        return held.after != before

    def _file(self, topic: str) -> Path:
        return self._folder / f"{topic}.json"


class _Held:
    """One topic on disk: replaced whole, so that a crash leaves the old file or the new one."""

    def __init__(self, pinned: str, after: int, values: dict[str, str]) -> None:
        self.pinned = pinned
        self.after = after
        self.values = values

    @classmethod
    def read(cls, file: Path, pinned: str) -> "_Held":
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            content: dict[str, Any] = json.loads(file.read_bytes())
            if content["pinned"] == pinned:
                return cls(pinned, int(content["after"]), dict(content["values"]))
        return cls(pinned, BEFORE_ALL, {})

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        with part.open("wb") as sink:
            sink.write(json.dumps({"pinned": self.pinned, "after": self.after, "values": self.values}).encode())
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(file)
