# SPDX-License-Identifier: EUPL-1.2
"""A program outlives a platform that goes away, and ends on what won't pass."""

import argparse
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
