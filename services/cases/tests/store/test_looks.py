# SPDX-License-Identifier: EUPL-1.2
"""What cases looks for stays quick beside a great many finished cases."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from cases import store
from kit.db import Queries
from kit.db.queries import Row

from .conftest import House

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
