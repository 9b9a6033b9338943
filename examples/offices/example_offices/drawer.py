# SPDX-License-Identifier: EUPL-1.2
"""A drawer on disk: envelopes stay in it as they came, sealed, until all that a task rests on is here."""

import sqlite3
from datetime import date
from pathlib import Path

from contracts.exchange_bus import Delivery


class Drawer:
    """Envelopes by kind and key (task id, request id), with the day on which they came."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            """CREATE TABLE IF NOT EXISTS envelope (
                 kind TEXT, key TEXT, day TEXT NOT NULL, sealed TEXT NOT NULL, PRIMARY KEY (kind, key))"""
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def put(self, delivery: Delivery) -> None:
        """Keep an envelope; the same one again changes nothing."""
        self._db.execute(
            "INSERT OR IGNORE INTO envelope (kind, key, day, sealed) VALUES (?, ?, ?, ?)",
            (delivery.kind, delivery.key, delivery.time.date().isoformat(), delivery.envelope),
        )

    def get(self, kind: str, key: str) -> str | None:
        """Give an envelope, or None while it isn't here."""
        found = self._db.execute("SELECT sealed FROM envelope WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if found is None else str(found[0])

    def tasks(self) -> list[tuple[str, date, str]]:
        """Give (task id, day, envelope) of every task that isn't decided."""
        rows = self._db.execute("SELECT key, day, sealed FROM envelope WHERE kind = 'task' ORDER BY key").fetchall()
        return [(key, date.fromisoformat(day), sealed) for key, day, sealed in rows]

    def empty(self, keys: list[tuple[str, str]]) -> None:
        """Throw away what is decided: (kind, key) of each envelope."""
        self._db.executemany("DELETE FROM envelope WHERE kind = ? AND key = ?", keys)
