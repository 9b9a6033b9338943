# SPDX-License-Identifier: EUPL-1.2
"""The directory: who holds what about whom, kept from the holders' own facts."""

from collections.abc import Sequence

from exchange_bus.domain.records import Holding
from exchange_bus.store import directory
from kit.db import Transaction


class Directing:
    """Use case of the bus: a hint where to ask, never the truth about a certificate."""

    async def hold(self, tx: Transaction, holdings: Sequence[Holding], erased: Sequence[str]) -> None:
        """Keep the newest version of each holding; forget those that were erased (certificate ids)."""
        newest = {one.certificate_id: one for one in sorted(holdings, key=lambda one: one.version)}
        await directory.put(tx, list(newest.values()))
        await directory.drop(tx, sorted(erased))
