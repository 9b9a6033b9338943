# SPDX-License-Identifier: EUPL-1.2
"""Changing a status through the API, and the clock."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

Body = Callable[..., dict[str, Any]]
WHY = {"reason": "an inspection"}


async def issued(house: Any, office: str, body: dict[str, Any]) -> str:
    answer = await house.post(office, "/certificates", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["certificateId"])


async def change(
    house: Any, office: str, certificate_id: str, door: str, key: str, body: Any = None, **headers: str
) -> Any:
    sent = {"if_match": '"1"', **headers}
    return await house.post(office, f"/certificates/{certificate_id}/{door}", body or WHY, key=key, **sent)


async def test_suspended_reinstated_revoked_each_is_a_fact_in_order(house: Any, title: Body, names: Any) -> None:
    one = await issued(house, names.land, title())
    for key, door, body, status in (
        ("1", "suspensions", WHY, "02"),
        ("2", "reinstatements", WHY, "01"),
        ("3", "revocations", {**WHY, "ending": "revoke"}, "07"),
    ):
        answer = await change(house, names.land, one, door, key, body)
        assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (201, status, '"1"')
    facts = await house.said("certificates.certificate.v1")
    assert [(f["keyseq"], f["type"].split(".")[2]) for f in facts] == [
        (1, "issued"),
        (2, "suspended"),
        (3, "reinstated"),
        (4, "revoked"),
    ]
    rows = await house.rows(
        "SELECT operation, status_before, status_after, reason, system FROM certificate_operation ORDER BY event_seq"
    )
    assert [(r["operation"], r["status_before"], r["status_after"]) for r in rows] == [
        ("suspend", "01", "02"),
        ("reinstate", "02", "01"),
        ("revoke", "01", "07"),
    ]
    assert {(r["reason"], r["system"]) for r in rows} == {("an inspection", "land-registry")}


@pytest.mark.parametrize(("ending", "status"), [("cancel", "04"), ("rescind", "03"), ("revoke", "07")])
async def test_an_end_has_its_own_status(house: Any, title: Body, names: Any, ending: str, status: str) -> None:
    one = await issued(house, names.land, title())
    answer = await change(house, names.land, one, "revocations", "r", {**WHY, "ending": ending})
    assert answer.json()["status"] == status
    again = await change(house, names.land, one, "reinstatements", "s")
    assert (again.status_code, again.json()["code"]) == (409, "TRANSITION_NOT_ALLOWED")


async def test_an_illegal_operation_changes_nothing(house: Any, title: Body, names: Any) -> None:
    one = await issued(house, names.land, title())
    answer = await change(house, names.land, one, "reinstatements", "r")
    assert (answer.status_code, answer.json()["code"]) == (409, "TRANSITION_NOT_ALLOWED")
    assert len(await house.said("certificates.certificate.v1")) == 1


async def test_the_version_must_be_named_and_right(house: Any, title: Body, names: Any) -> None:
    one = await issued(house, names.land, title())
    path = f"/certificates/{one}/suspensions"
    missing = await house.post(names.land, path, WHY)
    assert (missing.status_code, missing.json()["code"]) == (428, "IF_MATCH_MISSING")
    stale = await house.post(names.land, path, WHY, key="stale", if_match='"2"')
    assert (stale.status_code, stale.json()["code"]) == (412, "VERSION_CHANGED")
    odd = await house.post(names.land, path, WHY, key="odd", if_match="*")
    assert (odd.status_code, odd.json()["code"]) == (400, "INVALID_REQUEST")


async def test_unknown_and_another_offices_certificate_look_alike(house: Any, title: Body, names: Any) -> None:
    one = await issued(house, names.land, title())
    foreign = await change(house, names.market, one, "suspensions", "a")
    unknown = await change(house, names.market, str(names.zero), "suspensions", "b")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["code"] == unknown.json()["code"] == "NOT_FOUND"


async def test_only_a_revocation_says_how_it_ends(house: Any, title: Body, names: Any) -> None:
    one = await issued(house, names.land, title())
    none = await change(house, names.land, one, "revocations", "a")
    too_much = await change(house, names.land, one, "suspensions", "b", {**WHY, "ending": "cancel"})
    assert [a.json()["errors"][0]["pointer"] for a in (none, too_much)] == ["/ending", "/ending"]


async def test_two_suspensions_at_once_have_one_effect(house: Any, title: Body, names: Any) -> None:
    one = await issued(house, names.land, title())
    answers = await asyncio.gather(*(change(house, names.land, one, "suspensions", str(n)) for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert len(await house.said("certificates.certificate.v1")) == 2


async def test_a_certificate_lapses_after_its_last_day(house: Any, title: Body, names: Any) -> None:
    await issued(house, names.land, title(validTo="2026-11-25"))
    house.world.now = names.now + timedelta(days=1)
    assert await house.uses.changing.expire() == 0
    house.world.now = names.now + timedelta(days=2)
    assert await house.uses.changing.expire() == 1
    assert await house.uses.changing.expire() == 0
    facts = await house.said("certificates.certificate.v1")
    assert facts[-1]["type"] == "certificates.certificate.expired.v1"
    assert await house.rows("SELECT status FROM certificate") == [{"status": "05"}]
