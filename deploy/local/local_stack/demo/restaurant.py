# SPDX-License-Identifier: EUPL-1.2
"""The story of a restaurant: one form, nine offices and the data office; nothing carried, no absurd proof."""

import asyncio
import time
from typing import Any

from contracts.cases import CaseView, StepView
from contracts.topics import CASE, CERTIFICATE, STEP
from local_stack.demo import clerk, end
from local_stack.demo.bus import Seen
from local_stack.demo.stage import EMPLOYEE, OWNER, PAPER, Stage, between_ms, ms_since
from local_stack.errors import StackError
from tongban.citizen import file

EVENT = "open-restaurant"
TRADE_NAME = "Lotus Garden"
FLOOR_PLAN = b"%PDF-1.4\n% Lotus Garden, ground floor: kitchen, hall, two exits\n%%EOF\n"
FORM: dict[str, Any] = {
    "tradeName": TRADE_NAME,
    "scope": "restaurant, hot and cold dishes",
    "bankAccount": "9999 0000 4711 0815",
    "floorPlan": file("floor-plan.pdf", "application/pdf", FLOOR_PLAN),
    "signText": "Lotus Garden, green on white, 3 m",
    "fireCommitment": True,
}
SILENCE_DAYS = 5
LOOK_S = 0.5
LOOKS = 120


async def plan(stage: Stage) -> None:
    """Point 1: before anything is asked of anybody, what it will take."""
    plan = await stage.owner.plan(EVENT, people={"staff": 1})
    say = stage.screen.say
    for step in plan.steps:
        offices = ", ".join(stage.screen.name(office) for office in step.offices)
        needs = ", ".join(
            " or ".join(f"{one.type} ({stage.screen.name(one.holder)})" for one in need.alternatives)
            for need in step.needs
        )
        say(f"{step.step:<19} {offices}: {step.service}, {step.mode}; fetches {needs or 'nothing'}")
    say(f"{plan.offices} offices, chain {' > '.join(plan.longest_chain)}, within {plan.working_days} working days")
    say(f"{plan.visits} visit, {plan.documents_not_asked} papers not asked for; new input: {', '.join(plan.input)}")
    if plan.missing:
        raise StackError("PLAN_INCOMPLETE", f"the plan misses {plan.missing}")


async def submit(stage: Stage) -> None:
    """Point 2: one form, one call."""
    await stage.handle_of_employee()
    began = time.monotonic()
    view = await stage.owner.open_case(EVENT, subjects={"staff": [stage.handle]}, data=FORM, previews=True)
    stage.hops.append(("application taken (cases)", ms_since(began)))
    stage.told.case_id = view.case_id
    stage.screen.say(
        f"then one call, POST /v1/cases: case {view.case_id} is open, {len(view.steps)} tasks laid out, lead "
        f"{stage.screen.name(view.lead)}. Uploads: {view.uploads}, the floor plan"
    )


async def look_first(stage: Stage) -> None:
    """Point 3: before anything of hers leaves its holder she sees it there, under her own name at that office."""
    stage.screen.say(f"{OWNER} sees first what would go, all holders in one list; the business has no papers yet")
    await _release(stage, "r1")


async def found(stage: Stage) -> None:
    """Point 4: market regulation grants the business licence by rule; the business gets its code."""
    await _step(stage, "r1", "done")
    view = await _view(stage)
    stage.screen.say(f"the business exists: {view.organisations['business']}; nobody was asked for a paper")


async def spread(stage: Stage) -> None:
    """Point 5: everything that can start does so at once; the promise about fire safety counts at once."""
    await _release(stage, "r4", "r5", "r6")
    for step in ("r2", "r3", "r5"):
        await _step(stage, step, "done")
    view = await _view(stage)
    for one in view.steps:
        stage.screen.say(f"{one.step:<19} {stage.screen.name(one.office):<18} {one.state}{_visit(one)}")
    stage.screen.say("the fire check is provisional, on her promise; it will be inspected later")
    line = await stage.programs["licensing"].line(f"asking for {PAPER} refused, HELD_BY_OFFICE")
    status = int(line.rpartition("(")[2].rstrip(")"))
    stage.refused(
        "market regulation", f"demands {PAPER} from the applicant, which an office holds", "HELD_BY_OFFICE", status
    )


async def visit(stage: Stage) -> None:
    """Point 6: one visit for three offices; a clerk decides what no rule decides."""
    task = await _task_of(stage, "r4")
    await clerk.approve(stage, "licensing", task)
    await _step(stage, "r4", "done")
    await _step(stage, "r8", "done")
    stage.screen.say("with food licence and fire check there, the data office hands over the result pack")


async def silence(stage: Stage) -> None:
    """Point 7: urban management says nothing for five working days; then silence is consent, and it is liable."""
    await _step(stage, "r6", "tasked")
    moved = await clerk.move_clock(stage, SILENCE_DAYS)
    stage.screen.say(
        f"urban management is silent; {SILENCE_DAYS} working days pass (the clock of deadlines says {moved:%Y-%m-%d})"
    )
    await _step(stage, "r6", "done")
    closed = await stage.of_case("the end of the case", CASE, "cases.case.closed")
    opened = await stage.of_case("the beginning of the case", CASE, "cases.case.opened")
    stage.hops.append(("the whole case, silence included", between_ms(opened, closed)))
    view = await _view(stage)
    step = next(one for one in view.steps if one.step.endswith("/r6"))
    if not step.deemed or view.state != "completed":
        raise StackError("NOT_DEEMED", f"r6 is {step}, the case {view.state}")
    stage.screen.say(
        f"r6 passed by silence: liable is {stage.screen.name(step.accountable)}, which must hand the permit over"
    )
    await stage.programs["urban"].line("licence", "shop-sign")
    stage.screen.say(f"{OWNER} looks at her case: {view.state}")


async def inspect(stage: Stage) -> None:
    """Point 8: the promise is checked on the spot, and held; the provisional mark goes."""
    task = await _task_of(stage, "r5")
    await clerk.inspect(stage, "fire", task, "passed")
    (fact,) = await stage.watch.until(
        "the fire check without its mark",
        lambda seen: seen.topic == CERTIFICATE and seen.record.type == "certificates.certificate.amended.v1",
    )
    stage.screen.say(f"fire check {fact.record.key} stands without conditions")


async def report(stage: Stage) -> None:
    """Point 9: what the case cost and saved, in its own words; the check finds each figure again by another way."""
    view = await _view(stage)
    stage.told.figures |= {name: value for name, value in view.report.wire().items() if isinstance(value, int)}
    if view.report.elapsed_working_days != SILENCE_DAYS:  # the silence is part of what she waited
        raise StackError("DAYS_WRONG", f"the case says that it took {view.report.elapsed_working_days} working days")
    stage.told.certificate_id = next(one.certificate_id or "" for one in view.steps if one.step.endswith("/r8"))


async def _release(stage: Stage, *steps: str) -> None:
    """Look at all that waits for her, and let it go, until each of *steps* has what it needs."""
    gathering = {f"{EVENT}/{step}" for step in steps}
    for _ in range(LOOKS):
        view = await _view(stage)
        for due in view.previews:
            shown = await stage.owner.preview(due)
            await stage.owner.decide(due, shown, accept=[one.id for one in shown.items])
            stage.screen.say(
                f"{due.step:<19} {stage.screen.name(due.holder)} to {stage.screen.name(due.asker)}: her {due.type} "
                f"({', '.join(one.id for one in shown.items)}); she lets it go"
            )
        if not any(one.step in gathering and one.state in ("waiting", "gathering") for one in view.steps):
            return
        await asyncio.sleep(LOOK_S)
    raise StackError("NOT_GATHERED", f"{', '.join(steps)} never had what they need")


async def _view(stage: Stage) -> CaseView:
    return await stage.owner.case(stage.told.case_id)


async def _step(stage: Stage, step: str, state: str) -> Seen:
    """Wait until *step* is *state* at all its offices; gives the first such fact."""
    name = f'"step":"{EVENT}/{step}"'
    count = sum(one.step == f"{EVENT}/{step}" for one in (await _view(stage)).steps)
    found = await stage.watch.until(
        f"{step} {state}",
        lambda seen: (
            seen.topic == STEP
            and seen.record.key == stage.told.case_id
            and seen.record.type == f"cases.step.{state}.v1"
            and name in seen.text.replace(" ", "")
        ),
        count=count,
    )
    return found[0]


async def _task_of(stage: Stage, step: str) -> str:
    """Give the id of the task of a step that one office has, from the deliveries that passed on the bus."""
    rows = await stage.rows("cases", "SELECT task_id::text FROM step WHERE case_id = $1::uuid AND step = $2",
                            stage.told.case_id, f"{EVENT}/{step}")  # fmt: skip
    return str(rows[0][0])


def _visit(step: StepView) -> str:
    deadline = f", due {step.deadline:%Y-%m-%d}" if step.deadline and step.state == "tasked" else ""
    return f"{deadline}, visit on {step.visit.on}" if step.visit else deadline


async def count(stage: Stage) -> None:
    """Name what must not have passed on the bus in the clear."""
    await end.settle(stage)
    stage.told.secrets = [
        *(stage.numbers[name] for name in (OWNER, EMPLOYEE)),
        TRADE_NAME,
        FORM["bankAccount"],
        "Lotus Lane",
    ]
