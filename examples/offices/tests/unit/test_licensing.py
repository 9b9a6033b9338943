# SPDX-License-Identifier: EUPL-1.2
"""Market regulation decides when all is here, by rule, and in favour only on what was verified."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.certificates.api import Issued
from contracts.envelopes import Answer, IssueOrder, NeedAnswer, Task
from contracts.exchange_bus import Delivery
from contracts.ids import uuid7
from example_offices.drawer import Drawer
from example_offices.licensing import Desk, Refused, decide, licence_number
from tongban import Facts, NotBelieved, Opened, Problem

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAY = NOW.date()
HEALTH, LAND = "11999900000000035X", "11999900000000107N"
TITLE = Facts(LAND, "title", {"holder": "self", "place": "12 Lotus Lane", "use": "shop"}, "premises-check", NOW, None)
FIT = Facts(HEALTH, "staff-health", {"result": "fit", "examinedOn": "2026-10-12"}, "staff-health-check", NOW, None)
JWE = "e30.AA.AA.AA.AA"
TITLE_REQUEST, HEALTH_REQUEST, TASK_ID = str(uuid7()), str(uuid7()), str(uuid7())


def need(kind: str, request_id: str, outcome: str = "answered") -> NeedAnswer:
    return NeedAnswer.model_validate({"type": kind, "of": "owner", "requestId": request_id, "outcome": outcome})


def task(**changes: Any) -> Task:
    plain: dict[str, Any] = {
        "task_id": TASK_ID,
        "case_id": str(uuid7()),
        "step": "food-licence/f1",
        "service": "food-licence",
        "mode": "auto",
        "deadline": NOW,
        "subject": JWE,
        "input": {"tradeName": "Lotus Kitchen"},
        "needs": [need("title", TITLE_REQUEST), need("staff-health", HEALTH_REQUEST)],
        "issues": [IssueOrder(type="food-licence", holder=JWE)],
        "case_proof": "e30.e30.AA",
    }
    return Task(**{**plain, **changes})


def answer(kind: str, request_id: str, holder: str) -> Answer:
    return Answer(request_id=request_id, outcome="answered", type=kind, holder=holder)


def delivery(kind: str, key: str) -> Delivery:
    """The envelope's first part stands for its content: the fake office opens it by that name."""
    return Delivery(
        delivery_id=str(uuid7()), seq=1, event_id=str(uuid7()), kind=kind, key=key, keyseq=1, time=NOW, attributes={},
        envelope=f"{key}.AA.AA.AA.AA",
    )  # fmt: skip


class FakeOffice:
    """Opens by key, verifies by type, and remembers what was decided."""

    def __init__(self, bodies: dict[str, Any], facts: dict[str, Facts | NotBelieved]) -> None:
        self.bodies, self.facts = bodies, facts
        self.approved: list[dict[str, Any]] = []
        self.refused: list[str] = []

    async def open(self, envelope: Delivery | str) -> Opened:
        text = envelope if isinstance(envelope, str) else envelope.envelope
        body = self.bodies[text.partition(".")[0]]
        if isinstance(body, Exception):
            raise body
        kind = type(body).__name__.lower()
        return Opened(kind, "certificates-1", str(uuid7()), str(uuid7()), body, "A" * 43)

    def facts_of(self, answer: Answer) -> Facts:
        facts = self.facts[answer.type]
        if isinstance(facts, NotBelieved):
            raise facts
        return facts

    async def approve(self, task: Task, claims: dict[str, Any], *, valid_from: date, valid_to: date) -> Issued:
        self.approved.append({**claims, "validFrom": valid_from, "validTo": valid_to})
        return Issued(certificate_id=str(uuid7()), version=1, licence_id="1.2.3", status="01")

    async def refuse(self, task_id: str, *, code: str, reason: str) -> None:
        self.refused.append(code)

    async def demand(self, task_id: str, proves: str) -> None:
        raise Problem("HELD_BY_OFFICE", 409)


@pytest.fixture
def drawer(tmp_path: Path) -> Iterator[Drawer]:
    held = Drawer(tmp_path / "drawer.sqlite")
    yield held
    held.close()


def an_office(**facts: Facts | NotBelieved) -> FakeOffice:
    bodies = {
        TASK_ID: task(),
        TITLE_REQUEST: answer("title", TITLE_REQUEST, LAND),
        HEALTH_REQUEST: answer("staff-health", HEALTH_REQUEST, HEALTH),
    }
    return FakeOffice(bodies, {"title": TITLE, "staff-health": FIT, **facts})


ALL = [("answer", TITLE_REQUEST), ("answer", HEALTH_REQUEST), ("task", TASK_ID)]


@pytest.mark.parametrize("order", [ALL, ALL[::-1], [ALL[2], ALL[0], ALL[1]]])
async def test_the_licence_is_issued_once_all_is_here_in_whatever_order(
    drawer: Drawer, order: list[tuple[str, str]]
) -> None:
    office = an_office()
    desk = Desk(office, drawer, lambda _line: None)  # type: ignore[arg-type]
    for kind, key in order[:-1]:
        await desk.take(delivery(kind, key))
    assert office.approved == []
    await desk.take(delivery(*order[-1]))
    (licence,) = office.approved
    assert licence["place"] == "12 Lotus Lane"
    assert licence["tradeName"] == "Lotus Kitchen"
    assert licence["number"] == licence_number(TASK_ID)
    assert drawer.tasks() == []


async def test_what_is_decided_is_not_decided_again(drawer: Drawer) -> None:
    office = an_office()
    desk = Desk(office, drawer, lambda _line: None)  # type: ignore[arg-type]
    for kind, key in ALL:
        await desk.take(delivery(kind, key))
    office.bodies["share"] = NotBelieved("ROLE_WRONG")
    await desk.take(delivery("share", "share"))
    assert len(office.approved) == 1


async def test_an_attestation_that_does_not_hold_refuses_the_licence(drawer: Drawer) -> None:
    office = an_office(title=NotBelieved("SIGNATURE_INVALID"))
    desk = Desk(office, drawer, lambda _line: None)  # type: ignore[arg-type]
    for kind, key in ALL:
        await desk.take(delivery(kind, key))
    assert office.refused == ["EVIDENCE_INVALID"]
    assert office.approved == []


async def test_a_demand_for_paper_that_is_refused_stops_nothing(drawer: Drawer) -> None:
    office, said = an_office(), list[str]()
    desk = Desk(office, drawer, said.append, habit="premises-use")  # type: ignore[arg-type]
    for kind, key in ALL:
        await desk.take(delivery(kind, key))
    assert f"task {TASK_ID}: asking for premises-use refused, HELD_BY_OFFICE (409)" in said
    assert len(office.approved) == 1


@pytest.mark.parametrize(
    ("changes", "evidence", "code"),
    [
        ({"needs": [need("title", TITLE_REQUEST, "refused")]}, [], "EVIDENCE_MISSING"),
        ({}, [FIT], "PREMISES_UNFIT"),
        ({}, [Facts(LAND, "title", {"place": "x", "use": "dwelling"}, None, NOW, None), FIT], "PREMISES_UNFIT"),
        ({}, [TITLE, Facts(HEALTH, "staff-health", {"result": "unfit"}, None, NOW, None)], "STAFF_NOT_FIT"),
        (
            {},
            [TITLE, Facts(HEALTH, "staff-health", {"result": "fit", "examinedOn": "2025-10-12"}, None, NOW, None)],
            "STAFF_NOT_FIT",
        ),
    ],
)
def test_the_rule_says_no_with_a_code(changes: dict[str, Any], evidence: list[Facts], code: str) -> None:
    with pytest.raises(Refused) as refused:
        decide(task(**changes), evidence, DAY)
    assert refused.value.code == code
