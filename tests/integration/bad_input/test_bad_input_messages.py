# SPDX-License-Identifier: EUPL-1.2
"""Messages that aren't what they should be: bodies, members, queries, paths, methods, framing, sizes."""

from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from .knocking import MARK, Knock, check_refusal, check_silent, say
from .scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="package")

Make = Callable[[Scene], Knock]
DUPLICATE = b'{"office":"11999900000000035X","type":"staff-health","type":"%s","holder":{},"claims":{}}' % MARK.encode()

BODIES: dict[str, tuple[Make, str]] = {
    "a body that is no JSON": (lambda s: s.attest().but(body=b'{"office": %s' % MARK.encode()), "INVALID_JSON"),
    "an empty body": (lambda s: s.attest().but(body=b""), "INVALID_REQUEST"),
    "bytes after the JSON value": (lambda s: s.attest().but(body=s.attest().data() + b" {}"), "INVALID_JSON"),
    "two members of one name": (lambda s: s.attest().but(body=DUPLICATE), "INVALID_JSON"),
    "NaN for a number": (lambda s: s.ask().but(body=b'{"release":NaN,"x":"%s"}' % MARK.encode()), "INVALID_JSON"),
    "1e400 for a number": (lambda s: s.ask().but(body=b'{"release":1e400}'), "INVALID_JSON"),
    "bytes that are no UTF-8": (lambda s: s.attest().but(body=b'{"office":"\xff\xfe"}'), "INVALID_JSON"),
    "a lone surrogate": (lambda s: s.attest().but(body=b'{"office":"\\ud800"}'), "INVALID_JSON"),
    "900 levels of nesting": (lambda s: s.attest().but(body=b"[" * 900 + b"]" * 900), "INVALID_JSON"),
    "100,000 levels of nesting": (lambda s: s.attest().but(body=b"[" * 100_000 + b"]" * 100_000), "INVALID_JSON"),
    "an array where an object is due": (lambda s: s.attest().but(body=[MARK]), "INVALID_REQUEST"),
    "a text for a number": (lambda s: s.ask().saying("/typeVersion", "1"), "INVALID_REQUEST"),
    "a fraction for an integer": (lambda s: s.ask().saying("/release", 1.0), "INVALID_REQUEST"),
    "a number for a text": (lambda s: s.attest().saying("/type", 4711), "INVALID_REQUEST"),
    "null for a member that is due": (lambda s: s.attest().saying("/claims", None), "INVALID_REQUEST"),
    "a member that isn't declared": (lambda s: s.attest().saying("/isAdmin", MARK), "INVALID_REQUEST"),
    "a status of the caller's own": (lambda s: s.attest().saying("/status", "01"), "INVALID_REQUEST"),
    "a member in snake case": (lambda s: s.attest().saying("/valid_from", "2026-11-24"), "INVALID_REQUEST"),
    "a missing member": (lambda s: s.attest().saying("/validFrom", ...), "INVALID_REQUEST"),
    "a day that isn't in the calendar": (lambda s: s.attest().saying("/validFrom", "2026-02-29"), "INVALID_REQUEST"),
    "a day as a number": (lambda s: s.attest().saying("/validFrom", 0), "INVALID_REQUEST"),
    "a time without a zone": (lambda s: s.ask().saying("/deadline", "2026-12-01T00:00:00"), "INVALID_REQUEST"),
    "a year of five digits": (lambda s: s.ask().saying("/deadline", "10000-01-01T00:00:00Z"), "INVALID_REQUEST"),
    "an id that is none": (lambda s: s.ask().saying("/caseId", MARK), "INVALID_REQUEST"),
    "a path id that is none": (lambda s: s.inbox().but(path=f"/v1/evidence-requests/{MARK}"), "INVALID_REQUEST"),
    "a field that the type lacks": (lambda s: s.attest().saying("/claims/colour", MARK), "INVALID_REQUEST"),
    "a claim that is no code": (lambda s: s.attest().saying("/claims/result", f"{MARK}; --"), "INVALID_REQUEST"),
    "a claim that is no text": (lambda s: s.attest().saying("/claims/result", {"a": MARK}), "INVALID_REQUEST"),
    "a NUL in a text": (lambda s: s.attest().saying("/claims/holder", f"{MARK}\u0000"), "INVALID_JSON"),
    "a control character": (lambda s: s.attest().saying("/claims/holder", f"{MARK}\u0007"), "INVALID_REQUEST"),
    "a text of 100,000 characters": (lambda s: s.attest().saying("/claims/holder", "x" * 100_000), "INVALID_REQUEST"),
    "a validity that ends before it begins": (
        lambda s: s.attest().saying("/validTo", "2026-01-01"),
        "INVALID_REQUEST",
    ),
    "two holders at once": (
        lambda s: s.attest().saying("/holder/organisation", "1199990000000006XB"),
        "INVALID_REQUEST",
    ),
    "fields and a predicate at once": (lambda s: s.ask().saying("/predicate", "of-age"), "INVALID_REQUEST"),
    "a deadline that is over": (lambda s: s.ask().saying("/deadline", "2020-01-01T00:00:00Z"), "INVALID_REQUEST"),
    "501 numbers to resolve at once": (
        lambda _: Knock("POST", "/v1/persons/resolve", {"numbers": ["99990019700101004X"] * 501}),
        "INVALID_REQUEST",
    ),
    "a number with letters": (
        lambda _: Knock("POST", "/v1/persons/resolve", {"numbers": [MARK]}),
        "INVALID_REQUEST",
    ),
    "an application without its staff": (lambda s: s.open_case(), "CASE_INPUT_INVALID"),
    "a handle that nobody made": (
        lambda s: s.open_case().saying("/subjects", {"staff": ["a..a.a.a"]}),
        "CASE_INPUT_INVALID",
    ),
    "a handle that is an alias for somebody else": (
        lambda s: s.open_case().saying("/subjects", {"staff": [s.live.subject]}),
        "CASE_INPUT_INVALID",
    ),
    "input that the life event doesn't know": (
        lambda s: s.open_case().saying("/input/colour", MARK),
        "CASE_INPUT_INVALID",
    ),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_refused_as_400(scene: Scene, name: str) -> None:
    make, code = BODIES[name]
    await scene.refuses(make(scene), 400, code)


async def test_all_wrong_fields_are_named_at_once(scene: Scene) -> None:
    bad = scene.attest().saying("/validFrom", 0).saying("/type", 1).saying("/extra", MARK)
    document = await scene.refuses(bad, 400, "INVALID_REQUEST")
    assert {one["pointer"] for one in document["errors"]} == {"/validFrom", "/type", "/extra"}


PLACES: dict[str, tuple[Make, int, str]] = {
    "an unknown path": (lambda _: Knock("GET", "/v1/nothing"), 404, "NOT_FOUND"),
    "the probes": (lambda _: Knock("GET", "/readyz"), 404, "NOT_FOUND"),
    "the metrics": (lambda _: Knock("GET", "/metrics"), 404, "NOT_FOUND"),
    "the description of a service": (lambda _: Knock("GET", "/openapi.json"), 404, "NOT_FOUND"),
    "an internal route": (lambda _: Knock("POST", "/v1/aliases", {}), 404, "NOT_FOUND"),
    "the dead letters of a service": (lambda _: Knock("GET", "/v1/parked"), 404, "NOT_FOUND"),
    "a slash too many at the end": (lambda _: Knock("GET", "/v1/inbox/"), 404, "NOT_FOUND"),
    "records of a topic that isn't public": (
        lambda _: Knock("GET", "/v1/records/receipts.receipt.v1", who=None),
        404,
        "NOT_FOUND",
    ),
    "a climbing path": (lambda _: Knock("GET", "/v1/inbox/../inbox"), 400, "INVALID_PATH"),
    "an escaped dot": (lambda _: Knock("GET", "/v1/%2e%2e/inbox"), 400, "INVALID_PATH"),
    "an escaped slash": (lambda _: Knock("GET", "/v1%2Finbox"), 400, "INVALID_PATH"),
    "a doubled slash": (lambda _: Knock("GET", "//v1/inbox"), 400, "INVALID_PATH"),
    "a path parameter": (lambda _: Knock("GET", "/v1/inbox;a=1"), 400, "INVALID_PATH"),
    "a NUL in the path": (lambda _: Knock("GET", "/v1/inbox%00"), 400, "INVALID_PATH"),
    "a query that isn't declared": (lambda _: Knock("GET", f"/v1/inbox?debug={MARK}"), 400, "INVALID_REQUEST"),
    "a query on a route without any": (
        lambda s: s.attest().but(path=f"/v1/certificates?as={MARK}"),
        400,
        "INVALID_REQUEST",
    ),
    "a query that is stated twice": (lambda _: Knock("GET", "/v1/inbox?limit=1&limit=2"), 400, "INVALID_REQUEST"),
    "a query that is no number": (lambda _: Knock("GET", f"/v1/inbox?limit={MARK}"), 400, "INVALID_REQUEST"),
    "a page too large": (lambda _: Knock("GET", "/v1/inbox?limit=100000"), 400, "INVALID_REQUEST"),
    "an unknown query at the records": (
        lambda _: Knock("GET", f"/v1/records/identity.system.v1?x={MARK}", who=None),
        400,
        "INVALID_REQUEST",
    ),
    "PUT where POST is due": (lambda s: s.attest().but(method="PUT"), 405, "METHOD_NOT_ALLOWED"),
    "DELETE of an inbox": (lambda _: Knock("DELETE", "/v1/inbox"), 405, "METHOD_NOT_ALLOWED"),
    "POST to the records": (
        lambda _: Knock("POST", "/v1/records/identity.system.v1", {}, who=None),
        405,
        "METHOD_NOT_ALLOWED",
    ),
    "TRACE": (lambda _: Knock("TRACE", "/v1/inbox"), 405, "METHOD_NOT_ALLOWED"),
    "CONNECT": (lambda _: Knock("CONNECT", "/v1/inbox"), 405, "METHOD_NOT_ALLOWED"),
    "a made-up method": (lambda _: Knock("BREW", "/v1/inbox"), 405, "METHOD_NOT_ALLOWED"),
    "text/plain": (lambda s: s.attest().but(headers={"content-type": "text/plain"}), 415, "MEDIA_TYPE_UNSUPPORTED"),
    "no content type": (lambda s: s.attest().but(headers={"content-type": None}), 415, "MEDIA_TYPE_UNSUPPORTED"),
    "a form": (
        lambda s: s.attest().but(headers={"content-type": "application/x-www-form-urlencoded"}, body=b"a=b"),
        415,
        "MEDIA_TYPE_UNSUPPORTED",
    ),
    "gzip": (lambda s: s.attest().but(headers={"content-encoding": "gzip"}), 415, "MEDIA_TYPE_UNSUPPORTED"),
    "another charset": (
        lambda s: s.attest().but(headers={"content-type": "application/json; charset=utf-16"}),
        415,
        "MEDIA_TYPE_UNSUPPORTED",
    ),
    "a body of 2 MB": (lambda s: s.attest().but(body=b'"%s"' % (b"x" * 2_000_000)), 413, "BODY_TOO_LARGE"),
    "a deadline of no time": (lambda s: s.inbox().but(headers={"tongban-deadline": "0"}), 504, "DEADLINE_EXCEEDED"),
    "a deadline that is no number": (
        lambda s: s.inbox().but(headers={"tongban-deadline": MARK}),
        400,
        "INVALID_REQUEST",
    ),
}


@pytest.mark.parametrize("name", PLACES)
async def test_what_no_door_is_made_for_is_refused(scene: Scene, name: str) -> None:
    make, status, code = PLACES[name]
    await scene.refuses(make(scene), status, code)


async def test_a_wrong_method_names_the_right_ones(scene: Scene) -> None:
    reply = await scene.knock(Knock("DELETE", "/v1/inbox"))
    assert (reply.status, reply.headers["allow"]) == (405, "GET")


# ------------------------------------------------------------------------------------------------ framing
def _head(*lines: str, method: str = "POST", target: str = "/v1/certificates", version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{method} {target} {version}", *lines, "", ""]).encode("latin-1")


JSON = "content-type: application/json"
IN_CHUNKS = "a body over the cap, in chunks"
FRAMES: dict[str, tuple[bytes, int, str]] = {
    "both lengths stated": (
        _head("host: HOST", JSON, "content-length: 4", "transfer-encoding: chunked") + b"0\r\n\r\n",
        400,
        "BAD_MESSAGE",
    ),
    "two lengths": (_head("host: HOST", JSON, "content-length: 2", "content-length: 2") + b"{}", 400, "BAD_MESSAGE"),
    "a list of lengths": (_head("host: HOST", JSON, "content-length: 2, 2") + b"{}", 400, "BAD_MESSAGE"),
    "a length with a sign": (_head("host: HOST", JSON, "content-length: +2") + b"{}", 400, "BAD_MESSAGE"),
    "two transfer codings": (
        _head("host: HOST", JSON, "transfer-encoding: gzip, chunked") + b"0\r\n\r\n",
        400,
        "BAD_MESSAGE",
    ),
    "chunks in HTTP/1.0": (
        _head("host: HOST", JSON, "transfer-encoding: chunked", version="HTTP/1.0") + b"0\r\n\r\n",
        400,
        "BAD_MESSAGE",
    ),
    "a bad chunk": (_head("host: HOST", JSON, "transfer-encoding: chunked") + b"zz\r\n{}\r\n", 400, "BAD_MESSAGE"),
    "a chunk extension": (
        _head("host: HOST", JSON, "transfer-encoding: chunked") + b"2;a=b\r\n{}\r\n0\r\n\r\n",
        400,
        "BAD_MESSAGE",
    ),
    "bare line feeds": (b"GET /v1/inbox HTTP/1.1\nhost: HOST\n\n", 400, "BAD_MESSAGE"),
    "a folded header": (_head("host: HOST", "x-a: b", f" {MARK}", method="GET"), 400, "BAD_MESSAGE"),
    "a space before the colon": (_head("host: HOST", f"x-a : {MARK}", method="GET"), 400, "BAD_MESSAGE"),
    "no host": (_head("x-a: b", method="GET"), 400, "BAD_MESSAGE"),
    "two hosts": (_head("host: HOST", "host: HOST", method="GET"), 400, "BAD_MESSAGE"),
    "a target with a host in it": (_head("host: HOST", method="GET", target="http://a.example/"), 400, "BAD_MESSAGE"),
    "no HTTP at all": (b"HELO %s\r\n\r\n" % MARK.encode(), 400, "BAD_MESSAGE"),
    "a header of 70 KB": (_head("host: HOST", "x-a: " + "y" * 70_000, method="GET"), 431, "HEADER_TOO_LARGE"),
    "100 headers": (_head("host: HOST", *[f"x-{n}: 1" for n in range(100)], method="GET"), 431, "HEADER_TOO_LARGE"),
    "a body of 20 MB, announced": (_head("host: HOST", JSON, "content-length: 20000000"), 413, "BODY_TOO_LARGE"),
    IN_CHUNKS: (
        _head("host: HOST", JSON, "transfer-encoding: chunked") + b"200000\r\n",
        413,
        "BODY_TOO_LARGE",
    ),
    "an upgrade": (
        _head("host: HOST", "connection: upgrade", "upgrade: h2c", method="GET"),
        426,
        "UPGRADE_NOT_OFFERED",
    ),
}
DOORS = ("gateway", "identity", "exchange-bus", "certificates-1", "cases", "ledger")


@pytest.mark.parametrize("name", FRAMES)
async def test_every_door_reads_the_ends_of_messages_alike(scene: Scene, name: str) -> None:
    """One answer, then the end of the connection: what follows isn't taken for a second message."""
    message, status, code = FRAMES[name]
    # A service that has no such route says so before it has read a body that comes in chunks.
    for door in DOORS if name != IN_CHUNKS else ("gateway", "certificates-1"):
        url = scene.stack.url(door)
        host = urlsplit(url).netloc.encode()
        smuggled = _head("host: HOST", method="GET", target="/v1/inbox") if status == 400 else b""
        replies = await say(url, (message + smuggled).replace(b"HOST", host))
        assert len(replies) == 1, (door, replies)
        # The door goes on reading for a second, so that its answer arrives: that is no part of the answer's time.
        check_refusal(replies[0], status, code, within_s=2.5)
        assert replies[0].headers["connection"] == "close"
    await scene.unharmed()


async def test_a_host_that_is_not_ours_is_misdirected(scene: Scene) -> None:
    message = _head("host: evil.example", "connection: close", method="GET", target="/v1/inbox")
    [reply] = await say(scene.stack.url("gateway"), message)
    check_refusal(reply, 421, "MISDIRECTED")


async def test_headers_that_claim_an_identity_are_dropped(scene: Scene) -> None:
    """None of them makes a caller somebody else, and none of them breaks a good call."""
    claims = ["x-forwarded-for", "forwarded", "x-office", "x_office", "client-cert", "tongban-hop", "tongban-exchange"]
    claims += ["x-http-method-override", "cookie"]
    reply = await scene.knock(scene.inbox(), [(name, "delete-1199990000000006XB") for name in claims])
    assert reply.status == 200
    assert reply.document == (await scene.knock(scene.inbox())).document
    await scene.refuses(scene.inbox().but(who=None), 401, "TOKEN_INVALID", [(name, "1" * 20) for name in claims])


async def test_strings_that_attack_are_kept_as_they_are(scene: Scene) -> None:
    """Nothing in the house gives them a meaning: they are data, refused where a form is due, inert elsewhere."""
    attacks = ("'; DROP TABLE certificate; --", "${jndi:ldap://a.example/x}", "{{7*7}}", "*)(uid=*", "\\u000aGET /")
    for attack in attacks:
        reply = await scene.knock(scene.attest().saying("/claims/result", attack))
        check_refusal(reply, 400, "INVALID_REQUEST")
        reply = await scene.knock(Knock("GET", f"/v1/certificates/{uuid4()}", headers={"tongban-purpose": attack}))
        assert reply.status in (400, 401, 403), reply.body
        check_silent(reply)
    await scene.unharmed()
