# SPDX-License-Identifier: EUPL-1.2
"""The data plane: a plain ASGI application. It reads the whole body, asks the door, and gives the answer as it came."""

from typing import Any

from contracts.base import Model
from gateway.domain import Asked
from gateway.pipeline import PREFIX, Door, RecordsDoor
from kit.errors import MethodNotAllowed
from kit.http import HttpAnswer

Message = dict[str, Any]


class DataPlane:
    """Everything that comes in at the front. The edge around it bounds sizes and times and answers errors."""

    def __init__(self, door: Door, records: RecordsDoor) -> None:
        self._door = door
        self._records = records

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request; the lifespan needs nothing."""
        if scope["type"] == "lifespan":
            return
        asked = await _read(scope, receive)
        state = scope.setdefault("state", {})
        if asked.path.startswith(PREFIX):
            state["route"] = PREFIX + "{topic}"
            if asked.method != "GET":
                raise MethodNotAllowed(["GET"])
            await _send_model(send, self._records.answer(asked.path, asked.query))
            return
        route, answer = await self._door.handle(asked)
        state["route"] = route.path
        await _send(send, answer)


async def _read(scope: Any, receive: Any) -> Asked:
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers = [(name.lower(), value) for name, value in scope["headers"]]
    # As sent: decoded once more, an escaped `?` or blank would be read as another target behind us.
    path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
    return Asked(scope["method"], path, scope.get("query_string", b""), headers, b"".join(chunks))


_OWN = frozenset(
    {b"api-version", b"request-id", b"cache-control", b"server", b"date", b"content-length", b"connection"}
)
"""Headers of the answer that the gateway says itself. Cache-Control: no-store for everything about a person."""
_SECURITY_PREFIXES = (b"x-content-type-options", b"strict-transport-security", b"content-security-policy", b"x-frame")


async def _send(send: Any, answer: HttpAnswer) -> None:
    headers = [
        (name, value) for name, value in answer.headers if name not in _OWN and not name.startswith(_SECURITY_PREFIXES)
    ]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _send_model(send: Any, model: Model) -> None:
    body = model.wire_bytes()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
