# SPDX-License-Identifier: EUPL-1.2
import asyncio
from typing import Any

from contracts import topics
from kit.jose import PrivateKey

DATA_OFFICE = "119999000000002030"
MARKET = "1199990000000006XB"
TAX = "119999000000000941"


async def test_a_registered_system_is_announced_as_a_signed_record_that_every_replica_can_read(house: Any) -> None:
    record = house.system("licensing", "office", MARKET)
    answer = await house.register("/v1/systems", record)
    assert (answer.status_code, answer.json()) == (201, {"id": "licensing", "version": 1})
    [event] = await house.said()
    assert (event["topic"], event["key"], event["keyseq"]) == (topics.SYSTEM, "licensing", 1)
    assert event["type"] == "identity.system.registered.v1"
    assert house.registry.key("licensing", house.key("licensing").kid, "sig") == house.key("licensing").public


async def test_a_registered_office_is_announced_with_its_keys(house: Any) -> None:
    answer = await house.register("/v1/offices", house.office(MARKET, "answering", "inbox", "issuing"))
    assert (answer.status_code, answer.json()) == (201, {"id": MARKET, "version": 1})
    [event] = await house.said()
    assert (event["topic"], event["key"], event["type"]) == (topics.OFFICE, MARKET, "identity.office.registered.v1")
    assert house.registry.office_key(MARKET, "inbox") == house.key(f"{MARKET}-inbox").public


async def test_identity_registers_itself_like_any_other_system(house: Any) -> None:
    answer = await house.register("/v1/systems", house.system("identity", "identity", DATA_OFFICE))
    assert answer.status_code == 201
    assert house.registry.key("identity", house.key("token").kid, "token") is not None


async def test_the_same_record_again_is_no_new_version_and_no_event(house: Any) -> None:
    record = house.system("licensing", "office", MARKET)
    await house.register("/v1/systems", record)
    again = await house.register("/v1/systems", record)
    assert (again.status_code, again.json()) == (201, {"id": "licensing", "version": 1})
    assert len(await house.said()) == 1


async def test_a_changed_record_is_the_next_version(house: Any) -> None:
    record = house.system("licensing", "office", MARKET)
    await house.register("/v1/systems", record)
    changed = {**record, "offices": [MARKET, TAX]}
    assert (await house.register("/v1/systems", changed)).json()["version"] == 2
    assert [event["keyseq"] for event in await house.said()] == [1, 2]
    assert house.registry.system("licensing").offices == [MARKET, TAX]


async def test_a_repeated_post_gets_the_first_answer_and_another_body_under_its_key_is_refused(house: Any) -> None:
    record = house.system("licensing", "office", MARKET)
    first = await house.register("/v1/systems", record, "key-1")
    again = await house.register("/v1/systems", record, "key-1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = await house.register("/v1/systems", {**record, "offices": [MARKET, TAX]}, "key-1")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_ten_registrations_at_once_make_one_version(house: Any) -> None:
    record = house.system("licensing", "office", MARKET)
    answers = await asyncio.gather(*(house.register("/v1/systems", record) for _ in range(10)))
    assert {answer.json()["version"] for answer in answers} == {1}
    assert len(await house.said()) == 1


async def test_a_key_of_one_system_cannot_become_anothers(house: Any) -> None:
    await house.register("/v1/systems", house.system("licensing", "office", MARKET))
    house.keys["thief"] = house.key("licensing")
    answer = await house.register("/v1/systems", house.system("thief", "office", TAX))
    assert (answer.status_code, answer.json()["code"]) == (409, "KEY_TAKEN")
    assert house.registry.system("thief") is None


async def test_a_dropped_key_stays_its_owners(house: Any) -> None:
    await house.register("/v1/systems", house.system("licensing", "office", MARKET))
    old, house.keys["licensing"] = house.key("licensing"), PrivateKey.generate()
    await house.register("/v1/systems", house.system("licensing", "office", MARKET))
    house.keys["thief"] = old
    assert (await house.register("/v1/systems", house.system("thief", "office", TAX))).status_code == 409


async def test_a_revoked_system_is_gone_from_every_replica_and_stays_revoked(house: Any) -> None:
    record = house.system("licensing", "office", MARKET)
    await house.register("/v1/systems", record)
    answer = await house.register("/v1/systems/licensing/revocations", None)
    assert (answer.status_code, answer.json()) == (201, {"id": "licensing", "version": 2})
    assert house.registry.system("licensing") is None
    assert (await house.register("/v1/systems/licensing/revocations", None)).json()["version"] == 2
    back = await house.register("/v1/systems", record)
    assert (back.status_code, back.json()["code"]) == (409, "SYSTEM_REVOKED")


async def test_an_unknown_system_cannot_be_revoked(house: Any) -> None:
    answer = await house.register("/v1/systems/nobody/revocations", None)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert await house.said() == []


async def test_a_wrong_record_leaves_nothing_behind(house: Any) -> None:
    record = {**house.system("licensing", "office", MARKET), "offices": []}
    answer = await house.register("/v1/systems", record, "key-1")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/offices")
    assert await house.said() == []
    assert (
        await house.register("/v1/systems", house.system("licensing", "office", MARKET), "key-1")
    ).status_code == 201
