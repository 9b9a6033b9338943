# SPDX-License-Identifier: EUPL-1.2
"""One release of the catalogue, indexed for the questions that services ask. Pure, immutable, swapped whole."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from typing import Final, TypeVar

from contracts.base import OfficeCode
from contracts.catalogue.day import DayIndex, Names
from contracts.catalogue.entries import (
    Calendar,
    CertificateType,
    Demand,
    Entry,
    Grant,
    LifeEvent,
    Office,
    Power,
    Proof,
    Responsibility,
)

E = TypeVar("E", Office, CertificateType, Power, Responsibility, Calendar, Proof, Demand, Grant, LifeEvent)
_DAYS_KEPT: Final = 8
"""Days whose index is kept: today, the days around midnight, and a few that somebody asks about 'as of'."""


class Catalogue:
    """All entries of one release. Questions take the day `on` and see only what is in force then."""

    def __init__(self, release: int, entries: Iterable[Entry]) -> None:
        """Index *entries* by model and id; several versions of one id may stand side by side."""
        self.release = release
        self.entries: tuple[Entry, ...] = tuple(entries)
        self._index: dict[type, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        for entry in self.entries:
            self._index[type(entry)][entry.id].append(entry)
        self._days: dict[date, DayIndex] = {}

    @cached_property
    def names(self) -> Names:
        """Every word that a list of the release knows, in force or not."""
        return Names(self.entries)

    def _on(self, day: date) -> DayIndex:
        index = self._days.get(day)
        if index is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.pop(next(iter(self._days)))
            lists: list[Entry] = [
                *self.all(Power, day),
                *self.all(Grant, day),
                *self.all(Proof, day),
                *self.all(Responsibility, day),
            ]
            index = self._days[day] = DayIndex(lists)
        return index

    def get(self, model: type[E], name: str, on: date) -> E | None:
        """Give the newest version of that entry in force on the day, or None."""
        held = [e for e in self.versions(model, name) if e.in_force(on)]
        return max(held, key=lambda e: e.version, default=None)

    def known(self, model: type[E], name: str) -> bool:
        """Say whether the release has the entry at all, in force or not (LIST_EXPIRED against REFERENCE_UNKNOWN)."""
        return name in self._index[model]

    def versions(self, model: type[E], name: str) -> list[E]:
        """Give all versions of that entry, in force or not, in the release's order."""
        return [e for e in self._index[model].get(name, ()) if isinstance(e, model)]

    def all(self, model: type[E], on: date) -> Iterator[E]:
        """Go through all entries of a kind in force on the day."""
        for name in self._index[model]:
            entry = self.get(model, name, on)
            if entry is not None:
                yield entry

    def offices(self, on: date) -> list[Office]:
        """Give every office in force."""
        return list(self.all(Office, on))

    def type(self, name: str, on: date) -> CertificateType | None:
        """Give a certificate type."""
        return self.get(CertificateType, name, on)

    def may_issue(self, office: OfficeCode, type_name: str, on: date) -> Power | None:
        """Give the power entry under which *office* issues *type_name*, or None."""
        return self._on(on).issuing.get((office, type_name))

    def has_power(self, office: OfficeCode, service: str, on: date) -> bool:
        """Say whether *office* has any power over *service*."""
        return (office, service) in self._on(on).powers

    def grants(
        self, on: date, *, mode: str, type_name: str, provider: str | None = None, consumer: str | None = None
    ) -> list[Grant]:
        """Give the live grants of a mode for a type, sorted by id."""
        return [
            g
            for g in self._on(on).grants.get((mode, type_name), ())
            if provider in (None, g.provider) and consumer in (None, g.consumer)
        ]

    def proofs(self, on: date, *, service: str, asked_by: str | None = None) -> list[Proof]:
        """Give the proof entries of a service in force, sorted by id."""
        return [p for p in self._on(on).proofs.get(service, ()) if asked_by in (None, p.asked_by)]

    def responsibility(self, step: str, office: str, on: date) -> Responsibility | None:
        """Give who is accountable for a step and by when."""
        return self._on(on).responsibilities.get((step, office))

    def life_event(self, name: str, on: date) -> LifeEvent | None:
        """Give a life event."""
        return self.get(LifeEvent, name, on)

    def calendar(self, on: date) -> Calendar | None:
        """Give the country's calendar of working days; None: weekdays count."""
        return min(self.all(Calendar, on), key=lambda entry: entry.id, default=None)
