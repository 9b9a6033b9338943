# SPDX-License-Identifier: EUPL-1.2
"""The lists of a release by what is asked of them: as they stand on one day, and all words that they know. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from contracts.catalogue.entries import CertificateType, Demand, Entry, Grant, Power, Proof, Responsibility


class DayIndex:
    """entries: those in force on the day, of each the newest version. What it holds is sorted by id."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.powers: set[tuple[str, str]] = set()
        """(office, service)."""
        self.issuing: dict[tuple[str, str], Power] = {}
        """(office, type) -> the power to issue or attest it."""
        self.grants: dict[tuple[str, str], list[Grant]] = defaultdict(list)
        """(mode, type) -> grants."""
        self.proofs: dict[str, list[Proof]] = defaultdict(list)
        """Service -> entries of the proof list."""
        self.responsibilities: dict[tuple[str, str], Responsibility] = {}
        """(step, accountable office) -> by when."""
        for entry in sorted(entries, key=lambda e: e.id):
            match entry:
                case Power():
                    self.powers.add((entry.office, entry.service))
                    if entry.type is not None and entry.action != "decide":
                        self.issuing.setdefault((entry.office, entry.type), entry)
                case Grant():
                    self.grants[entry.mode, entry.type].append(entry)
                case Proof():
                    self.proofs[entry.service].append(entry)
                case Responsibility():
                    self.responsibilities.setdefault((entry.step, entry.accountable), entry)


class Names:
    """Every word that a list of the release knows, in force or not: what a public record may say again.

    A word that came from outside and stands in no list may be anything, a person's name too.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.types: dict[str, set[str]] = defaultdict(set)
        """Type -> its fields, of all versions."""
        self.services: set[str] = set()
        self.purposes: set[str] = set()
        self.facts: set[str] = set()
        self.proofs: set[str] = set()
        for entry in entries:
            match entry:
                case CertificateType():
                    self.types[entry.id].update(field.name for field in entry.fields)
                case Power():
                    self.services.add(entry.service)
                case Proof():
                    self.services.add(entry.service)
                    self.facts.add(entry.proves)
                    self.proofs.add(entry.id)
                case Demand() | Grant():
                    self.purposes.add(entry.purpose)
