# SPDX-License-Identifier: EUPL-1.2
"""An applicant who wishes to see what would go before it goes: her wish in the asks, her list, and how it ends."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from cases import store
from cases.consumers import RequestStates
from cases.domain import Need
from contracts.cases import CaseView, PreviewDue
from contracts.catalogue import Catalogue, Proof
from contracts.catalogue.entries import Clocks
from contracts.exchange_bus import AskEvidence, EvidenceRequest
from contracts.identity import SystemRecord
from contracts.ids import uuid7
from contracts.previews import PreviewAt
from kit.events import Record

from .conftest import MARKET, NOW, House
from .shop import Story
from .test_cases import gathered, opened_task
from .test_life_events import licensed, story

__all__ = ["story"]

HOUR, LOOKS = timedelta(hours=1), timedelta(minutes=16 + 41)
UNTIL = NOW + timedelta(minutes=15)
LAND = "11999900000000107N"


def rules(house: House, *entries: str, **change: Any) -> None:
    """Bring a release into force in which these proof entries (all without any) differ."""
    changed = [
        one.model_copy(update=change) if isinstance(one, Proof) and (not entries or one.id in entries) else one
        for one in house.catalogue.entries
    ]
    house.catalogue = Catalogue(house.catalogue.release + 1, changed)


def asked(house: House) -> Mapping[str, AskEvidence]:
    """Give the asks that went out, by type."""
    return {a.type: a for a in (AskEvidence.model_validate_json(body) for body, _ in house.bus.asks.values())}


def waits(house: House, kind: str) -> tuple[bool, timedelta]:
    """Give whether she wishes to look first, and how long is waited."""
    ask = asked(house)[kind]
    return ask.preview, ask.deadline - house.now


def states(house: House, kind: str, state: str, code: str | None = None) -> list[EvidenceRequest]:
    """Give what exchange-bus says of the asks for a type; `previewing` with where she looks."""
    ids = [a for a, (body, _) in house.bus.asks.items() if AskEvidence.model_validate_json(body).type == kind]
    where = PreviewAt(preview_id=str(uuid7()), deployment="certificates-1", open_until=UNTIL)
    look = {"preview": where} if state == "previewing" else {}
    return [house.bus.state(ask_id, state, code).model_copy(update=look) for ask_id in ids]


async def _unsent(house: House) -> list[Need]:
    async with house.db.read() as tx:
        return await store.unsent_needs(tx, [], 10)


async def told(house: House, kind: str, state: str, code: str | None = None) -> None:
    async with house.db.transaction() as tx:
        await house.gathering.on_request_states(tx, states(house, kind, state, code))


async def listed(house: House, case_id: str) -> list[PreviewDue]:
    return (await house.view(case_id)).previews


# ------------------------------------------------------------------------------------------------------- the wish
async def test_her_wish_goes_with_what_is_about_her_and_is_waited_for(house: House) -> None:
    await gathered(house, previews=True)
    assert waits(house, "title") == (True, HOUR + LOOKS)
    assert waits(house, "staff-health") == (False, HOUR)


async def test_without_her_wish_nothing_is_shown_first(house: House) -> None:
    await gathered(house)
    assert waits(house, "title") == (False, HOUR)


async def test_what_is_required_is_waited_for_without_a_wish_whoever_it_is_about(house: House) -> None:
    rules(house, "P-0204", "P-0205", preview="required")
    await gathered(house)
    assert waits(house, "title") == (False, HOUR + LOOKS)
    assert waits(house, "staff-health") == (False, HOUR + LOOKS)


async def test_she_wishes_nothing_for_others(house: House) -> None:
    rules(house, "P-0205", preview="offered")
    await gathered(house, previews=True)
    assert waits(house, "staff-health") == (False, HOUR)


@pytest.mark.parametrize("preview", ["offered", "required"])
async def test_an_organisation_has_nobody_who_could_look(story: Story, preview: str) -> None:
    rules(story.house, preview=preview)
    await licensed(story, previews=True)
    assert waits(story.house, "business-licence") == (False, HOUR)
    assert waits(story.house, "citizen") == (preview == "offered", HOUR + LOOKS)


async def test_the_next_alternative_keeps_the_wish(story: Story) -> None:
    rules(story.house, preview="offered")
    story.refusing = lambda ask: "NOT_MATCHED" if ask.type == "title" else None
    await story.open(previews=True)
    await story.run()
    assert waits(story.house, "title") == (True, HOUR + LOOKS)
    assert waits(story.house, "lease") == (True, HOUR + LOOKS)


async def test_the_proof_outlives_every_clock_of_its_asks(story: Story) -> None:
    house = story.house
    rules(house, preview="offered", clocks=Clocks(first="PT400H", opening="PT100H", deciding="PT200H"))
    story.refusing = lambda ask: "NOT_MATCHED" if ask.type == "title" else None
    await story.open(previews=True)
    await story.run()
    for kind in ("title", "lease"):
        ask = asked(house)[kind]
        assert ask.deadline == NOW + 700 * HOUR
        assert datetime.fromtimestamp(story.proof(ask.case_proof).exp, NOW.tzinfo) > ask.deadline + 23 * HOUR


# ------------------------------------------------------------------------------------------------------- her list
async def test_what_waits_for_her_look_is_listed_and_the_step_waits_with_it(house: House) -> None:
    case_id = await gathered(house, previews=True)
    assert await listed(house, case_id) == []
    await told(house, "title", "previewing")
    await told(house, "staff-health", "answered")
    [due] = await listed(house, case_id)
    assert (due.deployment, due.open_until, due.step) == ("certificates-1", UNTIL, "food-licence/f1")
    assert (due.holder, due.asker, due.type) == (LAND, MARKET, "title")
    assert await house.sealing.seal_tasks() == 0
    assert (await house.view(case_id)).steps[0].state == "gathering"


@pytest.mark.parametrize(
    ("state", "code", "outcome"),
    [
        ("answered", None, "answered"),
        ("refused", "DECLINED_BY_CITIZEN", "refused"),
        ("refused", "EVIDENCE_TIMEOUT", "refused"),
        ("expired", "EVIDENCE_TIMEOUT", "refused"),
    ],
)
async def test_once_it_is_decided_the_list_is_empty_and_the_task_goes_out(
    house: House, state: str, code: str | None, outcome: str
) -> None:
    case_id = await gathered(house, previews=True)
    await told(house, "title", "previewing")
    await told(house, "title", state, code)
    assert await listed(house, case_id) == []
    assert await house.sealing.seal_tasks() == 0
    await told(house, "staff-health", "answered")
    assert await house.sealing.seal_tasks() == 1
    needs = {need.type: (need.outcome, need.code) for need in (await opened_task(house)).needs}
    assert needs == {"title": (outcome, code), "staff-health": ("answered", None)}


async def test_what_she_declined_is_asked_of_nobody_else(story: Story) -> None:
    rules(story.house, preview="offered")
    story.refusing = lambda ask: "DECLINED_BY_CITIZEN" if ask.type == "title" else None
    await story.open(previews=True)
    await story.run()
    assert "lease" not in asked(story.house)
    refused = {need.code for need in (await story.task(MARKET, "r1")).needs if need.outcome == "refused"}
    assert refused == {"DECLINED_BY_CITIZEN"}


async def test_what_waits_for_somebody_elses_look_is_not_in_her_list(house: House) -> None:
    rules(house, "P-0205", preview="required")
    case_id = await gathered(house, previews=True)
    await told(house, "staff-health", "previewing")
    await told(house, "title", "previewing")
    assert [due.type for due in await listed(house, case_id)] == ["title"]


async def test_a_withdrawn_case_has_nothing_left_to_look_at(story: Story) -> None:
    house = story.house
    rules(house, preview="offered")
    case_id = await story.open(previews=True)
    await house.gathering.prepare_steps()
    await house.gathering.send_asks()
    await told(house, "title", "previewing")
    assert len(await listed(house, case_id)) == 1
    left: CaseView = await story.withdraw(case_id)
    assert left.previews == []


async def test_what_was_asked_for_a_decision_that_counts_no_more_is_not_in_her_list(house: House) -> None:
    case_id = await gathered(house, previews=True)
    await told(house, "title", "previewing")
    async with house.db.transaction() as tx:  # as a step that goes back leaves its needs
        [step] = await store.steps_of_case(tx, case_id)
        await store.leave_needs(tx, [step.step_id])
    assert await listed(house, case_id) == []


async def test_a_place_to_look_at_that_comes_after_the_end_changes_nothing(house: House) -> None:
    case_id = await gathered(house, previews=True)
    await told(house, "title", "answered")
    await told(house, "title", "previewing")
    assert await listed(house, case_id) == []
    await told(house, "staff-health", "answered")
    await house.sealing.seal_tasks()
    assert {need.outcome for need in (await opened_task(house)).needs} == {"answered"}


async def test_a_place_to_look_at_may_be_known_before_the_ask_is_noted_as_sent(house: House) -> None:
    case_id = (await house.open(previews=True)).case_id
    await house.gathering.prepare_steps()
    [unsent] = [need for need in await _unsent(house) if need.type == "title"]
    assert await house.gathering._send(unsent) == 1
    async with house.db.transaction() as tx:
        await tx.execute("UPDATE need SET state = 'unsent', body = $2 WHERE ask_id = $1", unsent.ask_id, unsent.body)
    await told(house, "title", "previewing")
    assert len(await listed(house, case_id)) == 1
    assert unsent.ask_id not in {need.ask_id for need in await _unsent(house)}


async def test_where_she_looks_is_heard_from_exchange_bus_alone(house: House) -> None:
    await gathered(house, previews=True)
    [state] = states(house, "title", "previewing")
    for sender, heard in (("exchange-bus", True), ("certificates-1", False)):
        record = Record(
            "evidence.request.v1", 0, 0, state.request_id, uuid7(), "evidence.request.previewing.v1",
            f"/zz/{MARKET}/{sender}", NOW, 2, {}, state.wire_bytes(),
        )  # fmt: skip
        [item] = await RequestStates(house.gathering, Systems()).prepare([record])
        assert (item == state) is heard


class Systems:
    """Who may say what: exchange-bus its states, a deployment none."""

    ready = True

    def system(self, system_id: str) -> SystemRecord | None:
        role = "exchange-bus" if system_id == "exchange-bus" else "certificates"
        said = {"systemId": system_id, "operator": MARKET, "offices": [], "role": role, "keys": []}
        return SystemRecord.model_validate(said)
