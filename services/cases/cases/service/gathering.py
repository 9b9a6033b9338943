# SPDX-License-Identifier: EUPL-1.2
"""Steps start, asks go out, answers come in; where a holder has nothing, the next alternative is asked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from cases import domain, events, store
from cases.domain import Alternative, Case, Look, Need, Order, Step, Subject, Want
from cases.errors import PersonUnknown
from cases.service.address_book import Addresses
from cases.service.moves import make_tasks, withdraw_asks, write_moves
from cases.service.papers import AliasBook, Ask, Papers, PartyKeyMissing, Planned, Writer, waits
from cases.service.parts import WORK_CHANNEL, Parts, Turns
from cases.service.planning import Question, alias_uses, choose, orders, plan, wanted, wants_of
from cases.service.reckoning import begun, days_of
from contracts.catalogue import Catalogue
from contracts.catalogue.calendar import add_working_days
from contracts.exchange_bus import AskEvidence, EvidenceRequest
from contracts.http import Exchange
from kit.db import Transaction
from kit.errors import Kind, ServiceError
from kit.telemetry import get_logger

log = get_logger()

_PASSING_KINDS = frozenset({Kind.UNAVAILABLE, Kind.THROTTLED, Kind.UNAUTHENTICATED, Kind.BAD_UPSTREAM})
_PASSING_CODES = frozenset({"REQUEST_STILL_RUNNING", "DEADLINE_EXCEEDED"})

TOO_LATE = "CLOCKS_DONT_FIT"
"""What exchange-bus says of an ask that it was handed when its time was over."""
EVIDENCE_ENDS = {"answered": "answered", "refused": "refused", "expired": "refused", "withdrawn": "refused"}
PROOF_MARGIN = timedelta(days=1)
"""A case proof outlives the asks that cite it by this."""


class Gathering:
    """Use cases between a case's opening and the office's task."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._addresses = Addresses(parts)
        self._cases = Turns[str](lambda case_id: case_id)
        self._asks = Turns[Need](lambda need: need.ask_id)
        self._next = Turns[Need](lambda need: need.ask_id)

    async def prepare_steps(self) -> int:
        """Start every step that can start: aliases, then {case proof, asks, receipts} in one commit each.

        Gives how many were started. Identity away, or a party without its key: those cases wait, the others go on.
        """
        return await self._cases.all(self._find_cases, self._start_case)

    async def send_asks(self) -> int:
        """Hand unsent asks to exchange-bus. Gives how many were taken or refused for good."""
        return await self._asks.all(self._find_asks, self._send)

    async def ask_next(self) -> int:
        """Ask the next alternative of needs whose last one nobody could answer. Gives how many went on or ended."""
        return await self._next.all(self._find_next, self._go_on)

    async def on_request_states(self, tx: Transaction, states: Sequence[EvidenceRequest]) -> None:
        """Note how requests ended, or that a person looks first. One commit for all.

        A step whose needs are all resolved gets its task.
        """
        found = [(state, await store.lock_need_of_exchange(tx, state.exchange_id)) for state in states]
        told = {*EVIDENCE_ENDS, "previewing"}
        ours = [(state, *hit) for state, hit in found if hit is not None and state.state in told]
        for case_id in sorted({case_id for _, _, case_id in ours}):  # one order of locks
            case = await store.lock_case(tx, case_id)
            if case is None:
                continue
            for state, need, _ in (hit for hit in ours if hit[2] == case_id):
                await _take(tx, need, state)
            await make_tasks(tx, case, await store.steps_of_case(tx, case_id))

    # ------------------------------------------------------------------------------------------- starting
    async def _find_cases(self, leave: Sequence[str], limit: int) -> list[str]:
        async with self._parts.db.read() as tx:
            return await store.steps_to_prepare(tx, leave, limit)

    async def _start_case(self, case_id: str) -> int:
        async with self._parts.db.read() as tx:
            applicant = await store.applicant_of(tx, case_id)
            steps = await store.steps_of_case(tx, case_id)
            subjects = await store.subjects_of(tx, case_id)
        started = 0
        for step in (s for s in steps if domain.can_start(s, steps)):
            if domain.is_offer(step):
                started += await self._change(step, replace(step, state="offered"))
                continue
            try:
                started += await self._start(step, applicant, subjects)
            except PersonUnknown:  # nobody whom an office could issue anything to
                refused = replace(step, state="refused", code="SUBJECT_UNKNOWN")
                started += await self._change(step, refused)
            except PartyKeyMissing:
                log.warning("step_waits", code="NO_OFFICE_KEY", step=step.step)
            except ServiceError as why:  # whatever holds this one up, the case's other steps go on
                log.warning("step_waits", code=why.code, step=step.step)
        return started

    async def _change(self, step: Step, changed: Step) -> int:
        """Change a waiting step without papers; a refusal takes its own with it. Gives 0 when somebody was quicker."""
        async with self._parts.db.transaction() as tx:
            case = await _locked_with(tx, step, "waiting")
            if case is None:
                return 0
            if changed.state == "offered":
                changed = await begun(self._parts, tx, changed)
            refused = changed.state == "refused"
            lost = domain.cancelled_by(changed, await store.steps_of_case(tx, case.case_id)) if refused else []
            await write_moves(tx, case, [changed, *lost], self._parts.clock())
        return 1

    async def _start(self, step: Step, applicant: str, subjects: Sequence[Subject]) -> int:
        """Start one step. Gives 0 when somebody else did. Raises PersonUnknown, PartyKeyMissing, Unavailable."""
        catalogue, now = self._parts.catalogue(), self._parts.clock()
        needs = plan(catalogue, step, wanted(_wants(catalogue, step, now.date()), subjects), now.date())
        to_issue = orders(step, subjects)
        holders = [person for _, person in to_issue if person is not None]
        book = await self._addresses.of(alias_uses(step, applicant, needs, holders), required=holders)
        async with self._parts.db.transaction() as tx:
            case = await _locked_with(tx, step, "waiting")
            if case is None:
                return 0
            writer = self._writer(catalogue, case, step, book, needs, now)
            addressed = [writer.addressed(order, person) for order, person in to_issue]
            await self._commit_start(tx, case, step, writer.write(needs, addressed), addressed)
        return 1

    def _writer(
        self, catalogue: Catalogue, case: Case, step: Step, book: AliasBook, asks: Sequence[Planned], now: datetime
    ) -> Writer:
        otherwise = timedelta(seconds=self._parts.ask_deadline_s)
        longest = max([otherwise, *(waits(one, case, otherwise) for one in asks)])
        days = add_working_days(now, days_of(catalogue, step, now), catalogue.calendar(now.date()))
        until = max(days, now + longest + PROOF_MARGIN)
        return Writer(self._parts, case, step, book, now=now, proof_until=until, release=catalogue.release)

    async def _commit_start(
        self, tx: Transaction, case: Case, step: Step, papers: Papers, to_issue: Sequence[Order]
    ) -> None:
        begun = replace(step, state="gathering", needs_count=len(papers.asks), case_proof=papers.case_proof)
        await store.store_step(tx, begun)
        await store.keep_orders(tx, step.step_id, to_issue)
        await _put_asks(tx, papers.asks)
        case = replace(case, proof_until=max(papers.proof_until, case.proof_until or papers.proof_until))
        counted, event = events.step_fact(case, begun)
        await store.store_case(tx, counted)
        tx.emit(event)
        tx.notify(WORK_CHANNEL)
        await make_tasks(tx, counted, [begun])

    # ------------------------------------------------------------------------------------------- alternatives
    async def _find_next(self, leave: Sequence[str], limit: int) -> list[Need]:
        async with self._parts.db.read() as tx:
            return await store.needs_to_go_on(tx, leave, limit)

    async def _go_on(self, need: Need) -> int:
        """Put the next ask in the place of a need that nobody could answer; with no way left it is refused."""
        try:
            return await self._ask_next(need)
        except PartyKeyMissing:
            return 0

    async def _ask_next(self, need: Need) -> int:
        catalogue, now = self._parts.catalogue(), self._parts.clock()
        async with self._parts.db.read() as tx:
            hit = await store.lock_need_of_exchange(tx, need.exchange_id)
            case_id = hit[1] if hit else ""
            applicant, subjects = await store.applicant_of(tx, case_id), await store.subjects_of(tx, case_id)
            step = next(s for s in await store.steps_of_case(tx, case_id) if s.step_id == need.step_id)
        known = {(s.name, s.position): s for s in subjects}
        again = [Alternative(need.type, need.subject_name, need.subject_position)] if need.code == TOO_LATE else []
        ways = [(a.type, known[a.name, a.position]) for a in (*again, *need.alternatives)]
        one = choose(catalogue, step, ways, now.date())
        book = await self._addresses.of(alias_uses(step, applicant, [one], []))
        async with self._parts.db.transaction() as tx:
            case = await _locked_with(tx, step, "gathering")
            if case is None:
                return 0
            asked = isinstance(one, Question)
            if not await store.leave_next(tx, need.ask_id, "passed" if asked else "refused"):
                return 0
            if isinstance(one, Question):
                writer = self._writer(catalogue, case, step, book, [one], now)
                await _put_asks(tx, [writer.write_next(one, need)])
                until = writer.proof_until
                await store.store_case(tx, replace(case, proof_until=max(until, case.proof_until or until)))
            await make_tasks(tx, case, [step])
            tx.notify(WORK_CHANNEL)
        return 1

    # ------------------------------------------------------------------------------------------- sending
    async def _find_asks(self, leave: Sequence[str], limit: int) -> list[Need]:
        async with self._parts.db.read() as tx:
            return await store.unsent_needs(tx, leave, limit)

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
            left = await store.mark_asked(tx, need.ask_id, request.request_id)
        if left:  # its step went back while it was on its way
            await self._withdraw(need)
        return 1

    async def _withdraw(self, need: Need) -> None:
        async with self._parts.db.transaction() as tx:
            hit = await store.lock_need_of_exchange(tx, need.exchange_id)
            case = await store.lock_case(tx, hit[1]) if hit else None
            if case is not None and case.state == domain.OPEN:  # a closed one has said so of all that it asked
                await store.store_case(tx, withdraw_asks(tx, case, [need.exchange_id]))

    async def _refuse(self, need: Need, code: str) -> int:
        async with self._parts.db.transaction() as tx:
            hit = await store.lock_need_of_exchange(tx, need.exchange_id)
            case = await store.lock_case(tx, hit[1]) if hit else None
            if case is None:
                return 0
            end = "next" if code == TOO_LATE and self._passed_unsent(need) else "refused"
            await _resolve(tx, need, end, code)
            await make_tasks(tx, case, await store.steps_of_case(tx, case.case_id))
        return 1

    def _passed_unsent(self, need: Need) -> bool:
        """Say whether an ask's time was over before exchange-bus had it: nobody was asked, so it is asked anew."""
        return AskEvidence.model_validate_json(need.body or b"").deadline <= self._parts.clock()


def passes(why: ServiceError) -> bool:
    """Say whether the same call may succeed later; every other refusal is final.

    UNAUTHENTICATED passes: our own key may not have reached the other's replica yet.
    """
    return why.kind in _PASSING_KINDS or why.code in _PASSING_CODES


def _wants(catalogue: Catalogue, step: Step, on: date) -> tuple[Want, ...]:
    """Give what a step wants; a case of before has kept nothing, so the life event in force says it."""
    if step.wants is not None:
        return step.wants
    life_event = catalogue.life_event(step.step.partition("/")[0], on)
    rule = next((s for s in life_event.steps if s.id == step.name), None) if life_event else None
    return wants_of(rule) if rule else ()


async def _locked_with(tx: Transaction, step: Step, state: str) -> Case | None:
    """Lock the case of a step; None where the case is over or the step isn't as it was read before."""
    case = await store.lock_case(tx, step.case_id)
    steps = await store.steps_of_case(tx, step.case_id)
    current = [s for s in steps if s.step_id == step.step_id]
    still = case is not None and case.state == domain.OPEN and step.state == state and current == [step]
    # What it waits for may have gone back since.
    return case if still and (state != "waiting" or domain.can_start(step, steps)) else None


async def _put_asks(tx: Transaction, asks: Sequence[Ask]) -> None:
    await store.insert_needs(tx, [ask.need for ask in asks])
    for ask in asks:
        if ask.receipt is not None:
            tx.receipt(ask.receipt)


async def _take(tx: Transaction, need: Need, state: EvidenceRequest) -> None:
    """Note what became of an ask: where its person looks first, or how it ended."""
    if state.state not in EVIDENCE_ENDS:
        if state.preview is not None:
            look = Look(state.preview.preview_id, state.preview.deployment, state.preview.open_until)
            await store.note_look(tx, need.ask_id, look, request_id=state.request_id, holder=state.holder)
        return
    end = EVIDENCE_ENDS[state.state]
    code = (state.code or "HOLDER_FAILED") if end == "refused" else None
    await _resolve(tx, need, end, code, state)


async def _resolve(
    tx: Transaction, need: Need, end: str, code: str | None, request: EvidenceRequest | None = None
) -> None:
    """Note how an ask ended; where nobody could answer and another way is left, that comes next."""
    if end == "refused" and domain.tries_another(need, code):
        end = "next"
    request_id, holder = (request.request_id, request.holder) if request else (None, None)
    if await store.resolve_need(tx, need.ask_id, end, code, request_id=request_id, holder=holder):
        tx.notify(WORK_CHANNEL)
