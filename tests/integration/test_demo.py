# SPDX-License-Identifier: EUPL-1.2
"""The demo tells the truth, and its check would notice if it didn't."""

from collections.abc import Iterator

import pytest

from local_stack import demo, demo_check
from local_stack.demo_target import Target
from local_stack.demo_told import Told
from local_stack.harness import Stack


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A stack to itself: the demo's people must hold nothing that another test gave them."""
    with Stack(profile="laptop") as running:
        yield running


async def test_the_demo_ends_well_twice_in_a_row(own: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    where = Target(own.url("gateway"), own.kafka_bootstrap, own.superuser_dsn, own.layout)
    claims: list[Told] = []
    check = demo_check.check

    async def remembered(target: Target, told: Told) -> list[str]:
        claims.append(told)
        return await check(target, told)

    monkeypatch.setattr(demo_check, "check", remembered)
    assert [await demo.run(where, "food-licence") for _ in range(2)] == [0, 0]
    told = claims[-1]
    for name, value in list(told.figures.items()):
        told.figures[name] = value + 1 if isinstance(value, int) else [*value, "one more"]
    assert len(await check(where, told)) == len(told.figures)
    told.secrets.append(told.case_id)  # which does stand on the bus in the clear, and may
    assert any("in the clear" in one for one in await check(where, told))
