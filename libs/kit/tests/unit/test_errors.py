# SPDX-License-Identifier: EUPL-1.2
"""The vocabulary of failure, and its problem documents."""

import orjson
import pytest

from kit.errors import (
    HTTP_STATUS,
    FieldError,
    InvalidRequest,
    Kind,
    NotFound,
    ServiceError,
    Throttled,
    Unavailable,
    UpstreamError,
    is_passing,
)
from kit.http import HttpAnswer, raise_for_problem
from kit.problems import MAX_BYTES, problem_document


class Suspended(ServiceError):
    kind, code, title = Kind.CONFLICT, "LICENCE_SUSPENDED", "The licence is suspended"


class Lost(Exception):
    sqlstate = "08006"


class Violated(Exception):
    sqlstate = "23505"


def test_every_kind_has_a_status() -> None:
    assert set(HTTP_STATUS) == set(Kind)


def test_a_problem_document_tells_code_facts_and_fields_but_no_value() -> None:
    error = Suspended("It was suspended", errors=[FieldError("/a~1b/0", "MISSING")], missing_entry="r1", code="X")
    status, headers, body = problem_document(error, "urn:uuid:1")
    assert status == 409
    assert (b"content-type", b"application/problem+json") in headers
    assert orjson.loads(body) == {
        "type": "urn:tongban:problem:licence-suspended",
        "title": "The licence is suspended",
        "status": 409,
        "code": "LICENCE_SUSPENDED",
        "instance": "urn:uuid:1",
        "detail": "It was suspended",
        "missingEntry": "r1",
        "errors": [{"pointer": "/a~1b/0", "code": "MISSING"}],
    }


@pytest.mark.parametrize("broken", [RuntimeError("number 9999"), Unavailable("db-1 is away", host="db-1")])
def test_a_5xx_carries_no_detail(broken: Exception) -> None:
    _, _, body = problem_document(broken, "urn:uuid:1")
    assert set(orjson.loads(body)) == {"type", "title", "status", "code", "instance"}


def test_a_problem_document_stays_within_2_kb_and_says_what_it_left_off() -> None:
    errors = [FieldError("/" + "x" * 5000, "STRING_TOO_LONG", "y" * 5000) for _ in range(1000)]
    _, _, body = problem_document(InvalidRequest(errors), "urn:uuid:1")
    assert len(body) <= MAX_BYTES
    document = orjson.loads(body)
    assert len(document["errors"]) + document["errorsLeftOff"] == 1000
    _, _, body = problem_document(Suspended("z", fact="w" * 5000), "urn:uuid:1")
    assert len(body) <= MAX_BYTES


def test_throttled_and_unavailable_say_when_to_come_back() -> None:
    assert (b"retry-after", b"7") in problem_document(Throttled(retry_after_s=7), "urn:uuid:1")[1]
    assert (b"retry-after", b"1") in problem_document(Unavailable(), "urn:uuid:1")[1]


def test_lost_connections_pass_and_wrong_requests_do_not() -> None:
    for passing in (Unavailable(), Lost(), ConnectionError(), TimeoutError(), UpstreamError(Kind.TIMEOUT, "X")):
        assert is_passing(passing)
    for lasting in (NotFound(), Violated(), ValueError(), UpstreamError(Kind.FORBIDDEN, "X")):
        assert not is_passing(lasting)
    assert is_passing(ExceptionGroup("", [Lost(), Unavailable()]))
    assert not is_passing(ExceptionGroup("", [Lost(), ValueError()]))


def answer(error: BaseException) -> HttpAnswer:
    return HttpAnswer(*problem_document(error, "urn:uuid:1"))


def test_the_type_of_an_error_survives_the_network() -> None:
    with pytest.raises(Suspended, match="once more"):
        raise_for_problem(answer(Suspended("once more")), {"LICENCE_SUSPENDED": Suspended})


def test_an_unknown_code_keeps_its_kind_so_that_retry_rules_hold() -> None:
    with pytest.raises(UpstreamError) as refused:
        raise_for_problem(answer(Suspended()), {})
    assert (refused.value.upstream_kind, refused.value.upstream_code) == (Kind.CONFLICT, "LICENCE_SUSPENDED")
    assert (refused.value.status, is_passing(refused.value)) == (502, False)
    with pytest.raises(UpstreamError) as away:
        raise_for_problem(answer(Unavailable()), {})
    assert (away.value.status, is_passing(away.value)) == (503, True)


@pytest.mark.parametrize("body", [b"<html>", b"{", b'{"code":1}', b"[]"])
def test_an_answer_without_a_problem_document_means_away(body: bytes) -> None:
    for media in (b"text/html", b"application/problem+json"):
        with pytest.raises(Unavailable):
            raise_for_problem(HttpAnswer(404, [(b"content-type", media)], body), {})
