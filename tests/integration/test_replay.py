# SPDX-License-Identifier: EUPL-1.2
"""A replay is harmless: everything on the bus read again from its first record changes no row in any store.

The rows are those of a restaurant and a food licence that have run through, so every kind of record that the house has
lies on the bus: catalogue and keys, holdings, facts, asks, envelopes, cases, steps, receipts.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

import asyncpg
import pytest

from kit.kafka import end_offsets, group_offsets, rewind
from local_stack.harness import Stack
from local_stack.table import DEPLOYMENTS
from local_stack.town import FORM, Applicant, Town, at_work, until
from tongban import Citizen

TIMES: Final = 3
DESKS: Final = {
    "licensing": ("--by-rule",),
    "public_security": (),
    "tax": (),
    "hrss": (),
    "fire": (),
    "urban": ("--by-rule",),
    "data_office": (),
}
LEFT_OUT: Final = {
    ("cases", "heartbeat"): "a sign of life of the process, made every few seconds; no record leads to it",
    ("cases", "issuing_heartbeat"): "the same of the deployments by which offices issue",
    ("gateway", "used_proof"): "proofs of possession that were used, swept as they run out; no record leads to them",
    ("identity", "used_proof"): "the same for assertions and proofs at identity",
}
"""(deployment, table) -> why it isn't compared."""
WAITING: Final = {
    "outbox_todo": "SELECT count(*) FROM outbox_todo",
    "parked": "SELECT count(*) FROM parked",
    "share_todo": "SELECT count(*) FROM share_todo",
}
TABLES: Final = """SELECT c.relname AS name, array(
    SELECT quote_ident(a.attname) FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (num, at)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num
    WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.at) AS key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"""

Dump = Mapping[tuple[str, str], list[str]]
"""(deployment, table) -> its rows as text, in order of the primary key."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A stack of its own: all its processes are stopped again and again."""
    stack = Stack(profile="laptop").prepare()
    # Being stopped isn't to be taken for an outage: that would be a row, and none that the bus led to.
    stack.env_override("cases", {"OUTAGE_GAP_S": "3600"})
    with stack, at_work(stack, tmp_path_factory.mktemp("replay"), DESKS) as made:
        yield made


async def run_through(town: Town) -> None:
    """Bring a restaurant and a food licence to their ends."""
    async with Citizen(town.target.url, "shop-owner") as citizen:
        owner = Applicant(town, citizen)
        restaurant = await owner.apply("open-restaurant")
        licence = await owner.apply("food-licence", form={"tradeName": FORM["tradeName"]})
        for case in (restaurant, licence):
            await owner.until_case(case.case_id, "completed", 90)


async def behind(town: Town) -> list[str]:
    """Name the groups that have something left to read, and the tables with something left to do."""
    bootstrap = town.stack.kafka_bootstrap
    groups = await group_offsets(bootstrap)
    ends = await end_offsets(bootstrap, {place for offsets in groups.values() for place in offsets})
    left = [
        f"{group} of {topic}: {at} of {ends[topic, partition]}"
        for group, offsets in groups.items()
        for (topic, partition), at in offsets.items()
        if at < ends[topic, partition]
    ]
    for system, deployment in DEPLOYMENTS.items():
        for table, query in WAITING.items():
            if table != "share_todo" or deployment.package == "certificates":
                [row] = await town.rows(system, query)
                left += [f"{system}: {row['count']} in {table}"] if row["count"] else []
    return left


async def caught_up(town: Town) -> None:
    """Wait until nobody has anything left to read or to do."""
    left: list[str] = []

    async def none() -> bool:
        left[:] = await behind(town)
        return not left

    try:
        await until(none, "everybody to catch up", 90)
    except AssertionError as why:
        raise AssertionError(f"{why}: {left}") from why


async def dump(stack: Stack) -> Dump:
    """Write down every row of every service's database."""
    found: dict[tuple[str, str], list[str]] = {}
    for system in DEPLOYMENTS:
        connection = await asyncpg.connect(stack.dsn(system))
        try:
            for table in await connection.fetch(TABLES):
                if (system, table["name"]) not in LEFT_OUT:
                    order = ", ".join(table["key"]) or "1"
                    query = f"SELECT t::text FROM {table['name']} AS t ORDER BY {order}"  # noqa: S608 - names of ours
                    found[system, table["name"]] = [row[0] for row in await connection.fetch(query)]
        finally:
            await connection.close()
    return found


async def replay(town: Town, groups: Mapping[str, Mapping[tuple[str, int], int]]) -> None:
    """Stop every service, let every group begin at its first record again, and start everything."""
    stack = town.stack
    services = [name for system in DEPLOYMENTS for name in stack.processes(system)]
    await asyncio.gather(*(asyncio.to_thread(stack.stop_one, name) for name in services))
    await asyncio.gather(*(rewind(stack.kafka_bootstrap, group, places) for group, places in groups.items()))
    rewound = await group_offsets(stack.kafka_bootstrap)
    assert {at for offsets in rewound.values() for at in offsets.values()} == {0}
    for name in services:
        await asyncio.to_thread(stack.start_one, name)


async def test_reading_everything_again_three_times_changes_no_row(town: Town) -> None:
    await run_through(town)
    town.close()  # whoever asks for something changes something
    await caught_up(town)
    groups = await group_offsets(town.stack.kafka_bootstrap)
    assert len(groups) > len(DEPLOYMENTS) - 3, groups
    before = await dump(town.stack)
    silent = {system for system in DEPLOYMENTS if not before[system, "outbox"]}
    assert silent == {"ledger"}, "all but the ledger, which only hears, have said something"
    for time in range(1, TIMES + 1):
        await replay(town, groups)
        await caught_up(town)
        after = await dump(town.stack)
        assert after.keys() == before.keys()
        for (system, table), rows in before.items():
            now = after[system, table]
            changed = sorted(set(rows) ^ set(now))[:4]
            assert now == rows, f"replay {time} changed {table} of {system}: {len(rows)}, now {len(now)}: {changed}"
    town.stack.check()
