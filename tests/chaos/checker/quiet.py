# SPDX-License-Identifier: EUPL-1.2
"""After a fault is healed and the load has ended, nothing waits for anybody any more."""

from collections.abc import Iterator

from checker.breach import Breach, Invariant
from checker.rows import Run

ENDED = frozenset({"completed", "refused", "withdrawn"})


def nothing_waits(run: Run) -> Iterator[Breach]:
    """No row waits, nothing is parked but what the test put there, every case has ended."""
    name = Invariant.NOTHING_WAITS
    for database in run.databases.values():
        for table, rows in database.waiting.items():
            if rows:
                yield Breach(name, database.system, f"{rows} rows wait in {table}")
        for parked in database.parked:
            if parked.event_id not in run.history.injected:
                yield Breach(name, f"{database.system} {parked.event_id}", f"parked: {parked.state} {parked.reason}")
    for case in run.cases:
        if case.state not in ENDED:
            yield Breach(name, case.case_id, f"the case is still {case.state}")
