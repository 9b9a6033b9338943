# SPDX-License-Identifier: EUPL-1.2
"""SQL of the gateway: proofs that were used."""

from datetime import datetime

from kit.db import Queries


async def claim_proof(tx: Queries, name: str, until: datetime) -> bool:
    """Note a proof; False if it was noted before. name: hash of key and jti."""
    noted = await tx.fetchval(
        "INSERT INTO used_proof (name, until) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING 1", name, until
    )
    return noted is not None


async def forget_proofs(tx: Queries, before: datetime, limit: int) -> int:
    """Forget proofs whose window is over; gives how many went."""
    return await tx.execute(
        """DELETE FROM used_proof WHERE name IN
             (SELECT name FROM used_proof WHERE until < $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED)""",
        before,
        limit,
    )
