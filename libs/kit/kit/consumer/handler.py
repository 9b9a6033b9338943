# SPDX-License-Identifier: EUPL-1.2
"""What a service writes to consume: one class with two methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from kit.db import Transaction
from kit.events import Record

Gaps = Literal["strict", "compacted", "receipts"]
"""strict: every number of a key, in order. compacted: numbers rise, gaps are normal. receipts: complete, unordered."""


@dataclass(frozen=True)
class Bad:
    """A record that can't be handled. reason: a stable code; detail: for operators, never personal data."""

    reason: str
    detail: str = ""


Item = object
"""What `prepare` made of a record, for `apply`."""


class Handler(Protocol):
    """Handles records of the topics that a Consumer reads."""

    async def prepare(self, records: Sequence[Record]) -> Sequence[Item | Bad]:
        """Parse, verify, open, sign: all that needs no transaction and what costs time.

        Gives as many results as records, in their order; `Bad` parks that record and what follows it under its key.
        It may be called again for the same records, and for ones that turn out to be repeats.
        """
        ...

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, Item]]) -> None:
        """Take effect: only records whose turn it is, each exactly once, in order per key; never empty.

        Set-based SQL; lock rows by SELECT ... ORDER BY ... FOR UPDATE before a set-based UPDATE. Raising parks the
        key that causes it, after the batch was done again key by key; Unavailable brings the whole batch again.
        """
        ...


__all__ = ["Bad", "Gaps", "Handler", "Item", "Record"]
