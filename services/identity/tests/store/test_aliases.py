# SPDX-License-Identifier: EUPL-1.2
"""Sealed aliases: who may have one of whom, and that nobody learns another's name."""

from typing import Any

import pytest

from contracts import topics
from contracts.receipts import ReceiptBatch
from kit import aliases

DATA_OFFICE = "119999000000002030"
MARKET = "1199990000000006XB"
HEALTH = "11999900000000035X"
LAND = "11999900000000107N"
TAX = "119999000000000941"
COOK = "999900198908220138"
ALIASES = "/v1/aliases"


@pytest.fixture
async def town(furnished: Any) -> Any:
    answer = await furnished.register("/v1/sandbox/personas", {"persona": "cook", "number": COOK})
    assert answer.is_success
    return furnished


async def name_of(house: Any, office: str) -> str:
    system = f"system-{office[-3:].lower()}"
    await house.register("/v1/systems", house.system(system, "office", office))
    way = house.through_gateway(await house.system_token(system))
    answer = await house.post("/v1/persons/resolve", {"numbers": [COOK]}, **way)
    return str(answer.json()["subjects"][0])


async def citizen_name(house: Any) -> str:
    return str(house.read_token(await house.log_in("cook"))["sub"])


async def ask(house: Any, who: str, from_: str, subject: str, *to: tuple[str, str], **headers: str) -> Any:
    parties = [{"party": party, "use": use} for party, use in to]
    order = {"from": from_, "subject": subject, "to": parties}
    return await house.post(ALIASES, order, **house.service(who), **headers)


def opened(house: Any, party: str, use: str, alias: str) -> str:
    key = house.key(f"{party}-{use}")
    return aliases.open_alias({key.kid: key}, party, alias)


async def test_cases_gets_aliases_that_each_office_opens_to_its_own_name(town: Any) -> None:
    subject = await citizen_name(town)
    answer = await ask(
        town, "cases", "platform", subject, (MARKET, "inbox"), (LAND, "answering"), (MARKET, "answering")
    )
    assert answer.status_code == 200, answer.text
    minted = answer.json()["aliases"]
    assert [(one["party"], one["use"]) for one in minted] == [
        (MARKET, "inbox"),
        (LAND, "answering"),
        (MARKET, "answering"),
    ]
    names = [opened(town, one["party"], one["use"], one["alias"]) for one in minted]
    assert names[0] == names[2] == await name_of(town, MARKET)
    assert names[1] == await name_of(town, LAND)
    assert subject not in names


async def test_certificates_gets_aliases_for_the_platform_and_for_who_is_granted(town: Any) -> None:
    health = await name_of(town, HEALTH)
    answer = await ask(town, "certificates-1", HEALTH, health, ("platform", "answering"), (MARKET, "inbox"))
    platform, market = [one["alias"] for one in answer.json()["aliases"]]
    assert opened(town, "platform", "answering", platform) == await citizen_name(town)
    assert opened(town, MARKET, "inbox", market) == await name_of(town, MARKET)


async def test_the_platform_has_one_key_for_either_use(town: Any) -> None:
    answer = await ask(town, "certificates-1", HEALTH, await name_of(town, HEALTH), ("platform", "inbox"))
    assert answer.status_code == 200
    assert opened(town, "platform", "answering", answer.json()["aliases"][0]["alias"]) == await citizen_name(town)


async def test_a_name_that_an_alias_brought_can_be_used_like_one_that_was_resolved(town: Any) -> None:
    minted = await ask(town, "cases", "platform", await citizen_name(town), (LAND, "answering"))
    land = opened(town, LAND, "answering", minted.json()["aliases"][0]["alias"])
    back = await ask(town, "certificates-1", LAND, land, ("platform", "answering"))
    assert opened(town, "platform", "answering", back.json()["aliases"][0]["alias"]) == await citizen_name(town)


async def test_two_aliases_of_one_person_for_one_party_do_not_match(town: Any) -> None:
    subject = await citizen_name(town)
    answers = [await ask(town, "cases", "platform", subject, (MARKET, "inbox")) for _ in range(2)]
    assert answers[0].json() != answers[1].json()


@pytest.mark.parametrize(
    ("who", "from_", "to"),
    [("cases", "platform", TAX), ("certificates-1", HEALTH, TAX), ("certificates-1", HEALTH, LAND)],
)
async def test_parties_that_no_list_connects_get_nothing(town: Any, who: str, from_: str, to: str) -> None:
    subject = await (citizen_name(town) if from_ == "platform" else name_of(town, from_))
    answer = await ask(town, who, from_, subject, ("platform", "answering"), (to, "inbox"))
    assert (answer.status_code, answer.json()["code"]) == (403, "PARTIES_NOT_CONNECTED")


async def test_what_the_lists_connect_changes_with_the_release(town: Any) -> None:
    from contracts.catalogue import Catalogue  # noqa: PLC0415 - the next release

    subject = await citizen_name(town)
    assert (await ask(town, "cases", "platform", subject, (MARKET, "inbox"))).status_code == 200
    town.catalogue = Catalogue(2, ())
    answer = await ask(town, "cases", "platform", subject, (MARKET, "inbox"))
    assert (answer.status_code, answer.json()["code"]) == (403, "PARTIES_NOT_CONNECTED")


@pytest.mark.parametrize(
    ("who", "from_"), [("cases", MARKET), ("certificates-1", MARKET), ("certificates-1", "platform")]
)
async def test_nobody_asks_in_anothers_name(town: Any, who: str, from_: str) -> None:
    answer = await ask(town, who, from_, "A" * 43, ("platform", "answering"))
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_one_partys_name_of_a_person_is_worth_nothing_to_another(town: Any) -> None:
    answer = await ask(town, "certificates-1", HEALTH, await name_of(town, LAND), ("platform", "answering"))
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_party_without_a_key_in_force_gets_no_alias_and_no_receipt_is_written(town: Any) -> None:
    subject = await citizen_name(town)
    await town.register("/v1/offices", town.office(MARKET, "answering"))
    answer = await ask(town, "cases", "platform", subject, (MARKET, "answering"), (MARKET, "inbox"))
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_OFFICE_KEY")
    assert all(row["topic"] != topics.RECEIPT for row in await town.said())


async def test_each_alias_leaves_a_receipt_in_the_callers_exchange(town: Any) -> None:
    exchange = "01999999-0000-7000-8000-000000000001"
    subject = await citizen_name(town)
    await ask(
        town,
        "cases",
        "platform",
        subject,
        (MARKET, "inbox"),
        (LAND, "answering"),
        tongban_exchange=f"{exchange}.AAAAAAAAAAAAAAAAAAAAAA",
    )
    [batch] = [row["payload"] for row in await town.said() if row["topic"] == topics.RECEIPT]
    leaves = [receipt.leaf for receipt in ReceiptBatch.model_validate_json(batch).receipts]
    assert len({leaf.receipt_id for leaf in leaves}) == 2
    for leaf in leaves:
        assert (leaf.side, leaf.purpose, leaf.decision, leaf.exchange_id) == (
            "identity",
            "mint-alias",
            "released",
            exchange,
        )
        assert leaf.asker is not None
        assert (leaf.asker.office, leaf.asker.system) == (DATA_OFFICE, "cases")
        assert leaf.type is None


@pytest.mark.parametrize("count", [0, 51])
async def test_a_call_asks_for_one_to_fifty_aliases(town: Any, count: int) -> None:
    answer = await ask(town, "cases", "platform", "A" * 43, *[(MARKET, "inbox")] * count)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
