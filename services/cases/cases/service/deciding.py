# SPDX-License-Identifier: EUPL-1.2
"""Offices decide: they complete, refuse, or demand a proof of the applicant."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from cases import domain, store
from cases.domain import Case, Need, Step
from cases.errors import Refused, TaskIssues, TaskNotOpen, TaskUnknown
from cases.service.address_book import read_platform_alias
from cases.service.gates import pass_gates
from cases.service.moves import withdraw_asks, write_moves
from cases.service.parts import Parts
from contracts.cases import CompleteTask, DemandMade, DemandOnApplicant, RefuseTask, ReopenStep, TaskDone
from contracts.exchange_bus import DemandAccepted, DemandProof
from contracts.http import Exchange
from contracts.roles import PLATFORM
from kit import aliases, proof_gate
from kit.db import Answer, Idem, Queries, Transaction, fingerprint


class Deciding:
    """Use cases of the deciding office."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def complete(self, office: str, task_id: str, said: CompleteTask, idem: Idem) -> Answer:
        """End a task that has nothing to issue, or say that nothing was left to take back.

        Raises TaskUnknown, TaskNotOpen, TaskIssues.
        """

        async def work(tx: Transaction) -> tuple[int, TaskDone]:
            case, step = await self._task(tx, office, task_id)
            ended = replace(step, state=await _completed(tx, case, step), ended_at=self._parts.clock())
            await write_moves(tx, case, [ended], self._parts.clock())
            return 201, TaskDone(task_id=task_id, state=ended.state)  # type: ignore[arg-type]

        return await self._parts.db.once(idem, work)

    async def refuse(self, office: str, task_id: str, said: RefuseTask, idem: Idem) -> Answer:
        """End a task with a refusal, whose reason the applicant reads. Raises TaskUnknown, TaskNotOpen."""

        async def work(tx: Transaction) -> tuple[int, TaskDone]:
            case, step = await self._task(tx, office, task_id)
            if not _decidable(case, step):
                raise TaskNotOpen
            refused = replace(step, state="refused", code=said.code, reason=said.reason)
            lost = domain.cancelled_by(refused, await store.steps_of_case(tx, case.case_id))
            await write_moves(tx, case, [refused, *lost], self._parts.clock())
            return 201, TaskDone(task_id=task_id, state="refused")

        return await self._parts.db.once(idem, work)

    async def reopen(self, office: str, task_id: str, said: ReopenStep, idem: Idem) -> Answer:
        """Do an earlier step of the office again, since what it was decided on has changed; all on it waits again.

        Raises TaskUnknown, TaskNotOpen, StepUnknown, StepNotReopenable, StepHasIssued.
        """

        async def work(tx: Transaction) -> tuple[int, TaskDone]:
            case, step = await self._task(tx, office, task_id)
            if not _decidable(case, step):
                raise TaskNotOpen
            back = domain.reopened(step, said.step, said.reason, await store.steps_of_case(tx, case.case_id))
            now = self._parts.clock()
            case = withdraw_asks(tx, case, await store.leave_needs(tx, [s.step_id for s in back]))
            await store.keep_former_tasks(tx, back, said.reason, now)
            await write_moves(tx, case, back, now)
            return 201, TaskDone(task_id=task_id, state="waiting")

        return await self._parts.db.once(idem, work)

    async def demand(
        self, office: str, task_id: str, said: DemandOnApplicant, idem: Idem, exchange: Exchange
    ) -> Answer:
        """Ask the applicant for a proof, if the proof gate lets the office; what it refuses is counted in the case.

        Raises the gate's refusal, TaskUnknown, TaskNotOpen.
        """
        stored = await self._parts.db.stored(idem)
        if stored is not None:
            return stored
        async with self._parts.db.read() as tx:
            step = await _step_of(tx, office, task_id)
            if step.state != "tasked" or step.task_id != task_id:
                raise TaskNotOpen
            needs = await store.needs_of_step(tx, step.step_id)
            held = self._held(step, needs, await store.given_fields(tx, step.case_id))
            alias = await read_platform_alias(tx, await store.applicant_of(tx, step.case_id))
        # One key for each demand, and short enough whatever the office's own key is.
        key = fingerprint(task_id.encode(), idem.key.encode()).hex()
        accepted = await self._judged(step, said, self._demand_proof(step, said, held, alias), key, exchange)

        async def work(tx: Transaction) -> tuple[int, DemandMade]:
            case, current = await self._task(tx, office, task_id)
            if not _decidable(case, current):
                raise TaskNotOpen
            now = self._parts.clock()
            await store.insert_demand(tx, accepted.demand_id, task_id, said.proves, accepted.entry, now)
            return 201, DemandMade(demand_id=accepted.demand_id, proves=said.proves, entry=accepted.entry)

        return await self._parts.db.once(idem, work)

    async def _judged(
        self, step: Step, said: DemandOnApplicant, wish: DemandProof, key: str, exchange: Exchange
    ) -> DemandAccepted:
        """Have the gate judge a demand; a proof that it refuses is counted before the refusal is passed on."""
        try:
            return await pass_gates(self._parts, wish, key, exchange)
        except Refused as why:
            if why.code in proof_gate.CODES:  # what else is refused is no verdict on the proof
                async with self._parts.db.transaction() as tx:
                    now, task_id = self._parts.clock(), step.task_id or ""
                    await store.count_refused(tx, key, step.case_id, task_id, said.proves, why.code, now)
            raise

    def _held(self, step: Step, needs: Iterable[Need], given: Collection[str]) -> set[str]:
        """Name the facts that the case has for this step: what its evidence says, and what the applicant gave."""
        found = {need.proves for need in needs if need.state == "answered" and need.proves is not None}
        event = self._parts.catalogue().life_event(step.step.partition("/")[0], self._parts.clock().date())
        fields = event.input if event is not None else []
        return found | {field.fact for field in fields if field.id in given}

    def _demand_proof(self, step: Step, said: DemandOnApplicant, held: Iterable[str], alias: str | None) -> DemandProof:
        key = self._parts.office_key(PLATFORM, "answering")
        return DemandProof(
            asked_by=step.office,
            service=step.service,
            step=step.step,
            proves=said.proves,
            cites=said.cites,
            demanded_from=said.demanded_from,
            paper_needs=said.paper_needs,
            case_has=sorted(held),
            case_id=step.case_id,
            person=aliases.wrap(key, PLATFORM, alias) if key is not None and alias is not None else None,
        )

    async def _task(self, tx: Transaction, office: str, task_id: str) -> tuple[Case, Step]:
        """Lock the case of an office's task and give it with the step.

        Raises TaskUnknown: none of this office; TaskNotOpen: its step went back, and it decides nothing any more.
        """
        step = await _step_of(tx, office, task_id)
        case = await store.lock_case(tx, step.case_id)
        current = await store.step_of_task(tx, task_id)
        if case is None:
            raise TaskUnknown
        if current is None:
            raise TaskNotOpen
        return case, current


async def _step_of(tx: Queries, office: str, task_id: str) -> Step:
    """Give the step of a task, also of a former one. Raises TaskUnknown: none of this office."""
    step = await store.step_of_task(tx, task_id) or await store.step_of_former_task(tx, task_id)
    if step is None or step.office != office:
        raise TaskUnknown
    return step


def _decidable(case: Case, step: Step) -> bool:
    return case.state == domain.OPEN and step.state == "tasked"


async def _completed(tx: Transaction, case: Case, step: Step) -> str:
    """Give the state that a completion leads to. Raises TaskNotOpen, TaskIssues."""
    if _decidable(case, step):
        if step.issues:
            raise TaskIssues
        return "done"
    told = step.undo_at is not None and step.again is None and step.state == "done"
    if told and not domain.left_to_end(step, await store.certificates_of(tx, step.step_id)):
        return "undone"
    raise TaskNotOpen
