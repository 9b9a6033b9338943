# SPDX-License-Identifier: EUPL-1.2
"""Restaurants under way: opening them, finding the middle of the work, and what a whole one has left behind."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from contracts.cases import CaseView
from drive import look
from drive.people import patiently
from local_stack.table import DEPLOYMENTS
from local_stack.town import Applicant, Town, until
from tongban import Citizen

EVENT: Final = "open-restaurant"
ISSUED: Final = [
    ("r1", "business-licence"),
    ("r2", "seal-filing"),
    ("r3", "employer-registration"),
    ("r3", "tax-registration"),
    ("r4", "food-licence"),
    ("r5", "fire-check"),
    ("r6", "shop-sign"),
    ("r8", "result-pack"),
]
"""(step, type) of every certificate that a restaurant without tobacco leads to."""
IN_STATE: Final = "SELECT count(*) FROM step WHERE case_id = $1::uuid AND step = $2 AND state = $3"
DONE: Final = "SELECT count(*) FROM step WHERE case_id = $1::uuid AND state = 'done'"
STEPS: Final = """SELECT split_part(step, '/', 2) AS step, office, state, deemed, task_id::text AS task
                  FROM step WHERE case_id = $1::uuid ORDER BY step, office"""
ATTACHED: Final = """SELECT split_part(s.step, '/', 2) AS step, c.type, c.certificate_id::text AS id
                     FROM step s JOIN step_certificate c USING (step_id) WHERE s.case_id = $1::uuid"""
HELD: Final = "SELECT id::text AS id, type, task_id::text AS task FROM certificate WHERE case_id = $1::uuid"


@asynccontextmanager
async def owner_of(town: Town) -> AsyncIterator[Applicant]:
    """Give the one who opens restaurants."""
    async with Citizen(town.target.url, "shop-owner") as citizen:
        yield Applicant(town, citizen)


async def reaches(town: Town, case_id: str, step: str, state: str, within_s: float = 30.0) -> None:
    """Wait until one office has a step in that state, and look so often that the moment isn't missed."""
    end = time.monotonic() + within_s
    while not await look.value(town.stack, "cases", IN_STATE, case_id, f"{EVENT}/{step}", state):
        assert time.monotonic() < end, f"{step} of {case_id} isn't {state} after {within_s:g} s"
        await asyncio.sleep(0.02)


async def steps_done(town: Town, case_id: str) -> int:
    """Count the steps that are done."""
    return int(await look.value(town.stack, "cases", DONE, case_id))


async def completed(owner: Applicant, case_id: str, within_s: float = 60.0) -> CaseView:
    """Wait until the case is completed, however often the platform is away meanwhile."""

    async def over() -> CaseView | None:
        view = await patiently(partial(owner.citizen.case, case_id))
        return view if view.state != "open" else None

    view = await until(over, f"the end of {case_id}", within_s)
    assert view.state == "completed", f"{case_id} is {view.state}"
    return view


async def whole(town: Town, case_id: str, deemed: Iterable[str] = ()) -> None:
    """Fail unless every step is done with one certificate of each type, held where it was issued, and nothing more.

    deemed: the steps that silence was to decide; silence decided no other.
    """
    steps = await town.rows("cases", STEPS, case_id)
    assert {row["state"] for row in steps if row["step"] != "r7"} == {"done"}, steps
    assert {row["step"] for row in steps if row["deemed"]} == set(deemed), steps
    attached = await town.rows("cases", ATTACHED, case_id)
    assert sorted((row["step"], row["type"]) for row in attached) == ISSUED
    systems = [system for system in DEPLOYMENTS if system.startswith("certificates")]
    held = [row for system in systems for row in await town.rows(system, HELD, case_id)]
    assert sorted(row["id"] for row in held) == sorted(row["id"] for row in attached)
    assert len({(row["task"], row["type"]) for row in held}) == len(held), "two certificates for one task"
    assert {row["task"] for row in held} == {row["task"] for row in steps if row["step"] != "r7"}


# ------------------------------------------------------------------ the clock of deadlines
@dataclass(frozen=True)
class Silence:
    """How a step stands with its time. ahead: of the clock that deadlines are reckoned by."""

    state: str
    deemed: bool
    tasked_at: datetime
    deadline: datetime
    ended_at: datetime | None
    ahead: timedelta


async def silence(town: Town, case_id: str, step: str) -> Silence:
    """Look at a step's time."""
    [row] = await town.rows(
        "cases",
        """SELECT state, deemed, tasked_at, deadline, ended_at,
                  coalesce((SELECT ahead FROM sandbox_clock), interval '0') AS ahead
           FROM step WHERE case_id = $1::uuid AND step = $2""",
        case_id,
        f"{EVENT}/{step}",
    )
    return Silence(**row)


async def move_before(town: Town, deadline: datetime, left_s: float) -> None:
    """Move the clock of deadlines to *left_s* before one: finer than its door allows, which moves whole days."""
    await look.execute(
        town.stack,
        "cases",
        """INSERT INTO sandbox_clock (ahead) VALUES ($1::timestamptz - interval '1 second' * $2::float8 - now())
           ON CONFLICT (single) DO UPDATE SET ahead = excluded.ahead""",
        deadline,
        left_s,
    )
