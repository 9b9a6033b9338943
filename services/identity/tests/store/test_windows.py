# SPDX-License-Identifier: EUPL-1.2
"""The window: who may act for a citizen by the code that she told, once; and that a wrong try tells nobody anything."""

import asyncio
import json
from typing import Any

import pytest

from contracts import signing, topics
from contracts.receipts import ReceiptBatch, Sealed, SignedReceipt
from identity.service import Upkeep
from kit import aliases, tokens
from kit.jose import open_sealed

MARKET, TAX = "1199990000000006XB", "119999000000000941"
COOK, WAITRESS, NOBODY = "999900198908220138", "999900199103140020", "99990019700101004X"
CODES, WINDOWS, HANDLES = "/v1/confirm-codes", "/v1/window-sessions", "/v1/persons/handles"


@pytest.fixture
async def town(furnished: Any) -> Any:
    for persona, number in (("cook", COOK), ("waitress", WAITRESS)):
        assert (await furnished.register("/v1/sandbox/personas", {"persona": persona, "number": number})).is_success
    return furnished


async def made(town: Any, persona: str = "cook", office: str = MARKET) -> str:
    """Let a citizen make a code."""
    answer = await town.post(CODES, {"office": office}, **town.through_gateway(await town.log_in(persona)))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


async def clerk(town: Any, system: str = "licensing") -> dict[str, str]:
    return dict(town.through_gateway(await town.system_token(system)))


def told(code: str, number: str = COOK, **more: Any) -> dict[str, Any]:
    return {"number": number, "code": code, "clerk": "k-17", **more}


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08d}"


async def tried(town: Any, order: dict[str, Any], system: str = "licensing") -> Any:
    return await town.post(WINDOWS, order, **await clerk(town, system))


async def opened(town: Any, persona: str = "cook") -> str:
    """Open a window; gives its token."""
    answer = await tried(town, told(await made(town, persona), COOK if persona == "cook" else WAITRESS))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["accessToken"])


def wrong(answer: Any) -> bool:
    return (answer.status_code, answer.json()["code"]) == (403, "CONFIRM_CODE_WRONG")


async def receipts(house: Any) -> list[tuple[SignedReceipt, Sealed]]:
    key = house.key("ledger-enc")
    return [
        (receipt, Sealed.model_validate_json(open_sealed(receipt.sealed, {key.kid: key})))
        for row in await house.said()
        if row["topic"] == topics.RECEIPT
        for receipt in ReceiptBatch.model_validate_json(row["payload"]).receipts
    ]


async def test_with_number_and_code_a_clerk_gets_a_token_that_speaks_for_the_citizen(town: Any) -> None:
    claims = town.read_token(await opened(town))
    herself = town.read_token(await town.log_in("cook"))
    assert (claims["sub"], claims["role"], claims["aud"]) == (herself["sub"], "citizen", herself["aud"])
    assert claims["act"] == {"sub": "licensing", "office": MARKET, "clerk": "k-17"}
    assert claims["client_id"] == "licensing"
    assert claims["cnf"] == {"jkt": town.key("licensing-dpop").public.thumbprint}
    assert claims["exp"] - claims["iat"] == 300
    assert "office" not in claims


async def test_a_code_has_eight_digits_and_is_kept_as_something_else(town: Any) -> None:
    code = await made(town)
    assert len(code) == 8
    async with town.db.read() as reader:
        [row] = await reader.fetch("SELECT t::text AS line FROM confirm_code t")
    assert code not in row["line"]
    assert code.encode().hex() not in row["line"]


async def test_a_code_counts_once(town: Any) -> None:
    code = await made(town)
    assert (await tried(town, told(code))).status_code == 201
    assert wrong(await tried(town, told(code)))


async def test_of_many_clerks_with_one_code_at_the_same_moment_exactly_one_gets_a_session(town: Any) -> None:
    code, way = await made(town), await clerk(town)
    answers = await asyncio.gather(*(town.post(WINDOWS, told(code, clerk=f"k-{at}"), **way) for at in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 403, 403, 403, 403]
    async with town.db.read() as reader:
        held = await reader.fetchval(
            "SELECT count(*) FROM session WHERE jkt = $1", town.key("licensing-dpop").public.thumbprint
        )
    assert held == 1
    assert len([one for one, _ in await receipts(town) if one.leaf.purpose == "open-window"]) == 1


async def test_every_wrong_try_gets_the_same_bytes_and_leaves_the_same_behind(town: Any) -> None:
    code = await made(town)
    tries = {
        "a wrong code": told(another(code)),
        "a number of nobody": told(code, NOBODY),
        "somebody who made no code": told(code, WAITRESS),
    }
    answers = [await tried(town, order) for order in tries.values()]
    answers.append(await tried(town, told(code), "tax-office"))  # another office's clerk heard the code
    bodies = [{**answer.json(), "instance": ""} for answer in answers]
    assert all(wrong(answer) for answer in answers)
    assert len({json.dumps(body, sort_keys=True) for body in bodies}) == 1
    assert len({len(answer.content) for answer in answers}) == 1
    assert all(number not in answer.text and code not in answer.text for answer in answers for number in (COOK, NOBODY))
    async with town.db.read() as reader:
        rows = await reader.fetch("SELECT tries FROM confirm_code")
    assert [row["tries"] for row in rows] == [1, 1, 1, 1]
    assert (await tried(town, told(code))).status_code == 201  # none of this cost her the code


async def test_five_wrong_tries_end_a_code_and_a_new_one_counts(town: Any) -> None:
    code = await made(town)
    for _ in range(4):
        assert wrong(await tried(town, told(another(code))))
    assert (await tried(town, told(code))).status_code == 201
    code = await made(town)
    for _ in range(5):
        assert wrong(await tried(town, told(another(code))))
    assert wrong(await tried(town, told(code)))
    assert (await tried(town, told(await made(town)))).status_code == 201


async def test_wrong_tries_at_once_count_each(town: Any) -> None:
    code, way = await made(town), await clerk(town)
    await asyncio.gather(*(town.post(WINDOWS, told(another(code)), **way) for _ in range(5)))
    assert wrong(await tried(town, told(code)))


async def test_another_offices_wrong_tries_cost_her_nothing(town: Any) -> None:
    code = await made(town)
    for _ in range(6):
        assert wrong(await tried(town, told(another(code)), "tax-office"))
    assert (await tried(town, told(code))).status_code == 201


async def test_a_code_is_over_after_ten_minutes(town: Any) -> None:
    code = await made(town)
    town.later(599)
    assert (await tried(town, told(code))).status_code == 201
    code = await made(town)
    town.later(600)
    assert wrong(await tried(town, told(code)))


async def test_a_new_code_ends_the_one_before_and_codes_for_other_offices_stand(town: Any) -> None:
    first, other, second = await made(town), await made(town, office=TAX), await made(town)
    assert wrong(await tried(town, told(first)))
    assert (await tried(town, told(second))).status_code == 201
    assert (await tried(town, told(other), "tax-office")).status_code == 201


@pytest.mark.parametrize("code", ["1234567", "123456789", "1234567８", "12345 78", "12345678\n", "", 12345678, None])
async def test_a_malformed_code_is_refused_before_anybody_is_looked_up(town: Any, code: object) -> None:
    answer = await tried(town, {**told(""), "code": code})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/code"]
    async with town.db.read() as reader:
        assert await reader.fetchval("SELECT count(*) FROM confirm_code") == 0


@pytest.mark.parametrize("more", [{"number": "1"}, {"clerk": ""}, {"clerk": "Clerk Li\n"}, {"office": MARKET}])
async def test_a_wrong_order_is_refused_and_repeats_nothing(town: Any, more: dict[str, Any]) -> None:
    code = await made(town)
    answer = await tried(town, told(code, **more))
    assert answer.status_code == 400
    assert code not in answer.text
    assert (await tried(town, told(code))).status_code == 201


async def test_a_window_makes_no_code(town: Any) -> None:
    answer = await town.post(CODES, {"office": TAX}, **town.through_gateway(await opened(town)))
    assert (answer.status_code, answer.json()["code"]) == (403, "WINDOW_NOT_HERE")


async def test_only_citizens_make_codes_and_only_offices_open_windows(town: Any) -> None:
    assert (await town.post(CODES, {"office": MARKET}, **await clerk(town))).status_code == 403
    code = await made(town)
    herself = town.through_gateway(await town.log_in("cook"))
    portal = town.through_gateway(await _portal_token(town))
    for way in (herself, portal, town.service("cases"), town.through_gateway(await opened(town, "waitress"))):
        assert (await town.post(WINDOWS, told(code), **way)).status_code == 403
    assert (await tried(town, told(code))).status_code == 201


async def _portal_token(town: Any) -> str:
    claims = {"iss": "identity", "sub": "portal", "aud": "urn:tongban:zz:platform", "office": "119999000000002030"}
    bound = {"cnf": {"jkt": town.key("portal-dpop").public.thumbprint}}
    return tokens.sign(signing.ACCESS_TOKEN, {**claims, **bound}, town.key("token"), now=town.now)


async def test_a_window_cannot_be_exchanged_for_a_look_at_an_offices_data(town: Any) -> None:
    token = await opened(town)
    order = town.exchange(token, "certificates-2", f"office:{MARKET}")
    answer = await town.form(order, town.proof("licensing-dpop"))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


async def test_a_window_of_a_revoked_system_is_shut_at_once(town: Any) -> None:
    way = town.through_gateway(await opened(town))
    assert (await town.post(HANDLES, {"number": WAITRESS}, **way)).status_code == 200
    assert (await town.register("/v1/systems/licensing/revocations", None)).status_code == 201
    answer = await town.post(HANDLES, {"number": WAITRESS}, **way)
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


async def test_she_reads_that_a_window_was_opened_by_whom_and_what_was_done_there(town: Any) -> None:
    way = town.through_gateway(await opened(town))
    assert (await town.post(HANDLES, {"number": WAITRESS}, **way)).status_code == 200
    found = {one.leaf.purpose: (one, sealed) for one, sealed in await receipts(town)}
    for purpose, about in (("open-window", "cook"), ("make-handle", "waitress")):
        receipt, sealed = found[purpose]
        assert (receipt.leaf.side, receipt.leaf.decision) == ("identity", "released")
        assert receipt.leaf.asker is not None
        assert (receipt.leaf.asker.office, receipt.leaf.asker.system) == (MARKET, "licensing")
        assert sealed.clerk == "k-17"
        assert "k-17" not in receipt.leaf.model_dump_json()
        key = town.key("platform-answering")
        person = aliases.open_alias({key.kid: key}, "platform", sealed.person or "")
        assert person == town.read_token(await town.log_in(about))["sub"]


async def test_while_no_receipt_can_be_written_no_window_opens_and_the_code_still_counts(town: Any) -> None:
    code, ledger = await made(town), town.systems.held.pop("ledger")
    assert (await tried(town, told(code))).status_code == 503
    town.systems.held["ledger"] = ledger
    assert (await tried(town, told(code))).status_code == 201


async def test_codes_and_tries_that_are_over_are_removed(town: Any) -> None:
    await made(town)
    await tried(town, told("12345678", NOBODY))
    town.later(700)
    await Upkeep(town.db, town.clock).sweep()
    async with town.db.read() as reader:
        assert await reader.fetchval("SELECT count(*) FROM confirm_code") == 0
