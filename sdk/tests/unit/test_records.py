# SPDX-License-Identifier: EUPL-1.2
"""Signed records: kept on disk, believed only under the pinned keys."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.identity import SystemKey, SystemRecord
from contracts.topics import CATALOGUE_ENTRY, SYSTEM
from tongban import NoAnswer

DAY = datetime(2026, 11, 24, tzinfo=UTC).date()
MARKET, HEALTH = "1199990000000006XB", "11999900000000035X"


async def test_who_is_who_comes_from_signed_records(country: Any) -> None:
    async with country.office() as office:
        assert office.office == MARKET
        assert office.directory.deployment_of(HEALTH) == "certificates-1"
        assert office.directory.catalogue.release == 1
        assert office.directory.catalogue.type("staff-health", DAY) is not None


async def test_with_the_gateway_away_the_copy_on_disk_does(country: Any) -> None:
    async with country.office():
        pass
    country.away = True
    async with country.office() as office:
        assert office.office == MARKET


async def test_without_gateway_and_copy_nothing_starts(country: Any) -> None:
    country.away = True
    with pytest.raises(NoAnswer):
        async with country.office():
            pass


async def test_a_record_by_another_key_is_left_out(country: Any) -> None:
    key = country.keys["cases"]
    entry = SystemKey.model_validate(
        {"kid": key.kid, "use": "sig", "jwk": key.public.jwk(), "from": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    forged = SystemRecord(system_id="cases", operator=MARKET, offices=[], role="cases", keys=[entry])
    country.record(forged, signer="bootstrap")
    async with country.office() as office:
        assert office.directory.system("cases") is None


async def test_a_good_record_under_a_foreign_key_is_left_out(country: Any) -> None:
    key = country.keys["cases"]
    entry = SystemKey.model_validate(
        {"kid": key.kid, "use": "sig", "jwk": key.public.jwk(), "from": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    record = SystemRecord(system_id="cases", operator=MARKET, offices=[], role="cases", keys=[entry])
    country.record(record, under="exchange-bus")
    async with country.office() as office:
        assert office.directory.system("exchange-bus") is None


async def test_a_revoked_system_signs_nothing_any_more(country: Any, now: datetime) -> None:
    country.system("cases", MARKET, [], "cases", status="revoked")
    async with country.office() as office:
        assert office.directory.system_key("cases", country.keys["cases"].kid, now) is None


async def test_a_release_that_is_not_complete_leaves_the_one_before(country: Any) -> None:
    country.topics[CATALOGUE_ENTRY] = [r for r in country.topics[CATALOGUE_ENTRY] if r["key"] != "power/PW-0204/1"]
    country.put(CATALOGUE_ENTRY, "power/PW-0204/1", b'{"other":"bytes"}')
    async with country.office() as office:
        assert office.directory.catalogue.release == 0


async def test_a_release_by_another_key_is_not_taken(country: Any) -> None:
    country.release(2, signer="registry")
    async with country.office() as office:
        assert office.directory.catalogue.release == 1


async def test_a_copy_that_was_filled_under_another_registry_is_filled_anew(country: Any) -> None:
    async with country.office():
        pass
    file = country.folder / "state" / "records" / f"{SYSTEM}.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "pinned": "somebody-else", "values": {}}))
    async with country.office() as office:
        assert office.office == MARKET
