# SPDX-License-Identifier: EUPL-1.2
"""Proofs of possession that come together: each counts once, and each caller hears of its own."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.pipeline import UsedProofs
from kit.errors import Unavailable

UNTIL = 2_000_000_000.0
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def proofs(house: Any) -> UsedProofs:
    return UsedProofs(house.db, lambda: NOW)


async def test_of_many_who_bring_the_same_proof_at_once_one_passes(proofs: UsedProofs) -> None:
    told = await asyncio.gather(*(proofs.claim("same", UNTIL) for _ in range(20)))
    assert sorted(told) == [False] * 19 + [True]


async def test_of_many_proofs_at_once_each_passes_that_is_new(proofs: UsedProofs) -> None:
    assert await proofs.claim("p-7", UNTIL)
    told = await asyncio.gather(*(proofs.claim(f"p-{i}", UNTIL) for i in range(20)))
    assert [i for i, new in enumerate(told) if not new] == [7]


async def test_a_proof_is_noted_for_every_process(proofs: UsedProofs, house: Any) -> None:
    other = UsedProofs(house.db, lambda: NOW)
    told = await asyncio.gather(*(one.claim("shared", UNTIL) for one in (proofs, other)))
    assert sorted(told) == [False, True]


async def test_a_caller_who_leaves_takes_nobody_along(proofs: UsedProofs) -> None:
    leaving = asyncio.create_task(proofs.claim("mine", UNTIL))
    staying = asyncio.create_task(proofs.claim("hers", UNTIL))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_no_proof_passes_while_the_database_is_away(proofs: UsedProofs, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr("gateway.pipeline.proofs.store.claim_proofs", away)
    told = await asyncio.gather(*(proofs.claim(f"p-{i}", UNTIL) for i in range(5)), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in told)
    monkeypatch.undo()
    assert await proofs.claim("p-1", UNTIL)
