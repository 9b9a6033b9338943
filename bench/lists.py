# SPDX-License-Identifier: EUPL-1.2
"""Part 7: what the lists decide, in this process: the proof gate, and the plan of a life event."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import cycle

from bench.crypto import CATALOGUE
from bench.report import Row, median_row
from cases.planner import make_plan
from contracts.cases import PlanWish
from contracts.catalogue import Catalogue, LifeEvent, Proof
from contracts.catalogue.check import check
from kit.proof_gate import Demand, judge
from tongban.catalogue_files import load_entries

EVENT = "open-restaurant"
AT_ONCE = 200
"""Calls between two looks at the clock."""


def rows(rounds: int, seconds: float) -> list[Row]:
    """Decisions per second beside lookups in a plain dict, and the plan's slow tail beside writing the same answer."""
    entries, _ = check(load_entries(CATALOGUE), test_area=True)
    catalogue, on = Catalogue(1, entries), datetime.now(UTC).date()
    return [_gate(catalogue, on, rounds, seconds), _plan(catalogue, on, rounds, seconds)]


def _gate(catalogue: Catalogue, on: date, rounds: int, seconds: float) -> Row:
    demands = [demand for entry in catalogue.all(Proof, on) for demand in _demands(entry)]
    plain = {(one.asked_by, one.service, one.proves): one.cites for one in demands}
    asked, keys = cycle(demands), cycle(plain)
    ours, bare = [], []
    for _ in range(rounds):
        bare.append(_per_second(lambda: plain[next(keys)], seconds))
        ours.append(_per_second(lambda: judge(catalogue, next(asked), on), seconds))
    return median_row(
        "lists",
        f"proof gate: decisions over {len(catalogue.entries)} entries",
        ours,
        "/s",
        floor=statistics.median(bare),
        floor_name="/s lookups in a dict",
        aim="20,000/s",
    )


def _demands(entry: Proof) -> list[Demand]:
    """One demand that cites the entry, one that doesn't, one that names somebody who can't know."""
    cites = Demand(asked_by=entry.asked_by, service=entry.service, step=entry.step, proves=entry.proves, cites=entry.id)
    return [cites, replace(cites, cites=None), replace(cites, demanded_from="the neighbours")]


def _plan(catalogue: Catalogue, on: date, rounds: int, seconds: float) -> Row:
    event = catalogue.life_event(EVENT, on)
    if event is None:
        raise TypeError(f"the catalogue has no life event {EVENT}")
    wish = PlanWish(life_event=event.id, people={"staff": 5})
    plan = make_plan(catalogue, event, wish, on)
    bare = [_p95_ms(plan.wire_bytes, seconds) for _ in range(rounds)]
    ours = [_p95_ms(lambda: make_plan(catalogue, event, wish, on), seconds) for _ in range(rounds)]
    return median_row(
        "lists",
        f"plan of {EVENT}, p95",
        ours,
        "ms",
        floor=statistics.median(bare),
        floor_name="ms to write it as JSON",
        aim="50 ms",
        note=f"the first of a release and day {_first_ms(catalogue, event, wish, on):.1f} ms",
    )


def _first_ms(catalogue: Catalogue, event: LifeEvent, wish: PlanWish, on: date) -> float:
    fresh = Catalogue(catalogue.release, catalogue.entries)
    began = time.process_time()
    make_plan(fresh, event, wish, on)
    return (time.process_time() - began) * 1e3


def _per_second(work: Callable[[], object], seconds: float) -> float:
    """Calls for each second of processor time, so that others on the machine count less."""
    work()
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in range(AT_ONCE):
            work()
        count += AT_ONCE
    return count / spent


def _p95_ms(work: Callable[[], object], seconds: float) -> float:
    work()
    took: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(took) < 20:
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return _quantile(sorted(took))


def _quantile(ordered: Sequence[float]) -> float:
    return ordered[int(len(ordered) * 0.95)]
