# SPDX-License-Identifier: EUPL-1.2
"""The demos tell the truth, and their checks would notice if they didn't."""

from collections.abc import Iterator

import pytest

from local_stack.demo import play
from local_stack.demo.target import Target
from local_stack.demo.told import Told
from local_stack.harness import Stack


@pytest.fixture(scope="module")
def where() -> Iterator[Target]:
    """A stack to itself: the demo's people must hold nothing that another test gave them."""
    with Stack(profile="laptop") as own:
        yield Target(own.url("gateway"), own.kafka_bootstrap, own.superuser_dsn, own.layout)


@pytest.mark.parametrize("event", ["food-licence", "open-restaurant"])
async def test_the_demo_ends_well_twice_in_a_row(where: Target, event: str) -> None:
    assert [await play.run(where, event) for _ in range(2)] == [0, 0]
    check, told = play.DEMOS[event].check, Told.load(where.told)
    for name, value in list(told.figures.items()):
        told.figures[name] = value + 1 if isinstance(value, int) else [*value, "one more"]
    assert len(await check(where, told)) == len(told.figures)
    told.secrets.append(told.case_id)  # which does stand on the bus in the clear, and may
    assert any("in the clear" in one for one in await check(where, told))
