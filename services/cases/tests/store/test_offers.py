# SPDX-License-Identifier: EUPL-1.2
"""What a case can be whole without: steps that were chosen beside it, and offers, which end by themselves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cases.domain.clocks import Pulse
from cases.errors import OfferNotOpen
from cases.service import Clocks, Offers, Viewing
from contracts.cases import MoveClock, RecordOutage
from contracts.catalogue import Catalogue, Responsibility
from contracts.catalogue.check import check

from .conftest import NOW, House
from .lists import lists_for
from .shop import ATTESTS, DESK, FIRE, HRSS, MARKET, SHOP, SIGNS, SILENCE, TAX, TOBACCO, Story
from .test_life_events import licensed

PULSE = Pulse(timedelta(minutes=1), timedelta())
REST = ((TAX, "r3"), (HRSS, "r3"), (MARKET, "r4"), (FIRE, "r5"), (SIGNS, "r6"), (DESK, "r8"))


@pytest.fixture
def story(house: House) -> Story:
    house.parts = replace(house.parts, sandbox=True)
    house.viewing = Viewing(house.parts)
    return Story(house)


async def _days_pass(story: Story, days: int) -> int:
    """Let working days pass on the clock of deadlines while we live; gives how many offers moved."""
    clocks = Clocks(story.house.parts, _answers, PULSE)
    async with story.house.db.transaction() as tx:
        await tx.execute("DELETE FROM outbox_todo")  # the bus has it all
    await clocks.move(MoveClock(working_days=days), story.idem())
    assert await clocks.beat()
    return await Offers(story.house.parts, PULSE).lapse()


async def _answers() -> bool:
    return True


async def _rest_done(story: Story) -> None:
    for office, step in REST:
        await story.approve(office, step)


async def test_a_case_is_not_refused_by_a_step_that_it_is_whole_without(story: Story) -> None:
    case_id = await licensed(story, services=[*_services(), "tobacco-licence"])
    await story.refuse(TOBACCO, "r7")
    await story.take(case_id, "o1", accept=False)
    await _rest_done(story)
    view = await story.house.view(case_id)
    refused = await story.step(case_id, "r7")
    assert (view.state, refused.state, refused.code) == ("completed", "refused", "KITCHEN_TOO_SMALL")


def _services() -> list[str]:
    return ["business-licence", "employer-and-tax", "food-licence", "fire-check", "shop-sign", "opening-notice",
            "food-advice"]  # fmt: skip


async def test_an_offer_shows_its_end_and_lapses_with_it(story: Story) -> None:
    case_id = await licensed(story)
    await _rest_done(story)
    offered = await story.step(case_id, "o1")
    assert (offered.state, offered.deadline is not None and offered.deadline > NOW) == ("offered", True)
    assert (await story.house.view(case_id)).state == "open"
    assert await _days_pass(story, 4) == 0
    assert await _days_pass(story, 1) == 1
    view, lapsed = await story.house.view(case_id), await story.step(case_id, "o1")
    assert (view.state, lapsed.state, lapsed.code, lapsed.deadline) == ("completed", "skipped", "OFFER_LAPSED", None)
    story.house.now = NOW + timedelta(minutes=1)
    with pytest.raises(OfferNotOpen):
        await _take_open(story, case_id)


async def _take_open(story: Story, case_id: str) -> None:
    """Answer the offer in a case that is still open for other reasons."""
    async with story.house.db.transaction() as tx:
        await tx.execute("UPDATE case_file SET state = 'open' WHERE case_id = $1", case_id)
    await story.take(case_id, "o1", accept=True)


async def test_an_offer_that_no_list_has_an_end_for_lasts_thirty_working_days(story: Story) -> None:
    read, _ = check(lists_for(SHOP, ATTESTS, SILENCE), test_area=True)
    left = [e for e in read if not (isinstance(e, Responsibility) and e.step == "open-shop/o1")]
    story.house.catalogue = Catalogue(story.house.catalogue.release + 1, left)
    case_id = await licensed(story)
    assert await _days_pass(story, 29) == 0
    assert await _days_pass(story, 1) == 1
    assert (await story.step(case_id, "o1")).code == "OFFER_LAPSED"


async def test_an_outage_of_ours_prolongs_an_offer(story: Story) -> None:
    case_id = await licensed(story)
    before = (await story.step(case_id, "o1")).deadline
    said = RecordOutage(from_=NOW + timedelta(hours=1), to=NOW + timedelta(hours=3))
    await Clocks(story.house.parts, _answers, PULSE).record_outage(said, story.idem())
    assert before is not None
    assert (await story.step(case_id, "o1")).deadline == before + timedelta(hours=2)
    assert await _days_pass(story, 5) == 0
    assert await _days_pass(story, 1) == 1


async def test_an_offer_that_was_taken_has_the_clock_of_its_task(story: Story) -> None:
    case_id = await licensed(story)
    await _days_pass(story, 3)
    await story.take(case_id, "o1", accept=True)
    taken = await story.step(case_id, "o1")
    assert (taken.state, await _days_pass(story, 4)) == ("tasked", 0)
    assert (await story.step(case_id, "o1")).state == "tasked"


async def test_an_offer_of_before_gets_an_end_first(story: Story) -> None:
    case_id = await licensed(story)
    async with story.house.db.transaction() as tx:
        await tx.execute("UPDATE step SET deadline = NULL, tasked_at = NULL WHERE state = 'offered'")
    assert await _days_pass(story, 1) == 1
    offered = await story.step(case_id, "o1")
    assert (offered.state, offered.deadline is not None) == ("offered", True)
    assert await _days_pass(story, 5) == 1
    assert (await story.step(case_id, "o1")).state == "skipped"
