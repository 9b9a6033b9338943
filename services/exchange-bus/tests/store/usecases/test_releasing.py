# SPDX-License-Identifier: EUPL-1.2
"""Releases are whole, signed and numbered; demands on the applicant pass the proof gate."""

import copy
from typing import Any

import pytest

from contracts.exchange_bus import DemandProof, PublishRelease, Released
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.receipts import Asker
from contracts.roles import PLATFORM
from exchange_bus.errors import CatalogueInvalid, ProofRefused
from kit import aliases, jose
from kit.catalogue import read_manifest
from kit.db import Idem

from .conftest import CASE, ENTRIES, HEALTH, LAND, MARKET, OWNER, STEP, TAX, House


async def publish(house: House, entries: list[dict[str, Any]]) -> Released:
    key = str(uuid7())
    answer = await house.releasing.publish(PublishRelease(entries=entries), Idem("bootstrap", key, key.encode()))
    return Released.model_validate_json(answer.body)


async def test_a_release_is_its_entries_and_a_signed_manifest(house: House) -> None:
    released = await publish(house, ENTRIES)
    assert (released.release, released.entries) == (1, len(ENTRIES))
    events = await house.events("catalogue.entry.v1")
    assert len(events) == len(ENTRIES) + 1
    [signed] = [data for kind, _, data in events if kind == "catalogue.release.published.v1"]
    manifest = read_manifest(signed, house.catalogue_key.public, house.clock)
    published = {jose.digest(data) for kind, _, data in events if kind == "catalogue.entry.published.v1"}
    assert set(manifest.entries.values()) == published
    assert {HEALTH, LAND, MARKET, TAX} <= set(house.topics)


async def test_the_same_entries_again_are_the_same_release(house: House) -> None:
    first, again = await publish(house, ENTRIES), await publish(house, list(reversed(ENTRIES)))
    assert (first, again) == (first, first)
    assert len(await house.events("catalogue.entry.v1")) == len(ENTRIES) + 1


async def test_a_release_with_a_fault_is_refused_whole_and_names_the_path(house: House) -> None:
    await publish(house, ENTRIES)
    broken = copy.deepcopy(ENTRIES)
    grant = next(e for e in broken if e["kind"] == "grant")
    grant["fields"] = [*grant["fields"], "shoeSize"]
    with pytest.raises(CatalogueInvalid) as refused:
        await publish(house, broken)
    assert any(e.pointer.startswith(f"/grant/{grant['id']}") for e in refused.value.errors)
    assert len(await house.events("catalogue.entry.v1")) == len(ENTRIES) + 1


async def test_a_published_version_never_changes(house: House) -> None:
    await publish(house, ENTRIES)
    changed = copy.deepcopy(ENTRIES)
    power = next(e for e in changed if e["kind"] == "power")
    power["law"] = "Another Law"
    with pytest.raises(CatalogueInvalid) as refused:
        await publish(house, changed)
    assert [e.code for e in refused.value.errors] == ["VERSION_PUBLISHED_OTHERWISE"]


def demand(house: House, **changes: Any) -> DemandProof:
    said = {
        "askedBy": MARKET,
        "service": "food-licence",
        "step": STEP,
        "proves": "premises-use",
        "caseId": CASE,
        "person": aliases.mint(house.platform.public, PLATFORM, OWNER),
    }
    return DemandProof.model_validate({**said, **changes})


async def judge(house: House, wish: DemandProof) -> int:
    key = str(uuid7())
    asker = Asker(office=MARKET, system="cases")
    answer = await house.demanding.demand(asker, wish, Exchange.new(), Idem("cases", key, key.encode()))
    return answer.status


async def test_a_paper_that_an_office_holds_is_refused_and_says_what_happens_instead(house: House) -> None:
    with pytest.raises(ProofRefused) as refused:
        await judge(house, demand(house))
    assert refused.value.code == "HELD_BY_OFFICE"
    assert refused.value.facts["instead"] == {"office": LAND, "type": "title", "grantId": "G-0204"}
    [leaf] = await house.receipts()
    assert (leaf["side"], leaf["decision"], leaf["code"]) == ("gate", "refused", "HELD_BY_OFFICE")
    assert "subjectCommit" in leaf


async def test_what_only_the_applicant_can_give_may_be_asked_with_its_entry(house: House) -> None:
    assert await judge(house, demand(house, proves="floor-plan", cites="P-0201")) == 201
    with pytest.raises(ProofRefused) as refused:
        await judge(house, demand(house, proves="floor-plan"))
    assert refused.value.code == "NO_LEGAL_BASIS"
