# SPDX-License-Identifier: EUPL-1.2
"""Numbers and handles: what comes out, what is written down, and what never is."""

import asyncio
import json
from typing import Any

import pytest

from contracts import topics
from contracts.receipts import ReceiptBatch, Sealed, SignedReceipt
from kit import aliases
from kit.jose import open_sealed
from kit.receipts import verify_leaf

MARKET = "1199990000000006XB"
HEALTH = "11999900000000035X"
COOK, WAITRESS, NOBODY = "999900198908220138", "999900199103140020", "99990019700101004X"
RESOLVE, HANDLES = "/v1/persons/resolve", "/v1/persons/handles"


@pytest.fixture
async def town(furnished: Any) -> Any:
    for persona, number in (("cook", COOK), ("waitress", WAITRESS)):
        assert (await furnished.register("/v1/sandbox/personas", {"persona": persona, "number": number})).is_success
    return furnished


async def receipts(house: Any) -> list[SignedReceipt]:
    return [
        receipt
        for row in await house.said()
        if row["topic"] == topics.RECEIPT
        for receipt in ReceiptBatch.model_validate_json(row["payload"]).receipts
    ]


def opened(house: Any, receipt: SignedReceipt) -> Sealed:
    key = house.key("ledger-enc")
    return Sealed.model_validate_json(open_sealed(receipt.sealed, {key.kid: key}))


def platform_name(house: Any, alias: str | None) -> str:
    key = house.key("platform-answering")
    return aliases.open_alias({key.kid: key}, "platform", alias or "")


async def as_office(house: Any, name: str = "licensing") -> dict[str, str]:
    return dict(house.through_gateway(await house.system_token(name)))


# ------------------------------------------------------------------------------------------------ resolve
async def test_an_office_gets_its_own_names_in_the_order_asked_and_null_for_nobody(town: Any) -> None:
    way = await as_office(town)
    answer = await town.post(RESOLVE, {"numbers": [COOK, NOBODY, WAITRESS, COOK]}, **way)
    assert answer.status_code == 200, answer.text
    cook, nobody, waitress, cook_again = answer.json()["subjects"]
    assert nobody is None
    assert cook == cook_again != waitress
    assert (await town.post(RESOLVE, {"numbers": [COOK]}, **way)).json()["subjects"] == [cook]


async def test_two_offices_never_get_the_same_name_of_one_person(town: Any) -> None:
    await town.register("/v1/systems", town.system("health-registry", "office", HEALTH))
    names = set()
    for system in ("licensing", "health-registry", "tax-office"):
        names |= set(
            (await town.post(RESOLVE, {"numbers": [COOK]}, **await as_office(town, system))).json()["subjects"]
        )
    names.add(town.read_token(await town.log_in("cook"))["sub"])
    assert len(names) == 4


async def test_each_number_leaves_a_receipt_of_its_own_that_the_ledger_can_give_to_the_person(town: Any) -> None:
    await town.post(RESOLVE, {"numbers": [COOK, NOBODY]}, **await as_office(town))
    released, empty = await receipts(town)
    for receipt in (released, empty):
        assert verify_leaf(receipt.leaf, town.key("identity").public)
        assert (receipt.leaf.side, receipt.leaf.purpose) == ("identity", "resolve-person")
        assert (receipt.leaf.asker.office, receipt.leaf.asker.system) == (MARKET, "licensing")  # type: ignore[union-attr]
        assert receipt.leaf.legal_basis.kind == "law"
    assert (released.leaf.decision, empty.leaf.decision) == ("released", "empty")
    assert released.leaf.exchange_id != empty.leaf.exchange_id  # or one person's view would show the other's
    assert opened(town, empty).person is None
    cook = town.read_token(await town.log_in("cook"))["sub"]
    assert platform_name(town, opened(town, released).person) == cook


async def test_receipts_about_one_person_and_office_form_a_chain(town: Any) -> None:
    way = await as_office(town)
    await town.post(RESOLVE, {"numbers": [COOK, COOK]}, **way)
    await town.post(RESOLVE, {"numbers": [COOK]}, **way)
    sealed = [opened(town, receipt) for receipt in await receipts(town)]
    assert [one.seq for one in sealed] == [1, 2, 3]
    assert len({one.subject_key for one in sealed}) == 1
    leaves = [receipt.leaf for receipt in await receipts(town)]
    assert [one.previous for one in sealed[1:]] == [leaf.subject_commit for leaf in leaves[:2]]


async def test_five_hundred_numbers_are_one_call(town: Any) -> None:
    answer = await town.post(RESOLVE, {"numbers": [COOK] * 499 + [NOBODY]}, **await as_office(town))
    subjects = answer.json()["subjects"]
    assert (len(subjects), subjects[-1], len(set(subjects))) == (500, None, 2)
    assert len(await receipts(town)) == 500
    more = await town.post(RESOLVE, {"numbers": [COOK] * 501}, **await as_office(town))
    assert more.status_code == 400


async def test_without_the_ledgers_key_no_name_leaves(town: Any) -> None:
    way = await as_office(town)
    await town.register("/v1/systems/ledger/revocations", None)
    answer = await town.post(RESOLVE, {"numbers": [COOK]}, **way)
    assert answer.status_code == 503
    assert "subjects" not in answer.text


async def test_without_the_platforms_key_no_name_leaves(town: Any) -> None:
    way = await as_office(town)
    await town.register("/v1/offices", {**town.office("platform", "answering"), "status": "revoked"})
    answer = await town.post(RESOLVE, {"numbers": [COOK]}, **way)
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")


async def test_a_citizen_cannot_resolve_numbers_and_an_office_makes_no_handles(town: Any) -> None:
    citizen = town.through_gateway(await town.log_in("cook"))
    assert (await town.post(RESOLVE, {"numbers": [WAITRESS]}, **citizen)).json()["code"] == "FORBIDDEN"
    assert (await town.post(HANDLES, {"number": WAITRESS}, **await as_office(town))).json()["code"] == "FORBIDDEN"


async def test_a_token_without_the_gateways_hop_opens_nothing(town: Any) -> None:
    token = await town.system_token("licensing")
    other = town.through_gateway(await town.system_token("tax-office"))["tongban_hop"]
    attempts: list[dict[str, str]] = [
        {"authorization": f"DPoP {token}"},
        {"authorization": f"Bearer {token}"},
        {"authorization": f"DPoP {token}", "tongban_hop": other},
    ]
    for headers in attempts:
        answer = await town.post(RESOLVE, {"numbers": [COOK]}, **headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


# ------------------------------------------------------------------------------------------------ handles
async def test_a_handle_opens_for_the_platform_alone_and_names_the_person(town: Any) -> None:
    cook = town.through_gateway(await town.log_in("cook"))
    answer = await town.post(HANDLES, {"number": WAITRESS}, **cook)
    assert answer.status_code == 200, answer.text
    waitress = town.read_token(await town.log_in("waitress"))["sub"]
    assert platform_name(town, answer.json()["handle"]) == waitress


async def test_a_known_and_an_unknown_number_cannot_be_told_apart(town: Any) -> None:
    cook = town.through_gateway(await town.log_in("cook"))
    known, unknown = [await town.post(HANDLES, {"number": number}, **cook) for number in (WAITRESS, NOBODY)]
    assert known.status_code == unknown.status_code == 200
    assert known.json().keys() == unknown.json().keys()
    assert len(known.json()["handle"]) == len(unknown.json()["handle"])
    assert {name for name in known.headers} == {name for name in unknown.headers}  # noqa: C416
    leaves = [receipt.leaf.wire() for receipt in await receipts(town)]
    assert leaves[0].keys() == leaves[1].keys()
    assert (leaves[0]["decision"], leaves[0]["purpose"]) == (leaves[1]["decision"], leaves[1]["purpose"])
    sealed = [opened(town, receipt).wire() for receipt in await receipts(town)]
    assert sealed[0].keys() == sealed[1].keys()


async def test_the_handle_of_nobody_leads_nowhere(town: Any) -> None:
    cook = town.through_gateway(await town.log_in("cook"))
    handle = (await town.post(HANDLES, {"number": NOBODY}, **cook)).json()["handle"]
    order = {"from": "platform", "subject": platform_name(town, handle), "to": [{"party": MARKET}]}
    answer = await town.post("/v1/aliases", order, **town.service("cases"))
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_two_handles_of_one_number_do_not_match(town: Any) -> None:
    cook = town.through_gateway(await town.log_in("cook"))
    one, two = [(await town.post(HANDLES, {"number": WAITRESS}, **cook)).json()["handle"] for _ in range(2)]
    assert one != two


async def test_the_person_looked_up_gets_the_receipt(town: Any) -> None:
    cook = town.through_gateway(await town.log_in("cook"))
    exchange = "01999999-0000-7000-8000-000000000001"
    await town.post(HANDLES, {"number": WAITRESS}, **cook, tongban_exchange=f"{exchange}.AAAAAAAAAAAAAAAAAAAAAA")
    [receipt] = await receipts(town)
    assert (receipt.leaf.side, receipt.leaf.exchange_id) == ("identity", exchange)
    waitress = town.read_token(await town.log_in("waitress"))["sub"]
    assert platform_name(town, opened(town, receipt).person) == waitress


async def test_a30_the_twenty_first_look_up_in_a_minute_is_throttled_in_every_session_of_the_citizen(town: Any) -> None:
    cook = town.through_gateway(await town.log_in("cook"))
    for number in range(20):
        answer = await town.post(HANDLES, {"number": WAITRESS if number % 2 else NOBODY}, **cook)
        assert answer.status_code == 200
    again = town.through_gateway(await town.log_in("cook"))
    answer = await town.post(HANDLES, {"number": NOBODY}, **again)
    assert (answer.status_code, answer.json()["code"]) == (429, "THROTTLED")
    assert int(answer.headers["retry-after"]) > 0
    assert len(await receipts(town)) == 20
    other = town.through_gateway(await town.log_in("waitress"))
    assert (await town.post(HANDLES, {"number": COOK}, **other)).status_code == 200
    town.later(61)
    later = town.through_gateway(await town.log_in("cook"))
    assert (await town.post(HANDLES, {"number": NOBODY}, **later)).status_code == 200


async def test_a30_the_limit_holds_when_all_come_at_once(town: Any) -> None:
    cook = town.through_gateway(await town.log_in("cook"))
    answers = await asyncio.gather(*(town.post(HANDLES, {"number": NOBODY}, **cook) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [429] * 20


# ------------------------------------------------------------------------------------------------ at rest, in logs
async def test_no_number_lies_readable_in_the_database_nor_on_the_bus(town: Any) -> None:
    await town.post(RESOLVE, {"numbers": [COOK, WAITRESS]}, **await as_office(town))
    await town.post(HANDLES, {"number": NOBODY}, **town.through_gateway(await town.log_in("cook")))
    async with town.db.read() as reader:
        tables = await reader.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for table in tables:
            whole = f'SELECT t::text AS line FROM "{table["tablename"]}" t'  # noqa: S608 - every table there is
            rows = await reader.fetch(whole)
            text = " ".join(row["line"] for row in rows)
            for number in (COOK, WAITRESS, NOBODY):
                assert number not in text
                assert number.encode().hex() not in text


async def test_no_number_name_or_token_is_logged(town: Any, capsys: pytest.CaptureFixture[str]) -> None:
    token = await town.system_token("licensing")
    answer = await town.post(RESOLVE, {"numbers": [COOK, NOBODY]}, **town.through_gateway(token))
    await town.post(RESOLVE, {"numbers": [COOK, "x"]}, **town.through_gateway(token))
    written = capsys.readouterr()
    for secret in (COOK, NOBODY, token, answer.json()["subjects"][0]):
        assert secret not in written.out + written.err
    assert json.loads(answer.text)
