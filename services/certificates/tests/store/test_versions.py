# SPDX-License-Identifier: EUPL-1.2
"""Changes of content and renewals through the API: a new version, and the old ones as they were."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contracts.cases import ProofIssue
from contracts.identifiers import parse_licence_id
from kit import aliases

Body = Callable[..., dict[str, Any]]
NEXT = {"claims": {"number": "F-1", "place": "7 Lake Road"}, "validFrom": "2026-01-01"}


@pytest.fixture
async def held(house: Any, licence: Body, names: Any) -> dict[str, Any]:
    """Ann's food licence, as it was issued."""
    answer = await house.post(names.market, "/certificates", licence(validTo="2026-12-31"))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def amend(house: Any, office: str, one: str, key: str = "a", version: int = 1, **more: Any) -> Any:
    door = more.pop("door", "amendments")
    return await house.post(office, f"/certificates/{one}/{door}", {**NEXT, **more}, key=key, if_match=f'"{version}"')


async def look(house: Any, office: str, one: str, **query: str) -> Any:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return await house.get(office, f"/certificates/{one}{'?' if asked else ''}{asked}")


async def test_a_change_of_content_keeps_the_serial_and_raises_the_version(
    house: Any, names: Any, held: dict[str, Any]
) -> None:
    one = held["certificateId"]
    answer = await amend(house, names.market, one, validTo="2026-12-31", reason="the shop moved")
    assert (answer.status_code, answer.headers["etag"]) == (201, '"2"'), answer.text
    after = answer.json()
    assert (after["certificateId"], after["version"], after["status"]) == (one, 2, "01")
    before, now = parse_licence_id(held["licenceId"]), parse_licence_id(after["licenceId"])
    assert (now.serial, now.version, now.type_code, now.issuer) == (before.serial, 2, before.type_code, names.market)
    read = (await look(house, names.market, one)).json()
    assert (read["version"], read["claims"]["place"], read["licenceId"]) == (2, "7 Lake Road", after["licenceId"])
    facts = await house.said("certificates.certificate.v1")
    assert [(f["type"].split(".")[2], f["keyseq"], json.loads(f["payload"])["version"]) for f in facts] == [
        ("issued", 1, 1),
        ("amended", 2, 2),
    ]
    [kept] = await house.rows("SELECT version, status, licence_id FROM certificate_version")
    assert kept == {"version": 1, "status": "05", "licence_id": held["licenceId"]}
    [row] = await house.rows("SELECT operation, version, status_before, reason FROM certificate_operation")
    assert row == {"operation": "amend", "version": 2, "status_before": "01", "reason": "the shop moved"}


async def test_a_copy_of_a_replaced_version_is_invalid(house: Any, names: Any, held: dict[str, Any]) -> None:
    one = held["certificateId"]
    old = (await look(house, names.market, one)).json()["credential"]
    await amend(house, names.market, one)
    new = (await look(house, names.market, one)).json()["credential"]
    verdicts = [
        (await house.post(names.land, "/verifications", {"credential": copy}, key=None)).json() for copy in (old, new)
    ]
    assert [(v["verdict"], v["status"]) for v in verdicts] == [("invalid", "05"), ("valid", "01")]


async def test_the_same_key_gives_the_same_answer_after_the_version_changed(
    house: Any, names: Any, held: dict[str, Any]
) -> None:
    first = await amend(house, names.market, held["certificateId"])
    again = await amend(house, names.market, held["certificateId"])
    assert (again.status_code, again.content) == (201, first.content)
    other = await amend(house, names.market, held["certificateId"], key="b")
    assert (other.status_code, other.json()["code"]) == (412, "VERSION_CHANGED")


async def test_of_changes_at_once_one_wins(house: Any, names: Any, held: dict[str, Any]) -> None:
    one = held["certificateId"]
    answers = await asyncio.gather(*(amend(house, names.market, one, key=f"k{n}") for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[412] * 7]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 412} == {"VERSION_CHANGED"}
    assert len(await house.said("certificates.certificate.v1")) == 2
    assert len(await house.rows("SELECT version FROM certificate_version")) == 1


async def test_a_change_and_a_suspension_at_once_both_hold(house: Any, names: Any, held: dict[str, Any]) -> None:
    one = held["certificateId"]
    amended, suspended = await asyncio.gather(
        amend(house, names.market, one),
        house.post(names.market, f"/certificates/{one}/suspensions", {"reason": "x"}, key="s", if_match='"1"'),
    )
    assert amended.status_code == 201
    if suspended.status_code == 201:  # it was first: the new version is suspended too
        assert amended.json()["status"] == "02"
    else:
        assert suspended.json()["code"] == "VERSION_CHANGED"


async def test_what_is_suspended_stays_suspended_with_new_content(house: Any, names: Any, held: dict[str, Any]) -> None:
    one = held["certificateId"]
    await house.post(names.market, f"/certificates/{one}/suspensions", {"reason": "x"}, key="s", if_match='"1"')
    assert (await amend(house, names.market, one)).json()["status"] == "02"
    back = await house.post(
        names.market, f"/certificates/{one}/reinstatements", {"reason": "x"}, key="r", if_match='"2"'
    )
    assert (back.status_code, back.json()["status"]) == (201, "01")


async def test_what_ended_gets_no_new_version(house: Any, names: Any, held: dict[str, Any]) -> None:
    one = held["certificateId"]
    body = {"reason": "x", "ending": "revoke"}
    await house.post(names.market, f"/certificates/{one}/revocations", body, key="r", if_match='"1"')
    for door in ("amendments", "renewals"):
        answer = await amend(house, names.market, one, key=door, door=door, validTo="2027-12-31")
        assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (
            409,
            "TRANSITION_NOT_ALLOWED",
            "IS_REVOKED",
        )
    assert await house.rows("SELECT version FROM certificate_version") == []
    assert len(await house.said("certificates.certificate.v1")) == 2


async def test_a_renewal_lasts_longer_and_comes_within_the_grace(house: Any, names: Any, held: dict[str, Any]) -> None:
    one = held["certificateId"]
    house.world.now = names.now + timedelta(days=40)  # 3 January 2027
    await house.uses.changing.expire()
    short = await amend(house, names.market, one, key="s", door="renewals", validTo="2026-12-31")
    assert short.json()["errors"][0]["pointer"] == "/validTo"
    renewed = await amend(
        house, names.market, one, door="renewals", validFrom="2027-01-03", validTo="2027-12-31", claims=NEXT["claims"]
    )
    assert (renewed.status_code, renewed.json()["status"], renewed.json()["version"]) == (201, "01", 2), renewed.text
    facts = await house.said("certificates.certificate.v1")
    assert [fact["type"].split(".")[2] for fact in facts] == ["issued", "expired", "amended"]


async def test_after_the_grace_nothing_is_renewed(house: Any, names: Any, held: dict[str, Any]) -> None:
    house.world.now = names.now + timedelta(days=68)  # 31 January 2027: the 31st day after the last
    await house.uses.changing.expire()
    late = await amend(
        house, names.market, held["certificateId"], door="renewals", validFrom="2027-01-31", validTo="2027-12-31"
    )
    assert (late.status_code, late.json()["reason"]) == (409, "GRACE_OVER")


async def test_a_promise_that_was_kept_is_taken_off(house: Any, licence: Body, names: Any) -> None:
    promise = {"conditions": ["Two exits are kept free."], "checkBy": "2026-12-22"}
    one = (await house.post(names.market, "/certificates", licence(provisional=promise))).json()["certificateId"]
    passed = await amend(house, names.market, one)
    assert passed.status_code == 201
    assert "provisional" not in (await look(house, names.market, one)).json()
    facts = [json.loads(fact["payload"])["provisional"] for fact in await house.said("certificates.certificate.v1")]
    assert facts == [True, False]


async def test_a_false_promise_is_told_with_the_end(house: Any, licence: Body, names: Any) -> None:
    promise = {"conditions": ["Two exits are kept free."], "checkBy": "2026-12-22"}
    one = (await house.post(names.market, "/certificates", licence(provisional=promise))).json()["certificateId"]
    for door, body in (
        ("suspensions", {"reason": "one exit is blocked"}),
        ("reinstatements", {"reason": "it is free again"}),
        ("revocations", {"reason": "it never was", "ending": "rescind"}),
    ):
        answer = await house.post(names.market, f"/certificates/{one}/{door}", body, key=door, if_match='"1"')
        assert answer.status_code == 201, answer.text
    last = (await house.said("certificates.certificate.v1"))[-1]
    fact = json.loads(last["payload"])
    assert (last["type"].split(".")[2], fact["status"], fact["provisional"]) == ("revoked", "03", True)


async def test_grantees_and_the_directory_follow_each_version(house: Any, names: Any, held: dict[str, Any]) -> None:
    one = held["certificateId"]
    await house.share_all()
    await amend(house, names.market, one)
    await house.share_all()
    shares = await house.received(names.land)
    assert [(s.fact, s.certificate_version, s.presentation is not None) for s in shares] == [
        ("issued", 1, True),
        ("amended", 2, True),
    ]
    holdings = [json.loads(event["payload"]) for event in await house.said("certificates.holding.v1")]
    assert [(h["version"], h["status"]) for h in holdings] == [(1, "01"), (2, "01")]


async def test_content_of_a_version_that_was_replaced_does_not_go(house: Any, names: Any, held: dict[str, Any]) -> None:
    await amend(house, names.market, held["certificateId"])
    await house.share_all()
    assert [(s.fact, s.presentation is not None) for s in await house.received(names.land)] == [
        ("issued", False),
        ("amended", True),
    ]


async def test_a_task_may_ask_for_a_change_once(house: Any, names: Any, held: dict[str, Any]) -> None:
    alias, other = house.world.alias(names.market, "ann"), house.world.alias(names.market, "bob")
    task = house.world.task(alias)
    one = held["certificateId"]
    answer = await amend(house, names.market, one, task=task, holder=alias)
    assert answer.status_code == 201, answer.text
    fact = (await house.said("certificates.certificate.v1"))[-1]
    assert json.loads(fact["payload"])["taskId"] == task["taskId"] == fact["headers"]["taskid"]
    again = await amend(house, names.market, one, key="b", version=2, task=task, holder=alias)
    assert (again.status_code, again.json()["code"]) == (409, "TASK_ALREADY_ISSUED")
    fresh = house.world.task(other)
    for key, holder, code in (("c", other, "INVALID_REQUEST"), ("d", alias, "CASE_PROOF_INVALID"), ("e", None, None)):
        more = {} if holder is None else {"holder": holder}
        refused = await amend(house, names.market, one, key=key, version=2, task=fresh, **more)
        assert refused.json()["code"] == (code or "CASE_PROOF_INVALID")


async def test_a_task_changes_an_organisations_certificate_by_its_code(house: Any, licence: Body, names: Any) -> None:
    issued = await house.post(names.market, "/certificates", licence(holder={"organisation": names.tax}))
    task = house.world.task("", issues=[ProofIssue(type="food-licence", holder=aliases.digest(names.tax))])
    founding = house.world.task("", issues=[ProofIssue(type="food-licence", holder=None)])
    refused = await amend(house, names.market, issued.json()["certificateId"], key="f", task=founding)
    assert (refused.status_code, refused.json()["code"]) == (403, "CASE_PROOF_INVALID")
    answer = await amend(house, names.market, issued.json()["certificateId"], task=task)
    assert answer.status_code == 201, answer.text


async def test_a_natural_key_that_is_taken_is_not_taken_again(
    house: Any, licence: Body, names: Any, held: dict[str, Any]
) -> None:
    claims = {"number": "F-2", "place": "x"}
    await house.post(names.market, "/certificates", licence(claims=claims), key="other")
    answer = await amend(house, names.market, held["certificateId"], claims=claims)
    assert (answer.status_code, answer.json()["code"]) == (409, "NATURAL_KEY_TAKEN")
    assert (await look(house, names.market, held["certificateId"])).json()["version"] == 1


async def test_a_version_needs_power_and_a_live_type(house: Any, names: Any, held: dict[str, Any]) -> None:
    house.world.publish(lambda entry: None if entry["id"] == "PW-3" else entry)
    answer = await amend(house, names.market, held["certificateId"])
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_IN_POWER_LIST")
    wrong = await amend(house, names.market, str(names.zero))
    assert wrong.status_code == 404


async def test_a_read_tells_what_was_so_on_a_day_as_it_was_known(house: Any, names: Any, held: dict[str, Any]) -> None:
    one = held["certificateId"]
    house.world.now = names.now + timedelta(days=10)
    await amend(house, names.market, one, validFrom="2026-11-20")

    async def place(**query: str) -> tuple[int, str]:
        answer = await look(house, names.market, one, **query)
        body = answer.json()
        return (body["version"], body["status"]) if answer.status_code == 200 else (answer.status_code, body["code"])

    assert await place() == (2, "01")
    assert await place(asOf="2026-11-19") == (1, "01")
    assert await place(asOf="2026-11-20") == (2, "01")
    assert await place(asOf="2026-11-20", recordedAt="2026-11-30T00:00:00Z") == (1, "01")
    assert await place(asOf="2025-12-31") == (404, "NOT_FOUND")
    assert await place(recordedAt="2026-11-30T00:00:00Z") == (400, "INVALID_REQUEST")
    assert await place(asOf="yesterday") == (400, "INVALID_REQUEST")
    assert [sealed.certificate_version for _, sealed in await house.receipts()] == [2, 1, 2, 1]


async def change_held(house: Any, names: Any, key: str = "h", **more: Any) -> Any:
    body = {
        "office": names.market, "type": "food-licence", "holder": {"subject": names.pseudonym(names.market, "ann")},
        "changes": {"place": "9 Hill Road"}, **more,
    }  # fmt: skip
    return await house.post(names.market, "/certificates/amendments", body, key=key)


async def test_an_office_that_knows_the_holder_alone_changes_what_she_has(
    house: Any, names: Any, held: dict[str, Any]
) -> None:
    alias = house.world.alias(names.market, "ann")
    task = house.world.task(alias)
    answer = await change_held(house, names, holder={"alias": alias}, task=task)
    assert (answer.status_code, answer.json()["version"]) == (201, 2), answer.text
    again = await change_held(house, names, holder={"alias": alias}, task=task)
    assert again.content == answer.content
    read = (await look(house, names.market, held["certificateId"])).json()
    assert (read["claims"], read["validTo"]) == ({"number": "F-1", "place": "9 Hill Road"}, "2026-12-31")
    fact = json.loads((await house.said("certificates.certificate.v1"))[-1]["payload"])
    assert (fact["taskId"], fact["version"]) == (task["taskId"], 2)


async def test_changes_of_fields_at_once_all_hold(house: Any, names: Any, held: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(change_held(house, names, key=f"k{n}") for n in range(3)))
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4]


async def test_a_holder_with_none_or_several_is_not_guessed_at(
    house: Any, licence: Body, names: Any, held: dict[str, Any]
) -> None:
    nobody = await change_held(house, names, holder={"subject": names.pseudonym(names.market, "bob")})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "NOT_FOUND")
    await house.post(names.market, "/certificates", licence(claims={"number": "F-2", "place": "x"}), key="second")
    several = await change_held(house, names, key="several")
    assert (several.status_code, several.json()["code"]) == (409, "SEVERAL_CERTIFICATES")
    foreign = await change_held(house, names, key="f", office=names.land)
    assert foreign.status_code == 403


async def test_a_change_names_fields_that_the_type_has(house: Any, names: Any, held: dict[str, Any]) -> None:
    odd = await change_held(house, names, changes={"colour": "red"})
    assert (odd.status_code, odd.json()["errors"][0]["pointer"]) == (400, "/claims")


async def test_a_promise_whose_day_is_over_is_no_obstacle_to_a_change(house: Any, licence: Body, names: Any) -> None:
    promise = {"conditions": ["Two exits are kept free."], "checkBy": "2026-11-25"}
    one = (await house.post(names.market, "/certificates", licence(provisional=promise))).json()["certificateId"]
    house.world.now = names.now + timedelta(days=3)
    assert (await change_held(house, names)).status_code == 201
    assert (await look(house, names.market, one)).json()["provisional"] == promise
