# SPDX-License-Identifier: EUPL-1.2
"""The story of a food licence, points 1 to 5: from one call of a citizen to the tax office's ledger."""

import time
from dataclasses import dataclass, field

from contracts.cases import CaseView
from contracts.topics import CASE, CERTIFICATE, ask_topic, envelope_topic
from local_stack.demo_bus import Seen, Watch
from local_stack.demo_programs import Program
from local_stack.demo_screen import Screen
from local_stack.demo_target import Target
from local_stack.demo_told import Told
from local_stack.errors import StackError
from local_stack.table import HEALTH, MARKET_REGULATION, NATURAL_RESOURCES, TAX
from tongban import Citizen, Office, jose

OWNER, EMPLOYEE = "shop-owner", "cook"
TRADE_NAME = "Lotus Kitchen"
PAPER = "premises-use"
"""What a clerk of the old school would still want from the applicant."""


@dataclass
class Stage:
    """Everybody who plays a part. numbers: persona -> citizen's number. hops: (what, milliseconds)."""

    target: Target
    screen: Screen
    watch: Watch
    told: Told
    numbers: dict[str, str]
    owner: Citizen
    employee: Citizen
    licensing_office: Office
    tax_office: Office
    licensing: Program
    tax: Program
    hops: list[tuple[str, float]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    handle: str = ""
    task_id: str = ""
    task_envelope: str = ""
    number: str = ""
    """The new licence's."""

    async def of_case(self, what: str, topic: str, kind: str) -> Seen:
        """Wait for a record of this case on *topic* whose type begins with *kind*."""
        case_id = self.told.case_id

        def matches(seen: Seen) -> bool:
            mine = case_id in (seen.record.attributes.get("caseid"), seen.record.key)
            return mine and seen.topic == topic and seen.record.type.startswith(kind)

        (found,) = await self.watch.until(what, matches)
        return found


async def apply(stage: Stage) -> None:
    """Point 1: one call, no upload."""
    began = time.monotonic()
    stage.handle = await stage.owner.handle(stage.numbers[EMPLOYEE])
    stage.hops.append(("employee's number becomes a handle (identity)", _ms(began)))
    stage.screen.say(
        f"{OWNER} turns her employee's number into a handle at identity: {len(stage.handle)} sealed characters, "
        "the same shape for a number that nobody has"
    )
    began = time.monotonic()
    view = await stage.owner.open_case(
        "food-licence", subjects={"staff": [stage.handle]}, data={"tradeName": TRADE_NAME}
    )
    stage.hops.append(("application taken (cases)", _ms(began)))
    stage.told.case_id = view.case_id
    stage.screen.say(f"then one call, POST /v1/cases: case {view.case_id} is open. Uploads: {view.uploads}")


async def gather(stage: Stage) -> None:
    """Point 2: cases asks the holders, for the office that decides."""
    stage.screen.say(
        "cases asks, for market regulation: health about the employee (law), land about the owner (request)"
    )
    for holder in (HEALTH, NATURAL_RESOURCES):
        ask = await stage.of_case("the ask to a holder", ask_topic(holder), "evidence.ask")
        _check_sealed(stage, ask)
        (answer,) = await stage.watch.until(
            "the answer",
            lambda seen, ask=ask: (  # type: ignore[misc]
                seen.topic == envelope_topic(MARKET_REGULATION) and seen.record.key == ask.record.key
            ),
        )
        _check_sealed(stage, answer)
        stage.hops.append((f"{stage.screen.name(holder)}: asked, checked, answered", _between_ms(ask, answer)))
    stage.screen.say("each holder checked list, grant and case proof itself, and wrote a receipt; its answer is sealed")
    stage.screen.say("to market regulation: cases and the platform move it and can't open it")


async def decide(stage: Stage) -> None:
    """Point 3: the office's own system decides and issues; the fact completes the case."""
    task = await stage.of_case("the task", envelope_topic(MARKET_REGULATION), "envelope.task")
    _check_sealed(stage, task)
    stage.task_id, stage.task_envelope = task.record.key, task.text
    line = await stage.licensing.line(f"task {stage.task_id}: licence")
    stage.number = line.partition(": licence ")[2].partition(" ")[0]
    fact = await stage.of_case("the licence's fact", CERTIFICATE, "certificates.certificate.issued")
    stage.hops.append(("task in the inbox, evidence verified, licence issued", _between_ms(task, fact)))
    closed = await stage.of_case("the end of the case", CASE, "cases.case.closed")
    stage.hops.append(("issued fact closes the case", _between_ms(fact, closed)))
    view = await stage.owner.case(stage.told.case_id)
    stage.told.certificate_id = _certificate_of(view)
    stage.screen.say(f"{OWNER} looks at her case: {view.state}, licence {stage.told.certificate_id}")
    opened = await stage.of_case("the beginning of the case", CASE, "cases.case.opened")
    stage.hops.append(("the whole case", _between_ms(opened, closed)))


async def share(stage: Stage) -> None:
    """Point 4: tax hears of it without asking, as far as it was granted to."""
    line = await stage.tax.line("food-licence issued", stage.number)
    (sealed,) = await _shares(stage, 1)
    fact = next(seen for seen in stage.watch.seen if _is_fact(stage, seen, "issued"))
    stage.hops.append(("licence shared with tax", _between_ms(fact, sealed)))
    fields = line.partition("(")[2].partition(")")[0]
    stage.screen.say(f"sealed to tax, minimised to what grant G-0902 names: {fields}")


async def suspend(stage: Stage) -> None:
    """Point 5: suspension and reinstatement reach tax too, in order."""
    office, certificate_id = stage.licensing_office, stage.told.certificate_id
    stage.screen.say("market regulation suspends the licence")
    changed = await office.suspend(certificate_id, 1, reason="inspection due")
    await stage.tax.line("food-licence suspended", stage.number)
    stage.screen.say("and reinstates it")
    await office.reinstate(certificate_id, changed.version, reason="inspection passed")
    await stage.tax.line("food-licence reinstated", stage.number)
    shares = await _shares(stage, 3)
    for name, sealed in zip(("suspension", "reinstatement"), shares[1:], strict=True):
        fact = next(seen for seen in stage.watch.seen if _is_fact(stage, seen, name[:5]))
        stage.hops.append((f"{name} shared with tax", _between_ms(fact, sealed)))


def _check_sealed(stage: Stage, seen: Seen) -> None:
    """Make sure that an envelope is sealed to the office whose topic it is on. Raises StackError (`NOT_SEALED`)."""
    receiver = stage.licensing_office.directory.receivers().get(jose.kid_of(seen.text))
    if receiver is None or receiver[0] != seen.topic.split(".")[-2]:
        raise StackError("NOT_SEALED", f"a record on {seen.topic} is sealed to {receiver}")


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
        _check_sealed(stage, sealed)
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


def _between_ms(first: Seen, then: Seen) -> float:
    return (then.record.time - first.record.time).total_seconds() * 1000


def _ms(began: float) -> float:
    return (time.monotonic() - began) * 1000
