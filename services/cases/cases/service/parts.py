# SPDX-License-Identifier: EUPL-1.2
"""What every use case of cases works with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cases.clients import ExchangeBus, Identity
from contracts.catalogue import Catalogue
from kit.clock import Clock, monotonic
from kit.db import Database
from kit.errors import ServiceError
from kit.jose import PrivateKey, PublicKey
from kit.telemetry import fault, get_logger

log = get_logger()

AT_ONCE = 16
"""Rows of one kind that are worked on at the same time."""
LONGEST_REST_S = 5.0
"""Most seconds that a row which could not go on is left alone."""

WORK_CHANNEL = "case-work"
"""Hint that a step waits, an ask is unsent or a task is unsealed."""


@dataclass(frozen=True)
class Parts:
    """Collaborators. office_key: (party, use) -> its public key or None. platform_keys: private, by kid.

    sandbox: the clock that deadlines are reckoned by may be ahead of the real one.
    """

    db: Database
    catalogue: Callable[[], Catalogue]
    office_key: Callable[[str, str], PublicKey | None]
    platform_keys: Mapping[str, PrivateKey]
    system: str
    key: PrivateKey
    identity: Identity
    exchange_bus: ExchangeBus
    clock: Clock
    ask_deadline_s: int
    sandbox: bool = False


Row = TypeVar("Row")


class Turns(Generic[Row]):
    """Gives every row that waits its turn: what can't go on holds back nobody behind it, and no fault ends the worker.

    name: the row's id. One that could not go on rests a little longer each time.
    """

    def __init__(self, name: Callable[[Row], str]) -> None:
        self._name = name
        self._failed: dict[str, tuple[int, float]] = {}

    async def all(
        self,
        find: Callable[[Sequence[str], int], Awaitable[Sequence[Row]]],
        work: Callable[[Row], Awaitable[int]],
    ) -> int:
        """Work on all rows that *find* gives when told which ids to leave out and how many at most; gives their sum.

        work: gives 0 for a row that has to wait.
        """
        done, tried = 0, set[str]()
        while True:
            found = await find(sorted(tried | self._resting()), AT_ONCE)
            if not found:
                return done
            done += sum(await asyncio.gather(*(self._turn(row, work) for row in found)))
            tried |= {self._name(row) for row in found}

    async def _turn(self, row: Row, work: Callable[[Row], Awaitable[int]]) -> int:
        name, done = self._name(row), 0
        try:
            done = await work(row)
        except ServiceError as why:
            log.warning("turn_failed", code=why.code)
        except Exception as why:  # noqa: BLE001 - whatever is wrong with this row, the others have done nothing
            log.error("turn_failed", **fault(why))  # noqa: TRY400 - a traceback may hold values
        if done:
            self._failed.pop(name, None)
        else:
            times = self._failed.get(name, (0, 0.0))[0] + 1
            rest_s = min(2.0 ** (times - 2), LONGEST_REST_S) if times > 1 else 0.0
            self._failed[name] = times, monotonic() + rest_s
        return done

    def _resting(self) -> set[str]:
        now = monotonic()
        # Long after its rest a row is gone, or somebody else's: forget it.
        self._failed = {name: kept for name, kept in self._failed.items() if kept[1] + 60 > now}
        return {name for name, (_, until) in self._failed.items() if until > now}
