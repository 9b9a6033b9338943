# SPDX-License-Identifier: EUPL-1.2
"""Aliases of persons for other parties: identity mints each once, and we keep it."""

from collections.abc import Collection, Mapping

from cases import store
from cases.clients import AliasKey
from cases.errors import PersonUnknown
from cases.service.parts import Parts
from contracts.roles import PLATFORM
from kit.db import Queries
from kit.jose import sealed_to

Book = dict[tuple[str, str, str], str]
"""(person, party, use) -> kept alias."""


class Addresses:
    """Knows persons by the aliases that other parties read."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def of(self, uses: Mapping[str, Collection[AliasKey]], *, required: Collection[str] = ()) -> Book:
        """Give all aliases of *uses* (person -> (party, use) pairs); identity is asked once per person, party and use.

        A person whom identity doesn't know is left out: her needs are refused like any person's without a record.
        required: persons without whom nothing can be done. Raises PersonUnknown for one of these, Unavailable.
        """
        book: Book = {}
        for person, pairs in uses.items():
            try:
                kept = await self._aliases(person, pairs)
            except PersonUnknown:
                if person in required:
                    raise
                continue
            book |= {(person, party, use): alias for (party, use), alias in kept.items()}
        return book

    async def _aliases(self, person: str, pairs: Collection[AliasKey]) -> Mapping[AliasKey, str]:
        async with self._parts.db.read() as tx:
            kept = await store.aliases_of(tx, person)
        missing = sorted(pair for pair in pairs if not self._current(pair, kept.get(pair)))
        if not missing:
            return kept
        minted = await self._parts.identity.aliases(person, missing)
        async with self._parts.db.transaction() as writing:
            await store.keep_aliases(writing, person, minted)
        return {**kept, **minted}

    def _current(self, pair: AliasKey, alias: str | None) -> bool:
        """Say whether a kept alias is sealed to the key that the party has now: it may have rotated since."""
        key = self._parts.office_key(*pair)
        return alias is not None and key is not None and sealed_to(alias) == key.kid


async def read_platform_alias(tx: Queries, person: str) -> str | None:
    """Give the kept alias of a person for the platform, which receipts carry."""
    return (await store.aliases_of(tx, person)).get((PLATFORM, "answering"))
