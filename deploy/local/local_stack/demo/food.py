# SPDX-License-Identifier: EUPL-1.2
"""The story of a food licence, points 1 to 5: from one call of a citizen to the tax office's ledger."""

import time

from contracts.cases import CaseView
from contracts.topics import CASE, CERTIFICATE, ask_topic, envelope_topic
from local_stack.demo.bus import Seen
from local_stack.demo.stage import OWNER, Stage, between_ms, ms_since
from local_stack.errors import StackError
from local_stack.offices import HEALTH, MARKET_REGULATION, NATURAL_RESOURCES, TAX

TRADE_NAME = "Lotus Kitchen"


async def apply(stage: Stage) -> None:
    """Point 1: one call, no upload."""
    await stage.handle_of_employee()
    began = time.monotonic()
    view = await stage.owner.open_case(
        "food-licence", subjects={"staff": [stage.handle]}, data={"tradeName": TRADE_NAME}
    )
    stage.hops.append(("application taken (cases)", ms_since(began)))
    stage.told.case_id = view.case_id
    stage.screen.say(f"then one call, POST /v1/cases: case {view.case_id} is open. Uploads: {view.uploads}")


async def gather(stage: Stage) -> None:
    """Point 2: cases asks the holders, for the office that decides."""
    stage.screen.say(
        "cases asks, for market regulation: health about the employee (law), land about the owner (request)"
    )
    for holder in (HEALTH, NATURAL_RESOURCES):
        ask = await stage.of_case("the ask to a holder", ask_topic(holder), "evidence.ask")
        stage.check_sealed(ask)
        (answer,) = await stage.watch.until(
            "the answer",
            lambda seen, ask=ask: (  # type: ignore[misc]
                seen.topic == envelope_topic(MARKET_REGULATION) and seen.record.key == ask.record.key
            ),
        )
        stage.check_sealed(answer)
        stage.hops.append((f"{stage.screen.name(holder)}: asked, checked, answered", between_ms(ask, answer)))
    stage.screen.say("each holder checked list, grant and case proof itself, and wrote a receipt; its answer is sealed")
    stage.screen.say("to market regulation: cases and the platform move it and can't open it")


async def decide(stage: Stage) -> None:
    """Point 3: the office's own system decides and issues; the fact completes the case."""
    task = await stage.of_case("the task", envelope_topic(MARKET_REGULATION), "envelope.task")
    stage.check_sealed(task)
    stage.task_id, stage.task_envelope = task.record.key, task.text
    line = await stage.programs["licensing"].line(f"task {stage.task_id}: licence")
    stage.number = line.partition(": licence ")[2].partition(" ")[0]
    fact = await stage.of_case("the licence's fact", CERTIFICATE, "certificates.certificate.issued")
    stage.hops.append(("task in the inbox, evidence verified, licence issued", between_ms(task, fact)))
    closed = await stage.of_case("the end of the case", CASE, "cases.case.closed")
    stage.hops.append(("issued fact closes the case", between_ms(fact, closed)))
    view = await stage.owner.case(stage.told.case_id)
    stage.told.certificate_id = _certificate_of(view)
    stage.screen.say(f"{OWNER} looks at her case: {view.state}, licence {stage.told.certificate_id}")
    opened = await stage.of_case("the beginning of the case", CASE, "cases.case.opened")
    stage.hops.append(("the whole case", between_ms(opened, closed)))


async def share(stage: Stage) -> None:
    """Point 4: tax hears of it without asking, as far as it was granted to."""
    line = await stage.programs["tax"].line("food-licence issued", stage.number)
    (sealed,) = await _shares(stage, 1)
    fact = next(seen for seen in stage.watch.seen if _is_fact(stage, seen, "issued"))
    stage.hops.append(("licence shared with tax", between_ms(fact, sealed)))
    fields = line.partition("(")[2].partition(")")[0]
    stage.screen.say(f"sealed to tax, minimised to what grant G-0902 names: {fields}")


async def suspend(stage: Stage) -> None:
    """Point 5: suspension and reinstatement reach tax too, in order."""
    office, certificate_id = stage.offices["licensing"], stage.told.certificate_id
    stage.screen.say("market regulation suspends the licence")
    changed = await office.suspend(certificate_id, 1, reason="inspection due")
    await stage.programs["tax"].line("food-licence suspended", stage.number)
    stage.screen.say("and reinstates it")
    await office.reinstate(certificate_id, changed.version, reason="inspection passed")
    await stage.programs["tax"].line("food-licence reinstated", stage.number)
    shares = await _shares(stage, 3)
    for name, sealed in zip(("suspension", "reinstatement"), shares[1:], strict=True):
        fact = next(seen for seen in stage.watch.seen if _is_fact(stage, seen, name[:5]))
        stage.hops.append((f"{name} shared with tax", between_ms(fact, sealed)))


async def _shares(stage: Stage, count: int) -> list[Seen]:
    """Wait for the envelopes to tax about this demo's licence: the first share since it was issued names the key."""
    issued = next(seen for seen in stage.watch.seen if _is_fact(stage, seen, "issued"))
    (first, *_) = await stage.watch.until(
        "the share to tax",
        lambda seen: (
            seen.topic == envelope_topic(TAX) and seen.record.keyseq == 1 and seen.record.time >= issued.record.time
        ),
    )
    shares = await stage.watch.until(
        "the shares to tax",
        lambda seen: seen.topic == first.topic and seen.record.key == first.record.key,
        count=count,
    )
    for sealed in shares:
        stage.check_sealed(sealed)
    return shares


def _is_fact(stage: Stage, seen: Seen, kind: str) -> bool:
    known = stage.told.certificate_id
    of_case = seen.record.attributes.get("caseid") == stage.told.case_id
    mine = seen.record.key == known if known else of_case
    return seen.topic == CERTIFICATE and mine and f".{kind}" in seen.record.type


def _certificate_of(view: CaseView) -> str:
    found = [step.certificate_id for step in view.steps if step.certificate_id]
    if view.state != "completed" or not found:
        raise StackError("CASE_NOT_COMPLETED", f"the case is {view.state}")
    return found[0]
