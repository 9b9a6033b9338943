# SPDX-License-Identifier: EUPL-1.2
"""A program outlives a platform that goes away, and ends on what won't pass."""

import argparse
import asyncio
from collections.abc import AsyncIterator

import pytest

from example_offices import program
from tongban import NoAnswer, Problem


class FakeOffice:
    """An inbox of three deliveries, by name; what isn't taken comes again."""

    def __init__(self) -> None:
        self.left = ["a", "b", "c"]

    async def inbox(self, *, once: bool) -> AsyncIterator[str]:
        for name in list(self.left):
            yield name
            self.left.remove(name)


async def test_what_the_platform_broke_off_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "PAUSE_S", 0)
    taken: list[str] = []

    async def take(name: str) -> None:
        taken.append(name)
        if taken.count("b") == 1 and name == "b":
            raise NoAnswer

    given = argparse.Namespace(once=False)
    await program.take_all(FakeOffice(), given, take)  # type: ignore[arg-type]
    assert taken == ["a", "b", "b", "c"]


@pytest.mark.parametrize(("once", "why"), [(True, NoAnswer()), (False, Problem("FORBIDDEN", 403))])
async def test_what_will_not_pass_ends_the_program(*, once: bool, why: Exception) -> None:
    async def take(_name: str) -> None:
        raise why

    with pytest.raises(type(why)):
        await program.take_all(FakeOffice(), argparse.Namespace(once=once), take)  # type: ignore[arg-type]


async def test_the_clerks_desk_is_looked_at_while_the_inbox_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "POLL_S", 0)
    looks: list[int] = []

    class Quiet(FakeOffice):
        async def inbox(self, *, once: bool) -> AsyncIterator[str]:
            await asyncio.Event().wait()
            yield ""

    async def look() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise Problem("FORBIDDEN", 403)

    async def take(_name: str) -> None:
        raise AssertionError("nothing came")

    with pytest.raises(Problem, match="FORBIDDEN"):  # one loop that dies takes the program with it
        await program.attend(Quiet(), argparse.Namespace(once=False), take, look)  # type: ignore[arg-type]
    assert len(looks) == 3


async def test_once_takes_what_is_there_and_looks_once() -> None:
    done: list[str] = []

    async def take(name: str) -> None:
        done.append(name)

    async def look() -> None:
        done.append("look")

    await program.attend(FakeOffice(), argparse.Namespace(once=True), take, look)  # type: ignore[arg-type]
    assert done == ["a", "b", "c", "look"]


async def test_a_look_outlives_a_platform_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "POLL_S", 0)
    monkeypatch.setattr(program, "PAUSE_S", 0)
    looks: list[int] = []

    async def look() -> None:
        looks.append(1)
        raise NoAnswer if len(looks) < 3 else Problem("FORBIDDEN", 403)

    with pytest.raises(Problem, match="FORBIDDEN"):
        await program.look_again(argparse.Namespace(once=False), look)
    assert len(looks) == 3
