# SPDX-License-Identifier: EUPL-1.2
"""The short run: each victim killed once under load, four crash points, two outages, one poison record."""

import pytest

from drive import faults
from field import Field


async def calm() -> str:
    return "nothing was hurt"


async def test_nothing_is_lost_or_doubled_in_calm(laptop: Field) -> None:
    run = await laptop.survives(calm, before_s=3.0)
    ids = [record.event_id for record in run.bus]
    assert len(ids) == len(set(ids)), "a record twice on the bus though nothing was hurt"


@pytest.mark.parametrize(
    "victim",
    ["certificates-2", "exchange-bus", "cases", "identity", "gateway", "ledger", "certificates-1", "postgres", "kafka"],
)
async def test_a_kill_loses_and_doubles_nothing(laptop: Field, victim: str) -> None:
    await laptop.survives(lambda: faults.kill(laptop.stack, victim))
