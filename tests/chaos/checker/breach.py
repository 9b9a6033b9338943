# SPDX-License-Identifier: EUPL-1.2
"""What the checker can find: the invariants by name, and one breach of one of them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from checker.rows import Run

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Invariant(StrEnum):
    """What holds after every run, whatever was killed."""

    ACCEPTED_IS_STORED = "ACCEPTED_IS_STORED"
    STORED_WAS_ASKED = "STORED_WAS_ASKED"
    STORED_IS_ON_BUS = "STORED_IS_ON_BUS"
    BUS_IS_STORED = "BUS_IS_STORED"
    EFFECT_ONCE = "EFFECT_ONCE"
    KEYSEQ_WHOLE = "KEYSEQ_WHOLE"
    RECEIPT_SIDES = "RECEIPT_SIDES"
    RECEIPT_CHAINS = "RECEIPT_CHAINS"
    ONE_ANSWER = "ONE_ANSWER"
    ONE_LICENCE = "ONE_LICENCE"
    STATE_IS_HISTORY = "STATE_IS_HISTORY"
    NOTHING_WAITS = "NOTHING_WAITS"


@dataclass(frozen=True)
class Breach:
    """One thing that doesn't add up. subject: ids only, for a search in logs and databases."""

    invariant: Invariant
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.subject}: {self.detail}"


Check = Callable[[Run], Iterator[Breach]]


def grouped(rows: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Sort rows into lists by *key*, each in the order of the rows."""
    found: dict[K, list[T]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)


def repeated(rows: Iterable[K]) -> list[K]:
    """Name what is there more than once."""
    return [row for row, count in Counter(rows).items() if count > 1]
