# SPDX-License-Identifier: EUPL-1.2
"""The end of the food licence's story: point 6, three refusals; and the figures of the whole."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

from contracts.envelopes import LegalBasis, Task
from contracts.exchange_bus import AskEvidence, PersonSubject, Subject
from contracts.ids import uuid7
from contracts.topics import ask_topic, envelope_topic
from kit.clock import system_clock
from local_stack.demo import end
from local_stack.demo.food import TRADE_NAME
from local_stack.demo.stage import EMPLOYEE, OWNER, PAPER, Stage
from local_stack.errors import StackError
from local_stack.offices import HEALTH, MARKET_REGULATION, NATURAL_RESOURCES, TAX
from tongban import Problem


# ------------------------------------------------------------------------------------------------ point 6
async def refuse(stage: Stage) -> None:
    """Point 6: three requests that the rules refuse, each with its code."""
    line = await stage.programs["licensing"].line(f"task {stage.task_id}: asking for {PAPER} refused, HELD_BY_OFFICE")
    status = int(line.rpartition("(")[2].rstrip(")"))
    stage.refused("market regulation", f"demands {PAPER} from the applicant, which an office holds (before deciding)",
             "HELD_BY_OFFICE", status)  # fmt: skip
    await _expect(stage, "tax", "asks health about the employee: listed, but nobody granted it", "NO_GRANT",
                  lambda: stage.offices["tax"].ask(_tax_question(stage)))  # fmt: skip
    late = await _late_question(stage)
    await _expect(stage, "market regulation", "asks about the employee once more, now that the case is closed",
                  "CASE_NOT_LIVE", lambda: stage.offices["licensing"].ask(late))  # fmt: skip


async def _expect(stage: Stage, who: str, what: str, code: str, call: Callable[[], Awaitable[object]]) -> None:
    try:
        await call()
    except Problem as problem:
        if problem.code != code:
            raise StackError("REFUSED_OTHERWISE", f"{who} {what}: {problem.code} instead of {code}") from problem
        stage.refused(who, what, problem.code, problem.status)
        return
    raise StackError("NOT_REFUSED", f"{who} {what}: nobody refused it with {code}")


def _tax_question(stage: Stage) -> AskEvidence:
    """A question that names the employee well: what is missing is the grant alone."""
    catalogue = stage.offices["tax"].directory.catalogue
    invented = str(uuid7())
    stage.told.other_cases.append(invented)
    return AskEvidence(
        case_id=invented,
        step="food-licence/f1",
        case_proof="e30.e30.AA",
        entry="P-0901",
        release=catalogue.release,
        type="staff-health",
        type_version=1,
        fields=["result"],
        subject=Subject(person=PersonSubject(platform=stage.handle, holders={HEALTH: stage.handle})),
        purpose="tax-registration",
        legal_basis=LegalBasis(kind="law", provision="Tax Collection Law"),
        deadline=system_clock() + timedelta(seconds=60),
    )


async def _late_question(stage: Stage) -> AskEvidence:
    """Ask about the employee once more, with the very case proof that came with the task.

    Only after exchange-bus knows that the case is closed: a second too early it would be another case's matter.
    """
    closed = "SELECT count(*) = 1 FROM closed_case WHERE case_id = $1"
    await stage.until("exchange-bus", closed, "exchange-bus learns that the case is closed", stage.told.case_id)
    task = (await stage.offices["licensing"].open(stage.task_envelope)).body
    if not isinstance(task, Task):
        raise StackError("NO_TASK", "what came as the task is none")
    catalogue = stage.offices["licensing"].directory.catalogue
    return AskEvidence(
        case_id=task.case_id,
        step=task.step,
        case_proof=task.case_proof,
        entry="P-0205",
        release=catalogue.release,
        type="staff-health",
        type_version=1,
        fields=["result"],
        subject=Subject(person=PersonSubject(platform=stage.handle, holders={HEALTH: stage.handle})),
        purpose="staff-health-check",
        legal_basis=LegalBasis(kind="law", provision="Food Safety Law"),
        deadline=system_clock() + timedelta(seconds=60),
    )


# ------------------------------------------------------------------------------------------------ figures
async def count(stage: Stage) -> None:
    """Put the demo's figures together from what it saw on the bus and heard from the platform."""
    await end.settle(stage)
    told, seen = stage.told, stage.watch.seen
    inside = await end.leaves_of(stage)
    sides = Counter(str(leaf["side"]) for leaf in inside)
    of_case = [one for one in seen if one.record.attributes.get("caseid") == told.case_id]
    in_market = [one for one in seen if one.topic == envelope_topic(MARKET_REGULATION)]
    told.figures = {
        "uploads": (await stage.owner.case(told.case_id)).uploads,
        "offices involved": sorted({MARKET_REGULATION, HEALTH, NATURAL_RESOURCES, TAX} & _parties(stage)),
        "asks sealed to holders": sum(one.topic in map(ask_topic, (HEALTH, NATURAL_RESOURCES)) for one in seen),
        "answers sealed to market regulation": sum(one.record.type == "envelope.answer.v1" for one in in_market),
        "tasks sealed to market regulation": sum(one.record.type == "envelope.task.v1" for one in in_market),
        "shares sealed to tax": sum(one.topic == envelope_topic(TAX) for one in seen),
        "facts about the licence": [
            one.record.type.split(".")[2] for one in seen if one.record.key == told.certificate_id
            and one.topic == "certificates.certificate.v1"
        ],
        "refusals": sorted(stage.refusals),
        "receipts written": len(inside),
        **{f"receipts written, side {side}": number for side, number in sorted(sides.items())},
        **told.figures,
    }  # fmt: skip
    told.secrets = [*(stage.numbers[name] for name in (OWNER, EMPLOYEE)), TRADE_NAME, "Lotus Lane"]
    if not of_case:
        raise StackError("NOTHING_SEEN", "no record of the case passed on the bus")


def _parties(stage: Stage) -> set[str]:
    """Name the offices that wrote to the bus, or that something was sealed to."""
    found = {
        one.topic.split(".")[-2] for one in stage.watch.seen if one.topic.startswith(("evidence.ask.", "envelope."))
    }
    return found | {one.record.source.split("/")[2] for one in stage.watch.seen}
