# SPDX-License-Identifier: EUPL-1.2
"""The one place where steps change: what changed, what follows from it, the case's end, and a fact for each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cases import domain, events, store
from cases.domain import Case, Step
from cases.service.parts import WORK_CHANNEL
from contracts.ids import uuid7
from kit.db import Transaction


async def write_moves(tx: Transaction, case: Case, moves: Sequence[Step], now: datetime) -> Case:
    """Write *moves*, cancel what can never start any more, end the case if all is over; each with its fact.

    The case is locked by the caller, who gives steps as they shall be. Gives the case as it stands then.
    """
    before = await store.steps_of_case(tx, case.case_id)
    steps = domain.settled(before, moves, now)
    for was, step in zip(before, steps, strict=True):
        if step == was:
            continue
        await store.store_step(tx, step)
        if events.public_state(step) != events.public_state(was):
            case, event = events.step_fact(case, step)
            tx.emit(event)
    state = domain.case_state(steps)
    if case.state == domain.OPEN and state != domain.OPEN:
        case = close_case(tx, case, state, now)
    await store.store_case(tx, case)
    tx.notify(WORK_CHANNEL)
    return case


def close_case(tx: Transaction, case: Case, state: str, now: datetime) -> Case:
    """Say that a case is over; the caller stores it."""
    closed, event = events.case_fact(replace(case, state=state, closed_at=now), "closed")
    tx.emit(event)
    return closed


def withdraw_asks(tx: Transaction, case: Case, exchange_ids: Sequence[str]) -> Case:
    """Say that asks wait for nothing any more, so that nothing goes for them; the caller stores the case."""
    if not exchange_ids:
        return case
    counted, event = events.asks_withdrawn(case, exchange_ids)
    tx.emit(event)
    return counted


async def make_tasks(tx: Transaction, case: Case, steps: Sequence[Step]) -> None:
    """Give a task to each gathering step whose needs are all answered or refused for good. The case is locked."""
    for step in (s for s in steps if s.state == "gathering" and case.state == domain.OPEN):
        if domain.needs_resolved(await store.needs_of_step(tx, step.step_id)):
            ready = replace(step, state="ready", task_id=str(uuid7()), task_exchange_id=str(uuid7()), task_seq=0)
            await store.store_step(tx, ready)
            tx.notify(WORK_CHANNEL)
