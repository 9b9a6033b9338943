# SPDX-License-Identifier: EUPL-1.2
"""The edge's rules without a socket: paths, headers, media types, time (attack list A47-A49, A57, A61)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.edge.framing import BadFraming, Chunks, read_head
from kit.edge.rules import EdgeRules, check_headers, kept_headers, path_is_normal, time_allowed_s
from kit.errors import DeadlineExceeded, InvalidRequest, Misdirected, ServiceError, TooLarge, WrongMediaType

FORM = b"application/x-www-form-urlencoded"
RULES = EdgeRules(hosts=frozenset({"localhost"}), media={"/v1/token": frozenset({FORM})})
HOST = (b"host", b"localhost")
JSON = (b"content-type", b"application/json")


@pytest.mark.parametrize(
    "path",
    [b"/", b"/v1/things", b"/v1/things/", b"/v1/a:b@c", b"/v1/%E5%8A%9E", b"/v1/a%20b", b"/v1/.hidden", b"/v1/a.b..c"],
)
def test_paths_in_normal_form_pass(path: bytes) -> None:
    assert path_is_normal(path)


@pytest.mark.parametrize(
    "path",
    [
        *(b"", b"v1", b"*", b"//", b"/v1//things", b"/v1/..", b"/v1/../x", b"/./v1", b"/v1/.", b"/v1/x;y=1/z"),
        *(b"/v1/%2e%2e/x", b"/v1/%2E%2E", b"/v1/%2f", b"/v1/%2F", b"/v1/%5c", b"/v1/%5C", b"/v1/a\\b", b"/v1/%00"),
        *(b"/v1/%252e", b"/v1/%25", b"/v1/%3B", b"/v1/%41", b"/v1/%7E", b"/v1/%e5%8a%9e", b"/v1/%FF", b"/v1/%C0%AF"),
        *(b"/v1/%0A", b"/v1/%7F", b"/v1/%zz", b"/v1/%", b"/v1/%4", b"/v1/a b", b"/v1/\xe5", b'/v1/"', b"/v1/<x>"),
        *(b"/v1/%E2%80%AE", b"/v1/x?y", b"/v1/x#y"),
    ],
)
def test_paths_that_another_reader_could_take_for_another_are_refused(path: bytes) -> None:
    assert not path_is_normal(path)


@given(st.binary(max_size=40))
def test_no_path_that_passes_has_dot_segments_or_doubled_slashes(tail: bytes) -> None:
    raw = b"/" + tail
    if path_is_normal(raw):
        assert b"//" not in raw
        assert not {b".", b".."} & set(raw.split(b"/"))


def test_headers_that_claim_an_identity_are_dropped_and_underscores_too() -> None:
    claims = [
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"x_office", b"x-office"),
        *(b"content_length", b"client-cert", b"x-ssl-client-verify", b"x-http-method-override", b"tongban_hop"),
    ]
    sent = [(name, b"x") for name in claims] + [HOST, (b"tongban-hop", b"x"), (b"tongban-exchange", b"y")]
    assert kept_headers(sent, outermost=False) == sent[-3:]
    assert kept_headers(sent, outermost=True) == [HOST]


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ([], InvalidRequest),
        ([HOST, HOST], InvalidRequest),
        ([(b"host", b"evil.example")], Misdirected),
        ([HOST, (b"content-length", b"x"), JSON], InvalidRequest),
        ([HOST, (b"content-length", b"1048577"), JSON], TooLarge),
        ([HOST, (b"content-length", b"2")], WrongMediaType),
        ([HOST, (b"content-length", b"2"), JSON, JSON], WrongMediaType),
        ([HOST, (b"content-length", b"2"), (b"content-type", b"text/plain")], WrongMediaType),
        ([HOST, (b"content-length", b"2"), (b"content-type", b"application/json; charset=gbk")], WrongMediaType),
        ([HOST, (b"content-length", b"2"), (b"content-type", b"multipart/form-data; boundary=x")], WrongMediaType),
        ([HOST, (b"content-length", b"2"), JSON, (b"content-encoding", b"gzip")], WrongMediaType),
        ([HOST, (b"content-length", b"2"), JSON, (b"content-encoding", b"identity")], WrongMediaType),
        ([HOST, (b"transfer-encoding", b"chunked")], WrongMediaType),
    ],
)
def test_headers_are_judged_before_the_body_is_read(
    headers: list[tuple[bytes, bytes]], refusal: type[ServiceError]
) -> None:
    with pytest.raises(refusal):
        check_headers(headers, path="/v1/things", rules=RULES)


def test_json_with_utf_8_said_aloud_and_an_absent_body_pass() -> None:
    said = (b"content-type", b'Application/JSON; charset="UTF-8"')
    check_headers([HOST, (b"content-length", b"2"), said], path="/v1/things", rules=RULES)
    check_headers([HOST, (b"content-length", b"0")], path="/v1/things", rules=RULES)
    check_headers([HOST], path="/v1/things", rules=RULES)


def test_a_path_with_another_media_type_takes_that_one_only() -> None:
    form = (b"content-type", FORM)
    check_headers([HOST, (b"content-length", b"2"), form], path="/v1/token", rules=RULES)
    with pytest.raises(WrongMediaType):
        check_headers([HOST, (b"content-length", b"2"), JSON], path="/v1/token", rules=RULES)


def test_time_left_is_what_the_caller_grants_less_our_margin_and_never_over_a_minute() -> None:
    assert time_allowed_s([]) == 10
    assert time_allowed_s([(b"tongban-deadline", b"1000")]) == pytest.approx(0.98)
    assert time_allowed_s([(b"tongban-deadline", b"900000")]) == pytest.approx(59.98)
    with pytest.raises(DeadlineExceeded):
        time_allowed_s([(b"tongban-deadline", b"10")])
    for odd in (b"-1", b"1.5", b"", b"9999999999", b"\xb2"):
        with pytest.raises(InvalidRequest):
            time_allowed_s([(b"tongban-deadline", odd)])


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.integers(1, 9))
def test_chunks_in_pieces_of_any_size_end_where_they_end(parts: list[bytes], step: int) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    chunks, taken = Chunks(1000), 0
    stream = body + b"GET / HTTP/1.1"
    for start in range(0, len(stream), step):
        taken += chunks.consume(stream[start : start + step])
        if chunks.done:
            break
    assert chunks.done
    assert taken == len(body)
    assert chunks.total == sum(map(len, parts))


@given(st.binary(max_size=60))
def test_any_bytes_as_chunks_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        taken = Chunks(1000).consume(data)
    except (BadFraming, TooLarge):
        return
    assert taken <= len(data)


@given(st.binary(max_size=80))
def test_any_bytes_as_a_head_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        read_head(b"GET / HTTP/1.1\r\nHost: x\r\n" + data + b"\r\n\r\n", RULES)
    except ServiceError:
        return
