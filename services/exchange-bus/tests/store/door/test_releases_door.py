# SPDX-License-Identifier: EUPL-1.2
"""Publishing the catalogue: whole or not at all, signed, and never changed afterwards."""

import copy
from typing import Any

import pytest

from contracts import topics
from contracts.ids import uuid7
from kit.catalogue import CatalogueReplica, read_manifest

from .conftest import HEALTH, Answered, Client, House, Table

PATH = "/v1/catalogue/releases"


async def publish(client: Client, house: House, entries: list[dict[str, Any]], key: str = "") -> Answered:
    headers = house.service("bootstrap", idempotency_key=key or str(uuid7()))
    return await client.post(PATH, json={"entries": entries}, headers=headers)


async def on_the_bus(house: House) -> dict[str, bytes]:
    rows = await house.rows("SELECT key, payload FROM outbox WHERE topic = $1 ORDER BY id", topics.CATALOGUE_ENTRY)
    return {row["key"]: row["payload"] for row in rows}


def replica(house: House, records: dict[str, bytes]) -> CatalogueReplica:
    found = CatalogueReplica(Table(records), house.catalogue_key.public, lambda: house.now)
    for key in records:
        found.changed(key)
    return found


async def test_a_release_reaches_every_replica_complete_and_signed(house: House) -> None:
    async with house.client() as client:
        answer = await publish(client, house, house.lists.entries)
    assert (answer.status_code, answer.json()) == (201, {"release": 1, "entries": len(house.lists.entries)})
    records = await on_the_bus(house)
    manifest = read_manifest(records["release/1"], house.catalogue_key.public, lambda: house.now)
    assert (manifest.release, set(manifest.entries)) == (1, records.keys() - {"release/1"})
    found = replica(house, records)
    assert (found.release, len(found.current().entries)) == (1, len(house.lists.entries))


async def test_topics_of_offices_are_there_before_anybody_hears_of_them(house: House) -> None:
    async with house.client() as client:
        await publish(client, house, house.lists.entries)
    assert HEALTH in house.topics_made
    # Each once, however many versions of its entry there are: the broker refuses a topic that is made twice.
    offices = {entry["id"] for entry in house.lists.entries if entry["kind"] == "office"}
    assert sorted(house.topics_made) == sorted(offices)


async def test_the_same_entries_again_are_the_release_that_stands(house: House) -> None:
    async with house.client() as client:
        first = await publish(client, house, house.lists.entries)
        again = await publish(client, house, list(reversed(house.lists.entries)))
    assert again.json() == first.json()
    assert len(await house.rows("SELECT release FROM catalogue_release")) == 1


async def test_a_change_is_a_new_version_in_the_next_release(house: House) -> None:
    changed = copy.deepcopy(house.lists.entries)
    demand = next(entry for entry in changed if entry["id"] == "DM-0902")
    changed.append({**demand, "version": 2, "perDay": 50})
    async with house.client() as client:
        await publish(client, house, house.lists.entries)
        answer = await publish(client, house, changed)
    assert answer.json() == {"release": 2, "entries": len(changed)}
    records = await on_the_bus(house)
    assert "demand/DM-0902/2" in records
    assert replica(house, records).release == 2
    rows = await house.rows("SELECT keyseq FROM outbox WHERE key = 'release/2'")
    assert [row["keyseq"] for row in rows] == [2]


async def test_a_published_version_never_says_something_else(house: House) -> None:
    changed = copy.deepcopy(house.lists.entries)
    next(entry for entry in changed if entry["id"] == "DM-0902")["perDay"] = 50
    async with house.client() as client:
        await publish(client, house, house.lists.entries)
        answer = await publish(client, house, changed)
    assert (answer.status_code, answer.json()["code"]) == (400, "CATALOGUE_INVALID")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/demand/DM-0902/1"]


async def test_one_fault_refuses_the_whole_and_every_fault_is_named(house: House) -> None:
    wrong = copy.deepcopy(house.lists.entries)
    next(entry for entry in wrong if entry["id"] == "G-0205")["fields"].append("holder")
    next(entry for entry in wrong if entry["id"] == "RS-0204")["onSilence"] = "deemed"
    async with house.client() as client:
        answer = await publish(client, house, wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "CATALOGUE_INVALID")
    errors = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert errors == {
        ("/grant/G-0205/fields/2", "GRANT_WIDER"),
        ("/responsibility/RS-0204/onSilence", "DEEMED_HIGH_RISK"),
    }
    assert (await on_the_bus(house), house.topics_made) == ({}, [])


async def test_only_the_bootstrap_key_publishes(house: House) -> None:
    async with house.client() as client:
        answer = await client.post(PATH, json={"entries": house.lists.entries}, headers=house.service())
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("table", ["evidence_event", "catalogue_entry", "proof_demand"])
async def test_what_is_written_once_is_never_changed(house: House, table: str) -> None:
    for change in (f"DELETE FROM {table}", f"TRUNCATE {table}"):  # noqa: S608 - names of our own tables
        with pytest.raises(Exception, match="never changed"):
            async with house.db.transaction() as tx:
                await tx.execute(change)
