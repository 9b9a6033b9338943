# SPDX-License-Identifier: EUPL-1.2
"""Offers that nobody answers: they end by the clock, so that their case can."""

from collections.abc import Sequence
from dataclasses import replace

from cases import domain, store
from cases.domain import Step
from cases.domain.clocks import Pulse, may_judge, open_now
from cases.service.moves import write_moves
from cases.service.parts import Parts, Turns
from cases.service.reckoning import LONG_AGO, begun, deadlines, reckoned_now
from kit.db import Transaction

LAPSED = "OFFER_LAPSED"
Due = tuple[str, str]
"""(step, case)."""


class Offers:
    """Use case of the worker. pulse: how our own life is judged; nobody could answer us while we were away."""

    def __init__(self, parts: Parts, pulse: Pulse) -> None:
        self._parts = parts
        self._pulse = pulse
        self._due = Turns[Due](lambda due: due[0])

    async def lapse(self) -> int:
        """Skip each offer that got no answer in its working days. Gives how many moved."""
        return await self._due.all(self._find_due, self._lapse)

    async def _find_due(self, leave: Sequence[str], limit: int) -> list[Due]:
        async with self._parts.db.read() as tx:
            return await store.offers_due(tx, await reckoned_now(self._parts, tx), leave, limit)

    async def _lapse(self, due: Due) -> int:
        """Skip one. Gives 0 when it was answered meanwhile, its time isn't up after all, or nobody can tell yet."""
        step_id, case_id = due
        async with self._parts.db.transaction() as tx:
            case = await store.lock_case(tx, case_id)
            found = [s for s in await store.steps_of_case(tx, case_id) if s.step_id == step_id and s.state == "offered"]
            if case is None or case.state != domain.OPEN or not found:
                return 0
            if found[0].deadline is None:  # offered before offers had an end
                await store.store_step(tx, await begun(self._parts, tx, found[0]))
                return 1
            if not await self._is_over(tx, found[0]):
                return 0
            await write_moves(tx, case, [replace(found[0], state="skipped", code=LAPSED)], self._parts.clock())
        return 1

    async def _is_over(self, tx: Transaction, step: Step) -> bool:
        """Say whether she has had the whole time, with us there to the end of it and beyond."""
        real, now = self._parts.clock(), await reckoned_now(self._parts, tx)
        deadline = (await deadlines(self._parts, tx, [step]))[step.step_id]
        if deadline > now:
            await store.look_again(tx, step.step_id, deadline)
            return False
        last = await store.heartbeat(tx)
        if last is None or not may_judge(last, real, self._pulse) or last.beat_at + (now - real) < deadline:
            return False
        return not open_now(await store.outages_since(tx, step.tasked_at or LONG_AGO, [step.office]), step.office, now)
