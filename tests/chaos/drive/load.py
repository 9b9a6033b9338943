# SPDX-License-Identifier: EUPL-1.2
"""Load at a steady rate through the front door, drawn from a seed: whoever waits for an answer holds up nobody else."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from contracts.base import Model
from contracts.cases import CaseView
from contracts.certificates.api import Holder, Issued
from drive.client import Recorder
from drive.people import FROM, ISSUERS, READERS, People, Reader

RATE: Final = 20.0
IN_FLIGHT: Final = 200
"""More requests than this without an answer: a client of a real office would have stopped too."""
FIRST_EXAM: Final = date(1950, 1, 1)
HOLDERS: Final = {"title": ["neighbour"], "staff-health": ["waitress", "neighbour"]}
"""Whom the load gives certificates to: never the owner and the cook, who must have exactly one to match."""
EXPECTED_REFUSALS: Final = frozenset({"issue TRANSITION_NOT_ALLOWED", "ask CASE_PROOF_INVALID"})
"""What the load provokes: a natural key that is taken already, a question about somebody who isn't in the case."""


Operation = Callable[[], Coroutine[None, None, None]]


@dataclass
class Memory:
    """What the load remembers from one test to the next on the same stack."""

    seed: int
    numbers: int = 0
    licences: list[Issued] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    prepared: bool = False


class Load:
    """Steady load. `run` lays requests until *stop*, then waits for all that are under way."""

    def __init__(self, people: People, recorder: Recorder, memory: Memory, rate: float = RATE) -> None:
        self._people, self._recorder, self._memory, self._rate = people, recorder, memory, rate
        self._chance = random.Random(memory.seed + memory.numbers)
        self._under_way: set[asyncio.Task[None]] = set()
        self._operations: list[tuple[int, Operation]] = [
            (15, self._title),
            (20, self._health),
            (30, self._licence),
            (5, self._taken),
            (10, self._suspend),
            (5, self._case),
            (8, self._look),
            (7, self._read),
        ]

    async def prepare(self) -> None:
        """Attest once what a food licence rests on: the owner's title and the cook's health."""
        if not self._memory.prepared:
            await self.issue("title", "shop-owner", "T-OWNER")
            await self.issue("staff-health", "cook", "2026-11-02")
            self._memory.prepared = True

    async def run(self, stop: asyncio.Event) -> None:
        """Send at the rate until *stop*; then wait for what is under way."""
        weights, operations = zip(*self._operations, strict=True)
        began, sent = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - began) * self._rate)
            for _ in range(max(due - sent, 0)):
                self._start(self._chance.choices(operations, weights)[0])
            sent = max(due, sent)
            await asyncio.sleep(0.5 / self._rate)
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def give_up(self) -> None:
        """Cancel what is under way: the test has failed already."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _start(self, operation: Operation) -> None:
        if len(self._under_way) >= IN_FLIGHT:
            self._recorder.counts["held back"] += 1
            return
        task = asyncio.create_task(operation())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    # ------------------------------------------------------------------------------------------- operations
    async def _title(self) -> None:
        await self.issue("title", self._chance.choice(HOLDERS["title"]), f"T-{self._next()}")

    async def _health(self) -> None:
        day = FIRST_EXAM + timedelta(days=self._next())
        await self.issue("staff-health", self._chance.choice(HOLDERS["staff-health"]), day.isoformat())

    async def _licence(self) -> None:
        issued = await self.issue("food-licence", "neighbour", f"L-{self._next()}")
        if issued is not None:
            self._memory.licences.append(issued)

    async def _taken(self) -> None:
        """Ask for a licence that exists: refused, whatever happens meanwhile."""
        await self.issue("title", "shop-owner", "T-OWNER")

    async def _suspend(self) -> None:
        """Suspend a licence and reinstate it; nobody else touches it meanwhile."""
        if not self._memory.licences:
            return
        licence = self._memory.licences.pop(0)
        office = self._people.offices["licensing"]
        suspended = await self._change(
            licence, "02", lambda v: office.suspend(licence.certificate_id, v, reason="check")
        )
        if suspended is None:
            return
        reinstated = await self._change(
            suspended, "01", lambda v: office.reinstate(licence.certificate_id, v, reason="checked")
        )
        if reinstated is not None:
            self._memory.licences.append(reinstated)

    async def _case(self) -> None:
        staff = "cook" if self._chance.random() < 0.7 else "waitress"
        owner, name = self._people.owner, f"Noodles {self._next()}"

        async def open_case(key: str) -> Model:
            return await owner.open_case(
                "food-licence", subjects={"staff": [self._people.handles[staff]]}, data={"tradeName": name}, key=key
            )

        opened = await self._recorder.send("open-case", "shop-owner", {"staff": staff}, open_case, repeat=self._again())
        if isinstance(opened, CaseView):
            self._memory.cases.append(opened.case_id)

    async def _look(self) -> None:
        if not self._memory.cases:
            return
        case_id, owner = self._chance.choice(self._memory.cases), self._people.owner

        async def look(_key: str) -> Model:
            return await owner.case(case_id)

        await self._recorder.send("look", "shop-owner", {"caseId": case_id}, look)

    async def _read(self) -> None:
        if not self._memory.licences:
            return
        licence, office = self._chance.choice(self._memory.licences), self._people.offices["licensing"]

        async def read(_key: str) -> Model:
            return await office.certificate(licence.certificate_id, purpose="own-register")

        await self._recorder.send("read", "licensing", {"certificateId": licence.certificate_id}, read)

    # ------------------------------------------------------------------------------------------- in common
    async def issue(self, kind: str, persona: str, natural: str) -> Issued | None:
        """Issue a certificate of a type to a persona, under a natural key."""
        system = ISSUERS[kind]
        office, subject = self._people.offices[system], self._people.subjects[system, persona]

        async def issue(key: str) -> Model:
            return await office.issue(kind, Holder(subject=subject), claims_of(kind, natural), valid_from=FROM, key=key)

        facts = {"type": kind, "naturalKey": natural, "persona": persona}
        issued = await self._recorder.send("issue", system, facts, issue, repeat=self._again())
        return issued if isinstance(issued, Issued) else None

    async def _change(self, licence: Issued, status: str, call: Callable[[int], Awaitable[Issued]]) -> Issued | None:
        """Change a status. A refusal of the version after an unknown try says that that try took effect."""

        async def change(_key: str) -> Model:
            return await call(licence.version)

        facts = {"certificateId": licence.certificate_id, "status": status}
        done = frozenset({"VERSION_CHANGED", "TRANSITION_NOT_ALLOWED"})
        answer = await self._recorder.send("change", "licensing", facts, change, done_codes=done)
        return answer if isinstance(answer, Issued) else None

    def _next(self) -> int:
        self._memory.numbers += 1
        return self._memory.numbers

    def _again(self) -> bool:
        return self._chance.random() < 0.1


def claims_of(kind: str, natural: str) -> dict[str, Any]:
    """Give the claims of a certificate of this type, named by its natural key."""
    if kind == "title":
        return {"holder": "self", "place": "Canal Street", "use": "restaurant", "number": natural}
    if kind == "staff-health":
        return {"holder": "self", "result": "fit", "examinedOn": natural}
    return {"holder": "self", "tradeName": "Noodles", "place": "Canal Street", "number": natural}


def readers(people: People, recorder: Recorder) -> list[Reader]:
    """Give the programs that read inboxes."""
    return [Reader(people, system, recorder) for system in READERS]
