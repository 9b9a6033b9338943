# SPDX-License-Identifier: EUPL-1.2
"""Two people marry: no booklet, no proof of being single, no certificate carried (the domain's life event 4.3)."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import pytest

from contracts.certificates.api import Holder
from contracts.envelopes import Task
from local_stack.offices import CIVIL_AFFAIRS
from local_stack.town import Applicant, Town, until
from tongban import Citizen, Office, Problem

from .recount import found_again

EVENT = "marriage"
WORDS: dict[str, Any] = {"presence": True, "declarationOfBoth": True, "signaturesOfBoth": True}
OFFERS = ("m5-health", "m5-fund", "m5-tax", "m5-move")
Opened = Callable[[str], Awaitable[Office]]
LoggedIn = Callable[[str], Awaitable[Applicant]]


@pytest.fixture(scope="module")
def wedding(town: Town) -> Iterator[Town]:
    """Civil affairs opens its desk when a test says so, and closes it in the end."""
    yield town
    if "civil_affairs" in town.programs:
        town.close_desk("civil_affairs")


@pytest.fixture
async def person(wedding: Town) -> AsyncIterator[LoggedIn]:
    """Gives a function that logs a persona in."""
    async with AsyncExitStack() as exits:

        async def logged_in(persona: str) -> Applicant:
            return Applicant(wedding, await exits.enter_async_context(Citizen(wedding.target.url, persona)))

        yield logged_in


async def apply(one: Applicant, other: str) -> str:
    """Apply for a marriage: one call; gives the case's id."""
    handle = await one.citizen.handle(one.town.numbers[other])
    return (await one.citizen.open_case(EVENT, subjects={"other": [handle]}, data=WORDS)).case_id


def open_desk(town: Town, name: str) -> None:
    """Open a desk unless it is open."""
    if name not in town.programs:
        town.open_desk(name)


async def certificates(town: Town, case_id: str, step: str) -> list[tuple[str, int]]:
    """Give (certificate id, version) of what a step led to."""
    sql = """SELECT c.certificate_id::text AS id, c.version FROM step_certificate c JOIN step s USING (step_id)
             WHERE s.case_id = $1 AND s.step = $2 ORDER BY 1"""
    return [(row["id"], row["version"]) for row in await town.rows("cases", sql, case_id, f"{EVENT}/{step}")]


async def reads(one: Applicant, case_id: str, steps: set[str]) -> bool:
    """Say whether somebody finds receipts of all these steps."""
    view = await one.citizen.all_receipts()
    return steps <= {str(receipt.step) for receipt in view.receipts if receipt.case_id == case_id}


async def test_two_marry_with_nothing_in_their_hands(wedding: Town, person: LoggedIn, desk: Opened) -> None:
    cook = await person("cook")
    case_id = await apply(cook, "waitress")
    await cook.until_step(case_id, "m2", "tasked")
    # A clerk of the old school wants the booklet and a proof of being single; both are refused, each with its code.
    civil, status_check = await desk("civil-affairs"), await cook.task_id(case_id, "m2")
    codes = {}
    for proves, cites in (("marital-status", None), ("household-place", "P-0305"), ("household-place", None)):
        with pytest.raises(Problem) as refused:
            await civil.demand(status_check, proves, cites=cites)
        codes[proves, cites] = (refused.value.status, refused.value.code)
    assert codes == {
        ("marital-status", None): (409, "HELD_BY_OFFICE"),
        ("household-place", "P-0305"): (409, "LIST_EXPIRED"),
        ("household-place", None): (409, "NO_LEGAL_BASIS"),
    }
    # The registers say that both are free; both sign before the clerk.
    open_desk(wedding, "civil_affairs")
    await cook.until_step(case_id, "m2", "done")
    await wedding.clerk("civil_affairs", "approve", await cook.task_id(case_id, "m3"))
    await cook.until_step(case_id, "m3", "done")
    assert len(await certificates(wedding, case_id, "m3")) == 2
    # The household of both follows without an application.
    await cook.until_step(case_id, "m4", "done")
    assert [version for _, version in await certificates(wedding, case_id, "m4")] == [2, 2]
    [took] = await wedding.rows(
        "cases",
        """SELECT extract(epoch FROM max(ended_at) FILTER (WHERE step = 'marriage/m4')
                    - max(ended_at) FILTER (WHERE step = 'marriage/m3')) AS s FROM step WHERE case_id = $1""",
        case_id,
    )
    assert took["s"] < 5
    # Offers: nothing happens without a yes, and the office that got one fetches the marriage itself.
    for name in OFFERS:
        await cook.until_step(case_id, name, "offered")
    await cook.citizen.take_offer(case_id, "m5-tax", accept=True)
    for name in ("m5-health", "m5-fund", "m5-move"):
        await cook.citizen.take_offer(case_id, name, accept=False)
    view = await cook.until_case(case_id, "completed")
    states = {one.step.partition("/")[2]: one.state for one in view.steps}
    assert [states[name] for name in OFFERS] == ["skipped", "skipped", "done", "skipped"]
    [tax] = await cook.steps(case_id, "m5-tax")
    assert (tax.needs, tax.answered) == (1, 1)
    assert (view.report.uploads, view.report.demands_refused, view.report.deemed_steps) == (0, 3, 0)
    await found_again(wedding, view)
    # Each reads in her receipts what was asked about her, for which step; and the applicant what was refused.
    waitress = await person("waitress")
    done = {one.step for one in view.steps if one.state == "done"}
    await until(lambda: reads(cook, case_id, done), "a receipt of every step")
    await until(lambda: reads(waitress, case_id, {f"{EVENT}/{name}" for name in ("m1", "m2", "m4")}), "hers")
    receipts = (await cook.citizen.all_receipts()).receipts
    assert sum(r.leaf.purpose == "proof-demand" and r.leaf.decision == "refused" for r in receipts) == 3


async def test_whoever_is_married_is_not_married_again(wedding: Town, person: LoggedIn) -> None:
    open_desk(wedding, "civil_affairs")
    teacher = await person("teacher")
    case_id = await apply(teacher, "cook")
    view = await teacher.until_case(case_id, "refused")
    [status] = [one for one in view.steps if one.step == f"{EVENT}/m2"]
    assert (status.state, status.code) == ("refused", "NOT_FREE_TO_MARRY")


async def test_two_counters_register_one_person_at_once(wedding: Town, person: LoggedIn, desk: Opened) -> None:
    open_desk(wedding, "civil_affairs")
    teacher, owner = await person("teacher"), await person("shop-owner")
    cases = [(teacher, await apply(teacher, "driver")), (owner, await apply(owner, "teacher"))]
    tasks = []
    for one, case_id in cases:
        await one.until_step(case_id, "m3", "tasked")
        found = await wedding.tasks(await desk("civil-affairs"), CIVIL_AFFAIRS, case_id)
        tasks.append(next(task for task in found if task.step == f"{EVENT}/m3"))
    # Two systems of the office issue at the same moment, each for a couple to which the teacher belongs.
    systems = [await desk("civil-affairs") for _ in cases]
    said = [
        {"holder": "self", "bond": "marriage", "number": f"JH-{number}", "registeredOn": "2026-11-24"}
        for number in range(len(cases))
    ]
    ends = await asyncio.gather(
        *(
            system.approve_together(task, [claims, claims], valid_from=date(2026, 11, 24))
            for system, task, claims in zip(systems, tasks, said, strict=True)
        ),
        return_exceptions=True,
    )
    [(lost, why)] = [(at, end) for at, end in enumerate(ends) if isinstance(end, BaseException)]
    assert isinstance(why, Problem)
    assert why.code == "TRANSITION_NOT_ALLOWED"
    (winner, won_case), (loser, lost_case) = cases[1 - lost], cases[lost]
    await winner.until_step(won_case, "m4", "done")
    assert len(await certificates(wedding, won_case, "m3")) == 2
    # Nobody is left half married, and the office's clerk can only refuse.
    await wedding.clerk("civil_affairs", "approve", await loser.task_id(lost_case, "m3"))
    view = await loser.until_case(lost_case, "refused")
    assert [one.code for one in view.steps if one.step == f"{EVENT}/m3"] == ["ALREADY_REGISTERED"]
    assert await certificates(wedding, lost_case, "m3") == []
    sql = "SELECT count(*) AS n FROM certificate WHERE type = 'marriage' AND case_id = $1"
    assert (await wedding.rows("certificates-3", sql, lost_case))[0]["n"] == 0


async def test_a_judgment_that_comes_before_they_have_signed_has_their_status_checked_again(
    wedding: Town, person: LoggedIn, desk: Opened
) -> None:
    open_desk(wedding, "civil_affairs")
    baker = await person("baker")
    case_id = await apply(baker, "nurse")
    await baker.until_step(case_id, "m3", "tasked")
    civil, court = await desk("civil-affairs"), await desk("court")
    [first_check] = await tasks_of(wedding, civil, case_id, "m2")
    [old] = await tasks_of(wedding, civil, case_id, "m3")
    # A court divorces the nurse, of whom no register here said that she was married.
    [nurse] = await court.resolve([wedding.numbers["nurse"]])
    assert nurse is not None
    claims = {"holder": "self", "number": "MS-2026-0412", "kind": "divorce", "decidedOn": "2026-11-23"}
    await court.issue(
        "judgment", Holder(subject=nurse), claims, valid_from=date(2026, 11, 23), key=f"divorce-{case_id}"
    )
    # Civil affairs hears of it, and does by itself what it rests on again; then the clerk has a new task.
    [_, new] = await until(lambda: several(wedding, civil, case_id, "m3"), "a new task for the clerk", 60)
    [_, second_check] = await tasks_of(wedding, civil, case_id, "m2")
    assert new.task_id != old.task_id
    assert judgments(first_check) == {("one", "refused"), ("other", "refused")}
    assert judgments(second_check) == {("one", "refused"), ("other", "answered")}
    with pytest.raises(Problem) as refused:
        await civil.refuse(old.task_id, code="TOO_LATE", reason="It was looked at again.")
    assert refused.value.code == "TASK_NOT_OPEN"
    await wedding.clerk("civil_affairs", "approve", new.task_id)
    await baker.until_step(case_id, "m4", "done")
    for name in OFFERS:
        await baker.until_step(case_id, name, "offered")
        await baker.citizen.take_offer(case_id, name, accept=False)
    view = await baker.until_case(case_id, "completed")
    assert len(await certificates(wedding, case_id, "m3")) == 2
    # One office answered for the case all the time, each step had one, and she was asked nothing.
    sql = """SELECT convert_from(payload, 'UTF8')::jsonb AS said FROM outbox
             WHERE topic = 'cases.step.v1' AND key = $1 ORDER BY keyseq"""
    facts = [json.loads(row["said"]) for row in await wedding.rows("cases", sql, case_id)]
    assert all(fact["accountable"] == fact["office"] for fact in facts)
    states = {name: [f["state"] for f in facts if f["step"] == f"{EVENT}/{name}"] for name in ("m2", "m3")}
    assert states == {
        "m2": ["gathering", "tasked", "done", "waiting", "gathering", "tasked", "done"],
        "m3": ["gathering", "tasked", "waiting", "gathering", "tasked", "done"],
    }
    assert (view.lead, view.report.uploads, view.report.demands_refused) == (CIVIL_AFFAIRS, 0, 0)
    await found_again(wedding, view)


def judgments(task: Task) -> set[tuple[str, str]]:
    """Give whom a check asked the court about, and how that ended."""
    return {(need.of, need.outcome) for need in task.needs if need.type == "judgment"}


async def tasks_of(town: Town, office: Office, case_id: str, step: str) -> list[Task]:
    """Give the tasks of one of civil affairs' steps, the oldest first."""
    return [one for one in await town.tasks(office, CIVIL_AFFAIRS, case_id) if one.step == f"{EVENT}/{step}"]


async def several(town: Town, office: Office, case_id: str, step: str) -> list[Task] | None:
    """Give the tasks of a step once there are more than one."""
    found = await tasks_of(town, office, case_id, step)
    return found if len(found) > 1 else None
