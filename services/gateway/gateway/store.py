# SPDX-License-Identifier: EUPL-1.2
"""SQL of the gateway: proofs that were used."""

from collections.abc import Mapping
from datetime import datetime

from kit.db import Queries


async def claim_proofs(tx: Queries, until: Mapping[str, datetime]) -> set[str]:
    """Note proofs, each until its moment; gives those that weren't noted before. Names: hashes of key and jti."""
    names = sorted(until)  # one order, so that two processes never wait for each other crosswise
    rows = await tx.fetch(
        """INSERT INTO used_proof (name, until)
           SELECT name, until FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS t (name, until, ord)
           ORDER BY ord ON CONFLICT (name) DO NOTHING RETURNING name""",
        names,
        [until[name] for name in names],
    )
    return {row["name"] for row in rows}


async def forget_proofs(tx: Queries, before: datetime, limit: int) -> int:
    """Forget proofs whose window is over; gives how many went."""
    return await tx.execute(
        """DELETE FROM used_proof WHERE name IN
             (SELECT name FROM used_proof WHERE until < $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED)""",
        before,
        limit,
    )
