# SPDX-License-Identifier: EUPL-1.2
"""A drawer on disk: envelopes stay in it as they came, sealed, until all that a task rests on is here.

Beside them stands what was done: which tasks are decided, and which certificates they led to. No personal data in
the clear.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from contracts.exchange_bus import Delivery
from tongban.clock import Clock, system_clock

_TABLES = """
CREATE TABLE IF NOT EXISTS held (
  kind TEXT NOT NULL, key TEXT NOT NULL, keyseq INTEGER NOT NULL, came TEXT NOT NULL, sealed TEXT NOT NULL,
  aside TEXT, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS decided (task TEXT PRIMARY KEY, outcome TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counted (
  case_id TEXT NOT NULL, key TEXT NOT NULL, keyseq INTEGER NOT NULL, PRIMARY KEY (case_id, key, keyseq));
CREATE TABLE IF NOT EXISTS issued (
  task TEXT NOT NULL, place INTEGER NOT NULL, type TEXT NOT NULL, certificate TEXT NOT NULL,
  PRIMARY KEY (task, place));
"""
KEPT = timedelta(days=180)
"""How long an answer waits for its task."""
Outcome = Literal["approved", "refused", "undone", "reopened"]


@dataclass(frozen=True)
class Held:
    """One envelope in the drawer. came: when, by this office's clock. aside: why it can't be worked on."""

    key: str
    keyseq: int
    came: datetime
    sealed: str
    aside: str | None


class Drawer:
    """Envelopes by kind and key (task id, request id). One process at a time; it survives a crash at any point."""

    def __init__(self, file: Path, clock: Clock = system_clock) -> None:
        self._clock = clock
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)
        # Answers to tasks that were withdrawn before they came: nobody will ever take them out.
        old = (clock() - KEPT).isoformat()
        self._db.execute("DELETE FROM held WHERE kind = 'answer' AND came < ?", (old,))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def put(self, delivery: Delivery) -> None:
        """Keep an envelope; a later one under the same key takes its place, the same one again changes nothing."""
        self._db.execute(
            """INSERT INTO held (kind, key, keyseq, came, sealed) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (kind, key) DO UPDATE
               SET keyseq = excluded.keyseq, came = excluded.came, sealed = excluded.sealed, aside = NULL
               WHERE excluded.keyseq > held.keyseq""",
            (delivery.kind, delivery.key, delivery.keyseq, self._clock().isoformat(), delivery.envelope),
        )

    def get(self, kind: str, key: str) -> Held | None:
        """Give an envelope, or None while it isn't here."""
        found = self._db.execute(
            "SELECT key, keyseq, came, sealed, aside FROM held WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return None if found is None else _held(found)

    def tasks(self) -> list[Held]:
        """Give every task that isn't decided and can be worked on, in order of ids."""
        rows = self._db.execute(
            "SELECT key, keyseq, came, sealed, aside FROM held WHERE kind = 'task' AND aside IS NULL ORDER BY key"
        )
        return [_held(row) for row in rows.fetchall()]

    def shares_since(self, moment: datetime, case_id: str) -> list[Held]:
        """Give the shares that came since a moment and that don't count for the case yet, the oldest first."""
        rows = self._db.execute(
            """SELECT key, keyseq, came, sealed, aside FROM held
               WHERE kind = 'share' AND came >= ? AND NOT EXISTS (SELECT 1 FROM counted
                 WHERE case_id = ? AND counted.key = held.key AND counted.keyseq = held.keyseq)
               ORDER BY came, key""",
            (moment.isoformat(), case_id),
        )
        return [_held(row) for row in rows.fetchall()]

    def note_counted(self, case_id: str, shares: Sequence[Held]) -> None:
        """Note that these shares were looked at for a case."""
        self._db.executemany(
            "INSERT OR IGNORE INTO counted (case_id, key, keyseq) VALUES (?, ?, ?)",
            [(case_id, one.key, one.keyseq) for one in shares],
        )

    def put_aside(self, task: str, why: str) -> None:
        """Leave a task lying, with the reason; a later envelope under its key takes it up again."""
        self._db.execute("UPDATE held SET aside = ? WHERE kind = 'task' AND key = ?", (why, task))

    def outcome(self, task: str) -> Outcome | None:
        """Say how a task was decided here, or None."""
        found = self._db.execute("SELECT outcome FROM decided WHERE task = ?", (task,)).fetchone()
        return None if found is None else found[0]

    def decided(self, task: str, outcome: Outcome, answers: list[str]) -> None:
        """Note a decision and throw away what it rested on. answers: request ids."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(
            """INSERT INTO decided (task, outcome) VALUES (?, ?)
               ON CONFLICT (task) DO UPDATE SET outcome = excluded.outcome""",
            (task, outcome),
        )
        gone = [("task", task), *(("answer", request_id) for request_id in answers)]
        self._db.executemany("DELETE FROM held WHERE kind = ? AND key = ?", gone)
        self._db.execute("COMMIT")

    def note_issued(self, task: str, place: int, type_name: str, certificate: str) -> None:
        """Note what a task led to. place: of the issue order, from 0."""
        self._db.execute(
            """INSERT INTO issued (task, place, type, certificate) VALUES (?, ?, ?, ?)
               ON CONFLICT (task, place) DO UPDATE SET type = excluded.type, certificate = excluded.certificate""",
            (task, place, type_name, certificate),
        )

    def issued(self, task: str) -> list[tuple[str, str]]:
        """Give (type, certificate id) of what a task led to, in the order of its issue orders."""
        rows = self._db.execute("SELECT type, certificate FROM issued WHERE task = ? ORDER BY place", (task,))
        return [(str(kind), str(certificate)) for kind, certificate in rows]


def _held(row: tuple[str, int, str, str, str | None]) -> Held:
    key, keyseq, came, sealed, aside = row
    return Held(key, keyseq, datetime.fromisoformat(came), sealed, aside)
