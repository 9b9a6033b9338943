# SPDX-License-Identifier: EUPL-1.2
"""Faults of a catalogue, and the index that the checks look things up in."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from contracts.catalogue.entries import (
    Calendar,
    CertificateType,
    Demand,
    Entry,
    Grant,
    LifeEvent,
    LifeEventStep,
    Office,
    Power,
    Proof,
    Responsibility,
)

Period = tuple[date, date | None]
"""From (included) to (excluded; None = open)."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong.

    pointer: independent of files, such as `/grant/G-0001/fields/2`; with `@version` where several versions stand side
    by side; `/entries/{index}/...` for an entry without a readable kind and id. code: stable, UPPER_SNAKE.
    """

    pointer: str
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.code}: {self.detail}"


class Index:
    """The entries of one release by what they say. Of several versions the newest answers for the name."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = sorted(entries, key=lambda e: e.version)
        self.offices = {e.id for e in self.entries if isinstance(e, Office)}
        self.types = {e.id: e for e in self.entries if isinstance(e, CertificateType)}
        self.demands = [e for e in self.entries if isinstance(e, Demand)]
        self.calendars = [e for e in self.entries if isinstance(e, Calendar)]
        self.grants = [e for e in self.entries if isinstance(e, Grant)]
        self.events = {e.id: e for e in self.entries if isinstance(e, LifeEvent)}
        self.powers = [e for e in self.entries if isinstance(e, Power)]
        self.proofs = [e for e in self.entries if isinstance(e, Proof)]
        self.responsibilities = [e for e in self.entries if isinstance(e, Responsibility)]
        self.steps: dict[str, LifeEventStep] = {
            f"{event.id}/{step.id}": step for event in self.events.values() for step in event.steps
        }
        names = Counter((e.kind, e.id) for e in self.entries)
        self._several = {name for name, times in names.items() if times > 1}
        self._versions: dict[tuple[str, str], list[Entry]] = {name: [] for name in self._several}
        for entry in self.entries:
            if (entry.kind, entry.id) in self._several:
                self._versions[entry.kind, entry.id].append(entry)

    def pointer(self, entry: Entry, *path: str | int) -> str:
        """Point at a part of *entry*."""
        name = f"{entry.id}@{entry.version}" if (entry.kind, entry.id) in self._several else entry.id
        return "/" + "/".join(map(str, (entry.kind, name, *path)))

    def fault(self, entry: Entry, path: Iterable[str | int], code: str, detail: str) -> Fault:
        """Name one fault of *entry*."""
        return Fault(self.pointer(entry, *path), code, detail)

    def holds(self, entry: Entry) -> list[Period]:
        """Give the days on which *entry* counts: in force, and no newer version of it is."""
        periods: list[Period] = [(entry.from_, entry.to)]
        for newer in self._versions.get((entry.kind, entry.id), ()):
            if newer.version > entry.version:
                periods = [rest for period in periods for rest in _without(period, (newer.from_, newer.to))]
        return periods

    def responsible(self, step: str, office: str | None = None) -> list[Responsibility]:
        """Give who answers for a step, all offices or one."""
        found = [r for r in self.responsibilities if r.step == step and office in (None, r.accountable)]
        return [r for r in found if self.holds(r)]

    def waited_for(self, event: LifeEvent, name: str) -> set[str]:
        """Give all steps of *event* that step *name* waits for, directly or not."""
        after = {step.id: step.after for step in event.steps}
        found: set[str] = set()
        waiting = list(after.get(name, ()))
        while waiting:
            step = waiting.pop()
            if step not in found:
                found.add(step)
                waiting.extend(after.get(step, ()))
        return found

    def has_power(self, office: str, service: str) -> bool:
        """Say whether the power list gives *office* anything over *service*."""
        return any((p.office, p.service) == (office, service) for p in self.powers)

    def attests(self, office: str, type_name: str) -> bool:
        """Say whether *office* is in a position to know what *type_name* says: it may issue or attest it."""
        return any((p.office, p.type) == (office, type_name) and p.action != "decide" for p in self.powers)


def overlap(some: Iterable[Period], others: Sequence[Period]) -> bool:
    """Say whether there is a day in both."""
    return any(_before(one[0], other[1]) and _before(other[0], one[1]) for one in some for other in others)


def covers(periods: Iterable[Period], wholes: Iterable[Period]) -> bool:
    """Say whether *periods* together hold every day of *wholes*."""
    rest = list(wholes)
    for period in periods:
        rest = [part for one in rest for part in _without(one, period)]
    return not rest


def _before(day: date, end: date | None) -> bool:
    return end is None or day < end


def _without(period: Period, taken: Period) -> list[Period]:
    """Give what is left of *period* when *taken* is cut out of it."""
    (start, end), (first, last) = period, taken
    left: list[Period] = []
    if start < first:
        left.append((start, first if _before(first, end) else end))
    if last is not None and _before(last, end):
        left.append((max(start, last), end))
    return [one for one in left if _before(one[0], one[1])]


def find_cycle(after: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Find a shortest cycle of a graph (node -> nodes it waits for) and give its nodes, the first one again at the end.

    Of several the one whose names come first. None when there is none.
    """
    cycles = [cycle for start in sorted(after) if (cycle := _way_back(after, start)) is not None]
    return min(cycles, key=lambda cycle: (len(cycle), cycle), default=None)


def _way_back(after: Mapping[str, Sequence[str]], start: str) -> list[str] | None:
    """Give the shortest way from *start* back to it."""
    seen: set[str] = set()
    ways = [[start]]
    for way in ways:  # grows while it is walked: breadth first
        for further in sorted(after.get(way[-1], ())):
            if further == start:
                return [*way, start]
            if further not in seen:
                seen.add(further)
                ways.append([*way, further])
    return None
