# SPDX-License-Identifier: EUPL-1.2
"""Repeats, versions, and what belongs to somebody else: foreign and unknown look alike."""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from random import randrange
from typing import Any
from uuid import uuid4

import pytest

from .knocking import MARK, Knock, Reply, check_refusal
from .scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="package")

Make = Callable[[Scene], Knock]


def _complete(scene: Scene) -> Knock:
    return Knock("POST", f"/v1/tasks/{scene.live.task_id}/completion", {}, headers={"Idempotency-Key": uuid4().hex})


def _suspend(scene: Scene) -> Knock:
    path = f"/v1/certificates/{scene.foreign.certificate_id}/suspensions"
    headers = {"Idempotency-Key": uuid4().hex, "If-Match": '"1"'}
    return Knock("POST", path, {"reason": "a check"}, "health-registry", "certificates-1", headers)


CREATING: dict[str, Make] = {
    "issuing": Scene.attest,
    "asking for evidence": Scene.ask,
    "opening a case": Scene.open_case,
    "completing a task": _complete,
    "suspending": _suspend,
}


@pytest.mark.parametrize("name", CREATING)
async def test_nothing_is_created_without_an_idempotency_key(scene: Scene, name: str) -> None:
    await scene.refuses(CREATING[name](scene).but(headers={"Idempotency-Key": None}), 400, "IDEMPOTENCY_KEY_MISSING")


KEYS = {
    "of 300 characters": "k" * 300,
    "with a space": f"{MARK} x",
    "that is empty": "",
    "in other letters": "schl\xfcssel",
}


@pytest.mark.parametrize("name", KEYS)
async def test_a_key_is_malformed(scene: Scene, name: str) -> None:
    bad = scene.attest().but(headers={"Idempotency-Key": KEYS[name]})
    await scene.refuses(bad, 400, "IDEMPOTENCY_KEY_INVALID")


async def test_two_keys_are_one_too_many(scene: Scene) -> None:
    extra = [("idempotency-key", uuid4().hex)]
    await scene.refuses(scene.attest(), 400, "IDEMPOTENCY_KEY_INVALID", extra)


async def test_a_key_belongs_to_one_request_of_one_caller(scene: Scene) -> None:
    """The same request again gets the same answer; another one under its key is refused; a stranger's isn't touched."""
    first = scene.ask()
    answer = await scene.knock(first)
    assert answer.status == 202, answer.body
    scene.counted = await scene.quiet()
    again = await scene.knock(first)
    assert (again.status, again.body) == (answer.status, answer.body)
    await scene.refuses(first.saying("/fields", ["result"]), 422, "IDEMPOTENCY_KEY_REUSED")
    foreign = scene.attest().but(headers={"Idempotency-Key": first.headers["Idempotency-Key"]})
    await scene.refuses(foreign.saying("/validFrom", 1), 400, "INVALID_REQUEST")


async def test_fifty_equal_calls_at_once_have_one_effect(scene: Scene) -> None:
    [subject] = await (await scene.world.office("health-registry")).resolve(["99990019700101004X"])
    day = date(2020, 1, 1) + timedelta(days=randrange(2000))  # names the certificate
    order = scene.attest().saying("/holder/subject", subject).saying("/claims/examinedOn", day.isoformat())
    replies = await asyncio.gather(*(scene.knock(order) for _ in range(50)))
    made = [reply for reply in replies if reply.status == 201]
    assert len({reply.body for reply in made}) == 1
    for reply in replies:
        if reply.status != 201:
            check_refusal(reply, 409, "REQUEST_STILL_RUNNING", within_s=10)
    rows = await scene.world.query(
        "certificates-1", "SELECT count(*) AS n FROM certificate WHERE id = $1", made[0].document["certificateId"]
    )
    assert rows[0]["n"] == 1
    scene.counted = await scene.quiet()


VERSIONS: dict[str, tuple[str | None, int, str]] = {
    "none": (None, 428, "IF_MATCH_MISSING"),
    "of tomorrow": ('"2"', 412, "VERSION_CHANGED"),
    "without quotes": ("1", 400, "INVALID_REQUEST"),
    "of any kind": ("*", 400, "INVALID_REQUEST"),
    "that is no number": (f'"{MARK}"', 400, "INVALID_REQUEST"),
}


@pytest.mark.parametrize("name", VERSIONS)
async def test_a_change_names_the_version_it_means_not_one(scene: Scene, name: str) -> None:
    value, status, code = VERSIONS[name]
    await scene.refuses(_suspend(scene).but(headers={"If-Match": value}), status, code)


CHANGES: dict[str, tuple[Make, int, str]] = {
    "reinstating what isn't suspended": (
        lambda s: _suspend(s).but(path=f"/v1/certificates/{s.foreign.certificate_id}/reinstatements"),
        409,
        "TRANSITION_NOT_ALLOWED",
    ),
    "ending it without saying how": (
        lambda s: _suspend(s).but(path=f"/v1/certificates/{s.foreign.certificate_id}/revocations"),
        400,
        "INVALID_REQUEST",
    ),
    "an ending for a suspension": (lambda s: _suspend(s).saying("/ending", "revoke"), 400, "INVALID_REQUEST"),
    "no reason": (lambda s: _suspend(s).saying("/reason", ""), 400, "INVALID_REQUEST"),
    "a certificate that isn't there": (
        lambda s: _suspend(s).but(path=f"/v1/certificates/{uuid4()}/suspensions"),
        404,
        "NOT_FOUND",
    ),
    "an ending nobody knows": (lambda s: _suspend(s).saying("/ending", MARK), 400, "INVALID_REQUEST"),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_certificate_does_not_change_by(scene: Scene, name: str) -> None:
    make, status, code = CHANGES[name]
    await scene.refuses(make(scene), status, code)


# ------------------------------------------------------------------------------------------------ other people's
PURPOSE = {"Tongban-Purpose": "premises-check", "Tongban-Legal-Basis": "law"}


def _case(case_id: str) -> Knock:
    return Knock("GET", f"/v1/cases/{case_id}", who="neighbour")


def _request(request_id: str) -> Knock:
    return Knock("GET", f"/v1/evidence-requests/{request_id}", who="tax-office")


def _certificate(certificate_id: str) -> Knock:
    path = f"/v1/certificates/{certificate_id}"
    return Knock("GET", path, who="land-registry", audience="certificates-1", headers=PURPOSE)


def _change(certificate_id: str) -> Knock:
    headers = {"Idempotency-Key": uuid4().hex, "If-Match": '"1"'}
    path = f"/v1/certificates/{certificate_id}/suspensions"
    return Knock("POST", path, {"reason": "a check"}, "land-registry", "certificates-1", headers)


def _task(task_id: str, what: str, body: Any) -> Knock:
    headers = {"Idempotency-Key": uuid4().hex}
    return Knock("POST", f"/v1/tasks/{task_id}/{what}", body, "tax-office", headers=headers)


FOREIGN: dict[str, tuple[Callable[[str], Knock], Callable[[Scene], str], str]] = {
    "case": (_case, lambda s: s.live.case_id, "CASE_UNKNOWN"),
    "request for evidence": (_request, lambda s: s.request_id, "NOT_FOUND"),
    "certificate": (_certificate, lambda s: s.foreign.certificate_id, "NOT_FOUND"),
    "certificate to suspend": (_change, lambda s: s.foreign.certificate_id, "NOT_FOUND"),
    "task to complete": (lambda i: _task(i, "completion", {}), lambda s: s.live.task_id, "TASK_UNKNOWN"),
    "task to refuse": (
        lambda i: _task(i, "refusal", {"code": "NO", "reason": MARK}),
        lambda s: s.live.task_id,
        "TASK_UNKNOWN",
    ),
    "task to demand in": (
        lambda i: _task(i, "demands", {"proves": "premises-use"}),
        lambda s: s.live.task_id,
        "TASK_UNKNOWN",
    ),
}
OWN_TO_EACH_ANSWER = ("instance",)
HEADERS_OWN = ("request-id", "content-length")


def _alike(reply: Reply) -> tuple[object, ...]:
    document = {name: value for name, value in reply.document.items() if name not in OWN_TO_EACH_ANSWER}
    return reply.status, document, sorted(set(reply.headers) - set(HEADERS_OWN))


@pytest.mark.parametrize("name", FOREIGN)
async def test_somebody_elses_looks_like_nobodys(scene: Scene, name: str) -> None:
    make, its_id, code = FOREIGN[name]
    foreign = await scene.knock(make(its_id(scene)))
    check_refusal(foreign, 404, code)
    unknown = await scene.knock(make(str(uuid4())))
    assert _alike(foreign) == _alike(unknown)
    await scene.unharmed()


async def test_an_office_sees_its_own_deliveries_only(scene: Scene) -> None:
    mine = (await scene.knock(Knock("GET", "/v1/inbox?limit=200"))).document["deliveries"]
    assert scene.waiting.delivery_id in {one["deliveryId"] for one in mine}
    for other in ("tax-office", "health-registry", "land-registry"):
        theirs = (await scene.knock(Knock("GET", "/v1/inbox?limit=200", who=other))).document["deliveries"]
        assert not {one["deliveryId"] for one in mine} & {one["deliveryId"] for one in theirs}
        assert not {one["envelope"] for one in mine} & {one["envelope"] for one in theirs}


async def test_an_office_acknowledges_its_own_deliveries_only(scene: Scene) -> None:
    body = {"deliveryIds": [scene.waiting.delivery_id, str(uuid4())]}
    foreign = await scene.knock(Knock("POST", "/v1/inbox/acknowledgements", body, who="tax-office"))
    assert (foreign.status, foreign.document) == (200, {"acknowledged": 0})
    sql = "SELECT acknowledged_at FROM delivery WHERE delivery_id = $1"
    [row] = await scene.world.query("exchange-bus", sql, scene.waiting.delivery_id)
    assert row["acknowledged_at"] is None


async def test_a_citizen_reads_her_own_receipts_only(scene: Scene) -> None:
    hers = (await scene.knock(Knock("GET", "/v1/receipts?limit=200", who="shop-owner"))).document["receipts"]
    others = (await scene.knock(Knock("GET", "/v1/receipts?limit=200", who="neighbour"))).document["receipts"]
    assert hers
    assert not {one["leaf"]["receiptId"] for one in hers} & {one["leaf"]["receiptId"] for one in others}


async def test_an_unknown_number_looks_like_a_known_one(scene: Scene) -> None:
    """A handle tells nobody whether there is such a person."""
    replies = [
        await scene.knock(Knock("POST", "/v1/persons/handles", {"number": number}, who="neighbour"))
        for number in ("999900199103140020", "999900195001010079")
    ]
    known, unknown = replies
    assert (known.status, len(known.body)) == (unknown.status, len(unknown.body)) == (200, len(known.body))
    assert known.document.keys() == unknown.document.keys()
    scene.counted = await scene.quiet()
