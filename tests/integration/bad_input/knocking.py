# SPDX-License-Identifier: EUPL-1.2
"""Knocks at a door with exactly the bytes a test wants, and what every refusal must look like."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from kit.http.wire import Wire

MARK = "zq4711-never-say-this-again"
"""Stands in every bad value; no answer and no log may repeat it."""
DEADLINE_S = 1.0
LARGEST_PROBLEM = 2048
TELLS = re.compile(
    r"traceback|file \"|\bline \d+|asyncpg|pydantic|fastapi|starlette|uvicorn|httptools|python|postgres|kafka"
    r"|\bselect |\binsert |\bupdate |exception|\d+\.\d+\.\d+",
    re.IGNORECASE,
)
"""What only somebody who looks inside would know: code, libraries, SQL, versions."""


@dataclass(frozen=True)
class Knock:
    """One call. who: the caller's name in the scene; None brings no token. port: a service's own door, else the front.

    body: bytes as they are; anything else as JSON; None for none. headers: None takes one away that is usual.
    """

    method: str
    path: str
    body: Any = None
    who: str | None = "licensing"
    audience: str = "platform"
    headers: Mapping[str, str | None] = field(default_factory=dict)
    port: str = "gateway"

    def but(self, **changes: Any) -> "Knock":
        """Give the same knock with these attributes changed; headers are added to those that are there."""
        if "headers" in changes:
            changes["headers"] = {**self.headers, **changes["headers"]}
        return replace(self, **changes)

    def saying(self, pointer: str, value: Any) -> "Knock":
        """Give the same knock with one member of its JSON body changed. pointer: `/claims/place`."""
        return replace(self, body=changed(self.body, pointer, value))

    def data(self) -> bytes:
        """Give the body's bytes."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return json.dumps(self.body).encode()


@dataclass(frozen=True)
class Reply:
    """What came back. headers: names in lower case. took_s: seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_s: float

    @property
    def document(self) -> dict[str, Any]:
        """The body, a JSON object."""
        read = json.loads(self.body)
        assert isinstance(read, dict)
        return read


def changed(body: Any, pointer: str, value: Any) -> Any:
    """Give a deep copy of *body* with the member at *pointer* set, or taken away by `...`."""
    copy = json.loads(json.dumps(body))
    *path, last = pointer.split("/")[1:]
    at = copy
    for name in path:
        at = at[int(name)] if isinstance(at, list) else at[name]
    if value is ...:
        del at[last]
    else:
        at[int(last) if isinstance(at, list) else last] = value
    return copy


async def send(wire: Wire, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> Reply:
    """Send one request over a kept connection."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    began = time.monotonic()
    answer = await wire.request(method, path, raw, body)
    took_s = time.monotonic() - began
    given = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
    return Reply(answer.status, given, answer.body, took_s)


async def say(url: str, message: bytes, *, within_s: float = 5.0) -> list[Reply]:
    """Write *message* as it is, read until the other side ends the connection; give every answer that came."""
    place = urlsplit(url)
    assert place.hostname is not None
    began, said = time.monotonic(), bytearray()
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(message)
        async with asyncio.timeout(within_s):
            while piece := await reader.read(65536):
                said += piece
    except ConnectionResetError:
        pass  # what was said before counts
    finally:
        writer.close()
    return _replies(bytes(said), time.monotonic() - began)


def _replies(said: bytes, took_s: float) -> list[Reply]:
    found = []
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        found.append(Reply(int(first.split(" ")[1]), headers, rest[:length], took_s))
        said = rest[length:]
    return found


def check_refusal(reply: Reply, status: int, code: str, *, within_s: float = DEADLINE_S) -> None:
    """Demand a problem document (RFC 9457) with this status and code, in time, small, and silent about our insides."""
    said = f"{reply.status} {reply.body[:600]!r}"
    assert reply.status == status, said
    assert reply.headers["content-type"] == "application/problem+json", said
    assert len(reply.body) <= LARGEST_PROBLEM
    document = reply.document
    assert (document["code"], document["status"]) == (code, status), said
    assert document["type"] == f"urn:tongban:problem:{code.lower().replace('_', '-')}"
    assert document["title"], said
    check_silent(reply)
    assert reply.took_s <= within_s, f"took {reply.took_s:.2f} s"


def check_silent(reply: Reply) -> None:
    """Demand that an answer repeats nothing bad that came in and tells nothing of what is inside."""
    text = reply.body.decode()
    assert MARK not in text
    plain = re.sub(r'"instance":"[^"]*"', "", text)
    assert TELLS.search(plain) is None, text
    assert "server" not in reply.headers
    assert all(MARK not in value for value in reply.headers.values())
