# SPDX-License-Identifier: EUPL-1.2
"""Sealed aliases: kept once identity made them, so identity is needed once for each person and party."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

from certificates import store
from certificates.clients import AliasMinter, KeyUse
from certificates.store.sharing import AliasName
from kit import jose
from kit.clock import Clock
from kit.db import Database
from kit.errors import ServiceError, is_passing
from kit.jose import JoseError, PublicKey

AT_ONCE: Final = 8
"""Calls to identity at the same time."""


class OfficeKeys(Protocol):
    """What we need of the registry."""

    def office_key(self, office: str, use: str) -> PublicKey | None:
        """Give the newest key in force of an office or the platform, or None."""
        ...


@dataclass
class Found:
    """Aliases by name, and for those that can't be had now, why."""

    aliases: dict[AliasName, str] = field(default_factory=dict)
    failures: dict[AliasName, ServiceError] = field(default_factory=dict)

    def get(self, name: AliasName) -> str:
        """Give an alias that was asked for. Raises why it can't be had."""
        if name in self.failures:
            raise self.failures[name]
        return self.aliases[name]


class AliasBook:
    """Looks aliases up, and has identity make those that are missing or sealed to a key that is no longer in force."""

    def __init__(self, db: Database, minter: AliasMinter, keys: OfficeKeys, clock: Clock) -> None:
        self._db = db
        self._minter = minter
        self._keys = keys
        self._clock = clock

    async def find(self, names: Iterable[AliasName]) -> Found:
        """Give aliases for *names*: (office, its pseudonym of the person, party, key use)."""
        wanted = sorted(set(names))
        if not wanted:
            return Found()
        async with self._db.read() as reader:
            kept = await store.sharing.aliases(reader, wanted)
        found = Found({name: alias for name, alias in kept.items() if self._current(name, alias)})
        missing: dict[tuple[str, str], list[AliasName]] = defaultdict(list)
        for name in wanted:
            if name not in found.aliases:
                missing[name[:2]].append(name)
        if missing:
            await self._mint_all(missing, found)
        return found

    def _current(self, name: AliasName, alias: str) -> bool:
        _office, _subject, party, use = name
        key = self._keys.office_key(party, use)
        try:
            return key is None or jose.sealed_to(alias) == key.kid
        except JoseError:
            return False

    async def _mint_all(self, missing: Mapping[tuple[str, str], list[AliasName]], found: Found) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        made: dict[AliasName, str] = {}

        async def one(names: list[AliasName]) -> None:
            async with gate:
                made.update(await self._mint(names, found))

        async with asyncio.TaskGroup() as group:
            for names in missing.values():
                group.create_task(one(names))
        if made:
            async with self._db.transaction() as tx:
                await store.sharing.keep_aliases(tx, made, self._clock())
            found.aliases.update(made)

    async def _mint(self, names: list[AliasName], found: Found) -> dict[AliasName, str]:
        """Have one person's aliases made; where the lot is refused, one by one, so that one party spoils no other's."""
        office, subject, _party, _use = names[0]
        try:
            uses = [(party, cast("KeyUse", use)) for _, _, party, use in names]
            return dict(zip(names, await self._minter.mint(office, subject, uses), strict=True))
        except ServiceError as why:
            if len(names) == 1 or is_passing(why):  # identity being away is nobody's fault
                found.failures.update(dict.fromkeys(names, why))
                return {}
        made: dict[AliasName, str] = {}
        for name in names:
            made |= await self._mint([name], found)
        return made
