# SPDX-License-Identifier: EUPL-1.2
"""The rarer operations through the API: transfers, other states, rulings, and every illegal one."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

Body = Callable[..., dict[str, Any]]
WHY = {"reason": "so decided"}
DOORS: dict[str, dict[str, Any]] = {
    "suspensions": WHY,
    "reinstatements": WHY,
    "transfers": WHY,
    "transfer-reversals": WHY,
    "others": WHY,
    "revocations cancel": {**WHY, "ending": "cancel"},
    "revocations rescind": {**WHY, "ending": "rescind"},
    "revocations revoke": {**WHY, "ending": "revoke"},
    "amendments": {"claims": {"number": "F-1", "place": "x"}, "validFrom": "2026-01-01"},
    "renewals": {"claims": {"number": "F-1", "place": "x"}, "validFrom": "2026-01-01"},
}
WAYS: dict[str, list[str]] = {
    "01": [],
    "02": ["suspensions"],
    "03": ["revocations rescind"],
    "04": ["revocations cancel"],
    "05": [],
    "06": ["transfers"],
    "07": ["revocations revoke"],
    "99": ["others"],
}
"""How a certificate gets to each status; 05 by the clock."""
LEGAL: dict[str, set[str]] = {
    "01": set(DOORS) - {"reinstatements", "transfer-reversals"},
    "02": {"reinstatements", "others", "revocations cancel", "revocations rescind", "revocations revoke", "amendments"},
    "03": set(),
    "04": set(),
    "05": {"revocations cancel", "revocations rescind", "renewals"},
    "06": {"transfer-reversals"},
    "07": set(),
    "99": {"reinstatements", "others", "revocations cancel", "revocations rescind", "revocations revoke"},
}


async def issued(house: Any, office: str, body: dict[str, Any], key: str = "k") -> str:
    answer = await house.post(office, "/certificates", body, key=key)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["certificateId"])


async def operate(house: Any, office: str, one: str, door: str, key: str) -> Any:
    path = f"/certificates/{one}/{door.split(maxsplit=1)[0]}"
    return await house.post(office, path, DOORS[door], key=key, if_match='"1"')


async def whole(house: Any) -> list[Any]:
    """Everything that an operation could change."""
    return [
        await house.rows("SELECT id, version, status, event_seq, status_text FROM certificate"),
        await house.rows("SELECT certificate_id, event_seq FROM certificate_operation"),
        await house.rows("SELECT certificate_id FROM certificate_version"),
        await house.rows("SELECT id FROM share_todo"),
        len(await house.said("certificates.certificate.v1")),
    ]


@pytest.mark.parametrize("status", WAYS)
async def test_illegal_operations_change_nothing_and_say_why(
    house: Any, licence: Body, names: Any, status: str
) -> None:
    one = await issued(house, names.market, licence(validTo="2026-12-01"))
    for door in WAYS[status]:
        assert (await operate(house, names.market, one, door, "way")).status_code == 201
    if status == "05":
        house.world.now = names.now + timedelta(days=10)
        assert await house.uses.changing.expire() == 1
    before = await whole(house)
    assert before[0][0]["status"] == status
    for door in set(DOORS) - LEGAL[status]:
        answer = await operate(house, names.market, one, door, door.replace(" ", "-"))
        assert (answer.status_code, answer.json()["code"]) == (409, "TRANSITION_NOT_ALLOWED"), (status, door)
        assert answer.json()["before"] == status
        assert answer.json()["reason"].startswith(("IS_", "HAS_"))
    assert await whole(house) == before


@pytest.mark.parametrize(("status", "door"), [(s, d) for s, doors in LEGAL.items() for d in sorted(doors)])
async def test_legal_operations_say_their_fact_and_their_status(
    house: Any, licence: Body, names: Any, status: str, door: str
) -> None:
    one = await issued(house, names.market, licence(validTo="2026-12-01"))
    for way in WAYS[status]:
        await operate(house, names.market, one, way, "way")
    if status == "05":
        house.world.now = names.now + timedelta(days=10)
        await house.uses.changing.expire()
    answer = await operate(house, names.market, one, door, "it")
    assert answer.status_code == 201, answer.text
    last = (await house.said("certificates.certificate.v1"))[-1]
    expected = {"transfers": ("revoked", "06"), "others": ("suspended", "99"),
                "transfer-reversals": ("reinstated", "01"),
                "suspensions": ("suspended", "02"), "reinstatements": ("reinstated", "01"),
                "revocations cancel": ("revoked", "04"), "revocations rescind": ("revoked", "03"),
                "revocations revoke": ("revoked", "07"), "amendments": ("amended", "02" if status == "02" else "01"),
                "renewals": ("amended", "01")}  # fmt: skip
    assert (last["type"].split(".")[2], json.loads(last["payload"])["status"]) == expected[door]


async def test_another_status_says_what_it_means(house: Any, licence: Body, names: Any) -> None:
    one = await issued(house, names.market, licence())
    await operate(house, names.market, one, "others", "o")
    read = (await house.get(names.market, f"/certificates/{one}")).json()
    assert (read["status"], read["statusText"]) == ("99", "so decided")
    textless = await house.post(names.market, f"/certificates/{one}/others", {}, key="t", if_match='"1"')
    assert textless.status_code == 400
    await operate(house, names.market, one, "reinstatements", "r")
    assert "statusText" not in (await house.get(names.market, f"/certificates/{one}")).json()


async def test_a_transferred_certificate_is_issued_anew_by_the_other_office(
    house: Any, licence: Body, names: Any
) -> None:
    one = await issued(house, names.market, licence())
    anew = licence(
        office=names.health,
        holder={"subject": names.pseudonym(names.health, "ann")},
        transferredFrom={"office": names.market, "certificateId": one},
    )
    early = await house.post(names.health, "/certificates", anew, key="early")
    assert (early.status_code, early.json()["reason"]) == (409, "NOT_TRANSFERRED_OUT")
    await operate(house, names.market, one, "transfers", "out")
    taken = await house.post(names.health, "/certificates", anew, key="in")
    assert taken.status_code == 201, taken.text
    read = (await house.get(names.health, f"/certificates/{taken.json()['certificateId']}")).json()
    assert read["transferredFrom"] == {"office": names.market, "certificateId": one}
    late = await operate(house, names.market, one, "transfer-reversals", "undo")
    assert (late.status_code, late.json()["reason"]) == (409, "TRANSFER_COMPLETED")
    twice = await house.post(
        names.health, "/certificates", {**anew, "claims": {"number": "F-9", "place": "x"}}, key="2"
    )
    assert (twice.status_code, twice.json()["reason"]) == (409, "NOT_TRANSFERRED_OUT")


async def test_a_transfer_and_its_reversal_at_once_have_one_outcome(house: Any, licence: Body, names: Any) -> None:
    one = await issued(house, names.market, licence())
    await operate(house, names.market, one, "transfers", "out")
    anew = licence(
        office=names.health,
        holder={"subject": names.pseudonym(names.health, "ann")},
        transferredFrom={"office": names.market, "certificateId": one},
    )
    taken, undone = await asyncio.gather(
        house.post(names.health, "/certificates", anew, key="in"),
        operate(house, names.market, one, "transfer-reversals", "undo"),
    )
    assert sorted((taken.status_code, undone.status_code)) == [201, 409]


async def test_a_certificate_of_another_deployment_comes_by_transfer_too(house: Any, licence: Body, names: Any) -> None:
    former = {"office": names.tax, "certificateId": str(names.zero)}
    one = await issued(house, names.market, licence(transferredFrom=former))
    assert (await house.get(names.market, f"/certificates/{one}")).json()["transferredFrom"] == former


@pytest.mark.parametrize("ending", ["cancel", "rescind", "revoke"])
async def test_a_ruling_allows_a_new_one_and_the_ended_one_stays_ended(
    house: Any, licence: Body, names: Any, ending: str
) -> None:
    one = await issued(house, names.market, licence())
    await operate(house, names.market, one, f"revocations {ending}", "end")
    without = await house.post(names.market, "/certificates", licence(), key="without")
    assert (without.status_code, without.json()["reason"]) == (409, "RULING_MISSING")
    anew = await issued(house, names.market, licence(ruling="Review 2026/17"), key="with")
    assert anew != one
    read = (await house.get(names.market, f"/certificates/{anew}")).json()
    assert (read["status"], read["ruling"], read["version"]) == ("01", "Review 2026/17", 1)
    old = (await house.get(names.market, f"/certificates/{one}")).json()
    assert old["status"] in ("03", "04", "07")
    second = await house.post(names.market, "/certificates", licence(ruling="Another"), key="again")
    assert (second.status_code, second.json()["reason"]) == (409, "IS_VALID")
    await operate(house, names.market, anew, "revocations cancel", "end2")
    again = await house.post(names.market, "/certificates", licence(), key="third")
    assert again.json()["reason"] == "RULING_MISSING"


async def test_a_ruling_that_comes_to_nothing_leaves_the_ended_one_its_key(
    house: Any, licence: Body, names: Any
) -> None:
    alias = house.world.alias(names.market, "ann")
    task = house.world.task(alias)
    one = await issued(house, names.market, licence(holder={"alias": alias}, task=task))
    await operate(house, names.market, one, "revocations revoke", "end")
    body = licence(holder={"alias": alias}, task=task, ruling="Review 2026/17")
    refused = await house.post(names.market, "/certificates", body, key="again")
    assert (refused.status_code, refused.json()["code"]) == (409, "TASK_ALREADY_ISSUED")
    assert await house.rows("SELECT succeeded FROM certificate") == [{"succeeded": False}]


async def test_of_two_counters_that_register_one_marriage_one_succeeds(house: Any, licence: Body, names: Any) -> None:
    answers = await asyncio.gather(
        *(house.post(names.market, "/certificates", licence(), key=f"counter-{n}") for n in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    [refused] = [answer for answer in answers if answer.status_code == 409]
    assert (refused.json()["code"], refused.json()["reason"]) == ("TRANSITION_NOT_ALLOWED", "IS_VALID")
    assert len(await house.said("certificates.certificate.v1")) == 1


async def test_of_a_new_one_without_a_ruling_and_an_end_at_once_none_slips_through(
    house: Any, licence: Body, names: Any
) -> None:
    one = await issued(house, names.market, licence())
    ended, anew = await asyncio.gather(
        operate(house, names.market, one, "revocations cancel", "end"),
        house.post(names.market, "/certificates", licence(), key="anew"),
    )
    assert (ended.status_code, anew.status_code) == (201, 409)
