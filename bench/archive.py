# SPDX-License-Identifier: EUPL-1.2
"""Many finished cases in the tables of cases, and what looks at these tables cost then.

The rows are those of one real finished case, multiplied by the server itself: other ids, opened one after another over
the past years, so that they lie before everything that is open.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from bench.report import Row
from bench.world import World
from cases import store
from cases.domain import Need, Step
from kit.db import Queries
from local_stack import databases
from local_stack.table import DEPLOYMENTS

ROUNDS = 20
Look = Callable[[Queries], Awaitable[object]]
ID = "(m.born || substr(md5(m.n || {name}), 1, 19))::uuid"
"""A UUID that begins as the case's time does, like a UUIDv7, and goes on as its name says."""
MADE = """CREATE TEMP TABLE made AS
            SELECT n, at, born, (born || substr(md5('case' || n), 1, 19))::uuid AS case_id FROM (
              SELECT n, at, lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' AS born FROM (
                SELECT n, now() - interval '1 year' - n * interval '5 minutes' AS at
                FROM generate_series(1, $1::int) AS n) AS t) AS t
            ORDER BY at"""
TABLES: Mapping[str, Sequence[str]] = {
    "case_file": (
        "case_id", "life_event", "applicant", "state", "input", "uploads", "text_version", "opened_at", "closed_at",
        "proof_until", "event_seq", "step_event_seq", "lead",
    ),
    "case_subject": ("case_id", "name", "position", "person", "organisation"),
    "step": (
        "step_id", "case_id", "step", "office", "service", "mode", "after_steps", "needs_count", "issues", "state",
        "deadline", "case_proof", "task_id", "task_exchange_id", "certificate_id", "wants", "accountable",
        "input_fields", "commitment", "visit", "visit_days", "visit_on", "tasked_at", "ended_at", "task_seq",
    ),
    "need": (
        "ask_id", "step_id", "position", "type", "subject_name", "subject_position", "proves", "exchange_id", "salt",
        "state", "request_id", "alternatives", "holder",
    ),
    "issue_alias": ("step_id", "type", "alias", "name", "subject_position", "organisation", "amends"),
    "step_certificate": ("step_id", "certificate_id", "type", "version", "provisional"),
}  # fmt: skip
FRESH = frozenset({"step_id", "task_id", "task_exchange_id", "certificate_id", "ask_id", "exchange_id", "request_id"})
"""Ids that each copy has for itself; the same one in two tables stays the same."""
FROM_CASE = "{table} AS r JOIN made AS m ON r.case_id = $1"
FROM_STEP = "{table} AS r JOIN step AS s ON s.step_id = r.step_id AND s.case_id = $1 CROSS JOIN made AS m"


@dataclass(frozen=True)
class Filled:
    """How many rows by table, how many MB of it all, how long it took."""

    cases: int
    counts: Mapping[str, int]
    megabytes: float
    seconds: float


async def fill(world: World, case_id: str, cases: int) -> Filled:
    """Multiply a finished case, and let the server look at what it has now."""
    began, counts = time.monotonic(), {}
    connection = await asyncpg.connect(databases.address(world.stack.superuser_dsn, DEPLOYMENTS["cases"].database))
    try:
        # Each copy refers to copies only: looking that up for millions of rows would take minutes.
        await connection.execute("SET session_replication_role = replica; SET jit = off")
        await connection.execute(MADE, cases)
        for table, columns in TABLES.items():
            counts[table] = await _copy(connection, table, columns, case_id)
        await connection.execute(f"VACUUM (ANALYZE) {', '.join(TABLES)}")
        size = await connection.fetchval(
            "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest($1::text[]) AS t (name)", list(TABLES)
        )
        return Filled(cases, counts, float(size) / 1e6, time.monotonic() - began)
    finally:
        await connection.close()


async def _copy(connection: asyncpg.Connection, table: str, columns: Sequence[str], case_id: str) -> int:
    by_case = "case_id" in columns
    source = (FROM_CASE if by_case else FROM_STEP).format(table=table)
    values = ", ".join(_value(column) for column in columns)
    said = await connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {source}",  # noqa: S608 - our own names
        case_id,
    )
    return int(said.rpartition(" ")[2])


def _value(column: str) -> str:
    if column == "case_id":
        return "m.case_id"
    if column in FRESH:
        made = ID.format(name=f"r.{column}::text")
        return f"CASE WHEN r.{column} IS NOT NULL THEN {made} END"
    return {"opened_at": "m.at", "closed_at": "m.at + interval '9 days'"}.get(column, f"r.{column}")


async def looks(world: World, case_id: str) -> dict[str, float]:
    """Milliseconds of looks that are taken all the time: the worker's, with nothing to be done, and those at one case.

    The quickest of some.
    """
    connection = await asyncpg.connect(world.stack.dsn("cases"), server_settings={"jit": "off"})
    try:
        tx = Queries(connection)
        steps = await store.steps_of_case(tx, case_id)
        step = next(one for one in steps if one.state == "done")
        needs = await store.needs_of_step(tx, step.step_id)
        ways = {**_WORKER, **_of_case(case_id, step, needs[0])}
        return {name: await _quickest(tx, way) for name, way in ways.items()}
    finally:
        await connection.close()


_WORKER: Mapping[str, Look] = {
    "steps to start": lambda tx: store.steps_to_prepare(tx, [], 16),
    "asks to go on": lambda tx: store.needs_to_go_on(tx, [], 16),
    "asks to send": lambda tx: store.unsent_needs(tx, [], 16),
    "tasks to seal": lambda tx: store.steps_to_seal(tx, [], 16),
    "tasks due": lambda tx: store.steps_due(tx, datetime.now(UTC), [], 16),
    "offers due": lambda tx: store.offers_due(tx, datetime.now(UTC), [], 16),
    "tasks refused": store.refused_tasks,
}


def _of_case(case_id: str, step: Step, need: Need) -> dict[str, Look]:
    return {
        "its steps": lambda tx: store.steps_of_case(tx, case_id),
        "its subjects": lambda tx: store.subjects_of(tx, case_id),
        "a step by its task": lambda tx: store.step_of_task(tx, step.task_id or ""),
        "steps by a certificate": lambda tx: store.steps_of_certificate(tx, step.certificate_id or ""),
        "a step's needs": lambda tx: store.needs_of_step(tx, step.step_id),
        "a need by its exchange": lambda tx: store.lock_need_of_exchange(tx, need.exchange_id),
        "a step's orders": lambda tx: store.orders_of(tx, step.step_id),
        "a step's certificates": lambda tx: store.certificates_of(tx, step.step_id),
    }


async def _quickest(tx: Queries, look: Look) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await look(tx)
        took.append((time.perf_counter() - began) * 1e3)
    return min(took)


def table(filled: Filled, before: Mapping[str, float], after: Mapping[str, float]) -> list[Row]:
    """Rows: what looks cost beside so many finished cases, and without them."""
    rows = ", ".join(f"{name} {count:,}" for name, count in filled.counts.items())
    each = ", ".join(f"{name} {after[name]:.2f} ({before[name]:.2f})" for name in after)
    return [
        Row("cases", f"tables with {filled.cases:,} finished cases", filled.megabytes, "MB",
            note=f"{rows}; written in {filled.seconds:.0f} s"),
        Row("cases", "all looks of the worker, and at one case", sum(after.values()), "ms", floor=sum(before.values()),
            floor_name="ms with new tables", note=each),
    ]  # fmt: skip
