# SPDX-License-Identifier: EUPL-1.2
"""The directory: who holds what about whom, from the holders' own facts."""

from datetime import date
from typing import Any

from contracts import topics
from contracts.certificates.api import Holding
from contracts.ids import uuid7
from exchange_bus.store import directory
from kit.events import Record

from .conftest import HEALTH, LAND, House, pseudonym


def fact(house: House, certificate_id: str, *, sender: str = "certificates-1", keyseq: int = 1, **more: Any) -> Record:
    said = {
        "certificate_id": certificate_id, "type": "title", "office": LAND, "version": 1, "status": "01",
        "valid_from": date(2026, 1, 1), "person": house.alias("platform", "ann"), **more,
    }  # fmt: skip
    body = Holding(**said).wire_bytes()
    return house.record(
        topics.HOLDING, certificate_id, "certificates.holding.changed.v1", body, sender=sender, keyseq=keyseq
    )


async def holders(house: House, person: str = "ann", organisation: str | None = None) -> set[str]:
    known = None if organisation else pseudonym("platform", person)
    async with house.db.read() as tx:
        return await directory.holders(tx, "title", person=known, organisation=organisation)


async def test_who_holds_what_is_found_by_the_platforms_own_name_of_the_person(house: House) -> None:
    assert await house.hear(house.holdings, fact(house, str(uuid7()))) == []
    assert await holders(house) == {LAND}
    assert await holders(house, "bob") == set()


async def test_an_organisation_is_found_by_its_code(house: House) -> None:
    firm = "91999900000000166H"
    await house.hear(house.holdings, fact(house, str(uuid7()), person=None, organisation=firm))
    assert await holders(house, organisation=firm) == {LAND}


async def test_only_what_is_valid_counts(house: House) -> None:
    certificate_id = str(uuid7())
    await house.hear(house.holdings, fact(house, certificate_id))
    await house.hear(house.holdings, fact(house, certificate_id, version=1, status="02", keyseq=2))
    assert await holders(house) == set()
    await house.hear(house.holdings, fact(house, certificate_id, version=2, keyseq=3))
    assert await holders(house) == {LAND}


async def test_an_older_version_changes_nothing(house: House) -> None:
    certificate_id = str(uuid7())
    batch = [fact(house, certificate_id, version=2, status="07"), fact(house, certificate_id, version=1)]
    await house.hear(house.holdings, *batch)
    assert await holders(house) == set()


async def test_an_erased_certificate_is_forgotten(house: House) -> None:
    certificate_id = str(uuid7())
    await house.hear(house.holdings, fact(house, certificate_id))
    erased = house.record(
        topics.HOLDING, certificate_id, "certificates.holding.erased.v1", None, sender="certificates-1"
    )
    await house.hear(house.holdings, erased)
    assert await house.rows("SELECT certificate_id FROM holding") == []


async def test_a_deployment_speaks_for_its_own_offices_only(house: House) -> None:
    foreign = fact(house, str(uuid7()), sender="certificates-2")
    system = fact(house, str(uuid7()), sender="licensing")
    assert await house.hear(house.holdings, foreign, system) == ["NOT_ITS_OFFICE"] * 2


async def test_an_alias_for_somebody_else_is_parked(house: House) -> None:
    wrong = fact(house, str(uuid7()), person=house.alias(HEALTH, "ann"))
    assert await house.hear(house.holdings, wrong) == ["ALIAS_UNREADABLE"]
