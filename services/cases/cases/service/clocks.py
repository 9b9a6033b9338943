# SPDX-License-Identifier: EUPL-1.2
"""Deadlines that pass, outages in which they don't, and the heartbeat that tells an office's silence from our own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from cases import domain, events, store
from cases.domain import Case, Step
from cases.domain.clocks import Heartbeat, Outage, Pulse, beaten, may_judge, open_now, verdict
from cases.errors import ClockTooFar, OutageInvalid
from cases.service.moves import write_moves
from cases.service.parts import WORK_CHANNEL, Parts, Turns
from cases.service.reckoning import LONG_AGO, begun, deadlines, reckoned_now
from cases.store import pulses
from cases.store.clocks import DueStep
from contracts import topics
from contracts.cases import ClockMoved, MoveClock, RecordOutage
from contracts.cases import Outage as OutageView
from contracts.catalogue import Office
from contracts.catalogue.calendar import add_working_days
from contracts.ids import uuid7
from kit.db import Answer, Idem, Transaction
from kit.errors import FieldError
from kit.telemetry import get_logger

log = get_logger()

LONGEST_OUTAGE = timedelta(days=92)
FARTHEST = timedelta(days=3650)
"""How far a sandbox's clock may be ahead."""

Gap = tuple[datetime, datetime]
"""From the beat before it to the one after it, in real time."""
WayIsOpen = Callable[[], Awaitable[bool]]
"""Whether offices can get their tasks, and what they decide can come back."""


class Issuing(Protocol):
    """The deployments by which offices issue: an office whose own is away can't approve anything."""

    def system_of(self, office: str) -> str | None:
        """Name the one that answers for an office; None where there is none to watch."""
        ...

    async def answering(self) -> Mapping[str, Sequence[str]]:
        """Give those that answer now, each with its offices."""
        ...


class Clocks:
    """Use cases of time. way_is_open: asked before each beat. issuing: asked with it; None where nobody is watched."""

    def __init__(self, parts: Parts, way_is_open: WayIsOpen, pulse: Pulse, issuing: Issuing | None = None) -> None:
        self._parts = parts
        self._way_is_open = way_is_open
        self._pulse = pulse
        self._issuing = issuing
        self._due = Turns[DueStep](lambda due: due.step_id)

    async def beat(self) -> bool:
        """Note that the whole way to the offices is open, our outbox and database included. Gives whether it is.

        A gap between two beats that is longer than an outage of ours may be *is* one: it is recorded before the beat,
        in the same commit, so that nobody is judged by the time in which nobody could reach us. A deployment by which
        offices issue has a pulse of its own, and a gap in it is an outage of those offices.
        """
        if not await self._way_is_open():
            return False
        answering = await self._issuing.answering() if self._issuing is not None else {}
        async with self._parts.db.transaction() as tx:
            if await store.oldest_unsent(tx) > self._pulse.gap:
                return False
            now = self._parts.clock()
            beat, gap = beaten(await store.lock_heartbeat(tx, now), now, self._pulse)
            if gap is not None:
                await self._note_gap(tx, None, *gap)
            await store.store_heartbeat(tx, beat)
            for system in sorted(answering):
                await self._beat_of(tx, system, answering[system], now, gap)
            await self._restart_unsent(tx)
        return True

    async def judge_silence(self) -> int:
        """Take the tasks whose time is up: deemed approval where the list has it, else the lead is told, once.

        An office that doesn't issue in time what passed by its silence is answered for by the lead too.

        Gives how many. Nobody is judged while we don't live ourselves, or have just come back.
        """
        if not await self._may_judge():
            return 0
        return await self._due.all(self._find_due, self._judge)

    async def record_outage(self, said: RecordOutage, idem: Idem) -> Answer:
        """Keep an outage: clocks of that office, or of all, stand still meanwhile. Raises OutageInvalid."""
        self._check(said)

        async def work(tx: Transaction) -> tuple[int, OutageView]:
            outage_id = str(uuid7())
            outage = Outage(said.office, said.from_, said.to)
            await store.insert_outage(tx, outage_id, outage, "recorded", self._parts.clock())
            tx.notify(WORK_CHANNEL)
            return 201, OutageView(outage_id=outage_id, office=said.office, from_=said.from_, to=said.to)

        return await self._parts.db.once(idem, work)

    async def move(self, said: MoveClock, idem: Idem) -> Answer:
        """Move the sandbox's clock to the end of the n-th working day from its own today. Raises ClockTooFar."""

        async def work(tx: Transaction) -> tuple[int, ClockMoved]:
            real = self._parts.clock()
            now = real + await store.lock_clock_ahead(tx)
            target = add_working_days(now, said.working_days, self._parts.catalogue().calendar(now.date()))
            if target - real > FARTHEST:
                raise ClockTooFar
            await store.set_clock_ahead(tx, target - real, real)
            tx.notify(WORK_CHANNEL)
            return 201, ClockMoved(now=target)

        return await self._parts.db.once(idem, work)

    async def _beat_of(
        self, tx: Transaction, system: str, offices: Sequence[str], now: datetime, ours: Gap | None
    ) -> None:
        """Note that a deployment lives. ours: the platform's own gap, in which nobody could be asked."""
        beat, gap = beaten(await pulses.lock_issuing_heartbeat(tx, system, now), now, self._pulse)
        if gap is not None and (ours is None or gap[0] < ours[0]):
            for office in offices:
                await self._note_gap(tx, office, *gap)
        await pulses.store_issuing_heartbeat(tx, system, beat)

    async def _note_gap(self, tx: Transaction, office: str | None, since: datetime, until: datetime) -> None:
        ahead = await reckoned_now(self._parts, tx) - self._parts.clock()
        outage = Outage(office, since + ahead, until + ahead)
        await store.insert_outage(tx, str(uuid7()), outage, "heartbeat", until)
        log.warning("platform_outage", office=office, seconds=round((until - since).total_seconds()))

    async def _restart_unsent(self, tx: Transaction) -> None:
        """A task that the broker refuses can't have reached its office: its clock hasn't begun."""
        for task_id in await store.refused_tasks(tx):
            step = await store.step_of_task(tx, task_id)
            if step is None or step.state != "tasked":
                continue
            fresh = await begun(self._parts, tx, step)
            if fresh.tasked_at is not None and fresh.deadline is not None:
                await store.restart_clock(tx, step.step_id, fresh.tasked_at, fresh.deadline)

    async def _may_judge(self) -> bool:
        async with self._parts.db.read() as tx:
            return may_judge(await store.heartbeat(tx), self._parts.clock(), self._pulse)

    async def _find_due(self, leave: Sequence[str], limit: int) -> list[DueStep]:
        async with self._parts.db.read() as tx:
            return await store.steps_due(tx, await reckoned_now(self._parts, tx), leave, limit)

    async def _judge(self, due: DueStep) -> int:
        """Judge one silence. Gives 0 when the office decided, its time isn't up after all, or nobody can tell yet."""
        async with self._parts.db.transaction() as tx:
            case = await store.lock_case(tx, due.case_id)
            step = await store.step_of_task(tx, due.task_id)
            if case is None or step is None or not _has_a_clock(case, step):
                return 0
            if step.escalated_at is not None or not await self._is_silent(tx, step):
                return 0
            await self._answer_silence(tx, case, step)
        return 1

    async def _is_silent(self, tx: Transaction, step: Step) -> bool:
        """Say whether the office has had its whole time, with the way open to the end of it and beyond."""
        real, now = self._parts.clock(), await reckoned_now(self._parts, tx)
        deadline = (await deadlines(self._parts, tx, [step])).get(step.step_id, now)
        if deadline > now:
            await store.look_again(tx, step.step_id, deadline)
            return False
        # The way was open after the deadline too: what was decided in time has left the office.
        for last in await self._last_beats(tx, step.office):
            if last is None or not may_judge(last, real, self._pulse) or last.beat_at + (now - real) < deadline:
                return False
        outages = await store.outages_since(tx, step.tasked_at or LONG_AGO, [step.office])
        if open_now(outages, step.office, now):
            return False
        task_id = step.task_id or ""
        unsent = await store.task_is_unsent(tx, task_id, topics.envelope_topic(step.office))
        return not unsent and not await store.fact_is_parked(tx, task_id)

    async def _last_beats(self, tx: Transaction, office: str) -> list[Heartbeat | None]:
        """Give the last beat of the platform, and of what the office issues by."""
        system = self._issuing.system_of(office) if self._issuing is not None else None
        ours = await store.heartbeat(tx)
        return [ours] if system is None else [ours, await pulses.issuing_heartbeat(tx, system)]

    async def _answer_silence(self, tx: Transaction, case: Case, step: Step) -> None:
        real = self._parts.clock()
        responsible = self._parts.catalogue().responsibility(step.step, step.office, real.date())
        said, risk = (responsible.on_silence, responsible.risk) if responsible else (None, None)
        if step.state == "tasked" and verdict(said, risk) == "deemed":
            passed = replace(step, state="done", deemed=True, accountable=step.office, again="deemed", ended_at=real)
            passed = replace(passed, certificate_id=None)  # half of what was ordered: the step has it once all is here
            await write_moves(tx, case, [passed], real)
            return
        escalated = replace(step, escalated_at=real, accountable=case.lead or step.office)
        await store.store_step(tx, escalated)
        case, event = events.step_fact(case, escalated)
        await store.store_case(tx, case)
        tx.emit(event)

    def _check(self, said: RecordOutage) -> None:
        errors = []
        if said.to <= said.from_:
            errors.append(FieldError("/to", "NOT_AFTER_FROM"))
        elif said.to - said.from_ > LONGEST_OUTAGE:
            errors.append(FieldError("/to", "TOO_LONG"))
        today = self._parts.clock().date()
        if said.office is not None and self._parts.catalogue().get(Office, said.office, today) is None:
            errors.append(FieldError("/office", "UNKNOWN_OFFICE"))
        if errors:
            raise OutageInvalid(errors=errors)


def _has_a_clock(case: Case, step: Step) -> bool:
    """Say whether a step's office is awaited: to decide, or to issue what passed by its silence, also after the end."""
    owed = step.state == "done" and domain.owes(step) and step.again is None and step.undo_at is None
    return owed or (step.state == "tasked" and case.state == domain.OPEN)
