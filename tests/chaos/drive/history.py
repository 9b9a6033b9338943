# SPDX-License-Identifier: EUPL-1.2
"""The clients' own record of a run: JSON lines, each on disk before the next step is taken."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from checker.breach import grouped
from checker.rows import Handled, History, Outcome, Request

Line = Mapping[str, Any]


class HistoryFile:
    """Appends lines; `write` returns when the line is on disk. Open it with `with`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sink = path.open("ab")

    def write(self, what: str, **facts: Any) -> None:
        """Append one line. what: sent, ok, failed, unknown, handled, injected or fault."""
        self._sink.write(json.dumps({"what": what, **facts}).encode() + b"\n")
        self._sink.flush()
        os.fsync(self._sink.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.close()


def read(path: Path) -> History:
    """Read a history file and fold all tries of a request into one."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
    of_requests = grouped((line for line in lines if "id" in line), lambda line: str(line["id"]))
    return History(
        requests=[_request(request_id, tries) for request_id, tries in of_requests.items()],
        handled=[
            Handled(line["office"], line["eventId"], line["deliveryId"], line["key"], line["keyseq"], line["digest"])
            for line in lines
            if line["what"] == "handled"
        ],
        injected=frozenset(line["eventId"] for line in lines if line["what"] == "injected"),
    )


def _request(request_id: str, lines: Iterable[Line]) -> Request:
    sent, *rest = list(lines)
    ends = [line["what"] for line in rest if line["what"] != "sent"]
    tries = 1 + sum(line["what"] == "sent" for line in rest)
    outcome: Outcome = "unknown"
    if "ok" in ends:
        outcome = "ok"
    elif len(ends) == tries and all(end == "failed" for end in ends):
        outcome = "failed"
    codes = [line["code"] for line in rest if "code" in line]
    return Request(
        id=request_id,
        kind=sent["kind"],
        client=sent["client"],
        key=sent["key"],
        facts=sent["facts"],
        outcome=outcome,
        answers=[line["answer"] for line in rest if line["what"] == "ok"],
        code=codes[-1] if codes else None,
    )
