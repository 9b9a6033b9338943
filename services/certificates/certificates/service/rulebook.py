# SPDX-License-Identifier: EUPL-1.2
"""The catalogue as this service asks it: compiled once for each release and day, then only looked up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from certificates.domain import EventGrant, FieldRule, TypeRule
from contracts.catalogue import Catalogue, CertificateType, Grant, Office, Power
from kit.clock import Clock


@dataclass(frozen=True)
class Book:
    """What is in force on one day by one release.

    known: types that the catalogue has, in force or not. powers: (office, type) that may be issued. event_grants:
    (office, type) -> the grants under which its facts flow without a case, sorted by id. offices: all that take part.
    """

    release: int
    day: date
    types: Mapping[str, TypeRule]
    known: frozenset[str]
    powers: frozenset[tuple[str, str]]
    event_grants: Mapping[tuple[str, str], tuple[EventGrant, ...]]
    offices: frozenset[str]

    def event_grant(self, office: str, type_name: str, grant_id: str) -> EventGrant | None:
        """Give one grant, if it lives."""
        return next((g for g in self.event_grants.get((office, type_name), ()) if g.id == grant_id), None)


class Rulebook:
    """Gives the book of today, by the release in force now."""

    def __init__(self, catalogue: Callable[[], Catalogue], clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._of: Catalogue | None = None
        self._book: Book | None = None

    def catalogue(self) -> Catalogue:
        """Give the release in force."""
        return self._catalogue()

    def now(self) -> datetime:
        """Give the time."""
        return self._clock()

    def today(self) -> date:
        """Give the day, in UTC: what validity and lists are judged by."""
        return self._clock().astimezone(UTC).date()

    def book(self) -> Book:
        """Give what is in force today."""
        catalogue, day = self._catalogue(), self.today()
        if self._book is None or self._of is not catalogue or self._book.day != day:
            self._of, self._book = catalogue, compile_book(catalogue, day)
        return self._book


def compile_book(catalogue: Catalogue, day: date) -> Book:
    """Read *catalogue* as of *day*."""
    types = {entry.id: entry for entry in catalogue.all(CertificateType, day)}
    grants: dict[tuple[str, str], list[EventGrant]] = {}
    for grant in sorted(catalogue.all(Grant, day), key=lambda g: g.id):
        held = types.get(grant.type)
        if grant.mode == "onEvent" and held is not None and "event" in held.via:
            grants.setdefault((grant.provider, grant.type), []).append(_grant(grant))
    powers = {
        (power.office, power.type)
        for power in catalogue.all(Power, day)
        if power.type is not None and power.action != "decide"
    }
    return Book(
        catalogue.release,
        day,
        {name: _rule(entry) for name, entry in types.items()},
        frozenset(entry.id for entry in catalogue.entries if isinstance(entry, CertificateType)),
        frozenset(powers),
        {key: tuple(found) for key, found in grants.items()},
        frozenset(entry.id for entry in catalogue.all(Office, day)),
    )


def _rule(entry: CertificateType) -> TypeRule:
    fields = tuple(FieldRule(field.name, field.type, field.max_length) for field in entry.fields)
    return TypeRule(entry.id, entry.version, entry.type_code, entry.holder, entry.key, fields, entry.grace_days)


def _grant(grant: Grant) -> EventGrant:
    return EventGrant(
        grant.id, grant.consumer, grant.provider, grant.type, tuple(grant.fields), grant.purpose, grant.basis
    )
