# SPDX-License-Identifier: EUPL-1.2
"""Serial numbers for licence ids, leased from the database in blocks: no lock for each issue."""

import asyncio
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Final

from certificates import store
from certificates.domain import SERIALS_A_DAY
from certificates.errors import SerialsUsedUp
from kit.db import Database

FIRST_BLOCK: Final = 16
LARGEST_BLOCK: Final = 1024
"""A block doubles each time it is used up, so a busy type leases rarely and a rare one burns little in a crash."""

Name = tuple[str, str]


class Serials:
    """Gives each number of (office, type, day) once, over all processes of the database."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._day = date.min
        self._left: dict[Name, Iterator[int]] = {}
        self._size: dict[Name, int] = {}
        self._leasing: dict[Name, asyncio.Lock] = {}

    async def take(self, office: str, type_name: str, day: date) -> int:
        """Give the next number, from 1. Raises SerialsUsedUp after 999,999, Unavailable without a database."""
        if day != self._day:
            self._day = day
            self._left.clear()
            self._size.clear()
        name = (office, type_name)
        while True:
            for number in islice(self._left.get(name, iter(())), 1):
                return number
            await self._lease(name, day)

    async def _lease(self, name: Name, day: date) -> None:
        left = self._left.get(name)
        async with self._leasing.setdefault(name, asyncio.Lock()):
            if self._left.get(name) is not left:  # somebody leased while we waited
                return
            size = self._size.get(name, FIRST_BLOCK)
            async with self._db.transaction() as tx:
                first = await store.certificates.lease_serials(tx, *name, day, size) + 1
            if first > SERIALS_A_DAY:
                raise SerialsUsedUp
            if day == self._day:
                self._left[name] = iter(range(first, min(first + size, SERIALS_A_DAY + 1)))
                self._size[name] = min(size * 2, LARGEST_BLOCK)
