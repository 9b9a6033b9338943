# SPDX-License-Identifier: EUPL-1.2
"""A double of `Office`, and tasks, answers and facts to feed it with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from contracts.certificates.api import Certificate, Issued, Provisional
from contracts.envelopes import Answer, IssueOrder, NeedAnswer, Task, Undo
from contracts.exchange_bus import Delivery
from contracts.ids import uuid7
from example_offices.rules import Evidence, Proven
from tongban import Facts, NotBelieved, Opened, Problem

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAY = NOW.date()
JWE = "e30.AA.AA.AA.AA"
MARKET, LAND, HEALTH = "1199990000000006XB", "11999900000000107N", "11999900000000035X"
CLAIMS: dict[str, dict[str, Any]] = {
    "citizen": {"name": "Lin He", "bornOn": "1993-02-18", "alive": "yes"},
    "title": {"holder": "self", "place": "12 Lotus Lane", "use": "shop"},
    "lease": {"holder": "self", "place": "5 Canal Street", "use": "restaurant"},
    "staff-health": {"result": "fit", "examinedOn": "2026-10-12"},
    "business-licence": {"number": "91", "tradeName": "Lotus Kitchen", "place": "12 Lotus Lane", "scope": "food"},
    "food-safety-officer": {"number": "SA-1", "grade": "B"},
    "building-fire-acceptance": {"number": "YS-1", "place": "12 Lotus Lane", "acceptedOn": "2018-11-30"},
    "food-licence": {"number": "JY1", "tradeName": "Lotus Kitchen", "place": "12 Lotus Lane"},
    "fire-check": {"number": "XF1", "place": "12 Lotus Lane", "result": "promised"},
    "household": {"number": "HK-1", "address": "1 New Street"},
    "settle-decision": {"number": "ZQ1", "address": "1 New Street"},
    "release": {"number": "QC1", "releasedOn": "2026-11-23"},
    "employment": {"employer": "Tea House", "since": "2025-09-01"},
    "marriage": {"number": "JH1", "registeredOn": "2026-11-24"},
    "judgment": {"kind": "divorce", "decidedOn": "2024-05-20"},
}
"""What a granted look at each type may show."""
PLAN = {"name": "plan.pdf", "media": "application/pdf", "content": "JVBERi0="}
INPUT = {
    "tradeName": "Lotus Kitchen", "scope": "food", "bankAccount": "6222", "floorPlan": PLAN, "signText": "Lotus",
    "fireCommitment": True, "presence": True, "declarationOfBoth": True, "signaturesOfBoth": True,
    "newAddress": "1 New Street", "school": "Lakeside Primary",
}  # fmt: skip


def facts(kind: str, **changes: Any) -> Facts:
    """Give verified facts of a type; changes: to its claims."""
    return Facts(LAND, kind, {**CLAIMS[kind], **changes}, None, NOW, None)


def need(kind: str, of: str = "owner", outcome: str = "answered", code: str | None = None) -> NeedAnswer:
    plain = {"type": kind, "of": of, "requestId": str(uuid7()), "outcome": outcome, "code": code}
    return NeedAnswer.model_validate({name: value for name, value in plain.items() if value is not None})


def evidence(*held: Facts | tuple[str, Facts]) -> Evidence:
    """Give evidence; a pair says whom it is about."""
    pairs = [one if isinstance(one, tuple) else ("owner", one) for one in held]
    return Evidence(tuple(Proven(need(one.type, of), one) for of, one in pairs))


def task(step: str, issues: Sequence[IssueOrder] = (), **changes: Any) -> Task:
    plain: dict[str, Any] = {
        "task_id": str(uuid7()), "case_id": str(uuid7()), "step": step, "service": "some-service", "mode": "auto",
        "deadline": NOW, "subject": JWE, "input": INPUT, "needs": [], "issues": list(issues),
        "case_proof": "e30.e30.AA",
    }  # fmt: skip
    return Task(**{**plain, **changes})


def order(kind: str, to: str = "business", **changes: Any) -> IssueOrder:
    return IssueOrder(type=kind, to=to, **{"organisation": MARKET, **changes})


def delivery(kind: str, key: str, keyseq: int = 1) -> Delivery:
    """The envelope's first part stands for its content: the double opens it by that name."""
    name = key if keyseq == 1 else f"{key}_{keyseq}"
    return Delivery(
        delivery_id=str(uuid7()), seq=1, event_id=str(uuid7()), kind=kind, key=key, keyseq=keyseq, time=NOW,
        attributes={}, envelope=f"{name}.AA.AA.AA.AA",
    )  # fmt: skip


class FakeOffice:
    """Opens by name, verifies by type, and remembers what was decided. trouble: raised once by the next approval."""

    def __init__(self) -> None:
        self.bodies: dict[str, Any] = {}
        self.facts: dict[str, Facts | NotBelieved] = {kind: facts(kind) for kind in CLAIMS}
        self.approved: list[dict[str, Any]] = []
        self.together: list[str] = []
        self.refused: list[str] = []
        self.completed: list[str] = []
        self.reopened: list[tuple[str, str]] = []
        self.changed: list[tuple[str, str, Mapping[str, Any]]] = []
        self.held: dict[str, Certificate] = {}
        self.earlier: dict[str, list[Certificate]] = {}
        self.trouble: Problem | None = None

    def knows(self, one: Task, keyseq: int = 1) -> list[Delivery]:
        """Take in a task and all its answers; gives their deliveries, the task last."""
        answered = [n for n in one.needs if n.outcome == "answered"]
        for n in answered:
            self.bodies[n.request_id] = Answer(request_id=n.request_id, outcome="answered", type=n.type, holder=LAND)
        sent = delivery("task", one.task_id, keyseq)
        self.bodies[sent.envelope.partition(".")[0]] = one
        return [*(delivery("answer", n.request_id) for n in answered), sent]

    async def open(self, envelope: Delivery | str) -> Opened:
        text = envelope if isinstance(envelope, str) else envelope.envelope
        body = self.bodies[text.partition(".")[0]]
        if isinstance(body, Exception):
            raise body
        return Opened(type(body).__name__.lower(), "certificates-1", str(uuid7()), str(uuid7()), body, "A" * 43)

    def facts_of(self, answer: Answer, *, at: datetime | None = None) -> Facts:
        held = self.facts[answer.type]
        if isinstance(held, NotBelieved):
            raise held
        return held

    async def approve(self, task: Task, claims: dict[str, Any], **more: Any) -> Issued:
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        self.approved.append({"claims": claims, "task": task, **more})
        return self._issued(task, claims, more)

    async def approve_together(self, task: Task, claims: list[dict[str, Any]], **more: Any) -> list[Issued]:
        made = [
            await self.approve(task, one, type=order.type, to=order.to, provisional=None, **more)
            for order, one in zip(task.issues, claims, strict=True)
        ]
        self.together.append(task.task_id)
        return made

    def _issued(self, task: Task, claims: dict[str, Any], more: dict[str, Any]) -> Issued:
        promise = more["provisional"]
        held = Certificate(
            certificate_id=str(uuid7()), version=1, office=MARKET, type=more["type"], type_version=1, licence_id="1.2",
            status="01", claims=claims, valid_from=DAY, issued_at=NOW, credential="x",
            provisional=None if promise is None else Provisional(conditions=promise, check_by=DAY),
        )  # fmt: skip
        self.held[held.certificate_id] = held
        return Issued(certificate_id=held.certificate_id, version=1, licence_id="1.2.3", status="01")

    async def certificate(self, certificate_id: str, *, purpose: str, **known: Any) -> Certificate:
        if not known:
            return self.held[certificate_id]
        earlier = [one for one in self.earlier[certificate_id] if one.issued_at <= known["recorded_at"]]
        return earlier[-1]

    async def revoke(self, certificate_id: str, version: int, *, reason: str, ending: str) -> None:
        self.changed.append((certificate_id, ending, {}))
        status = {"cancel": "04", "rescind": "03", "revoke": "07"}[ending]
        self.held[certificate_id] = self.held[certificate_id].model_copy(update={"status": status})

    async def amend(self, certificate_id: str, version: int, claims: Mapping[str, Any], **_more: Any) -> None:
        self.changed.append((certificate_id, "amend", claims))
        self.held[certificate_id] = self.held[certificate_id].model_copy(update={"provisional": None})

    async def refuse(self, task_id: str, *, code: str, reason: str, key: str) -> None:
        self.refused.append(code)

    async def complete(self, task_id: str, *, key: str) -> None:
        self.completed.append(task_id)

    def who(self, alias: str) -> str:
        """Aliases of the doubles say whom they name in their first part."""
        return alias.partition(".")[0]

    async def reopen(self, task_id: str, step: str, reason: str, *, key: str) -> None:
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        self.reopened.append((task_id, step))

    async def demand(self, task_id: str, proves: str, *, key: str) -> None:
        raise Problem("HELD_BY_OFFICE", 409)


def undone(one: Task, certificate_ids: list[str]) -> Task:
    """Give the task by which a withdrawn case takes back what *one* led to."""
    return one.model_copy(update={"undo": Undo(task_id=one.task_id, certificate_ids=certificate_ids)})


def years_later(day: date, years: int) -> date:
    return day.replace(year=day.year + years)
