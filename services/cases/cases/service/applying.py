# SPDX-License-Identifier: EUPL-1.2
"""What an applicant may do with an open case: withdraw it, and take or decline what it offers."""

from dataclasses import replace

from cases import domain, store
from cases.domain import Case
from cases.errors import CaseNotOpen, CaseUnknown, OfferNotOpen, StepUnknown
from cases.service.moves import close_case, write_moves
from cases.service.parts import Parts
from cases.service.viewing import case_view
from contracts.cases import CaseView, TakeOffer, WithdrawCase
from kit.db import Answer, Idem, Transaction


class Applying:
    """Use cases `withdraw` and `take_offer` of the applicant."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def withdraw(self, applicant: str, case_id: str, said: WithdrawCase, idem: Idem) -> Answer:
        """End a case: open steps are cancelled, and done ones taken back by their offices where their rule says so.

        Raises CaseUnknown, CaseNotOpen.
        """

        async def work(tx: Transaction) -> tuple[int, CaseView]:
            case = await self._open_case(tx, applicant, case_id)
            now = self._parts.clock()
            moves = domain.withdrawn(await store.steps_of_case(tx, case_id), said.reason, now)
            case = close_case(tx, replace(case, withdrawn_at=now), "withdrawn", now)
            case = await write_moves(tx, case, moves, now)
            return 201, await case_view(tx, self._parts, case)

        return await self._parts.db.once(idem, work)

    async def take_offer(self, applicant: str, case_id: str, name: str, said: TakeOffer, idem: Idem) -> Answer:
        """Say yes or no to a step that is offered. name: the step's id within its life event.

        Raises CaseUnknown, CaseNotOpen, StepUnknown, OfferNotOpen: it isn't offered now, or was answered.
        """

        async def work(tx: Transaction) -> tuple[int, CaseView]:
            case = await self._open_case(tx, applicant, case_id)
            steps = [s for s in await store.steps_of_case(tx, case_id) if s.name == name]
            if not steps:
                raise StepUnknown
            offered = [s for s in steps if s.state == "offered"]
            if not offered:
                raise OfferNotOpen
            now = self._parts.clock()
            moves = [
                replace(s, state="waiting", accepted_at=now, tasked_at=None, deadline=None)
                if said.accept
                else replace(s, state="skipped")
                for s in offered
            ]
            case = await write_moves(tx, case, moves, now)
            return 201, await case_view(tx, self._parts, case)

        return await self._parts.db.once(idem, work)

    async def _open_case(self, tx: Transaction, applicant: str, case_id: str) -> Case:
        case = await store.lock_case(tx, case_id)
        if case is None or case.applicant != applicant:
            raise CaseUnknown
        if case.state != domain.OPEN:
            raise CaseNotOpen
        return case
