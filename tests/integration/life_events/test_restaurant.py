# SPDX-License-Identifier: EUPL-1.2
"""One form, nine offices and the data office; nothing carried, no absurd proof (the domain's life event 4.2)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from contracts.cases import CaseView, StepView
from local_stack.demo.figures import queries
from local_stack.offices import FIRE, MARKET_REGULATION, NATURAL_RESOURCES, PUBLIC_SECURITY, TOBACCO, URBAN_MANAGEMENT
from local_stack.town import FORM, Applicant, Town, until
from tongban import Citizen, Office, Problem

EVENT = "open-restaurant"
Opened = Callable[[str], Awaitable[Office]]


async def to_the_review(owner: Applicant, **more: Any) -> str:
    """Apply, and wait until only people can go on; gives the case's id."""
    case = await owner.apply(EVENT, **more)
    for step in ("r1", "r2", "r3", "r5"):
        await owner.until_step(case.case_id, step, "done")
    for step in ("r4", "r6"):
        await owner.until_step(case.case_id, step, "tasked")
    return case.case_id


async def test_one_form_and_everybody_works_at_once(town: Town, owner: Applicant, desk: Opened) -> None:
    case_id = await to_the_review(owner)
    view = await owner.citizen.case(case_id)
    # What nobody asked for is there and skipped; what waits for r4 waits.
    states = {one.step.split("/")[1]: one.state for one in view.steps}
    assert states == {"r1": "done", "r2": "done", "r3": "done", "r4": "tasked", "r5": "done", "r6": "tasked",
                      "r7": "skipped", "r8": "waiting"}  # fmt: skip
    assert len([one for one in view.steps if one.step == f"{EVENT}/r3"]) == 2
    assert view.organisations["business"].startswith("9")
    # One date for the visit that two offices share, and that a third may join.
    visits = [(await owner.steps(case_id, step))[0].visit for step in ("r4", "r5", "r6")]
    assert visits[0] is not None
    assert visits == [visits[0]] * 3
    # The floor plan is seen by the offices that may, and by nobody else.
    seen = {}
    for system, code in (
        ("licensing", MARKET_REGULATION),
        ("fire-brigade", FIRE),
        ("urban-management", URBAN_MANAGEMENT),
    ):
        for task in await town.tasks(await desk(system), code, case_id):
            seen[task.step.split("/")[1]] = set(task.input)
    assert seen == {"r1": {"tradeName", "scope"}, "r4": {"tradeName", "floorPlan"},
                    "r5": {"fireCommitment", "floorPlan"}, "r6": {"tradeName", "signText"}}  # fmt: skip


async def test_she_sees_first_what_would_go_all_holders_in_one_list(town: Town, owner: Applicant) -> None:
    case = await owner.apply(EVENT, previews=True)

    async def both() -> CaseView | None:
        view = await owner.citizen.case(case.case_id)
        return view if len(view.previews) == 2 else None

    view = await until(both, "two previews in one list")
    assert {(one.holder, one.type, one.step) for one in view.previews} == {
        (PUBLIC_SECURITY, "citizen", f"{EVENT}/r1"),
        (NATURAL_RESOURCES, "title", f"{EVENT}/r1"),
    }
    [first] = await owner.steps(case.case_id, "r1")
    assert (first.state, first.answered) == ("gathering", 0)
    for due in view.previews:
        shown = await owner.citizen.preview(due)
        await owner.citizen.decide(due, shown, accept=[one.id for one in shown.items])
    await owner.until_step(case.case_id, "r1", "done")
    await owner.citizen.withdraw(case.case_id)


async def test_the_whole_way_and_every_figure_found_again(town: Town, owner: Applicant) -> None:
    case_id = await to_the_review(owner)
    await town.clerk("licensing", "approve", await owner.task_id(case_id, "r4"))
    await owner.until_step(case_id, "r8", "done")
    # Four days of silence decide nothing; the fifth does, for the step whose list says so.
    await town.pass_days(4)
    [sign] = await owner.steps(case_id, "r6")
    assert (sign.state, sign.deemed) == ("tasked", False)
    await town.pass_days(2)
    [sign] = await owner.until_step(case_id, "r6", "done")
    assert (sign.deemed, sign.accountable) == (True, URBAN_MANAGEMENT)
    view = await owner.until_case(case_id, "completed")
    # What silence granted is handed over by rule.
    [sign] = await owner.until_step(case_id, "r6", lambda one: one.certificate_id is not None)
    # Both reckonings agree.
    report = view.report.wire()
    for figure, (system, query) in queries().items():

        async def agrees(figure: str = figure, system: str = system, query: str = query) -> bool:
            return bool((await town.rows(system, query, case_id))[0][0] == report[figure])

        await until(agrees, f"{figure}: {report[figure]} found again")
    assert (report["uploads"], report["visits"], report["deemedSteps"], report["commitments"]) == (1, 1, 1, 1)
    assert report["longestChain"] == 3
    assert report["elapsedWorkingDays"] >= 6  # four and two days passed, by the clock that deadlines follow


async def test_the_window_leads_to_the_same_as_the_app(town: Town, owner: Applicant, desk: Opened) -> None:
    licensing = await desk("licensing")
    code = (await owner.citizen.confirm_code(MARKET_REGULATION)).code
    by_app = await to_the_review(owner)
    async with licensing.window(number=town.numbers["shop-owner"], code=code, clerk="k-17") as clerk:
        # A clerk has all the calls that an applicant needs, and no others.
        at_the_window = Applicant(town, clerk)  # type: ignore[arg-type]
        by_window = await to_the_review(at_the_window)
        for case_id in (by_app, by_window):
            await town.clerk("licensing", "approve", await owner.task_id(case_id, "r4"))
            await owner.until_step(case_id, "r8", "done")
    await town.pass_days(6)
    ends = []
    for case_id in (by_app, by_window):
        await owner.until_case(case_id, "completed")
        await owner.until_step(case_id, "r6", lambda one: one.certificate_id is not None)
        view = await owner.citizen.case(case_id)
        ends.append([view.state, view.lead, view.uploads, view.report, *map(without_ids, view.steps)])
    assert ends[0] == ends[1]


def without_ids(step: StepView) -> StepView:
    """Give a step without what differs between two cases: ids, and the deadline's second."""
    return step.model_copy(update={"certificate_id": None, "deadline": step.deadline and step.deadline.date()})


async def test_silence_never_approves_what_can_harm_people(town: Town, owner: Applicant) -> None:
    case_id = await to_the_review(owner)
    await town.pass_days(11)
    [food] = await owner.until_step(case_id, "r4", lambda one: one.escalated)
    assert (food.state, food.deemed) == ("tasked", False)
    # The office may still decide, and now the lead answers for it.
    await town.clerk("licensing", "approve", await owner.task_id(case_id, "r4"))
    await owner.until_case(case_id, "completed")


async def test_a_decision_after_silence_comes_too_late(town: Town, owner: Applicant, desk: Opened) -> None:
    case_id = await to_the_review(owner)
    task = await owner.task_id(case_id, "r6")
    urban, fire = await desk("urban-management"), await desk("fire-brigade")
    with pytest.raises(Problem) as foreign:
        await fire.refuse(task, code="NOT_MINE", reason="not this office's")
    assert foreign.value.code == "TASK_UNKNOWN"
    await town.pass_days(6)
    await owner.until_step(case_id, "r6", "done")
    with pytest.raises(Problem) as late:
        await urban.refuse(task, code="SIGN_UGLY", reason="too late")
    assert late.value.code == "TASK_NOT_OPEN"
    [sign] = await owner.steps(case_id, "r6")
    assert (sign.state, sign.deemed) == ("done", True)


async def test_a_false_promise_undoes_what_rests_on_it(town: Town, owner: Applicant) -> None:
    case_id = await to_the_review(owner)
    await town.clerk("licensing", "approve", await owner.task_id(case_id, "r4"))
    await owner.until_step(case_id, "r8", "done")
    await town.clerk("fire", "inspect", await owner.task_id(case_id, "r5"), "false")
    await owner.until_step(case_id, "r8", lambda one: one.state in ("undone", "cancelled"))

    async def told() -> bool:
        return "fire-check was false" in town.said("licensing")

    await until(told, "market regulation hears that the promise was false")
    # Who promised falsely doesn't get to promise again for a while.
    with pytest.raises(Problem) as barred:
        await owner.apply(EVENT)
    assert "COMMITMENT_BARRED" in str(barred.value.members)
    await town.rows("cases", "DELETE FROM barred")  # the tests after this one start afresh


async def test_what_is_chosen_runs_and_an_organisation_is_named_once(town: Town, owner: Applicant) -> None:
    plan = await owner.citizen.plan(EVENT, services=["business-licence", "tobacco-licence"])
    assert [step.step for step in plan.steps] == [f"{EVENT}/r1", f"{EVENT}/r7"]
    lonely = await owner.citizen.plan(EVENT, services=["tobacco-licence"])
    assert [(one.step, one.service) for one in lonely.missing] == [(f"{EVENT}/r7", "business-licence")]
    form = {name: FORM[name] for name in plan.input}
    case = await owner.apply(EVENT, form=form, services=["business-licence", "tobacco-licence"])
    view = await owner.until_case(case.case_id, "completed")
    [tobacco] = [one for one in view.steps if one.office == TOBACCO]
    assert (tobacco.state, tobacco.certificate_id is not None) == ("done", True)


async def test_withdrawn_means_undone(town: Town, owner: Applicant) -> None:
    case_id = await to_the_review(owner)
    await owner.citizen.withdraw(case_id, reason="I changed my mind")
    view = await owner.citizen.case(case_id)
    assert view.state == "withdrawn"
    await owner.until_step(case_id, "r5", "undone")
    [food] = await owner.steps(case_id, "r4")
    assert food.state == "cancelled"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"tradeName": None}, "/input/tradeName", "MISSING"),
        ({"colour": "green"}, "/input/colour", "UNKNOWN_FIELD"),
        ({"tradeName": "x" * 61}, "/input/tradeName", "TOO_LONG"),
        ({"floorPlan": {**FORM["floorPlan"], "media": "image/png"}}, "/input/floorPlan", "MEDIA"),
        ({"floorPlan": {**FORM["floorPlan"], "content": "aGVsbG8="}}, "/input/floorPlan", "FILE_TYPE_WRONG"),
        ({"fireCommitment": False}, "/input/fireCommitment", "COMMITMENT"),
    ],
)
async def test_a_wrong_form_changes_nothing(
    town: Town, owner: Applicant, change: dict[str, object], pointer: str, code: str
) -> None:
    before = await town.rows("cases", "SELECT count(*) AS n FROM case_file")
    form = {name: value for name, value in {**FORM, **change}.items() if value is not None}
    with pytest.raises(Problem) as refused:
        await owner.apply(EVENT, form=form)
    assert refused.value.code == "CASE_INPUT_INVALID"
    [error] = [one for one in refused.value.members["errors"] if one["pointer"].startswith(pointer)]
    assert code in error["code"]
    assert await town.rows("cases", "SELECT count(*) AS n FROM case_file") == before


async def test_a_case_of_somebody_else_is_unknown(town: Town, owner: Applicant) -> None:
    case = await owner.apply(EVENT)
    async with Citizen(town.target.url, "neighbour") as neighbour:
        for call in (neighbour.case(case.case_id), neighbour.withdraw(case.case_id)):
            with pytest.raises(Problem) as refused:
                await call
            assert (refused.value.status, refused.value.code) == (404, "CASE_UNKNOWN")
    again = await owner.citizen.withdraw(case.case_id)
    assert again.state == "withdrawn"
