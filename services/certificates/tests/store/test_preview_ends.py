# SPDX-License-Identifier: EUPL-1.2
"""Previews that end without a decision: time, withdrawal, and a death in the middle of one."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.base import rfc3339
from kit import crash
from kit.consumer import Bad


# ------------------------------------------------------------------------------------------------ clocks
@pytest.mark.parametrize(
    ("looks", "minutes", "reason"), [(False, 15, "NOT_OPENED"), (True, 40, "NOT_DECIDED")], ids=["T2", "T3"]
)
async def test_without_her_the_request_times_out_and_a_late_decision_is_refused(
    ann: Any, names: Any, looks: bool, minutes: int, reason: str
) -> None:
    preview_id = await ann.begun()
    if looks:
        await ann.look(preview_id)
    ann.house.world.now += timedelta(minutes=minutes)
    assert await ann.house.uses.previewing.expire() == 0
    ann.house.world.now += timedelta(seconds=1)
    # Late is late, swept or not.
    late = await ann.decide(preview_id, place=True, use=True)
    assert (late.status_code, late.json()["code"]) == (409, "PREVIEW_OVER")
    shown = (await ann.look(preview_id)).json()
    assert (shown["state"], shown["items"]) == ("expired", [])
    assert await ann.waiting() == []
    assert await ann.house.uses.previewing.expire() == 1
    assert await ann.house.uses.previewing.expire() == 0
    [_, (keyseq, answer)] = await ann.answers()
    assert (keyseq, answer.outcome, answer.code) == (2, "refused", "EVIDENCE_TIMEOUT")
    leaf, sealed = (await ann.house.receipts())[-1]
    assert (leaf.side, leaf.decision, leaf.code) == ("holder", "refused", "EVIDENCE_TIMEOUT")
    assert sealed.person is not None
    [row] = await ann.house.rows("SELECT code, reason FROM evidence_event WHERE type = 'error-sent'")
    assert row == {"code": "EVIDENCE_TIMEOUT", "reason": reason}
    assert (await ann.decide(preview_id, place=True, use=True)).json()["code"] == "PREVIEW_OVER"


async def test_a_sweep_that_meets_a_look_leaves_her_her_time(ann: Any) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)  # between the sweep's reading of what is overdue and its turn
    assert await ann.house.uses.previewing._expire(preview_id, ann.subject) == 0
    assert len(await ann.answers()) == 1
    assert (await ann.decide(preview_id, place=True, use=True)).status_code == 201


async def test_no_look_or_decision_goes_past_the_askers_last_moment(ann: Any, names: Any) -> None:
    preview_id = await ann.begun(ann.wished(deadline=names.now + timedelta(minutes=10)))
    [head] = await ann.waiting()
    assert head["until"] == rfc3339(names.now + timedelta(minutes=10))
    assert (await ann.look(preview_id)).json()["until"] == head["until"]
    ann.house.world.now += timedelta(minutes=10, seconds=1)
    assert (await ann.decide(preview_id, place=True, use=True)).json()["code"] == "PREVIEW_OVER"
    assert await ann.house.uses.previewing.expire() == 1
    [row] = await ann.house.rows("SELECT reason, rule FROM evidence_event WHERE type = 'error-sent'")
    assert row == {"reason": "PAST_DEADLINE", "rule": "clock.holder"}


async def test_the_lists_may_give_a_person_less_or_more_time(ann: Any, names: Any) -> None:
    clocks = {"opening": "PT2M", "deciding": "PT3M"}
    ann.house.world.publish(lambda entry: entry | {"clocks": clocks} if entry["id"] == "title" else entry)
    preview_id = await ann.begun()
    assert (await ann.waiting())[0]["until"] == rfc3339(names.now + timedelta(minutes=2))
    assert (await ann.look(preview_id)).json()["until"] == rfc3339(names.now + timedelta(minutes=3))


async def test_one_that_can_not_be_answered_holds_up_no_other(ann: Any, names: Any) -> None:
    bad = await ann.begun()
    ann.house.world.now += timedelta(seconds=1)
    await ann.begun(ann.wished("bob"))
    async with ann.house.db.transaction() as tx:
        await tx.execute("UPDATE preview SET ask = 'no request' WHERE id = $1", bad)
    ann.house.world.now += timedelta(minutes=16)
    assert await ann.house.uses.previewing.expire() == 1
    states = await ann.house.rows("SELECT state, put_off IS NULL AS due FROM preview ORDER BY made_at")
    assert states == [{"state": "waiting", "due": False}, {"state": "expired", "due": True}]
    # It isn't tried at every turn.
    assert await ann.house.rows("SELECT id FROM preview WHERE put_off > $1", ann.house.world.now) != []


async def test_an_asker_whose_key_is_gone_is_answered_when_it_is_back(ann: Any, names: Any) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)
    held = ann.house.world.offices.held[names.market]
    ann.house.world.drop_key(names.market, "inbox")
    away = await ann.decide(preview_id, place=True, use=True)
    assert away.status_code == 503
    ann.house.world.now += timedelta(minutes=41)
    assert await ann.house.uses.previewing.expire() == 0
    ann.house.world.offices.held[names.market] = held
    ann.house.world.now += timedelta(minutes=2)
    assert await ann.house.uses.previewing.expire() == 1


@pytest.mark.parametrize("fault", ["no key", "no request"])
async def test_what_can_not_be_answered_is_kept_no_longer_than_its_asker_waits(
    ann: Any, names: Any, fault: str
) -> None:
    preview_id = await ann.begun(ann.wished(deadline=names.now + timedelta(minutes=50)))
    if fault == "no key":
        ann.house.world.drop_key(names.market, "inbox")
    else:
        async with ann.house.db.transaction() as tx:
            await tx.execute("UPDATE preview SET ask = 'no request' WHERE id = $1", preview_id)
    ann.house.world.now += timedelta(minutes=51)
    assert await ann.house.uses.previewing.expire() == 0
    assert await ann.house.rows("SELECT id FROM preview WHERE ask IS NULL") == []
    ann.house.world.now += timedelta(minutes=1, seconds=1)
    assert await ann.house.uses.previewing.expire() == 1
    assert await ann.house.uses.previewing.expire() == 0
    assert await ann.house.rows("SELECT state, code, ask FROM preview") == [
        {"state": "expired", "code": "EVIDENCE_TIMEOUT", "ask": None}
    ]
    assert len(await ann.answers()) == 1
    [row] = await ann.house.rows("SELECT code, reason FROM evidence_event WHERE type = 'request-refused'")
    assert row == {"code": "EVIDENCE_TIMEOUT", "reason": "NOBODY_WAITS"}


# ------------------------------------------------------------------------------------------------ withdrawal, crashes
async def test_a_withdrawn_request_lets_nothing_go_any_more(ann: Any, names: Any) -> None:
    ask = ann.wished()
    preview_id = await ann.begun(ask)
    await ann.look(preview_id)
    await ann.house.consume(ann.withdrawal(ask))
    assert (await ann.decide(preview_id, place=True, use=True)).json()["code"] == "PREVIEW_OVER"
    assert (await ann.look(preview_id)).json()["state"] == "expired"
    assert await ann.waiting() == []
    ann.house.world.now += timedelta(hours=2)
    assert await ann.house.uses.previewing.expire() == 0
    assert len(await ann.answers()) == 1
    assert await ann.sides() == [("view", "released")]
    [row] = await ann.house.rows("SELECT state, code, ask FROM preview")
    assert row == {"state": "expired", "code": "CASE_NOT_LIVE", "ask": None}
    assert (await ann.journal())[-1] == "request-refused"


async def test_a_request_and_its_withdrawal_may_come_in_one_batch(ann: Any, names: Any) -> None:
    ask = ann.wished()
    await ann.house.consume(ann.house.world.record(ask), ann.withdrawal(ask))
    assert await ann.waiting() == []
    [row] = await ann.house.rows("SELECT code FROM preview")
    assert row == {"code": "CASE_NOT_LIVE"}


async def test_a_withdrawal_of_what_was_answered_changes_nothing(ann: Any, names: Any) -> None:
    plain, decided = ann.house.world.ask(), ann.wished()
    await ann.house.consume(ann.house.world.record(plain))
    preview_id = await ann.begun(decided)
    await ann.look(preview_id)
    assert (await ann.decide(preview_id, place=True, use=True)).status_code == 201
    before = await ann.journal()
    await ann.house.consume(ann.withdrawal(plain), ann.withdrawal(decided))
    assert await ann.journal() == before
    assert (await ann.look(preview_id)).json()["state"] == "released"


async def test_only_the_exchange_bus_withdraws(ann: Any, names: Any) -> None:
    ask = ann.wished()
    await ann.begun(ask)
    for source in (f"/zz/{names.data_office}/cases", f"/zz/{names.data_office}/nobody"):
        [item] = await ann.house.handler.prepare([ann.withdrawal(ask, source=source)])
        assert item == Bad("ROLE_WRONG")


async def test_a_death_between_sealing_and_commit_releases_nothing_and_she_may_decide_again(
    ann: Any, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview_id = await ann.begun()
    await ann.look(preview_id)

    class Died(BaseException):
        """As SIGKILL: nothing catches it."""

    def die(name: str) -> None:
        if name == "release.after_seal":
            raise Died

    monkeypatch.setattr(crash, "point", die)
    with pytest.raises(Died):
        await ann.decide(preview_id, place=True, use=True)
    monkeypatch.undo()
    assert len(await ann.answers()) == 1
    assert await ann.sides() == [("view", "released")]
    assert (await ann.decide(preview_id, place=True, use=True)).status_code == 201
    assert [keyseq for keyseq, _ in await ann.answers()] == [1, 2]
