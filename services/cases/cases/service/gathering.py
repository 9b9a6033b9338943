# SPDX-License-Identifier: EUPL-1.2
"""Steps start, asks go out, answers come in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cases import domain, events, store
from cases.clients import AliasKey
from cases.domain import Case, Need, Step, Subject
from cases.errors import PersonUnknown
from cases.service.papers import Papers, PartyKeyMissing, Writer
from cases.service.parts import WORK_CHANNEL, Parts, Turns
from cases.service.planning import Question, Unaskable, alias_uses, plan, wanted
from contracts.exchange_bus import EvidenceRequest
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from kit.db import Queries, Transaction
from kit.errors import Kind, ServiceError
from kit.jose import sealed_to

DEFAULT_DAYS = 30
"""Days until a step's deadline where the responsibility list says none."""
_PASSING_KINDS = frozenset({Kind.UNAVAILABLE, Kind.THROTTLED, Kind.UNAUTHENTICATED, Kind.BAD_UPSTREAM})
_PASSING_CODES = frozenset({"REQUEST_STILL_RUNNING", "DEADLINE_EXCEEDED"})

EVIDENCE_ENDS = {"answered": "answered", "refused": "refused", "expired": "refused", "withdrawn": "refused"}


class Gathering:
    """Use cases between a case's opening and the office's task."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cases = Turns[str](lambda case_id: case_id)
        self._asks = Turns[Need](lambda need: need.ask_id)

    async def prepare_steps(self) -> int:
        """Start every step that can start: aliases, then {case proof, asks, receipts} in one commit each.

        Gives how many were started. Identity away, or a party without its key: those cases wait, the others go on.
        """
        return await self._cases.all(self._find_cases, self._start_case)

    async def send_asks(self) -> int:
        """Hand unsent asks to exchange-bus. Gives how many were taken or refused for good."""
        return await self._asks.all(self._find_asks, self._send)

    async def on_request_states(self, tx: Transaction, states: Sequence[EvidenceRequest]) -> None:
        """Note how requests ended; a step whose needs are all resolved gets its task. One commit for all."""
        found = [(state, await store.lock_need_of_exchange(tx, state.exchange_id)) for state in states]
        ours = [(state, *hit) for state, hit in found if hit is not None and state.state in EVIDENCE_ENDS]
        for case_id in sorted({case_id for _, _, case_id in ours}):  # one order of locks
            case = await store.lock_case(tx, case_id)
            if case is None:
                continue
            for state, need, _ in (hit for hit in ours if hit[2] == case_id):
                end = EVIDENCE_ENDS[state.state]
                code = state.code if end == "refused" else None
                await store.resolve_need(tx, need.ask_id, end, state.request_id, code)
            await make_tasks(tx, case, await store.steps_of_case(tx, case_id))

    async def _find_cases(self, leave: Sequence[str], limit: int) -> list[str]:
        async with self._parts.db.read() as tx:
            return await store.steps_to_prepare(tx, leave, limit)

    async def _find_asks(self, leave: Sequence[str], limit: int) -> list[Need]:
        async with self._parts.db.read() as tx:
            return await store.unsent_needs(tx, leave, limit)

    async def _start_case(self, case_id: str) -> int:
        now = self._parts.clock()
        async with self._parts.db.read() as tx:
            applicant = await store.applicant_of(tx, case_id)
            steps = await store.steps_of_case(tx, case_id)
            subjects = await store.subjects_of(tx, case_id)
        started = 0
        for step in (s for s in steps if domain.can_start(s, steps)):
            try:
                started += await self._start(step, applicant, subjects, now)
            except (ServiceError, PartyKeyMissing) as why:
                if isinstance(why, ServiceError) and not passes(why):
                    raise
        return started

    async def _start(self, step: Step, applicant: str, subjects: Sequence[Subject], now: datetime) -> int:
        """Start one step. Gives 0 when somebody else did, or it can't start yet."""
        catalogue = self._parts.catalogue()
        name, _, step_id = step.step.partition("/")
        life_event = catalogue.life_event(name, now.date())
        rule = next((s for s in life_event.steps if s.id == step_id), None) if life_event else None
        if rule is None:
            return 0
        needs = plan(catalogue, step, wanted(rule, subjects), now.date())
        book = await self._aliases(step, applicant, subjects, needs)
        responsible = catalogue.responsibility(step.step, step.office, now.date())
        days = responsible.within.get("workingDays", DEFAULT_DAYS) if responsible else DEFAULT_DAYS
        async with self._parts.db.transaction() as tx:
            case = await store.lock_case(tx, step.case_id)
            current = [s for s in await store.steps_of_case(tx, step.case_id) if s.step_id == step.step_id]
            if case is None or case.state != domain.OPEN or not current or current[0].state != "waiting":
                return 0
            writer = Writer(self._parts, case, step, book, now)
            issues = [(i.type, self._issue_alias(writer, i.to, subjects, step)) for i in step.issues]
            papers = writer.write(needs, issues, max(days, 1), catalogue.release)
            await self._commit_start(tx, case, step, papers, issues)
        return 1

    def _issue_alias(self, writer: Writer, name: str, subjects: Sequence[Subject], step: Step) -> str:
        person = next(s.person for s in subjects if s.name == name)
        return writer.fresh(person, step.office, "answering")

    async def _commit_start(
        self, tx: Transaction, case: Case, step: Step, papers: Papers, issues: Sequence[tuple[str, str]]
    ) -> None:
        begun = replace(
            step,
            state="gathering",
            needs_count=len(papers.asks),
            deadline=papers.deadline,
            case_proof=papers.case_proof,
        )
        await store.store_step(tx, begun)
        await store.insert_needs(tx, [ask.need for ask in papers.asks])
        await store.keep_issue_aliases(tx, step.step_id, dict(issues))
        for ask in papers.asks:
            if ask.receipt is not None:
                tx.receipt(ask.receipt)
        case = replace(case, proof_until=max(papers.deadline, case.proof_until or papers.deadline))
        counted, event = events.step_fact(case, begun)
        await store.store_case(tx, counted)
        tx.emit(event)
        tx.notify(WORK_CHANNEL)
        if not papers.asks or all(ask.need.state == "refused" for ask in papers.asks):
            await make_tasks(tx, counted, [begun])

    async def _aliases(
        self, step: Step, applicant: str, subjects: Sequence[Subject], needs: Sequence[Question | Unaskable]
    ) -> dict[tuple[str, str, str], str]:
        """Give all aliases that the step's papers need; identity is asked once per person, party and use."""
        issued = [s for issue in step.issues for s in subjects if s.name == issue.to]
        book: dict[tuple[str, str, str], str] = {}
        for person, uses in alias_uses(step, applicant, needs, issued).items():
            async with self._parts.db.read() as tx:
                kept = await store.aliases_of(tx, person)
            missing = sorted(use for use in uses if not self._current(use, kept.get(use)))
            if missing:
                try:
                    minted = await self._parts.identity.aliases(person, missing)
                except PersonUnknown:
                    continue  # a handle of nobody: her needs are refused like any person's without a record
                async with self._parts.db.transaction() as writing:
                    await store.keep_aliases(writing, person, minted)
                kept = {**kept, **minted}
            book |= {(person, party, use): alias for (party, use), alias in kept.items()}
        return book

    def _current(self, use: AliasKey, alias: str | None) -> bool:
        """Say whether a kept alias is sealed to the key that the party has now: it may have rotated since."""
        key = self._parts.office_key(*use)
        return alias is not None and key is not None and sealed_to(alias) == key.kid

    async def _send(self, need: Need) -> int:
        assert need.body is not None  # noqa: S101 - the query gives unsent asks only
        exchange = Exchange(need.exchange_id, need.salt)
        try:
            request = await self._parts.exchange_bus.ask(need.body, need.ask_id, exchange)
        except ServiceError as why:
            if passes(why):
                return 0
            return await self._refuse(need, why.code)
        async with self._parts.db.transaction() as tx:
            await store.mark_asked(tx, need.ask_id, request.request_id)
        return 1

    async def _refuse(self, need: Need, code: str) -> int:
        async with self._parts.db.transaction() as tx:
            hit = await store.lock_need_of_exchange(tx, need.exchange_id)
            case = await store.lock_case(tx, hit[1]) if hit else None
            if case is None:
                return 0
            await store.refuse_need(tx, need.ask_id, code)
            await make_tasks(tx, case, await store.steps_of_case(tx, case.case_id))
        return 1


def passes(why: ServiceError) -> bool:
    """Say whether the same call may succeed later; every other refusal is final.

    UNAUTHENTICATED passes: our own key may not have reached the other's replica yet.
    """
    return why.kind in _PASSING_KINDS or why.code in _PASSING_CODES


async def make_tasks(tx: Transaction, case: Case, steps: Sequence[Step]) -> None:
    """Give a task to each gathering step whose needs are all answered or refused for good. The case is locked."""
    for step in (s for s in steps if s.state == "gathering" and case.state == domain.OPEN):
        if domain.needs_resolved(await store.needs_of_step(tx, step.step_id)):
            ready = replace(step, state="ready", task_id=str(uuid7()), task_exchange_id=str(uuid7()))
            await store.store_step(tx, ready)
            tx.notify(WORK_CHANNEL)


async def read_platform_alias(tx: Queries, person: str) -> str | None:
    """Give the kept alias of a person for the platform, which receipts carry."""
    return (await store.aliases_of(tx, person)).get((PLATFORM, "answering"))
