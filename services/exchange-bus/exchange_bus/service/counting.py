# SPDX-License-Identifier: EUPL-1.2
"""Public figures: what an office wanted and the gates refused. Counted from the rows, so a recount is the same."""

from collections import Counter
from collections.abc import Callable, Container, Sequence

from contracts.catalogue import Catalogue
from contracts.exchange_bus import RefusalCounts, Refusals
from contracts.receipts import UNLISTED
from exchange_bus.domain.records import Refused
from exchange_bus.store import journal as store
from kit.db import Database


class Counting:
    """Use case of anybody."""

    def __init__(self, db: Database, catalogue: Callable[[], Catalogue]) -> None:
        self._db, self._catalogue = db, catalogue

    async def refusals(self, office: str) -> Refusals:
        """Count refusals of an office (USCC); of one that nobody knows there are none.

        Neither a case, a moment nor a word of the office's own is told: only what a list of the release names.
        """
        names = self._catalogue().names
        async with self._db.read() as tx:
            demands = await store.refused_demands(tx, office)
            requests = await store.refused_requests(tx, office)
        return Refusals(office=office, demands=_counted(demands, names.facts), requests=_counted(requests, names.types))


def _counted(rows: Sequence[Refused], listed: Container[str]) -> RefusalCounts:
    by_code, by_fact = Counter[str](), Counter[str]()
    for row in rows:
        by_code[row.code] += row.times
        by_fact[row.fact if row.fact in listed else UNLISTED] += row.times
    return RefusalCounts(
        total=by_code.total(), by_code=dict(sorted(by_code.items())), by_fact=dict(sorted(by_fact.items()))
    )
