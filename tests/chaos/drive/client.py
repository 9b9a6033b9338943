# SPDX-License-Identifier: EUPL-1.2
"""A client that keeps its history: an unknown outcome is repeated under the same key until it is known or given up."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from contracts.base import Model
from contracts.ids import uuid7
from drive.history import HistoryFile
from tongban import NoAnswer, Problem

PAUSE_S: Final = 0.5
GIVE_UP_S: Final = 90.0

Call = Callable[[str], Awaitable[Model]]
"""Makes the call under the given Idempotency-Key."""


class Recorder:
    """Makes calls and writes down what became of each. counts: outcomes and codes, for the report."""

    def __init__(self, history: HistoryFile) -> None:
        self.history = history
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()

    async def send(
        self,
        kind: str,
        client: str,
        facts: Mapping[str, Any],
        call: Call,
        *,
        key: str | None = None,
        done_codes: frozenset[str] = frozenset(),
        repeat: bool = False,
    ) -> Model | None:
        """Give the answer, or None if it was refused for good or nobody ever answered.

        done_codes: refusals that, after an unknown try, mean that that try took effect. repeat: ask once more after
        the answer, as a client does who lost it.
        """
        request_id, key = str(uuid7()), key or str(uuid7())
        about = {"id": request_id, "kind": kind, "client": client, "key": key, "facts": dict(facts)}
        give_up, tries = time.monotonic() + GIVE_UP_S, 0
        while True:
            tries += 1
            answer, code, final = await self._try(about, call)
            if answer is not None:
                self.counts["ok"] += 1
                if repeat:
                    await self._try(about, call)
                return answer
            if final:
                self._note_refusal(kind, code, done=tries > 1 and code in done_codes)
                return None
            if time.monotonic() > give_up:
                self.counts["given up"] += 1
                return None
            self.counts["unknown, repeated"] += 1
            await asyncio.sleep(PAUSE_S)

    async def _try(self, about: Mapping[str, Any], call: Call) -> tuple[Model | None, str, bool]:
        """Give (answer, code, whether the code is final)."""
        request_id = about["id"]
        self.history.write("sent", **about)
        try:
            answer = await call(about["key"])
        except Problem as problem:
            if problem.passing or problem.status >= 500:
                self.history.write("unknown", id=request_id, code=problem.code)
                if problem.status == 500:  # whatever is away, the answer is 503: a bare 500 is a bug of ours
                    self.refusals[f"{about['kind']} {problem.code}"] += 1
                return None, problem.code, False
            self.history.write("failed", id=request_id, code=problem.code)
            return None, problem.code, True
        except NoAnswer as silence:
            self.history.write("unknown", id=request_id, code=silence.code)
            return None, silence.code, False
        self.history.write("ok", id=request_id, answer=answer.wire())
        return answer, "", True

    def _note_refusal(self, kind: str, code: str, *, done: bool) -> None:
        self.counts["refused"] += 1
        if not done:
            self.refusals[f"{kind} {code}"] += 1
