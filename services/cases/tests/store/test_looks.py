# SPDX-License-Identifier: EUPL-1.2
"""What cases looks for stays quick beside a great many finished cases."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from cases import domain, store
from kit.db import Queries
from kit.db.queries import Row

from .conftest import House
from .shop import DESK, FIRE, HRSS, MARKET, NOODLES, SIGNS, TAX, Story

ID = str(uuid4())
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TABLES = ("case_file", "case_subject", "step", "need", "issue_alias", "step_certificate", "alias", "demand_refused")
"""Tables that only grow."""
LOOKS: dict[str, Callable[[Queries], Awaitable[object]]] = {
    "steps to start": lambda tx: store.steps_to_prepare(tx, [ID], 16),
    "asks to go on": lambda tx: store.needs_to_go_on(tx, [ID], 16),
    "asks to send": lambda tx: store.unsent_needs(tx, [ID], 16),
    "tasks to seal": lambda tx: store.steps_to_seal(tx, [ID], 16),
    "tasks due": lambda tx: store.steps_due(tx, NOW, [ID], 16),
    "offers due": lambda tx: store.offers_due(tx, NOW, [ID], 16),
    "a case to lock": lambda tx: store.lock_case(tx, ID),
    "a case of an applicant": lambda tx: store.case_of_applicant(tx, ID, "o" * 43),
    "what was given": lambda tx: store.given_fields(tx, ID),
    "subjects": lambda tx: store.subjects_of(tx, ID),
    "steps of a case": lambda tx: store.steps_of_case(tx, ID),
    "a step by its task": lambda tx: store.step_of_task(tx, ID),
    "steps by their certificate": lambda tx: store.steps_of_certificate(tx, ID),
    "needs of a step": lambda tx: store.needs_of_step(tx, ID),
    "a need by its exchange": lambda tx: store.lock_need_of_exchange(tx, ID),
    "orders of a step": lambda tx: store.orders_of(tx, ID),
    "certificates of a step": lambda tx: store.certificates_of(tx, ID),
    "aliases": lambda tx: store.aliases_of(tx, "o" * 43),
    "refused demands": lambda tx: store.demands_refused(tx, ID),
}


class Planner:
    """Takes statements as a connection does; gives no rows, and keeps how the server would find them."""

    def __init__(self, tx: Queries) -> None:
        self._tx = tx
        self.plan = ""

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        explain = f"EXPLAIN {query}"
        rows = await self._tx.fetch(explain, *args)
        self.plan += "\n".join(row[0] for row in rows) + "\n"
        return []

    async def fetchrow(self, query: str, *args: object) -> None:
        await self.fetch(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        await self.fetch(query, *args)
        return 0


async def test_everything_is_found_by_an_index(house: House) -> None:
    async with house.db.transaction() as tx:
        # Where there is an index, the server may not read the whole table now; where there is none, it must.
        await tx.execute("SET LOCAL enable_seqscan = off")
        read_whole = {name: await tables_read_whole(tx, look) for name, look in LOOKS.items()}
    assert {name: tables for name, tables in read_whole.items() if tables} == {}


async def tables_read_whole(tx: Queries, look: Callable[[Queries], Awaitable[object]]) -> list[str]:
    planner = Planner(tx)
    await look(cast("Queries", planner))
    assert planner.plan
    found = [line.split("Seq Scan on ")[1].split()[0] for line in planner.plan.splitlines() if "Seq Scan on " in line]
    return [table for table in found if table in TABLES]


async def test_what_can_start_is_kept_by_whatever_changes_a_step(house: House) -> None:
    story = Story(house)
    await story.open(services=["business-licence"], input={"tradeName": "Noodles"})
    case_id = await story.open()
    assert await _agrees(house) == 2
    await story.run()
    await _agrees(house)
    task = await story.task(MARKET, "r1")
    for fact in [story.fact(MARKET, task, order.type, organisation=NOODLES) for order in task.issues]:
        await house.hear(fact)
    assert await _agrees(house) > 0
    await story.run()
    for office, step in ((TAX, "r3"), (HRSS, "r3"), (MARKET, "r4"), (SIGNS, "r6")):
        await story.approve(office, step)
    await _passes_silently(house, case_id, "r5")
    assert await _agrees(house) == 0  # what it issues isn't here yet
    task = await story.task(FIRE, "r5")
    await house.hear(story.fact(FIRE, task, "fire-check", organisation=NOODLES))
    assert await _agrees(house) > 0
    await story.run()
    await story.approve(DESK, "r8")
    await _back_to_waiting(house, case_id, "r8")
    assert await _agrees(house) > 0
    await _back_to_waiting(house, case_id, "r5")
    assert await _agrees(house) == 1  # r5 itself; r8 waits for it


async def _agrees(house: House) -> int:
    """Compare what is looked for with what the rules say of every case; gives how many steps can start."""
    async with house.db.read() as tx:
        found = await store.steps_to_prepare(tx, [], 100)
        marked = await tx.fetch("SELECT step_id FROM step WHERE state = 'waiting' AND may_start")
        rows = await tx.fetch("SELECT case_id FROM case_file WHERE state = 'open'")
        cases = {str(row["case_id"]): await store.steps_of_case(tx, str(row["case_id"])) for row in rows}
    can = [s for steps in cases.values() for s in steps if domain.can_start(s, steps)]
    assert {str(row["step_id"]) for row in marked} == {s.step_id for s in can}
    assert set(found) == {s.case_id for s in can}
    return len(can)


async def _passes_silently(house: House, case_id: str, name: str) -> None:
    async with house.db.transaction() as tx:
        step = next(s for s in await store.steps_of_case(tx, case_id) if s.name == name)
        await store.store_step(tx, replace(step, state="done", deemed=True))


async def _back_to_waiting(house: House, case_id: str, name: str) -> None:
    async with house.db.transaction() as tx:
        step = next(s for s in await store.steps_of_case(tx, case_id) if s.name == name)
        await store.store_step(tx, replace(step, state="waiting"))


async def test_the_look_for_work_reads_only_what_can_start(house: House) -> None:
    async with house.db.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        planner = Planner(tx)
        await store.steps_to_prepare(cast("Queries", planner), [ID], 16)
    assert "step_to_start" in planner.plan
