# SPDX-License-Identifier: EUPL-1.2
"""The end of the story, points 6 and 7: three refusals, and everybody whose data moved reads who looked."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg

from contracts.envelopes import LegalBasis, Task
from contracts.exchange_bus import AskEvidence, PersonSubject, Subject
from contracts.ids import uuid7
from contracts.ledger import AccessView, ReceiptView
from contracts.topics import RECEIPT, ask_topic, envelope_topic
from kit.clock import system_clock
from local_stack import demo_bus
from local_stack.demo_story import EMPLOYEE, OWNER, PAPER, TRADE_NAME, Stage
from local_stack.errors import StackError
from local_stack.table import DEPLOYMENTS, HEALTH, MARKET_REGULATION, NATURAL_RESOURCES, TAX
from tongban import Citizen, Problem

PATIENCE_S = 40.0


# ------------------------------------------------------------------------------------------------ point 6
async def refuse(stage: Stage) -> None:
    """Point 6: three requests that the rules refuse, each with its code."""
    line = await stage.licensing.line(f"task {stage.task_id}: asking for {PAPER} refused, HELD_BY_OFFICE")
    status = int(line.rpartition("(")[2].rstrip(")"))
    _refused(stage, "market regulation", f"demands {PAPER} from the applicant, which an office holds (before deciding)",
             "HELD_BY_OFFICE", status)  # fmt: skip
    await _expect(stage, "tax", "asks health about the employee: listed, but nobody granted it", "NO_GRANT",
                  lambda: stage.tax_office.ask(_tax_question(stage)))  # fmt: skip
    late = await _late_question(stage)
    await _expect(stage, "market regulation", "asks about the employee once more, now that the case is closed",
                  "CASE_NOT_LIVE", lambda: stage.licensing_office.ask(late))  # fmt: skip


async def _expect(stage: Stage, who: str, what: str, code: str, call: Callable[[], Awaitable[object]]) -> None:
    try:
        await call()
    except Problem as problem:
        if problem.code != code:
            raise StackError("REFUSED_OTHERWISE", f"{who} {what}: {problem.code} instead of {code}") from problem
        _refused(stage, who, what, problem.code, problem.status)
        return
    raise StackError("NOT_REFUSED", f"{who} {what}: nobody refused it with {code}")


def _refused(stage: Stage, who: str, what: str, code: str, status: int) -> None:
    stage.refusals.append(code)
    stage.screen.refusal(who, what, code, status)


def _tax_question(stage: Stage) -> AskEvidence:
    """A question that names the employee well: what is missing is the grant alone."""
    catalogue = stage.tax_office.directory.catalogue
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
    await _until(stage, "exchange-bus", closed, "exchange-bus learns that the case is closed", stage.told.case_id)
    task = (await stage.licensing_office.open(stage.task_envelope)).body
    if not isinstance(task, Task):
        raise StackError("NO_TASK", "what came as the task is none")
    catalogue = stage.licensing_office.directory.catalogue
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


# ------------------------------------------------------------------------------------------------ point 7
async def look(stage: Stage) -> None:
    """Point 7: citizen and employee list who looked; every receipt of every side must be verified."""
    await settle(stage)
    now = system_clock()
    stage.told.until = now.replace(microsecond=now.microsecond // 1000 * 1000)
    for persona, person in ((OWNER, stage.owner), (EMPLOYEE, stage.employee)):
        view = await _all_verified(stage, persona, person)
        mine = _of_the_past(stage, view)
        new = [view for view in mine if view.leaf.time >= stage.told.since]
        stage.screen.receipts(persona, new, before=len(mine) - len(new))
        await _check_herself(stage, persona, person, view)
        stage.told.figures[f"receipts in the list of {persona}, all verified"] = len(new)


async def _check_herself(stage: Stage, persona: str, person: Citizen, view: AccessView) -> None:
    """Let her own app check signatures and chains, by signed records alone. Raises StackError (`RECEIPTS_WRONG`)."""
    where = stage.target
    faults = await person.check(view, trust_file=where.trust_file, state_dir=where.state(f"demo-{persona}"))
    if faults:
        raise StackError("RECEIPTS_WRONG", f"{persona}: {sorted({fault.code for fault in faults})}")
    stage.screen.say(f"{persona}'s own app checked {len(view.receipts)} signatures and every chain by itself: all good")


def _of_the_past(stage: Stage, view: AccessView) -> list[ReceiptView]:
    """Leave out what came after the demo's end: her own looks at the list, for one."""
    until = stage.told.until
    return [one for one in view.receipts if until is None or one.leaf.time < until]


async def _all_verified(stage: Stage, persona: str, person: Citizen) -> AccessView:
    """Read a person's list until nothing in it is incomplete. Raises StackError (`RECEIPTS_NOT_VERIFIED`)."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while True:
        view = await person.all_receipts()
        mine = _of_the_past(stage, view)
        wrong = [one for one in mine if not one.verified]
        if mine and not wrong:
            return view
        if loop.time() > end:
            why = [f"{one.leaf.side} of {one.leaf.exchange_id}: {one.missing_sides}" for one in wrong]
            raise StackError("RECEIPTS_NOT_VERIFIED", f"{persona}: {len(mine)} receipts, not verified: {why}")
        await asyncio.sleep(0.5)


async def settle(stage: Stage) -> None:
    """Wait until nothing is under way any more: no event unsent, no fact unsealed, no receipt on its way."""
    for system in DEPLOYMENTS:
        await _until(stage, system, "SELECT count(*) = 0 FROM outbox_todo", f"{system} has sent all its events")
    for system in (name for name, one in DEPLOYMENTS.items() if one.role == "certificates"):
        await _until(stage, system, "SELECT count(*) = 0 FROM share_todo", f"{system} has sealed all its facts")
        await _until(stage, system, "SELECT count(*) = 0 FROM outbox_todo", f"{system} has sent all its events")
    written = [leaf["receiptId"] for leaf in await _leaves(stage)]
    stored = "SELECT count(*) = cardinality($1::uuid[]) FROM receipt WHERE receipt_id = ANY($1::uuid[])"
    await _until(stage, "ledger", stored, "the ledger has every receipt", written)


async def _leaves(stage: Stage) -> list[dict[str, object]]:
    """Give the leaves of all receipts that were written during the demo."""
    leaves = [leaf for one in await demo_bus.scan(stage.target.kafka, RECEIPT) for leaf in demo_bus.leaves(one)]
    return [leaf for leaf in leaves if stage.told.contains(str(leaf["time"]))]


async def _until(stage: Stage, system: str, query: str, what: str, *arguments: object) -> None:
    connection = await asyncpg.connect(stage.target.dsn(system))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if await connection.fetchval(query, *arguments):
                    return
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise StackError("DEMO_WAITED_IN_VAIN", f"not within {PATIENCE_S:g} s: {what}") from None
    finally:
        await connection.close()


# ------------------------------------------------------------------------------------------------ figures
async def count(stage: Stage) -> None:
    """Put the demo's figures together from what it saw on the bus and heard from the platform."""
    await settle(stage)
    told, seen = stage.told, stage.watch.seen
    inside = await _leaves(stage)
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
