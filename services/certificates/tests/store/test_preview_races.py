# SPDX-License-Identifier: EUPL-1.2
"""A decision meets, in the same moment, what would stop it: nothing goes twice, and nothing goes after the stop."""

import asyncio
from typing import Any

import pytest

from certificates.errors import EvidenceChanged
from kit.events import Record


async def consume_again(house: Any, *records: Record) -> None:
    """Let a batch take effect as the consumer's loop does: one that met a change comes again."""
    try:
        await house.consume(*records)
    except EvidenceChanged:
        await consume_again(house, *records)


@pytest.mark.parametrize("turn", range(4))
async def test_a_decision_a_withdrawal_and_a_change_at_once_leave_one_end(ann: Any, names: Any, turn: int) -> None:
    """The withdrawal comes in one batch with a new request for the same certificate, which an amendment locks."""
    ask, house = ann.wished(), ann.house
    preview_id = await ann.begun(ask)
    await ann.look(preview_id)
    path, certificate = "suspensions", await ann.title()
    work = [
        ann.decide(preview_id, place=True, use=True),
        consume_again(house, house.world.record(ann.wished()), ann.withdrawal(ask)),
        house.post(names.land, f"/certificates/{certificate}/{path}", {"reason": "x"}, key="s", if_match='"1"'),
    ]
    order = [work[(turn + at) % 3] for at in range(3)]
    done = await asyncio.wait_for(asyncio.gather(*order), 20)
    decided, changed = done[-turn % 3], done[(2 - turn) % 3]
    assert changed.status_code == 201
    assert decided.status_code in (201, 409)
    [row] = await house.rows("SELECT state, code, ask FROM preview WHERE id = $1", preview_id)
    ended = {201: ("released", None), 409: ("expired", "CASE_NOT_LIVE")}[decided.status_code]
    assert (row["state"], row["code"], row["ask"]) == (*ended, None)
    told = [event for event in await house.said(f"envelope.{names.market}.v1") if event["key"] == ask.request_id]
    assert [event["keyseq"] for event in told] == ([1, 2] if decided.status_code == 201 else [1])
    holder = [side for side in await ann.sides() if side == ("holder", "released")]
    assert len(holder) == (decided.status_code == 201)
