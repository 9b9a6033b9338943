# SPDX-License-Identifier: EUPL-1.2
"""Who acts in a chaos run: three registers that issue, two offices that read their inbox, two citizens."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import yaml

from contracts.base import Model
from contracts.envelopes import LegalBasis, Task
from contracts.exchange_bus import AskEvidence, Delivery, PersonSubject, Subject
from drive.client import Recorder
from kit.envelopes import digest
from local_stack.harness import Stack
from local_stack.offices import MARKET_REGULATION, NATURAL_RESOURCES, TAX
from tongban import Citizen, Office, TongbanError
from tongban.clock import system_clock
from tongban.inbox import Handled, deliveries

T = TypeVar("T")
ROOT: Final = Path(__file__).parents[3]
READERS: Final = {"licensing": MARKET_REGULATION, "tax-office": TAX}
ISSUERS: Final = {"title": "land-registry", "staff-health": "health-registry", "food-licence": "licensing"}
FROM: Final = date(2026, 1, 1)
PERSONAS: Final[dict[str, str]] = {
    row["persona"]: row["number"] for row in yaml.safe_load((ROOT / "catalogue/personas.yaml").read_text("utf-8"))
}


async def patiently(what: Callable[[], Awaitable[T]], within_s: float = 60.0) -> T:
    """Try again while the platform is away, up to *within_s*."""
    end = time.monotonic() + within_s
    while True:
        try:
            return await what()
        except TongbanError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(0.5)


class People:
    """Open offices and citizens of one stack. folder: keeps each system's state from one test to the next."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._exits = AsyncExitStack()
        self.offices: dict[str, Office] = {}
        self.subjects: dict[tuple[str, str], str] = {}
        """(system, persona) -> that office's pseudonym."""
        self.handles: dict[str, str] = {}
        """persona -> handle for a case of the shop owner's."""

    async def __aenter__(self) -> Self:
        for system in sorted({*READERS, *ISSUERS.values()}):
            self.offices[system] = await patiently(partial(self._office, system))
        owner = Citizen(self._stack.url("gateway"), "shop-owner")
        self.owner = await self._exits.enter_async_context(owner)
        for system in sorted(ISSUERS.values()):
            found = await patiently(partial(self.offices[system].resolve, list(PERSONAS.values())))
            self.subjects |= {(system, p): s for p, s in zip(PERSONAS, found, strict=True) if s is not None}
        for persona in ("cook", "waitress"):
            self.handles[persona] = await patiently(partial(owner.handle, PERSONAS[persona]))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    async def _office(self, system: str) -> Office:
        folder = self._folder / system
        folder.mkdir(parents=True, exist_ok=True)
        secrets, trust = self._stack.secrets_dir(system), self._stack.trust_file
        office = Office(self._stack.url("gateway"), system, secrets, folder, trust_file=trust)
        return await self._exits.enter_async_context(office)

    def inbox_file(self, system: str) -> Path:
        """Where the SDK notes what that system has handled."""
        return self._folder / system / "inbox.sqlite"


class Reader:
    """An office's program that reads its inbox and, where it gets tasks, decides them by rule."""

    def __init__(self, people: People, system: str, recorder: Recorder) -> None:
        self._office, self._system, self._recorder = people.offices[system], system, recorder
        self._file = people.inbox_file(system)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until *stop*; while the platform is away, try again."""
        handled = Handled(self._file, system_clock)
        try:
            while not stop.is_set():
                with contextlib.suppress(TongbanError):
                    async for delivery in deliveries(self._fetch, self._acknowledge, handled, once=True):
                        await self._take(delivery)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 0.3)
        finally:
            handled.close()

    async def _fetch(self) -> Sequence[Delivery]:
        return await self._office.fetch()

    async def _acknowledge(self, delivery_ids: Sequence[str]) -> None:
        await patiently(lambda: self._office.acknowledge(delivery_ids), 120)

    async def _take(self, delivery: Delivery) -> None:
        opened = await self._office.open(delivery)
        if isinstance(opened.body, Task):
            await self._decide(opened.body)
        self._recorder.history.write(
            "handled",
            office=self._office.office,
            eventId=delivery.event_id,
            deliveryId=delivery.delivery_id,
            key=delivery.key,
            keyseq=delivery.keyseq,
            digest=digest(delivery.envelope),
        )

    async def _decide(self, task: Task) -> None:
        await self._ask_in_vain(task)
        if any(need.outcome != "answered" for need in task.needs):
            await self._refuse(task)
            return
        number = f"JY-{task.task_id}"
        claims = {
            "holder": "self",
            "tradeName": str(task.input["tradeName"]),
            "place": "Canal Street",
            "number": number,
        }

        async def approve(_key: str) -> Model:
            return await self._office.approve(task, claims, valid_from=FROM)

        facts = {"type": "food-licence", "naturalKey": number, "taskId": task.task_id}
        await self._recorder.send("issue", self._system, facts, approve, key=f"task-{task.task_id}")

    async def _ask_in_vain(self, task: Task) -> None:
        """Ask for evidence about somebody whom the case proof doesn't name: refused at the gate, with receipts."""
        question = AskEvidence(
            case_id=task.case_id,
            step=task.step,
            case_proof=task.case_proof,
            entry="P-0204",
            release=1,
            type="title",
            type_version=1,
            fields=["place"],
            subject=Subject(person=PersonSubject(platform=task.subject, holders={NATURAL_RESOURCES: task.subject})),
            purpose="premises-check",
            legal_basis=LegalBasis(kind="request"),
            deadline=task.deadline,
        )

        async def ask(key: str) -> Model:
            return await self._office.ask(question, key=key)

        await self._recorder.send("ask", self._system, {"taskId": task.task_id}, ask)

    async def _refuse(self, task: Task) -> None:
        async def refuse(_key: str) -> Model:
            return await self._office.refuse(task.task_id, code="EVIDENCE_MISSING", reason="no office could attest")

        done = frozenset({"TASK_NOT_OPEN"})
        await self._recorder.send("refuse", self._system, {"taskId": task.task_id}, refuse, done_codes=done)
