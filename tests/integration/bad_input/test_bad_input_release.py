# SPDX-License-Identifier: EUPL-1.2
"""A release of the catalogue is published whole or not at all; the one in force stays."""

import copy
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from local_stack import seed

from .forging import STRANGER
from .knocking import MARK, Knock
from .scene import Scene, key_of
from .test_bad_input_inside import bearing, signed

pytestmark = pytest.mark.asyncio(loop_scope="package")

Entries = list[dict[str, Any]]
Spoil = Callable[[Entries], None]


def _one(entries: Entries, kind: str, id_: str) -> dict[str, Any]:
    return next(entry for entry in entries if (entry["kind"], entry.get("id")) == (kind, id_))


def _set(kind: str, id_: str, **members: Any) -> Spoil:
    def spoil(entries: Entries) -> None:
        entry = _one(entries, kind, id_)
        entry.update({name: value for name, value in members.items() if value is not ...})
        for name in (name for name, value in members.items() if value is ...):
            del entry[name]

    return spoil


def _drop(kind: str, id_: str) -> Spoil:
    return lambda entries: entries.remove(_one(entries, kind, id_))


def _add(entry: dict[str, Any]) -> Spoil:
    return lambda entries: entries.append(entry)


FAULTS: dict[str, Spoil] = {
    "a grant of a field that the type lacks": _set("grant", "G-0204", fields=["holder", "colour"]),
    "a grant that gives more than was demanded": _set("grant", "G-0902", fields=["number", "place", "tradeName"]),
    "a grant to an office that isn't there": _set("grant", "G-0902", consumer="119999000000099999"),
    "a grant for a demand that isn't there": _set("grant", "G-0902", demand="DM-9999"),
    "a proof entry that rests on a type that isn't there": _drop("certificateType", "staff-health"),
    "an office that is gone from under its entries": _drop("office", "11999900000000107N"),
    "an entry of a kind that nobody knows": _add({"kind": MARK, "id": "X-1"}),
    "a member that nobody knows": _set("grant", "G-0204", colour="red"),
    "a missing member": _set("grant", "G-0204", purpose=...),
    "a date that is none": _set("grant", "G-0204", **{"from": "2025-02-30"}),
    "an office whose code fails its check": _add({"kind": "office", "id": "119999000000000942"}),
}


def _entries(spoil: Spoil) -> Entries:
    entries = copy.deepcopy(seed.read_catalogue(seed.CATALOGUE)[0])
    spoil(entries)
    return entries


def _release(scene: Scene, entries: Entries, key: Any = None) -> Knock:
    token = signed("bootstrap", key or scene.stack.plan.keyring.bootstrap(), "exchange-bus")
    return bearing("exchange-bus", "POST", "/v1/catalogue/releases", token, {"entries": entries})


@pytest.mark.parametrize("name", FAULTS)
async def test_a_release_is_refused_whole_for(scene: Scene, name: str) -> None:
    document = await scene.refuses(_release(scene, _entries(FAULTS[name])), 400, "CATALOGUE_INVALID")
    assert document["errors"]
    assert all({"pointer", "code"} <= error.keys() for error in document["errors"])
    [row] = await scene.world.query("exchange-bus", "SELECT max(release) AS newest FROM catalogue_release")
    assert row["newest"] == 1
    topics = await scene.knock(Knock("GET", "/v1/records/catalogue.entry.v1", who=None))
    releases = [one["key"] for one in topics.document["records"] if one["key"].startswith("release/")]
    assert releases == ["release/1"]


async def test_all_faults_of_a_release_are_named_with_their_places(scene: Scene) -> None:
    def spoil(entries: Entries) -> None:
        FAULTS["a grant of a field that the type lacks"](entries)
        FAULTS["a grant for a demand that isn't there"](entries)

    document = await scene.refuses(_release(scene, _entries(spoil)), 400, "CATALOGUE_INVALID")
    places = {error["pointer"] for error in document["errors"]}
    assert any("G-0204" in place for place in places)
    assert any("G-0902" in place for place in places)


async def test_a_published_entry_is_never_changed_in_place(scene: Scene) -> None:
    changed = _set("grant", "G-0204", law="Another Law")
    await scene.refuses(_release(scene, _entries(changed)), 400, "CATALOGUE_INVALID")


async def test_the_same_entries_again_are_the_same_release(scene: Scene) -> None:
    reply = await scene.knock(_release(scene, _entries(lambda _entries: None)))
    assert (reply.status, reply.document["release"]) == (201, 1), reply.body
    scene.counted = await scene.count()


@pytest.mark.parametrize("who", ["nobody", "the catalogue's own key", "an office"])
async def test_a_release_is_taken_from_the_bootstrap_key_alone(scene: Scene, who: str) -> None:
    keys = {
        "nobody": STRANGER,
        "the catalogue's own key": key_of(scene.stack, "exchange-bus", "catalogue.jwk"),
        "an office": key_of(scene.stack, "licensing"),
    }
    await scene.refuses(_release(scene, _entries(lambda _entries: None), keys[who]), 401, "TOKEN_INVALID")


async def test_a_release_does_not_come_through_the_front_door(scene: Scene) -> None:
    body = {"entries": _entries(lambda _entries: None)}
    headers = {"Idempotency-Key": uuid4().hex}
    await scene.refuses(Knock("POST", "/v1/catalogue/releases", body, headers=headers), 404, "NOT_FOUND")
