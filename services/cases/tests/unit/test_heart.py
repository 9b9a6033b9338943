# SPDX-License-Identifier: EUPL-1.2
"""The heart beats whatever happens, and knows when the way to the offices is shut."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from cases import clients, jobs
from cases.clients import WaysToIssue, WayToOffices
from cases.jobs import Heart
from kit.errors import Kind, NotFound, ServiceError, Unavailable, UpstreamError, UpstreamUnavailable


class Beats:
    """Does what each turn says; the last turn stops the heart."""

    def __init__(self, *turns: bool | ServiceError | float) -> None:
        self.left, self.done, self.stop = list(turns), 0, asyncio.Event()

    async def __call__(self) -> bool:
        turn = self.left.pop(0)
        if not self.left:
            self.stop.set()
        if isinstance(turn, ServiceError):
            raise turn
        if isinstance(turn, float):
            await asyncio.sleep(turn)
        self.done += 1
        return bool(turn)


async def test_a_beat_that_fails_is_missed_and_the_next_one_comes() -> None:
    beats = Beats(True, Unavailable(), False, True)
    async with asyncio.timeout(5):
        await Heart(beats, 0.001).run(beats.stop)
    assert (beats.left, beats.done) == ([], 3)


async def test_a_beat_that_hangs_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BEAT_LIMIT_S", 0.01)
    beats = Beats(60.0, True)
    async with asyncio.timeout(5):
        await Heart(beats, 0.001).run(beats.stop)
    assert (beats.left, beats.done) == ([], 1)


class Answers:
    """exchange-bus that answers, refuses, or doesn't."""

    def __init__(self, why: ServiceError | None) -> None:
        self.why = why

    async def call(self, method: str, path: str) -> None:
        assert (method, path) == ("GET", "/v1/public/refusals?office=o")
        if self.why is not None:
            raise self.why


@pytest.mark.parametrize(
    ("kafka", "why", "expected"),
    [
        (True, None, True),
        (True, NotFound(), True),
        (True, UpstreamError(Kind.FORBIDDEN, "FORBIDDEN", {}), True),
        (True, UpstreamUnavailable(), False),
        (True, UpstreamError(Kind.UNAVAILABLE, "DATABASE_UNAVAILABLE", {}), False),
        (False, None, False),
    ],
)
async def test_the_way_is_open_when_the_bus_and_the_inbox_answer(
    monkeypatch: pytest.MonkeyPatch, kafka: bool, why: ServiceError | None, expected: bool
) -> None:
    async def answers(bootstrap: str) -> bool:
        assert bootstrap == "kafka:1"
        return kafka

    monkeypatch.setattr(clients, "cluster_ready", answers)
    bus: Any = Answers(why)
    assert await WayToOffices("kafka:1", [bus], "o").is_open() is expected


async def test_the_way_is_shut_when_one_door_of_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answers(bootstrap: str) -> bool:
        return True

    monkeypatch.setattr(clients, "cluster_ready", answers)
    bus: Any = Answers(None)
    gateway: Any = Answers(UpstreamUnavailable())
    assert not await WayToOffices("kafka:1", [bus, gateway], "o").is_open()


class Deployment:
    """A certificates deployment that knows no such path, or isn't there."""

    def __init__(self, *, there: bool) -> None:
        self.there = there

    async def call(self, method: str, path: str) -> None:
        raise UpstreamError(Kind.NOT_FOUND, "NOT_FOUND", {}) if self.there else UpstreamUnavailable()


class Systems:
    """A registry that knows which offices a deployment answers for."""

    def system(self, system_id: str) -> Any:
        offices = {"certificates-1": ("a", "b"), "certificates-2": ("c",)}.get(system_id)
        return None if offices is None else SimpleNamespace(offices=offices)


async def test_an_office_can_issue_while_the_deployment_that_answers_for_it_does() -> None:
    deployments: Any = {"certificates-1": Deployment(there=True), "certificates-2": Deployment(there=False)}
    ways = WaysToIssue(deployments, Systems())
    assert await ways.answering() == {"certificates-1": ("a", "b")}
    assert [ways.system_of(office) for office in "bcd"] == ["certificates-1", "certificates-2", None]
