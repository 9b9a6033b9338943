# SPDX-License-Identifier: EUPL-1.2
"""Tasks go sealed to their offices: once when all is gathered, and again when silence passed or must be taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from cases import domain, events, store
from cases.domain import Case, Need, Order, Step
from cases.service.moves import write_moves
from cases.service.papers import proof_issues
from cases.service.parts import Parts, Turns
from cases.service.reckoning import begun, days_of
from contracts import signing, topics
from contracts.cases import CaseProof
from contracts.catalogue.calendar import add_working_days, working_day
from contracts.envelopes import IssueOrder, NeedAnswer, Restoring, Task, Undo
from contracts.ids import uuid7
from contracts.receipts import Asker, ReceiptBasis
from contracts.roles import PLATFORM
from kit import aliases, envelopes, jose, receipts, tokens
from kit.db import Transaction
from kit.events import Event
from kit.jose import PublicKey
from kit.receipts import ReceiptDraft

TASK_PURPOSE = "case-task"
LATE = timedelta(days=60)
"""A task's proof outlives its deadline by this: an office that was late, or silent, still owes its decision."""
PROOF_BYTES = 16 * 1024
DEEMED_DAYS = 1
"""Working days in which an office that was silent hands over what passed without it."""


@dataclass(frozen=True)
class Content:
    """What differs between a task, its repeat after silence, and the order to take it back."""

    deadline: datetime
    orders: Sequence[Order] = ()
    needs: Sequence[Need] = ()
    fields: tuple[str, ...] | None = ()
    undo: Undo | None = None


AliasBook = Mapping[tuple[str, str], str]
"""(party, use) -> kept alias of one person."""


@dataclass(frozen=True)
class Inbox:
    """Where a task goes: the office's key, the applicant's alias for it, and the one for the platform."""

    key: PublicKey
    alias: str
    platform: str


class Sealing:
    """Use case of the worker: {envelope, receipt, step} in one commit for each task."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tasks = Turns[Step](lambda step: step.step_id)

    async def seal_tasks(self) -> int:
        """Seal each task that waits for it. Gives how many. No key of the office: it waits."""
        return await self._tasks.all(self._find_tasks, self._seal)

    async def _find_tasks(self, leave: Sequence[str], limit: int) -> list[Step]:
        async with self._parts.db.read() as tx:
            return await store.steps_to_seal(tx, leave, limit)

    async def _seal(self, step: Step) -> int:
        """Seal one task. Gives 0 when it must wait or somebody else did it."""
        if self._parts.office_key(step.office, "inbox") is None:
            return 0
        async with self._parts.db.transaction() as tx:
            case = await store.lock_case(tx, step.case_id)
            current = await store.step_of_task(tx, step.task_id or "")
            if case is None or current is None or not (current.state == "ready" or current.again):
                return 0
            inbox = await self._inbox(tx, case, current)
            if inbox is None:
                return 0
            if await _has_all(tx, current):
                now = self._parts.clock()
                await write_moves(tx, case, [replace(current, state="done")], now)
            elif current.state == "ready":
                await self._seal_first(tx, case, current, inbox)
            else:
                await self._seal_again(tx, case, current, inbox)
        return 1

    async def _inbox(self, tx: Transaction, case: Case, step: Step) -> Inbox | None:
        kept = await store.aliases_of(tx, case.applicant)
        key = self._parts.office_key(step.office, "inbox")
        alias, platform = kept.get((step.office, "inbox")), kept.get((PLATFORM, "answering"))
        return None if key is None or alias is None or platform is None else Inbox(key, alias, platform)

    async def _seal_first(self, tx: Transaction, case: Case, step: Step, inbox: Inbox) -> None:
        """Hand the office its task: its clock begins, and so does the joint visit's date where it has none."""
        tasked = replace(await begun(self._parts, tx, step), state="tasked", task_seq=step.task_seq + 1)
        tasked = replace(tasked, visit_on=await self._visit_on(tx, tasked))
        content = Content(
            deadline=tasked.deadline or self._parts.clock(),
            orders=await store.orders_of(tx, step.step_id),
            needs=await store.needs_of_step(tx, step.step_id),
            fields=step.input_fields,
        )
        until = await self._send(tx, case, tasked, inbox, content)
        await store.store_step(tx, tasked)
        case, event = events.step_fact(case, tasked)
        tx.emit(event)
        await store.store_case(tx, replace(case, proof_until=max(until, case.proof_until or until)))

    async def _seal_again(self, tx: Transaction, case: Case, step: Step, inbox: Inbox) -> None:
        """Tell the office once more: what passed by its silence is due, or what it issued is to be taken back."""
        undo = step.again == "undo"
        if not undo and step.issues and not domain.owes(step):  # it came meanwhile
            await store.store_step(tx, replace(step, again=None))
            return
        sealed = replace(step, task_seq=step.task_seq + 1, again=None, task_exchange_id=str(uuid7()))
        if not undo:
            sealed = await begun(self._parts, tx, sealed, DEEMED_DAYS)
        content = await (self._undo(tx, step) if undo else self._deemed(tx, sealed))
        await self._send(tx, case, sealed, inbox, content)
        await store.store_step(tx, sealed)

    async def _deemed(self, tx: Transaction, step: Step) -> Content:
        orders = await store.orders_of(tx, step.step_id)
        return Content(
            deadline=step.deadline or self._parts.clock(),
            orders=domain.still_owed(orders, await store.certificates_of(tx, step.step_id)),
            needs=await store.needs_of_step(tx, step.step_id),
            fields=step.input_fields,
        )

    async def _undo(self, tx: Transaction, step: Step) -> Content:
        led_to = await store.certificates_of(tx, step.step_id)
        undo = Undo(
            task_id=step.task_id or "",
            certificate_ids=[c.certificate_id for c in domain.left_to_end(step, led_to)],
            restores=[
                Restoring(certificate_id=c.certificate_id, version=c.version)
                for c in led_to
                if c.ended is None and domain.changed(step, c)
            ],
        )
        return Content(self._in_days(days_of(self._parts.catalogue(), step, self._parts.clock())), undo=undo)

    def _in_days(self, days: int) -> datetime:
        now = self._parts.clock()
        return add_working_days(now, days, self._parts.catalogue().calendar(now.date()))

    async def _visit_on(self, tx: Transaction, step: Step) -> date | None:
        """Give the joint visit's day: the one that was set for another step, unless that has passed."""
        if step.visit is None or step.tasked_at is None:
            return None
        today = step.tasked_at.date()
        for other in await store.steps_of_case(tx, step.case_id):
            if other.visit == step.visit and other.visit_on is not None and other.visit_on >= today:
                return other.visit_on
        return working_day(today, step.visit_days or 0, self._parts.catalogue().calendar(today))

    async def _send(self, tx: Transaction, case: Case, step: Step, inbox: Inbox, content: Content) -> datetime:
        """Emit the envelope with its receipt; gives when the task's case proof ends."""
        until = max(content.deadline, self._parts.clock()) + LATE
        given = {} if content.fields == () else await store.input_of(tx, case.case_id)
        people = await self._people(tx, case, content.orders)
        body = Task(
            task_id=step.task_id or "",
            case_id=case.case_id,
            step=step.step,
            service=step.service,
            mode=step.mode,  # type: ignore[arg-type]
            deadline=content.deadline,
            subject=aliases.wrap(inbox.key, step.office, inbox.alias),
            input={k: v for k, v in given.items() if content.fields is None or k in content.fields},
            needs=[_need_answer(need) for need in content.needs],
            issues=[self._issue_order(step, order, people.get((order.to, order.position))) for order in content.orders],
            case_proof=self._proof(step, content, until),
            visit=events.visit_of(step),
            deemed=step.deemed and content.undo is None,
            undo=content.undo,
        )
        event, envelope = self._event(case, step, body, inbox)
        tx.emit(event)
        tx.receipt(self._receipt(case, step, envelope, inbox.platform))
        return until

    async def _people(self, tx: Transaction, case: Case, orders: Sequence[Order]) -> dict[tuple[str, int], AliasBook]:
        """Give the kept aliases of those who are to get a certificate, by their name and position."""
        named = {(order.to, order.position) for order in orders if order.alias is not None}
        if not named:
            return {}
        found = {(s.name, s.position): s.person for s in await store.subjects_of(tx, case.case_id)}
        return {name: await store.aliases_of(tx, found[name] or "") for name in sorted(named) if name in found}

    def _issue_order(self, step: Step, order: Order, book: AliasBook | None) -> IssueOrder:
        provisional = None
        if step.mode == "commitment":
            catalogue, today = self._parts.catalogue(), self._parts.clock().date()
            responsible = catalogue.responsibility(step.step, step.office, today)
            days = (responsible.inspect_within if responsible else None) or {}
            provisional = working_day(today, days.get("workingDays", 0), catalogue.calendar(today))
        return IssueOrder(
            type=order.type,
            to=order.to,
            holder=order.alias,
            subject=(book or {}).get((step.office, "inbox")),
            organisation=order.organisation,
            amends=order.amends,
            provisional=provisional,
        )

    def _proof(self, step: Step, content: Content, until: datetime) -> str:
        """Sign the task's own case proof. What is told again proves no question any more, only what is issued."""
        ours = jose.read_jws(step.case_proof or "", signing.CASE_PROOF, max_bytes=PROOF_BYTES)
        asked = CaseProof.model_validate_json(ours.payload)
        claims = asked.model_copy(
            update={
                "jti": str(uuid7()),
                "iat": int(self._parts.clock().timestamp()),
                "exp": int(until.timestamp()),
                "needs": asked.needs if step.state == "tasked" else [],
                "issues": proof_issues(content.orders),
            }
        )
        return tokens.sign(signing.CASE_PROOF, claims.wire(), self._parts.key)

    def _event(self, case: Case, step: Step, body: Task, inbox: Inbox) -> tuple[Event, str]:
        event_id, exchange_id = uuid7(), step.task_exchange_id or str(uuid7())
        envelope = envelopes.seal_envelope(
            "task",
            body,
            issuer_system=self._parts.system,
            audience_office=step.office,
            event_id=str(event_id),
            exchange_id=exchange_id,
            key_sig=self._parts.key,
            key_enc=inbox.key,
            now=self._parts.clock(),
        )
        event = Event(
            topics.envelope_topic(step.office),
            body.task_id,
            "envelope.task.v1",
            envelope.encode("ascii"),
            step.task_seq,
            id=event_id,
            attributes={"exchangeid": exchange_id, "caseid": case.case_id, "taskid": body.task_id},
        )
        return event, envelope

    def _receipt(self, case: Case, step: Step, envelope: str, platform: str) -> ReceiptDraft:
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


async def _has_all(tx: Transaction, step: Step) -> bool:
    """Say whether a task that isn't sealed is done: by a certificate that crossed the step's going back on its way."""
    if step.state != "ready" or step.certificate_id is None:
        return False
    orders = [order.type for order in await store.orders_of(tx, step.step_id)]
    return domain.fulfilled_by(step, await store.certificates_of(tx, step.step_id), orders)


def _need_answer(need: Need) -> NeedAnswer:
    return NeedAnswer(
        type=need.type,
        of=need.subject_name,
        index=need.subject_position,
        request_id=need.request_id or need.ask_id,
        outcome="answered" if need.state == "answered" else "refused",
        code=need.code,
    )
