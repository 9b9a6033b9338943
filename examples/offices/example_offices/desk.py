# SPDX-License-Identifier: EUPL-1.2
"""The desk that every office shares: it takes deliveries, and decides each task by the office's rules.

A task waits in the drawer until every answer that it rests on is here. Then the rule of its service says which papers
follow, or refuses; a step that the catalogue leaves to a human's review waits for the clerk besides.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from contracts.certificates.api import Issued
from contracts.envelopes import Answer, IssueOrder, Share, Task
from contracts.exchange_bus import Delivery
from example_offices.clerk import Clerk
from example_offices.drawer import Drawer, Held, Outcome
from example_offices.inspecting import Inspector, end, restore
from example_offices.program import Say
from example_offices.rechecking import Again, Rechecker
from example_offices.rules import Evidence, Paper, Proven, Refused, Rule
from tongban import Facts, NotBelieved, Office, Problem, is_away

Hear = Callable[[Share], None]
"""Takes one share, in order per share id. Raises NotBelieved for one whose presentation doesn't hold."""


@dataclass(frozen=True)
class Ways:
    """How an office works. rules: by step. hear: for shares; None puts them aside.

    habit: a fact that a clerk of the old school would still want on paper, from the applicant. silent: no task is
    decided until silence has decided it. by_rule: reviews are decided by the rule alone, without the clerk. confirmed:
    what changes in a certificate when an inspection confirms what was promised. again: what is done again when news
    come, by the step whose task is open.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    hear: Hear | None = None
    habit: str | None = None
    silent: bool = False
    by_rule: bool = False
    confirmed: Mapping[str, Any] = field(default_factory=dict)
    again: Mapping[str, Again] = field(default_factory=dict)


class Desk:
    """Takes deliveries (`take`) and looks again at what waits (`look`). clerk: None for an office without reviews."""

    def __init__(self, office: Office, drawer: Drawer, say: Say, ways: Ways, clerk: Clerk | None = None) -> None:
        self._office, self._drawer, self._say, self._ways, self._clerk = office, drawer, say, ways, clerk
        self._inspector = None if clerk is None else Inspector(office, drawer, clerk, say, ways.confirmed)
        self._rechecker = Rechecker(office, drawer, say, ways.again)
        self._turn = asyncio.Lock()
        self._open: dict[str, tuple[int, Task]] = {}
        """Tasks that wait: id -> (keyseq, the task)."""
        self._told: set[str] = set()
        """Ids of tasks and requests about which something was said: once is enough."""

    async def take(self, delivery: Delivery) -> None:
        """Check a delivery, keep it, and decide what can be decided. One that can't be believed changes nothing."""
        try:
            opened = await self._office.open(delivery)
            if isinstance(opened.body, Share):
                self._hear(opened.body)
                # The newest news of each thing, sealed as it came: what is known of it now.
                self._drawer.put(delivery)
                return
        except NotBelieved as why:
            self._say(f"delivery put aside: {why.code}")
            return
        self._say(f"{opened.kind} opened, signed by {opened.issuer}")
        self._drawer.put(delivery)
        await self.look()

    async def look(self) -> None:
        """Work on every task that waits, and follow what inspections found."""
        async with self._turn:
            for held in self._drawer.tasks():
                await self._work_on(held)
            if self._inspector is not None:
                await self._inspector.follow()

    def _hear(self, share: Share) -> None:
        if self._ways.hear is None:
            self._say("share put aside: nobody here listens")
        else:
            self._ways.hear(share)

    # ------------------------------------------------------------------ one task
    async def _work_on(self, held: Held) -> None:
        """Decide one task if it can be. What the platform refuses for good is put aside, so that others go on."""
        try:
            await self._decide(await self._opened(held), held)
        except (NotBelieved, Problem) as why:
            if is_away(why):
                raise
            self._drawer.put_aside(held.key, why.code)
            self._say(f"task {held.key}: put aside, {why.code}")

    async def _opened(self, held: Held) -> Task:
        """Open a task, and keep it open in memory while it waits."""
        keyseq, task = self._open.get(held.key, (-1, None))
        if task is None or keyseq != held.keyseq:
            body = (await self._office.open(held.sealed)).body
            if not isinstance(body, Task):
                raise NotBelieved("KIND_UNEXPECTED")
            task = body
            self._open[held.key] = (held.keyseq, task)
        return task

    async def _decide(self, task: Task, held: Held) -> None:
        # 1. Withdrawn: nothing else is asked.
        if task.undo is not None:
            await self._undo(task)
            return
        # 2. It crossed our own decision on its way: that stands.
        decided = self._drawer.outcome(task.task_id)
        if decided is not None:
            self._close(task, decided)
            return
        # 3. Has something changed that it rests on? Then a new task will follow.
        if await self._rechecker.goes_back(task):
            self._close(task, "reopened")
            return
        # 4. Is all here, and is it on us to decide?
        answers = self._answers(task)
        if answers is None or self._keeps_silent(task) or self._is_with_the_clerk(task):
            return
        if self._ways.habit is not None and not task.deemed:
            await self._demand(task, self._ways.habit)
        # 5. The rule first: where it leaves no choice, no clerk is asked. Then the clerk.
        try:
            day, papers = await self._judge(task, held.came.date(), answers)
        except Refused as no:
            await self._refuse(task, no)
            return
        except _Undecided:
            return
        # 6. Each paper under its own idempotency key: a repeat after a crash issues nothing twice.
        await self._approve(task, papers, day)

    async def _judge(self, task: Task, came: date, answers: Mapping[str, Held]) -> tuple[date, list[Paper]]:
        """Give the day that counts and the papers. Raises Refused, or _Undecided while it is the clerk's turn."""
        rule = self._ways.rules.get(task.step)
        if rule is None:
            raise NotBelieved("STEP_UNKNOWN")
        evidence = await self._evidence(task, answers)
        papers = rule(task, evidence, came)
        if task.mode != "review" or task.deemed or self._ways.by_rule or self._clerk is None:
            return came, papers
        verdict = self._clerk.verdict(task.task_id)
        if verdict is None:
            self._clerk.ask(task)
            self._tell(task, "waits for the clerk")
            raise _Undecided
        if not verdict.approved:
            raise Refused(verdict.code, verdict.reason)
        return verdict.on, rule(task, evidence, verdict.on)

    async def _approve(self, task: Task, papers: list[Paper], day: date) -> None:
        try:
            made = await self._issue(task, papers, day)
        except Problem as why:
            # Somebody was quicker, as the other of two counters: it is registered already, and nothing came of this.
            whole = len(papers) == 1 or _go_together(task, papers)
            if why.code != "TRANSITION_NOT_ALLOWED" or task.deemed or not whole:
                raise
            await self._refuse(task, Refused("ALREADY_REGISTERED", "it is registered already, and holds once only"))
            return
        for place, (order, paper, issued) in enumerate(zip(task.issues, papers, made, strict=True)):
            if issued is None:
                self._say(f"task {task.task_id}: {order.type} is issued already")
                continue
            self._drawer.note_issued(task.task_id, place, order.type, issued.certificate_id)
            promise = "" if order.provisional is None else f", on a promise, to be checked by {order.provisional}"
            named = paper.claims.get("number") or order.type
            done = "amended" if order.amends else "issued"
            self._say(f"task {task.task_id}: licence {named} {done} ({issued.licence_id}), {order.type}{promise}")
            if order.provisional is not None and self._clerk is not None:
                self._clerk.plan_inspection(task.task_id, task.step, order.provisional)
        if not task.issues:
            await self._office.complete(task.task_id, key=f"complete-{task.task_id}")
            self._say(f"task {task.task_id}: {task.service} completed")
        self._close(task, "approved")

    async def _issue(self, task: Task, papers: list[Paper], day: date) -> list[Issued | None]:
        """Issue what a task asks for: several new ones in one commit or not at all, else one after the other.

        Gives None for what is issued already: our silence passed the task while a paper of it was on its way.
        """
        if _go_together(task, papers):
            claims = [paper.claims for paper in papers]
            try:
                return [*await self._office.approve_together(task, claims, valid_from=day, valid_to=papers[0].valid_to)]
            except Problem as why:
                if not _is_there(task, why):
                    raise
        return [
            await self._issue_one(task, order, paper, day) for order, paper in zip(task.issues, papers, strict=True)
        ]

    async def _issue_one(self, task: Task, order: IssueOrder, paper: Paper, day: date) -> Issued | None:
        try:
            return await self._office.approve(
                task,
                paper.claims,
                type=order.type,
                organisation=paper.organisation,
                to=order.to,
                valid_from=day,
                valid_to=paper.valid_to,
                provisional=None if order.provisional is None else list(paper.conditions),
                or_new=paper.or_new,
                ruling=paper.ruling,
            )
        except Problem as why:
            if not _is_there(task, why):
                raise
            return None

    async def _refuse(self, task: Task, no: Refused) -> None:
        if task.deemed:
            # Silence has decided already; what it calls for can't be refused any more, only put right by hand.
            raise NotBelieved(no.code)
        await self._office.refuse(task.task_id, code=no.code, reason=no.reason, key=f"refuse-{task.task_id}")
        self._say(f"task {task.task_id}: refused, {no.code}")
        self._close(task, "refused")

    async def _undo(self, task: Task) -> None:
        """Cancel what a withdrawn task led to: the right ends without fault. What it changed is put back."""
        told = False
        for one in task.undo.restores if task.undo is not None else ():
            await restore(self._office, one, purpose=task.service, key=f"undo-{task.task_id}-{one.certificate_id}")
            self._say(f"task {task.task_id}: certificate {one.certificate_id} put back, the applicant withdrew")
        for certificate_id in task.undo.certificate_ids if task.undo is not None else ():
            ended = await end(self._office, certificate_id, "cancel", purpose=task.service, reason="taken back")
            told = told or ended
            self._say(f"task {task.task_id}: certificate {certificate_id} cancelled: taken back")
        if not told:
            await self._nothing_left(task)
        if self._clerk is not None:
            self._clerk.call_off(task.task_id)
        self._close(task, "undone")

    async def _nothing_left(self, task: Task) -> None:
        """Say that nothing was left to take back, where no fact of ours says so."""
        try:
            await self._office.complete(task.task_id, key=f"undo-{task.task_id}")
        except Problem as why:
            if is_away(why):
                raise
            self._say(f"task {task.task_id}: is taken back already, {why.code}")

    # ------------------------------------------------------------------ what it rests on
    def _answers(self, task: Task) -> dict[str, Held] | None:
        """Give the answers that a task rests on, by request id; None while one isn't here."""
        asked = [need.request_id for need in task.needs if need.outcome == "answered"]
        found = {request_id: self._drawer.get("answer", request_id) for request_id in asked}
        return None if None in found.values() else {one: held for one, held in found.items() if held is not None}

    async def _evidence(self, task: Task, answers: Mapping[str, Held]) -> Evidence:
        """Open and verify every answer. Raises Refused (`EVIDENCE_INVALID`)."""
        proven: list[Proven] = []
        for need in (need for need in task.needs if need.outcome == "answered"):
            held = answers[need.request_id]
            body = (await self._office.open(held.sealed)).body
            if not isinstance(body, Answer) or (body.request_id, body.type) != (need.request_id, need.type):
                raise Refused("EVIDENCE_INVALID", "an answer is not the one that was asked for")
            proven.append(Proven(need, self._verified(body, held)))
        return Evidence(tuple(proven))

    def _verified(self, answer: Answer, held: Held) -> Facts:
        try:
            # As of when it came: a copy is good for a day, and a clerk may take a week.
            facts = self._office.facts_of(answer, at=held.came)
        except NotBelieved as why:
            raise Refused("EVIDENCE_INVALID", f"the attestation does not hold: {why.code}") from why
        if answer.request_id not in self._told:
            self._told.add(answer.request_id)
            self._say(f"{facts.type} verified offline, attested by {facts.office}: {', '.join(sorted(facts.claims))}")
        return facts

    # ------------------------------------------------------------------ manners
    def _keeps_silent(self, task: Task) -> bool:
        if not self._ways.silent or task.deemed:
            return False
        self._tell(task, "silent, on purpose")
        return True

    def _is_with_the_clerk(self, task: Task) -> bool:
        """Whether a clerk was asked since this program started, and has not decided yet: then nothing is new."""
        asked = task.task_id in self._told and not task.deemed
        return asked and self._clerk is not None and self._clerk.verdict(task.task_id) is None

    def _tell(self, task: Task, what: str) -> None:
        """Say once what a task waits for."""
        if task.task_id not in self._told:
            self._told.add(task.task_id)
            self._say(f"task {task.task_id}: {task.service} {what}")

    async def _demand(self, task: Task, fact: str) -> None:
        """Ask the applicant for a paper, once; what the gate says is said aloud."""
        if (asked := f"{task.task_id} {fact}") in self._told:
            return
        self._told.add(asked)
        try:
            await self._office.demand(task.task_id, fact, key=f"demand-{task.task_id}-{fact}")
        except Problem as refused:
            if is_away(refused):
                raise
            self._say(f"task {task.task_id}: asking for {fact} refused, {refused.code} ({refused.status})")

    def _close(self, task: Task, outcome: Outcome) -> None:
        if self._clerk is not None:
            self._clerk.withdraw(task.task_id)
        self._drawer.decided(task.task_id, outcome, [need.request_id for need in task.needs])
        self._open.pop(task.task_id, None)


def _is_there(task: Task, why: Problem) -> bool:
    return task.deemed and why.code == "TASK_ALREADY_ISSUED"


def _go_together(task: Task, papers: list[Paper]) -> bool:
    """Say whether a task leads to several new certificates that are alike: true of all, or of nobody."""
    plain = all(
        not order.amends and order.provisional is None and (order.holder or order.organisation) is not None
        for order in task.issues
    )
    return len(papers) > 1 and plain and len({paper.valid_to for paper in papers}) == 1


class _Undecided(Exception):
    """Somebody else decides first."""
