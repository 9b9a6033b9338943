# SPDX-License-Identifier: EUPL-1.2
"""Aliases that identity minted once and that are kept: (subject, party, use) -> alias."""

from collections.abc import Mapping, Sequence

from kit.db import Queries

AliasKey = tuple[str, str]
"""(party, use)."""


async def aliases_of(tx: Queries, subject: str) -> dict[AliasKey, str]:
    """Give the kept aliases of one person (platform pseudonym) by (party, use)."""
    rows = await tx.fetch("SELECT party, use, alias FROM alias WHERE subject = $1", subject)
    return {(row["party"], row["use"]): row["alias"] for row in rows}


async def keep_aliases(tx: Queries, subject: str, aliases: Mapping[AliasKey, str]) -> None:
    """Keep aliases; a newer one, sealed to a newer key of the party, takes the place of the older."""
    ordered: Sequence[AliasKey] = sorted(aliases)
    await tx.executemany(
        """INSERT INTO alias (subject, party, use, alias) VALUES ($1, $2, $3, $4)
           ON CONFLICT (subject, party, use) DO UPDATE SET alias = excluded.alias""",
        [(subject, party, use, aliases[party, use]) for party, use in ordered],
    )


async def keep_issue_aliases(tx: Queries, step_id: str, aliases: Mapping[str, str]) -> None:
    """Keep the holder's alias for each type that a step may issue."""
    await tx.executemany(
        "INSERT INTO issue_alias (step_id, type, alias) VALUES ($1, $2, $3)",
        [(step_id, kind, aliases[kind]) for kind in sorted(aliases)],
    )


async def issue_aliases(tx: Queries, step_id: str) -> dict[str, str]:
    """Give the holder's alias by type."""
    rows = await tx.fetch("SELECT type, alias FROM issue_alias WHERE step_id = $1", step_id)
    return {row["type"]: row["alias"] for row in rows}
