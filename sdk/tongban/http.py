# SPDX-License-Identifier: EUPL-1.2
"""Calls to the gateway: the only module that knows the HTTP client.

One rule for doubt: a call whose outcome is unknown is repeated under the same `Idempotency-Key`, with a fresh proof of
the caller's key each time. A call that can't be repeated so is not.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx

from contracts import http as names
from tongban import jose
from tongban.problems import NoAnswer, Problem

TRIES: Final = 5
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
_SAFE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})

Authorize = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives the headers that prove who calls; asked once for every attempt, as a proof counts once."""
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Answer:
    """A 2xx answer. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Give the body, a JSON object. Raises NotBelieved (`MALFORMED`)."""
        return jose.json_object(self.body)


@dataclass(frozen=True)
class Sent:
    """A request as a stand-in for the gateway sees it. path: with the query. headers: names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


StandIn = Callable[[Sent], Awaitable[Answer]]
"""Plays the gateway in an office's own tests; what it raises as NoAnswer looks like a broken connection."""


class Http:
    """One gateway. Open it with `async with`.

    stand_in: answers in the gateway's place (tests). timeout_s: for one attempt, unless a call says more.
    """

    def __init__(
        self,
        gateway_url: str,
        *,
        stand_in: StandIn | None = None,
        timeout_s: float = 10.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.gateway_url = gateway_url.rstrip("/")
        self._timeout_s = timeout_s
        self._sleep = sleep
        # The address is configured, so neither proxies nor netrc of the surroundings may change where a call goes.
        transport = _InMemory(stand_in) if stand_in is not None else None
        self._client = httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        authorize: Authorize | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Call, and give the answer if it is 2xx.

        path: with the query, already escaped. A safe or keyed call is tried up to five times while nobody answers or
        the refusal may pass. Raises Problem, NoAnswer.
        """
        given = dict(headers or {})
        repeatable = method in _SAFE or names.IDEMPOTENCY_KEY in given
        pause_s = FIRST_PAUSE_S
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES or not repeatable
            proof = await authorize() if authorize is not None else {}
            try:
                answer = await self._once(method, path, body, {**given, **proof}, timeout_s or self._timeout_s)
            except NoAnswer:
                if last:
                    raise
            else:
                if 200 <= answer.status < 300:
                    return answer
                problem = Problem.of(answer.status, answer.body)
                if last or not problem.passing:
                    raise problem
                pause_s = max(pause_s, _retry_after_s(answer))
            await self._sleep(min(pause_s, LONGEST_PAUSE_S))
            pause_s *= 2
        raise NoAnswer  # not reached: the last attempt returns or raises

    async def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        sent = {names.DEADLINE: str(int(timeout_s * 1000)), "Accept": "application/json", **headers}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            # One second beyond the deadline that we state: the platform's own word is better than our silence.
            async with asyncio.timeout(timeout_s + 1):
                got = await self._client.request(
                    method, self.gateway_url + path, content=body, headers=sent, timeout=timeout_s + 1
                )
        except (httpx.TransportError, TimeoutError) as why:
            raise NoAnswer(f"{method} {path.split('?', maxsplit=1)[0]}") from why
        return Answer(got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.content)


class _InMemory(httpx.AsyncBaseTransport):
    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        sent = Sent(request.method, request.url.raw_path.decode("ascii"), headers, request.content)
        try:
            answer = await self._stand_in(sent)
        except NoAnswer as why:
            raise httpx.ReadError("the stand-in broke off") from why
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


def _retry_after_s(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0
