# SPDX-License-Identifier: EUPL-1.2
"""Issuing through the API: what the office gets, what the world hears, and every refusal."""

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


async def test_an_issued_certificate_is_announced_without_its_holder(house: Any, title: Body, names: Any) -> None:
    answer = await house.post(names.land, "/certificates", title())
    assert answer.status_code == 201, answer.text
    issued = answer.json()
    assert (issued["version"], issued["status"], answer.headers["etag"]) == (1, "01", '"1"')
    licence = parse_licence_id(issued["licenceId"])
    assert (licence.type_code, licence.issuer, licence.serial) == (f"{names.land}001", names.land, "20261124000001")
    [fact] = await house.said("certificates.certificate.v1")
    assert (fact["key"], fact["keyseq"], fact["type"]) == (
        issued["certificateId"],
        1,
        "certificates.certificate.issued.v1",
    )
    body = json.loads(fact["payload"])
    assert body == {
        "certificateId": issued["certificateId"], "version": 1, "office": names.land, "type": "title",
        "typeCode": f"{names.land}001", "status": "01", "provisional": False,
    }  # fmt: skip
    assert fact["headers"]["office"] == names.land


async def test_the_same_key_gives_the_same_answer_and_one_certificate(house: Any, title: Body, names: Any) -> None:
    first = await house.post(names.land, "/certificates", title())
    again = await house.post(names.land, "/certificates", title())
    assert (again.status_code, again.content) == (201, first.content)
    assert len(await house.said("certificates.certificate.v1")) == 1
    other = await house.post(names.land, "/certificates", title(validFrom="2026-02-01"))
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_an_accepted_request_stays_accepted_when_the_lists_change(house: Any, title: Body, names: Any) -> None:
    first = await house.post(names.land, "/certificates", title())
    house.world.publish(lambda entry: None if entry["id"] == "PW-1" else entry)
    again = await house.post(names.land, "/certificates", title())
    assert (again.status_code, again.content) == (201, first.content)
    fresh = await house.post(names.land, "/certificates", title("bob"), key="other")
    assert (fresh.status_code, fresh.json()["code"]) == (403, "NOT_IN_POWER_LIST")


async def test_twenty_equal_posts_at_once_issue_once(house: Any, title: Body, names: Any) -> None:
    answers = await asyncio.gather(*(house.post(names.land, "/certificates", title()) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"REQUEST_STILL_RUNNING"}
    assert len(await house.rows("SELECT id FROM certificate")) == 1


async def test_many_at_once_get_serials_of_their_own(house: Any, title: Body, names: Any) -> None:
    async def one(number: int) -> str:
        claims = {"place": "x", "use": "shop", "number": f"T-{number}"}
        answer = await house.post(names.land, "/certificates", title(claims=claims), key=f"k-{number}")
        return str(parse_licence_id(answer.json()["licenceId"]).serial)

    serials = await asyncio.gather(*(one(number) for number in range(60)))
    assert len(set(serials)) == 60


async def test_of_many_at_once_with_one_natural_key_one_is_issued(house: Any, title: Body, names: Any) -> None:
    async def one(number: int) -> Any:
        claims = {"place": "x", "use": "shop", "number": f"T-{number % 4}"}
        return await house.post(names.land, "/certificates", title(claims=claims), key=f"k-{number}")

    answers = await asyncio.gather(*(one(number) for number in range(24)))
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 20
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"TRANSITION_NOT_ALLOWED"}
    assert len(await house.said("certificates.certificate.v1")) == 4
    assert await house.rows("SELECT count(*) AS n FROM idem") == [{"n": 4}]


async def test_of_many_at_once_for_one_task_one_is_issued(house: Any, licence: Body, names: Any) -> None:
    alias = house.world.alias(names.market, "ann")
    task = house.world.task(alias)

    async def one(number: int) -> Any:
        claims = {"number": f"F-{number}", "place": "x"}
        body = licence(holder={"alias": alias}, task=task, claims=claims)
        return await house.post(names.market, "/certificates", body, key=f"k-{number}")

    answers = await asyncio.gather(*(one(number) for number in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"TASK_ALREADY_ISSUED"}


async def test_a_natural_key_is_used_once(house: Any, title: Body, names: Any) -> None:
    await house.post(names.land, "/certificates", title())
    second = await house.post(names.land, "/certificates", title(), key="other")
    assert (second.status_code, second.json()["code"]) == (409, "TRANSITION_NOT_ALLOWED")
    assert (second.json()["operation"], second.json()["before"]) == ("new", "01")
    assert (await house.post(names.land, "/certificates", title("bob"), key="third")).status_code == 201


async def test_an_ended_certificate_is_not_issued_anew_without_a_ruling(house: Any, title: Body, names: Any) -> None:
    issued = (await house.post(names.land, "/certificates", title())).json()
    body = {"reason": "wrong", "ending": "rescind"}
    ended = await house.post(
        names.land, f"/certificates/{issued['certificateId']}/revocations", body, key="end", if_match='"1"'
    )
    assert ended.status_code == 201
    again = await house.post(names.land, "/certificates", title(), key="other")
    assert (again.status_code, again.json()["code"]) == (409, "TRANSITION_NOT_ALLOWED")


async def test_refusals_name_what_is_wrong(house: Any, title: Body, names: Any) -> None:
    async def code(office: str, body: dict[str, Any], key: str | None = "k") -> tuple[int, str]:
        answer = await house.post(office, "/certificates", body, key=key)
        return answer.status_code, answer.json()["code"]

    assert await code(names.land, title(type="unknown")) == (404, "REFERENCE_UNKNOWN")
    assert await code(names.land, title(type="old-title", claims={"number": "1"})) == (403, "LIST_EXPIRED")
    assert await code(names.health, title(office=names.health)) == (403, "NOT_IN_POWER_LIST")
    assert await code(names.market, title()) == (403, "FORBIDDEN")
    assert await code(names.tax, title(office=names.tax)) == (403, "FORBIDDEN")
    assert await code(names.land, title(claims={})) == (400, "INVALID_REQUEST")
    assert await code(names.land, title(holder={})) == (400, "INVALID_REQUEST")
    assert await code(names.land, title(holder={"organisation": "119999000000000190"})) == (400, "INVALID_REQUEST")
    assert await code(names.land, title(extra=1)) == (400, "INVALID_REQUEST")
    assert await code(names.land, title(), key=None) == (400, "IDEMPOTENCY_KEY_MISSING")
    assert await house.rows("SELECT id FROM certificate") == []


async def test_a_task_is_proved_and_named_in_the_fact(house: Any, licence: Body, names: Any) -> None:
    alias = house.world.alias(names.market, "ann")
    task = house.world.task(alias)
    answer = await house.post(names.market, "/certificates", licence(holder={"alias": alias}, task=task))
    assert answer.status_code == 201, answer.text
    [fact] = await house.said("certificates.certificate.v1")
    body = json.loads(fact["payload"])
    assert (body["caseId"], body["taskId"]) == (names.case, task["taskId"])
    assert (fact["headers"]["caseid"], fact["headers"]["taskid"]) == (names.case, task["taskId"])
    [row] = await house.rows("SELECT subject FROM certificate")
    assert row["subject"] == names.pseudonym(names.market, "ann")
    claims = {"number": "F-2", "place": "x"}
    twice = licence(holder={"alias": alias}, task=task, claims=claims)
    again = await house.post(names.market, "/certificates", twice, key="other")
    assert (again.status_code, again.json()["code"]) == (409, "TASK_ALREADY_ISSUED")


async def test_a_task_that_is_not_proved_issues_nothing(house: Any, licence: Body, names: Any) -> None:
    world = house.world
    ann, bob = world.alias(names.market, "ann"), world.alias(names.market, "bob")
    named = [ProofIssue(type="title", holder=aliases.digest(ann))]
    past = int((names.now - timedelta(minutes=1)).timestamp())
    tasks = {
        "another person": (world.task(bob), {"alias": ann}),
        "a pseudonym nobody proved": (world.task(ann), {"subject": names.pseudonym(names.market, "ann")}),
        "another type": (world.task(ann, issues=named), {"alias": ann}),
        "another office": (world.task(ann, proof={"office": names.land}), {"alias": ann}),
        "another case": (world.task(ann, caseId="0197a0b0-0000-7000-8000-000000000000"), {"alias": ann}),
        "another step": (world.task(ann, step="food-licence/f2"), {"alias": ann}),
        "not by cases": (world.task(ann, proof={"signer": "exchange-bus", "iss": "exchange-bus"}), {"alias": ann}),
        "too late": (world.task(ann, proof={"exp": past, "iat": past - 600}), {"alias": ann}),
    }
    for what, (task, holder) in tasks.items():
        answer = await house.post(
            names.market, "/certificates", licence(holder=holder, task=task), key=what.replace(" ", "-")
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "CASE_PROOF_INVALID"), what
    foreign = licence(holder={"alias": world.alias(names.land, "ann")})
    answer = await house.post(names.market, "/certificates", foreign, key="foreign")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/holder/alias")


async def test_a_task_that_founds_an_organisation_takes_any_and_the_fact_names_it(
    house: Any, licence: Body, names: Any
) -> None:
    task = house.world.task("", issues=[ProofIssue(type="food-licence", holder=None)])
    founded = licence(holder={"organisation": names.tax}, task=task)
    answer = await house.post(names.market, "/certificates", founded, key=f"task-{task['taskId']}")
    assert answer.status_code == 201, answer.text
    [fact] = await house.said("certificates.certificate.v1")
    assert json.loads(fact["payload"])["organisation"] == names.tax
    another = licence(holder={"organisation": names.health}, task=task)
    second = await house.post(names.market, "/certificates", another, key="another")
    assert (second.status_code, second.json()["code"]) == (409, "TASK_ALREADY_ISSUED")
    person = licence(holder={"alias": house.world.alias(names.market, "ann")}, task=task)
    refused = await house.post(names.market, "/certificates", person, key="person")
    assert (refused.status_code, refused.json()["code"]) == (403, "CASE_PROOF_INVALID")


async def test_a_task_for_a_known_organisation_takes_no_other(house: Any, licence: Body, names: Any) -> None:
    task = house.world.task("", issues=[ProofIssue(type="food-licence", holder=aliases.digest(names.tax))])
    other = licence(holder={"organisation": names.health}, task=task)
    refused = await house.post(names.market, "/certificates", other, key="other")
    assert (refused.status_code, refused.json()["code"]) == (403, "CASE_PROOF_INVALID")
    known = licence(holder={"organisation": names.tax}, task=task)
    assert (await house.post(names.market, "/certificates", known)).status_code == 201
    [fact] = await house.said("certificates.certificate.v1")
    assert "organisation" not in json.loads(fact["payload"])  # the platform knows it already


async def test_one_task_issues_a_certificate_for_each_holder_and_type(house: Any, licence: Body, names: Any) -> None:
    people = {person: house.world.alias(names.market, person) for person in ("ann", "bob")}
    task = house.world.task(
        "", issues=[ProofIssue(type="food-licence", holder=aliases.digest(alias)) for alias in people.values()]
    )
    for number, alias in enumerate(people.values(), start=1):
        body = licence(holder={"alias": alias}, task=task)
        answer = await house.post(names.market, "/certificates", body, key=f"task-{task['taskId']}-{number}")
        assert answer.status_code == 201, answer.text
    facts = await house.said("certificates.certificate.v1")
    assert {json.loads(fact["payload"])["taskId"] for fact in facts} == {task["taskId"]}


async def test_what_is_given_on_a_promise_says_so_everywhere(house: Any, licence: Body, names: Any) -> None:
    promise = {"conditions": ["Two exits are kept free."], "checkBy": "2026-12-22"}
    issued = await house.post(names.market, "/certificates", licence(provisional=promise))
    assert issued.status_code == 201, issued.text
    [fact] = await house.said("certificates.certificate.v1")
    assert json.loads(fact["payload"])["provisional"] is True
    read = (await house.get(names.market, f"/certificates/{issued.json()['certificateId']}")).json()
    assert read["provisional"] == promise
    verdict = await house.post(names.market, "/verifications", {"credential": read["credential"]}, key=None)
    assert verdict.json()["claims"]["provisional"] == promise
    await house.share_all()
    [share] = await house.received(names.tax)
    seen = await house.post(names.land, "/verifications", {"credential": share.presentation.credential}, key=None)
    assert seen.json()["code"] == "AUDIENCE_WRONG"
    [own] = await house.received(names.land)
    seen = await house.post(names.land, "/verifications", {"credential": own.presentation.credential}, key=None)
    assert seen.json()["claims"] == {"place": "3 Hill Road", "purpose": "zoning", "provisional": True}


async def test_a_promise_is_checked_on_a_day_to_come(house: Any, licence: Body, names: Any) -> None:
    past = licence(provisional={"conditions": ["x"], "checkBy": "2026-11-23"})
    answer = await house.post(names.market, "/certificates", past)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/provisional/checkBy")


@pytest.mark.parametrize("claims", [{"size": 3, "share": "0.5"}])
async def test_an_organisation_holds_a_certificate_by_its_public_code(house: Any, names: Any, claims: Any) -> None:
    body = {
        "office": names.land, "type": "measure", "holder": {"organisation": names.tax}, "claims": claims,
        "validFrom": "2026-01-01",
    }  # fmt: skip
    assert (await house.post(names.land, "/certificates", body)).status_code == 201
    [row] = await house.rows("SELECT holder, natural_key FROM certificate")
    assert row == {"holder": names.tax, "natural_key": "3"}


async def test_who_does_not_come_through_the_gateway_is_refused(house: Any, title: Body, names: Any) -> None:
    headers = house.world.headers(names.land, **{"idempotency-key": "k"})
    del headers["tongban-hop"]
    answer = await house.client.post("/v1/certificates", content=json.dumps(title()), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


async def test_the_last_day_that_there_is_may_be_named(house: Any, licence: Body, names: Any) -> None:
    for at, days in enumerate(({"validTo": "9999-12-31"}, {"validFrom": "9999-12-31"})):
        body = licence(**days, claims={"number": f"F-{at}", "place": "x"})
        answer = await house.post(names.market, "/certificates", body, key=f"k{at}")
        assert answer.status_code == 201, answer.text
