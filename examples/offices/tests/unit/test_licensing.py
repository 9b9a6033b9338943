# SPDX-License-Identifier: EUPL-1.2
"""Market regulation's desk: food licences, and news of fire checks that were false."""

from pathlib import Path

from contracts.envelopes import Share
from example_offices.drawer import Drawer
from example_offices.licensing import Desk

from .doubles import FakeOffice, delivery, need, order, task


async def test_a_food_licence_is_issued_by_rule_and_named_in_the_log(tmp_path: Path) -> None:
    office, said = FakeOffice(), list[str]()
    drawer = Drawer(tmp_path / "drawer.sqlite")
    desk = Desk(office, drawer, said.append, habit="premises-use")  # type: ignore[arg-type]
    asked = task("food-licence/f1", [order("food-licence")], needs=[need("title"), need("staff-health", "staff")])
    for one in office.knows(asked):
        await desk.take(one)
    drawer.close()
    [approved] = office.approved
    number = approved["claims"]["number"]
    assert number.startswith("JY")
    assert f"task {asked.task_id}: licence {number} issued (1.2.3), food-licence" in said
    assert f"task {asked.task_id}: asking for premises-use refused, HELD_BY_OFFICE (409)" in said


async def test_a_fire_check_that_was_false_leads_to_a_second_look(tmp_path: Path) -> None:
    office, said = FakeOffice(), list[str]()
    drawer = Drawer(tmp_path / "drawer.sqlite")
    office.bodies["s"] = Share.model_validate(
        {"share_id": "S" * 43, "grant_id": "G-0293", "fact": "revoked", "type": "fire-check",
         "office": "11999900000000078B", "certificate_version": 2, "status": "03"}
    )  # fmt: skip
    await Desk(office, drawer, said.append).take(delivery("share", "s"))  # type: ignore[arg-type]
    drawer.close()
    assert said == [
        "fire-check revoked, status 03, under grant G-0293",
        "fire-check was false: a look at the premises is due",
    ]
