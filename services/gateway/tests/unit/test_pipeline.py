# SPDX-License-Identifier: EUPL-1.2
"""Stages of the gateway that need nothing but their arguments."""

import pytest

from contracts import http as headers_of
from contracts.roles import Role
from contracts.routes import ROUTES, Route
from gateway.domain import Asked
from gateway.errors import PurposeMissing
from gateway.pipeline.errand import errand_of
from gateway.pipeline.match import RouteTable
from gateway.pipeline.receipt import outcome_of
from gateway.pipeline.records import PREFIX, TOPICS, RecordsDoor
from kit.errors import InvalidRequest, MethodNotAllowed, NotFound
from kit.http import HttpAnswer

TABLE = RouteTable(ROUTES)
EVIDENCE = next(r for r in ROUTES if r.path == "/v1/evidence-requests" and r.method == "POST")


def asked(method: str, path: str, query: bytes = b"", **headers: str) -> Asked:
    return Asked(method, path, query, [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()], b"")


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_every_route_of_the_table_matches_itself(route: Route) -> None:
    path = route.path.replace("{id}", "01a20cc1-5d3e-7632-8da3-5edc4b46fab8")
    assert TABLE.match(asked(route.method, path)) is route


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/unknown", "/v1/cases/x/y", "/v2/cases", "/v1/inbox/", "/v1/aliases"])
def test_a_path_outside_the_table_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        TABLE.match(asked("GET", path))


def test_another_method_names_the_ones_that_the_path_has() -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        TABLE.match(asked("DELETE", "/v1/cases"))
    assert refused.value.headers["allow"] == "POST"


@pytest.mark.parametrize("query", [b"surprise=1", b"limit=1&limit=2", b"LIMIT=1", b"limit=\xc3\xa9", b"limit=1 "])
def test_an_undeclared_or_repeated_parameter_is_refused(query: bytes) -> None:
    with pytest.raises(InvalidRequest):
        TABLE.match(asked("GET", "/v1/inbox", query))


def test_personal_data_without_a_purpose_is_refused() -> None:
    with pytest.raises(PurposeMissing):
        errand_of(asked("POST", "/v1/evidence-requests", tongban_legal_basis="law"), EVIDENCE)
    with pytest.raises(PurposeMissing):
        errand_of(asked("POST", "/v1/evidence-requests", tongban_purpose="premises-check"), EVIDENCE)


@pytest.mark.parametrize("basis", ["curiosity", "LAW", "law;", ""])
def test_an_unknown_legal_basis_is_malformed(basis: str) -> None:
    request = asked("POST", "/v1/evidence-requests", tongban_purpose="p", tongban_legal_basis=basis)
    with pytest.raises(InvalidRequest) as refused:
        errand_of(request, EVIDENCE)
    assert [e.pointer for e in refused.value.errors] == [headers_of.LEGAL_BASIS]


def test_a_header_stated_twice_counts_as_absent() -> None:
    twice = Asked("GET", "/", b"", [(b"authorization", b"DPoP a"), (b"authorization", b"DPoP b")], b"")
    assert twice.header("Authorization") is None


def test_a_citizens_look_has_the_routes_own_purpose() -> None:
    route = Route("GET", "/v1/receipts", Role.LEDGER, "citizen", receipt="view", purpose="own-receipts")
    errand = errand_of(asked("GET", "/v1/receipts"), route)
    assert errand is not None
    assert (errand.purpose, errand.basis) == ("own-receipts", "request")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"{}", ("released", None)),
        (202, b"{}", ("pending", None)),
        (403, b'{"code":"NO_GRANT"}', ("refused", "NO_GRANT")),
        (502, b"<html>", ("refused", "HTTP_502")),
        (403, b'{"code":7}', ("refused", "HTTP_403")),
    ],
)
def test_the_outcome_is_read_from_the_answer(status: int, body: bytes, expected: tuple[str, str | None]) -> None:
    assert outcome_of(HttpAnswer(status, [], body)) == expected


class Empty:
    version = 0
    """A replica that holds nothing yet."""

    ready = True

    def items(self) -> dict[str, object]:
        return {}


@pytest.mark.parametrize("after", ["--5", "-2", "", "1e3", "9" * 5000, "%C2%B2", "+1"])
def test_a_place_in_the_records_is_a_plain_number(after: str) -> None:
    door = RecordsDoor(dict.fromkeys(TOPICS, Empty()))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        door.answer(PREFIX + TOPICS[0], f"after={after}".encode())
    assert door.answer(PREFIX + TOPICS[0], b"after=-1&limit=5").complete
