# SPDX-License-Identifier: EUPL-1.2
"""The sandbox clerk: what only a human may decide waits in a file until somebody decides it. There is no network door.

python -m example_offices.clerk --state DIR list | approve TASK | refuse TASK --code C --reason R | inspect TASK passed

The office's program puts reviews and inspections in and looks for what was decided. What a clerk may know lies on
this desk by its name only: no claim and no personal data is written here.
"""

import argparse
import sqlite3
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from contracts.cases import RefuseTask
from contracts.envelopes import Task
from tongban.clock import system_clock

FILE = "clerk.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS review (
  task TEXT PRIMARY KEY, step TEXT NOT NULL, service TEXT NOT NULL, deadline TEXT NOT NULL, visit TEXT,
  verdict TEXT CHECK (verdict IN ('approved', 'refused')), code TEXT, reason TEXT, decided_on TEXT);
CREATE TABLE IF NOT EXISTS inspection (
  task TEXT PRIMARY KEY, step TEXT NOT NULL, check_by TEXT NOT NULL,
  found TEXT CHECK (found IN ('passed', 'false')), done INTEGER NOT NULL DEFAULT 0);
"""
Found = Literal["passed", "false"]


class NothingThere(Exception):
    """No such task waits on the desk."""


@dataclass(frozen=True)
class Verdict:
    """What a clerk decided, and on which day. code, reason: of a refusal."""

    approved: bool
    on: date
    code: str = ""
    reason: str = ""


class Clerk:
    """The desk's file; program and clerk each open it for themselves."""

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(state / FILE, isolation_level=None, timeout=10)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ------------------------------------------------------------------ the program's side
    def ask(self, task: Task) -> None:
        """Lay a review on the desk; one that lies there stays as it is."""
        self._db.execute(
            """INSERT INTO review (task, step, service, deadline, visit) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (task) DO NOTHING""",
            (
                task.task_id,
                task.step,
                task.service,
                task.deadline.date().isoformat(),
                None if task.visit is None else task.visit.on.isoformat(),
            ),
        )

    def verdict(self, task: str) -> Verdict | None:
        """Give what was decided about a task, or None."""
        found = self._db.execute(
            "SELECT verdict, decided_on, code, reason FROM review WHERE task = ? AND verdict IS NOT NULL", (task,)
        ).fetchone()
        if found is None:
            return None
        return Verdict(found[0] == "approved", date.fromisoformat(found[1]), found[2] or "", found[3] or "")

    def withdraw(self, task: str) -> None:
        """Take a review off the desk: it is decided."""
        self._db.execute("DELETE FROM review WHERE task = ?", (task,))

    def plan_inspection(self, task: str, step: str, check_by: date) -> None:
        """Lay an inspection on the desk; one that lies there stays as it is."""
        self._db.execute(
            "INSERT INTO inspection (task, step, check_by) VALUES (?, ?, ?) ON CONFLICT (task) DO NOTHING",
            (task, step, check_by.isoformat()),
        )

    def inspected(self) -> list[tuple[str, Found]]:
        """Give (task, what was found) of inspections that had no consequence yet."""
        rows = self._db.execute("SELECT task, found FROM inspection WHERE found IS NOT NULL AND done = 0 ORDER BY task")
        return [(str(task), found) for task, found in rows]

    def call_off(self, task: str) -> None:
        """Take an inspection off the desk that has nothing left to inspect."""
        self._db.execute("DELETE FROM inspection WHERE task = ?", (task,))

    def inspection_done(self, task: str) -> None:
        """Note that an inspection had its consequence."""
        self._db.execute("UPDATE inspection SET done = 1 WHERE task = ?", (task,))

    # ------------------------------------------------------------------ the human's side
    def decide(self, task: str, verdict: Verdict) -> None:
        """Decide a review, once. Raises NothingThere for one that doesn't wait."""
        done = self._db.execute(
            """UPDATE review SET verdict = ?, code = ?, reason = ?, decided_on = ?
               WHERE task = ? AND verdict IS NULL""",
            ("approved" if verdict.approved else "refused", verdict.code, verdict.reason, verdict.on.isoformat(), task),
        )
        if done.rowcount == 0:
            raise NothingThere(f"no review of task {task} waits")

    def inspect(self, task: str, found: Found) -> None:
        """Say what an inspection found, once. Raises NothingThere for one that isn't planned, or was done."""
        done = self._db.execute("UPDATE inspection SET found = ? WHERE task = ? AND found IS NULL", (found, task))
        if done.rowcount == 0:
            raise NothingThere(f"no inspection of task {task} waits")

    def lines(self) -> list[str]:
        """Give what waits, one a line: first what is due first."""
        reviews = self._db.execute(
            "SELECT task, service, step, deadline, visit FROM review WHERE verdict IS NULL ORDER BY deadline, task"
        )
        told = [
            f"review {task} {service} ({step}), due {deadline}" + (f", joint visit {visit}" if visit else "")
            for task, service, step, deadline, visit in reviews
        ]
        checks = self._db.execute(
            "SELECT task, step, check_by FROM inspection WHERE found IS NULL ORDER BY check_by, task"
        )
        return told + [f"inspect {task} ({step}), by {check_by}" for task, step, check_by in checks]


def main() -> None:
    """Do one thing at the desk; what isn't there is one line and exit 1."""
    given = _parser().parse_args()
    clerk = Clerk(given.state)
    try:
        for line in _do(clerk, given):
            print(line)
    except NothingThere as why:
        sys.exit(str(why))
    finally:
        clerk.close()


def _do(clerk: Clerk, given: argparse.Namespace) -> list[str]:
    if given.verb == "list":
        return clerk.lines() or ["nothing waits"]
    if given.verb == "inspect":
        clerk.inspect(given.task, given.found)
        return [f"inspection of task {given.task}: {given.found}"]
    refused = given.verb == "refuse"
    if refused:
        try:
            RefuseTask(code=given.code, reason=given.reason)
        except ValueError:
            sys.exit("the code is a name such as KITCHEN_UNFIT; the reason is a text")
    today = system_clock().date()
    clerk.decide(
        given.task, Verdict(not refused, today, given.code if refused else "", given.reason if refused else "")
    )
    return [f"task {given.task}: {'refused' if refused else 'approved'}"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The desk of the sandbox clerk.")
    parser.add_argument("--state", required=True, type=Path, help="the state folder of the office's program")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="what waits")
    verbs.add_parser("approve", help="approve a review; where there is a joint visit, after it").add_argument("task")
    refuse = verbs.add_parser("refuse", help="refuse a review")
    refuse.add_argument("task")
    refuse.add_argument("--code", required=True, help="what the applicant's app can act on, such as KITCHEN_UNFIT")
    refuse.add_argument("--reason", required=True, help="what the applicant reads")
    inspect = verbs.add_parser("inspect", help="say what an inspection found")
    inspect.add_argument("task")
    inspect.add_argument("found", choices=("passed", "false"))
    return parser


if __name__ == "__main__":
    main()
