# SPDX-License-Identifier: EUPL-1.2
"""Migrations: numbered plain SQL in a package's `migrations/`, applied once each, under a lock.

Files are `NNNN_pre_name.sql` (works with the running code) and `NNNN_post_name.sql` (comes after the new code runs).
Kit's own tables come first. A small runner rather than a tool: it keeps the lock, the time-outs and both phases.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal

from kit.db.database import Database, DatabaseSettings, connect
from kit.db.errors import translated
from kit.db.side import lock_space

Phase = Literal["pre", "post"]

_NAME = re.compile(r"(?P<number>\d{4})_(?P<phase>pre|post)_(?P<name>[a-z0-9_]+)\.sql")
_LEDGER: Final = """CREATE TABLE IF NOT EXISTS schema_migration (
  owner text, number int, name text NOT NULL, digest bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner, number))"""
_KIT: Final = "kit"


class MigrationError(Exception):
    """A migration was changed after it ran, is misnamed, or its number is used twice."""


@dataclass(frozen=True)
class Migration:
    """One SQL file. phase: pre or post."""

    owner: str
    number: int
    phase: Phase
    name: str
    sql: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the file: what ran must not change afterwards."""
        return hashlib.sha256(self.sql.encode()).digest()

    @property
    def statement_timeout(self) -> str:
        """Longer where an index is built, which the file's name says."""
        return "30s" if "index" in self.name else "5s"


def migrations_of(package: str) -> list[Migration]:
    """Read *package*'s migrations in order; empty when it has no folder. Raises MigrationError."""
    folder = resources.files(package).joinpath("migrations")
    if not folder.is_dir():
        return []
    found: dict[int, Migration] = {}
    for file in folder.iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise MigrationError(f"{package}: {file.name} is not named NNNN_pre_name.sql or NNNN_post_name.sql")
        number, phase = int(match["number"]), "pre" if match["phase"] == "pre" else "post"
        if number in found:
            raise MigrationError(f"{package}: number {number:04d} is used twice")
        found[number] = Migration(package, number, phase, match["name"], file.read_text(encoding="utf-8"))  # type: ignore[arg-type]
    return [found[number] for number in sorted(found)]


async def migrate(settings: DatabaseSettings, package: str, phase: Phase = "pre") -> list[str]:
    """Apply what is missing, kit's tables first; gives the names of what was applied.

    `pre` leaves post-migrations alone, except in a database that has none of this package yet: there all run in order.
    Two at the same time wait for each other. Raises MigrationError, Unavailable.
    """
    with translated():
        connection = await connect(settings, "migrate")
        try:
            await connection.execute("SET statement_timeout = '60s'; SET lock_timeout = '60s'")
            await connection.execute("SELECT pg_advisory_lock($1, 0)", lock_space("schema_migration"))
            await connection.execute(_LEDGER)
            applied = [await _apply_owner(connection, owner, phase) for owner in dict.fromkeys((_KIT, package))]
        finally:
            await connection.close(timeout=5)
    return [name for names in applied for name in names]


async def schema_is_current(db: Database, package: str) -> bool:
    """Tell whether every pre-migration of kit and *package* has run: then the running code fits the schema."""
    async with db.read() as reader:
        if await reader.fetchval("SELECT to_regclass('schema_migration')") is None:
            return False
        rows = await reader.fetch("SELECT owner, number FROM schema_migration")
    have = {(row["owner"], row["number"]) for row in rows}
    wanted = [m for owner in (_KIT, package) for m in migrations_of(owner) if m.phase == "pre"]
    return all((m.owner, m.number) in have for m in wanted)


async def _apply_owner(connection: Any, owner: str, phase: Phase) -> list[str]:
    rows = await connection.fetch("SELECT number, digest FROM schema_migration WHERE owner = $1", owner)
    done = {row["number"]: row["digest"] for row in rows}
    names: list[str] = []
    for migration in migrations_of(owner):
        if migration.number in done:
            if done[migration.number] != migration.digest:
                raise MigrationError(f"{owner}: {migration.number:04d} was changed after it ran")
        elif not done or phase == "post" or migration.phase == "pre":
            await _apply(connection, migration)
            names.append(f"{owner}/{migration.number:04d}_{migration.phase}_{migration.name}")
    return names


async def _apply(connection: Any, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(
            f"SET LOCAL lock_timeout = '4s'; SET LOCAL statement_timeout = '{migration.statement_timeout}'"
        )
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migration (owner, number, name, digest) VALUES ($1, $2, $3, $4)",
            migration.owner,
            migration.number,
            migration.name,
            migration.digest,
        )
