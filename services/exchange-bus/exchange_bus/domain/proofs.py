# SPDX-License-Identifier: EUPL-1.2
"""The proof gate: may an office ask the applicant for this proof? Almost never: what offices hold, offices fetch.

Source: the domain's proof gate; its corpus of 40 demands is a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

ACCEPTED: Final = "ACCEPTED"

_BY_ROUTE: Final = {
    "register": "HELD_BY_OFFICE",
    "licence": "COVERED_BY_LICENCE",
    "check": "VERIFY_ONLINE",
    "other": "COVERED_BY_OTHER",
    "contract": "USE_CONTRACT",
    "commitment": "USE_COMMITMENT",
    "applicant": ACCEPTED,
}


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An entry of the proof list. sources: (office, type) of who can know the fact. from included, to excluded."""

    id: str
    service: str
    step: str | None
    asked_by: str
    proves: str
    route: str
    sources: tuple[tuple[str, str], ...]
    law: str
    from_: date
    to: date | None

    def in_force(self, on: date) -> bool:
        """Say whether the entry holds on that day."""
        return self.from_ <= on and (self.to is None or on < self.to)

    def lets_ask(self, demand: "Demand") -> bool:
        """Say whether the entry is about this office asking this fact in this service and step."""
        same = (self.asked_by, self.service, self.proves) == (demand.asked_by, demand.service, demand.proves)
        return same and self.step in (None, demand.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What an office wants of the applicant.

    cites: the entry it names. demanded_from: who should write the paper (a USCC or words). paper_needs: services whose
    result that paper itself needs. case_has: facts that the case holds.
    """

    asked_by: str
    service: str
    step: str | None
    proves: str
    cites: str | None = None
    demanded_from: str | None = None
    paper_needs: tuple[str, ...] = ()
    case_has: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says. entry: the one that decided, or that the office could have cited; None if there is none."""

    code: str
    entry: ListEntry | None

    @property
    def accepted(self) -> bool:
        """Say whether the demand may reach the applicant."""
        return self.code == ACCEPTED


def judge(demand: Demand, entries: Sequence[ListEntry], *, has_power: bool, on: date) -> Verdict:
    """Judge *demand*: the first check that applies gives the code.

    entries: the whole proof list, in force or not. has_power: whether the asker has any power over the service.
    """
    cited = next((e for e in entries if e.id == demand.cites and e.in_force(on)), None)
    if not has_power:
        return Verdict("NOT_IN_POWER_LIST", None)
    expired = next((e for e in entries if e.id == demand.cites), None)
    if cited is None and expired is not None:
        return Verdict("LIST_EXPIRED", expired)
    entry = _entry_for(demand, entries, cited, on)
    if entry is None:
        return Verdict("NO_LEGAL_BASIS", None)
    if entry.route == "applicant" and cited is not entry:
        return Verdict("NO_LEGAL_BASIS", entry)
    return Verdict(_objection(demand, entry) or _BY_ROUTE[entry.route], entry)


def _entry_for(demand: Demand, entries: Sequence[ListEntry], cited: ListEntry | None, on: date) -> ListEntry | None:
    """Find the entry in force that lets the service ask for the fact; the cited one first."""
    if cited is not None and cited.lets_ask(demand):
        return cited
    return next((e for e in entries if e.in_force(on) and e.lets_ask(demand)), None)


def _objection(demand: Demand, entry: ListEntry) -> str | None:
    """Name what is wrong with this very demand, whatever the route."""
    if demand.proves in demand.case_has:
        return "REPEATED_IN_CASE"
    if demand.service in demand.paper_needs:
        return "CIRCULAR"
    writers = [office for office, _type in entry.sources]
    if demand.demanded_from is not None and demand.demanded_from not in writers:
        return "ISSUER_CANNOT_KNOW"
    return None
