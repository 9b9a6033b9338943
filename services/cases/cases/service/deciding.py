# SPDX-License-Identifier: EUPL-1.2
"""Tasks go to offices; offices decide; facts of certificates complete steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cases import domain, events, store
from cases.domain import Case, Need, Step
from cases.errors import TaskIssues, TaskNotOpen, TaskUnknown
from cases.service.gathering import read_platform_alias
from cases.service.parts import WORK_CHANNEL, Parts, Turns
from contracts import topics
from contracts.cases import CompleteTask, DemandMade, DemandOnApplicant, RefuseTask, TaskDone
from contracts.certificates.api import Fact
from contracts.envelopes import IssueOrder, NeedAnswer, Task
from contracts.exchange_bus import DemandProof
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.receipts import Asker, ReceiptBasis
from contracts.roles import PLATFORM
from kit import aliases, envelopes, receipts
from kit.db import Answer, Idem, Transaction, fingerprint
from kit.events import Event
from kit.receipts import ReceiptDraft

TASK_PURPOSE = "case-task"


@dataclass(frozen=True)
class Sealed:
    """A task as it leaves: its event and the receipt of its writer."""

    event: Event
    receipt: ReceiptDraft


class Deciding:
    """Use cases of the deciding office, and of the facts that end a step."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tasks = Turns[Step](lambda step: step.step_id)

    async def seal_tasks(self) -> int:
        """Seal each new task to its office: {envelope, receipt} in one commit. No key of the office: it waits."""
        return await self._tasks.all(self._find_tasks, self._seal)

    async def on_facts(self, tx: Transaction, facts: Sequence[Fact]) -> None:
        """Complete the steps whose certificates were issued: office and type must be the task's."""
        hits = [(fact, await store.step_of_task(tx, fact.task_id)) for fact in facts if fact.task_id is not None]
        found = sorted(((s.case_id, f, s) for f, s in hits if s is not None), key=lambda hit: hit[0])
        for case_id, fact, step in found:
            case = await store.lock_case(tx, case_id)
            current = await store.step_of_task(tx, step.task_id or "")
            types = {issue.type for issue in step.issues}
            if case is None or current is None or fact.office != step.office or fact.type not in types:
                continue
            if fact.case_id not in (None, case_id):  # its holder was proven by another case's proof
                continue
            if current.state in ("ready", "tasked"):
                await self._end(tx, case, replace(current, state="done", certificate_id=fact.certificate_id))

    async def complete(self, office: str, task_id: str, said: CompleteTask, idem: Idem) -> Answer:
        """End a task that has nothing to issue. Raises TaskUnknown, TaskNotOpen, TaskIssues."""

        async def work(tx: Transaction) -> tuple[int, TaskDone]:
            case, step = await self._open_task(tx, office, task_id)
            if step.issues:
                raise TaskIssues
            await self._end(tx, case, replace(step, state="done"))
            return 201, TaskDone(task_id=task_id, state="done")

        return await self._parts.db.once(idem, work)

    async def refuse(self, office: str, task_id: str, said: RefuseTask, idem: Idem) -> Answer:
        """End a task with a refusal. Raises TaskUnknown, TaskNotOpen."""

        async def work(tx: Transaction) -> tuple[int, TaskDone]:
            case, step = await self._open_task(tx, office, task_id)
            await self._end(tx, case, replace(step, state="refused", code=said.code))
            return 201, TaskDone(task_id=task_id, state="refused")

        return await self._parts.db.once(idem, work)

    async def demand(
        self, office: str, task_id: str, said: DemandOnApplicant, idem: Idem, exchange: Exchange
    ) -> Answer:
        """Ask the applicant for a proof, if the proof gate lets the office.

        Raises the gate's refusal, TaskUnknown, TaskNotOpen.
        """
        stored = await self._parts.db.stored(idem)
        if stored is not None:
            return stored
        async with self._parts.db.read() as tx:
            step = await store.step_of_task(tx, task_id)
            if step is None or step.office != office:
                raise TaskUnknown
            if step.state != "tasked":
                raise TaskNotOpen
            needs = await store.needs_of_step(tx, step.step_id)
            alias = await read_platform_alias(tx, await store.applicant_of(tx, step.case_id))
        wish = self._demand_proof(step, said, needs, alias)
        # One key for each demand, and short enough whatever the office's own key is.
        key = fingerprint(task_id.encode(), idem.key.encode()).hex()
        accepted = await self._parts.exchange_bus.demand(wish, key, exchange)

        async def work(tx: Transaction) -> tuple[int, DemandMade]:
            await self._open_task(tx, office, task_id)
            now = self._parts.clock()
            await store.insert_demand(tx, accepted.demand_id, task_id, said.proves, accepted.entry, now)
            return 201, DemandMade(demand_id=accepted.demand_id, proves=said.proves, entry=accepted.entry)

        return await self._parts.db.once(idem, work)

    def _demand_proof(
        self, step: Step, said: DemandOnApplicant, needs: Sequence[Need], alias: str | None
    ) -> DemandProof:
        held = {need.proves for need in needs if need.state == "answered" and need.proves is not None}
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

    async def _open_task(self, tx: Transaction, office: str, task_id: str) -> tuple[Case, Step]:
        """Lock the case and give it with the task's step. Raises TaskUnknown, TaskNotOpen."""
        step = await store.step_of_task(tx, task_id)
        if step is None or step.office != office:
            raise TaskUnknown
        case = await store.lock_case(tx, step.case_id)
        current = await store.step_of_task(tx, task_id)
        if case is None or current is None or current.state != "tasked" or case.state != domain.OPEN:
            raise TaskNotOpen
        return case, current

    async def _end(self, tx: Transaction, case: Case, ended: Step) -> None:
        """Write a step's end, what it cancels, and the case's end if it is one: all with their facts."""
        await store.store_step(tx, ended)
        case, event = events.step_fact(case, ended)
        tx.emit(event)
        steps = [ended if s.step_id == ended.step_id else s for s in await store.steps_of_case(tx, case.case_id)]
        lost = domain.cancelled_by(ended, steps) if ended.state == "refused" else []
        for step in lost:
            cancelled = replace(step, state="cancelled")
            await store.store_step(tx, cancelled)
            case, event = events.step_fact(case, cancelled)
            tx.emit(event)
        gone = {step.step_id for step in lost}
        final = [replace(s, state="cancelled") if s.step_id in gone else s for s in steps]
        state = domain.case_state(final)
        if state != domain.OPEN and case.state == domain.OPEN:
            case, event = events.case_fact(replace(case, state=state, closed_at=self._parts.clock()), "closed")
            tx.emit(event)
        await store.store_case(tx, case)
        tx.notify(WORK_CHANNEL)

    async def _find_tasks(self, leave: Sequence[str], limit: int) -> list[Step]:
        async with self._parts.db.read() as tx:
            return await store.steps_to_seal(tx, leave, limit)

    async def _seal(self, step: Step) -> int:
        """Seal one task. Gives 0 when it must wait or somebody else did it."""
        key = self._parts.office_key(step.office, "inbox")
        if key is None:
            return 0
        async with self._parts.db.transaction() as tx:
            case = await store.lock_case(tx, step.case_id)
            current = await store.step_of_task(tx, step.task_id or "")
            if case is None or current is None or current.state != "ready":
                return 0
            sealed = await self._sealed(tx, case, current)
            if sealed is None:
                return 0
            tx.emit(sealed.event)
            tx.receipt(sealed.receipt)
            tasked = replace(current, state="tasked")
            await store.store_step(tx, tasked)
            case, event = events.step_fact(case, tasked)
            await store.store_case(tx, case)
            tx.emit(event)
        return 1

    async def _sealed(self, tx: Transaction, case: Case, step: Step) -> Sealed | None:
        kept = await store.aliases_of(tx, case.applicant)
        inbox_key = self._parts.office_key(step.office, "inbox")
        inbox, platform = kept.get((step.office, "inbox")), kept.get((PLATFORM, "answering"))
        if inbox_key is None or inbox is None or platform is None or step.case_proof is None or step.deadline is None:
            return None
        issues = await store.issue_aliases(tx, step.step_id)
        body = Task(
            task_id=step.task_id or "",
            case_id=case.case_id,
            step=step.step,
            service=step.service,
            mode=step.mode,  # type: ignore[arg-type]
            deadline=step.deadline,
            subject=aliases.wrap(inbox_key, step.office, inbox),
            input=dict(case.input),
            needs=[_need_answer(need) for need in await store.needs_of_step(tx, step.step_id)],
            issues=[IssueOrder(type=issue.type, holder=issues[issue.type]) for issue in step.issues],
            case_proof=step.case_proof,
        )
        return self._task_event(case, step, body, platform)

    def _task_event(self, case: Case, step: Step, body: Task, platform: str) -> Sealed | None:
        key = self._parts.office_key(step.office, "inbox")
        event_id, exchange_id = uuid7(), step.task_exchange_id
        if key is None or exchange_id is None:
            return None
        envelope = envelopes.seal_envelope(
            "task",
            body,
            issuer_system=self._parts.system,
            audience_office=step.office,
            event_id=str(event_id),
            exchange_id=exchange_id,
            key_sig=self._parts.key,
            key_enc=key,
            now=self._parts.clock(),
        )
        event = Event(
            topics.envelope_topic(step.office),
            body.task_id,
            "envelope.task.v1",
            envelope.encode("ascii"),
            1,
            id=event_id,
            attributes={"exchangeid": exchange_id, "caseid": case.case_id, "taskid": body.task_id},
        )
        return Sealed(event, self._task_receipt(case, step, envelope, platform))

    def _task_receipt(self, case: Case, step: Step, envelope: str, platform: str) -> ReceiptDraft:
        return ReceiptDraft(
            side="asker",
            exchange_id=step.task_exchange_id or "",
            decision="released",
            purpose=TASK_PURPOSE,
            legal_basis=ReceiptBasis(kind="request"),
            asker=Asker(office=step.office, system=self._parts.system),
            service=step.service,
            envelope_digest=envelopes.digest(envelope),
            person=receipts.Subject(f"{step.office}/{case.applicant}", platform),
            case_id=case.case_id,
            step=step.step,
        )


def _need_answer(need: Need) -> NeedAnswer:
    return NeedAnswer(
        type=need.type,
        of=need.subject_name,
        index=need.subject_position,
        request_id=need.request_id or need.ask_id,
        outcome="answered" if need.state == "answered" else "refused",
        code=need.code,
    )
