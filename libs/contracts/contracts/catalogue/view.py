# SPDX-License-Identifier: EUPL-1.2
"""One release of the catalogue, indexed for the questions that services ask. Pure, immutable, swapped whole."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import TypeVar

from contracts.base import OfficeCode
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


class Catalogue:
    """All entries of one release. Questions take the day `on` and see only what is in force then."""

    def __init__(self, release: int, entries: Iterable[Entry]) -> None:
        """Index *entries* by model and id; several versions of one id may stand side by side."""
        self.release = release
        self.entries: tuple[Entry, ...] = tuple(entries)
        self._index: dict[type, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        for entry in self.entries:
            self._index[type(entry)][entry.id].append(entry)

    def get(self, model: type[E], name: str, on: date) -> E | None:
        """Give the newest version of that entry in force on the day, or None."""
        held = [e for e in self._index[model].get(name, ()) if isinstance(e, model) and e.in_force(on)]
        return max(held, key=lambda e: e.version, default=None)

    def known(self, model: type[E], name: str) -> bool:
        """Say whether the release has the entry at all, in force or not (LIST_EXPIRED against REFERENCE_UNKNOWN)."""
        return name in self._index[model]

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
        return next(
            (p for p in self.all(Power, on) if p.office == office and p.type == type_name and p.action != "decide"),
            None,
        )

    def has_power(self, office: OfficeCode, service: str, on: date) -> bool:
        """Say whether *office* has any power over *service*."""
        return any(p.office == office and p.service == service for p in self.all(Power, on))

    def grants(
        self, on: date, *, mode: str, type_name: str, provider: str | None = None, consumer: str | None = None
    ) -> list[Grant]:
        """Give the live grants of a mode for a type, sorted by id."""
        found = [
            g
            for g in self.all(Grant, on)
            if g.mode == mode
            and g.type == type_name
            and provider in (None, g.provider)
            and consumer in (None, g.consumer)
        ]
        return sorted(found, key=lambda g: g.id)

    def proofs(self, on: date, *, service: str, asked_by: str | None = None) -> list[Proof]:
        """Give the proof entries of a service in force, sorted by id."""
        found = [p for p in self.all(Proof, on) if p.service == service and asked_by in (None, p.asked_by)]
        return sorted(found, key=lambda p: p.id)

    def responsibility(self, step: str, office: str, on: date) -> Responsibility | None:
        """Give who is accountable for a step and by when."""
        return next((r for r in self.all(Responsibility, on) if r.step == step and r.accountable == office), None)

    def life_event(self, name: str, on: date) -> LifeEvent | None:
        """Give a life event."""
        return self.get(LifeEvent, name, on)

    def calendar(self, on: date) -> Calendar | None:
        """Give the country's calendar of working days; None: weekdays count."""
        return min(self.all(Calendar, on), key=lambda entry: entry.id, default=None)
