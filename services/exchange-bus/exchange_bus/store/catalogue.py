# SPDX-License-Identifier: EUPL-1.2
"""Releases of the catalogue and their entries."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from kit.db import Queries


async def hold_releases(tx: Queries) -> None:
    """Publish alone: release numbers have no gaps and no twins."""
    await tx.execute("LOCK TABLE catalogue_release IN SHARE ROW EXCLUSIVE MODE")


async def newest(tx: Queries) -> tuple[int, bytes, int]:
    """Give (release, digest of its entries, number of entries) of the newest release; (0, b"", 0) before the first."""
    row = await tx.fetchrow("SELECT release, digest, entries FROM catalogue_release ORDER BY release DESC LIMIT 1")
    return (0, b"", 0) if row is None else (row["release"], row["digest"], row["entries"])


async def digests(tx: Queries, keys: Sequence[str]) -> dict[str, str]:
    """Give the digests of those entries that were published before."""
    rows = await tx.fetch("SELECT key, digest FROM catalogue_entry WHERE key = ANY($1::text[])", list(keys))
    return {row["key"]: row["digest"] for row in rows}


async def insert_release(
    tx: Queries, release: int, digest: bytes, entries: int, manifest: bytes, now: datetime
) -> None:
    """Keep a release."""
    await tx.execute(
        """INSERT INTO catalogue_release (release, digest, entries, manifest, released_at)
           VALUES ($1, $2, $3, $4, $5)""",
        release,
        digest,
        entries,
        manifest.decode("ascii"),
        now,
    )


async def insert_entries(
    tx: Queries, release: int, contents: Mapping[str, bytes], digests_of: Mapping[str, str]
) -> None:
    """Keep entries that are new with this release, by key."""
    keys = list(contents)
    await tx.execute(
        """INSERT INTO catalogue_entry (key, release, digest, content)
           SELECT key, $1, digest, content
           FROM unnest($2::text[], $3::text[], $4::bytea[]) AS t (key, digest, content)""",
        release,
        keys,
        [digests_of[key] for key in keys],
        [contents[key] for key in keys],
    )
