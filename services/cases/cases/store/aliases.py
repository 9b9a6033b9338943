# SPDX-License-Identifier: EUPL-1.2
"""Aliases that identity minted once and that are kept: (subject, party, use) -> alias."""

from collections.abc import Mapping, Sequence

from cases.domain import Order
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


async def keep_orders(tx: Queries, step_id: str, orders: Sequence[Order]) -> None:
    """Keep what a step is to issue to whom, with the very aliases that its case proof names; a step may start anew."""
    await tx.executemany(
        """INSERT INTO issue_alias (step_id, type, name, subject_position, alias, organisation, amends)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (step_id, type, name, subject_position) DO UPDATE
           SET alias = excluded.alias, organisation = excluded.organisation, amends = excluded.amends""",
        [(step_id, o.type, o.to, o.position, o.alias, o.organisation, o.amends) for o in orders],
    )


async def orders_of(tx: Queries, step_id: str) -> list[Order]:
    """Give what a step is to issue, in order. A row of before has no name: its step says to whom."""
    rows = await tx.fetch(
        """SELECT a.type, coalesce(nullif(a.name, ''), (SELECT i ->> 'to' FROM jsonb_array_elements(s.issues) i
             WHERE i ->> 'type' = a.type LIMIT 1)) AS name, a.subject_position, a.alias, a.organisation, a.amends
           FROM issue_alias a JOIN step s USING (step_id)
           WHERE a.step_id = $1 ORDER BY a.type, a.name, a.subject_position""",
        step_id,
    )
    return [
        Order(row["type"], row["name"], row["subject_position"], row["alias"], row["organisation"], row["amends"])
        for row in rows
    ]
