# SPDX-License-Identifier: EUPL-1.2
"""The proof gate: may an office ask the applicant for this proof? Almost never: what offices hold, offices fetch.

Asked twice, by the same rules: cases asks before it hands a demand over, exchange-bus, whose word counts, before the
applicant hears of it; each from its own replica of the catalogue. Pure: everything it needs is an argument.

    1 NOT_IN_POWER_LIST   the asker has no power over the service
    2 LIST_EXPIRED        the cited entry isn't in force on the day
    3 NO_LEGAL_BASIS      no entry lets the service ask for the fact, or the applicant must answer and it isn't cited
    4 REPEATED_IN_CASE    the case has it
    5 CIRCULAR            the paper needs the very result it is asked for
    6 ISSUER_CANNOT_KNOW  the named writer isn't among the entry's sources
    7 by the entry's route, and only `applicant` lets the demand through

The first check that applies gives the code. Source: the domain's proof gate; its corpus of 40 demands is a test.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, Self

from contracts.catalogue import Catalogue, Proof
from contracts.exchange_bus import DemandProof

ACCEPTED: Final = "ACCEPTED"

BY_ROUTE: Final = {
    "register": "HELD_BY_OFFICE",
    "licence": "COVERED_BY_LICENCE",
    "check": "VERIFY_ONLINE",
    "other": "COVERED_BY_OTHER",
    "contract": "USE_CONTRACT",
    "commitment": "USE_COMMITMENT",
    "applicant": ACCEPTED,
}
"""How a fact is proven by the list -> what the gate says of a demand that nothing else is wrong with."""
CODES: Final = (
    "NOT_IN_POWER_LIST",
    "LIST_EXPIRED",
    "NO_LEGAL_BASIS",
    "REPEATED_IN_CASE",
    "CIRCULAR",
    "ISSUER_CANNOT_KNOW",
    *BY_ROUTE.values(),
)
"""All that the gate can say, in the order of its checks."""


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

    @classmethod
    def of(cls, wish: DemandProof) -> Self:
        """Read a demand as it travels from cases to exchange-bus."""
        return cls(
            asked_by=wish.asked_by,
            service=wish.service,
            step=wish.step,
            proves=wish.proves,
            cites=wish.cites,
            demanded_from=wish.demanded_from,
            paper_needs=tuple(wish.paper_needs),
            case_has=tuple(wish.case_has),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says. entry: the one that decided, or that the office could have cited; None if there is none."""

    code: str
    entry: Proof | None

    @property
    def accepted(self) -> bool:
        """Say whether the demand may reach the applicant."""
        return self.code == ACCEPTED


def judge(catalogue: Catalogue, demand: Demand, on: date) -> Verdict:
    """Judge *demand* by the lists as they stand on that day: an 'as of' day gives what held then."""
    return _lists(catalogue, on).judge(demand)


class _Lists:
    """Power list and proof list of one release on one day, by what a demand asks."""

    def __init__(self, catalogue: Catalogue, on: date) -> None:
        self._catalogue, self._on = catalogue, on
        self._by_id: dict[str, Proof] = {}
        self._asking: dict[tuple[str, str, str], list[Proof]] = {}
        for entry in sorted(catalogue.all(Proof, on), key=lambda e: e.id):
            self._by_id[entry.id] = entry
            self._asking.setdefault((entry.asked_by, entry.service, entry.proves), []).append(entry)
        self._writers = {name: {source.office for source in entry.sources} for name, entry in self._by_id.items()}

    def judge(self, demand: Demand) -> Verdict:
        """Go through the checks in their order."""
        if not self._catalogue.has_power(demand.asked_by, demand.service, self._on):
            return Verdict("NOT_IN_POWER_LIST", None)
        cited = None if demand.cites is None else self._by_id.get(demand.cites)
        if cited is None and demand.cites is not None:
            ended = self._catalogue.versions(Proof, demand.cites)
            if ended:
                return Verdict("LIST_EXPIRED", max(ended, key=lambda e: e.version))
        entry = self._entry_for(demand, cited)
        if entry is None:
            return Verdict("NO_LEGAL_BASIS", None)
        if entry.route == "applicant" and entry is not cited:
            return Verdict("NO_LEGAL_BASIS", entry)  # it is named in the refusal, so that the office can ask properly
        return Verdict(self._objection(demand, entry) or BY_ROUTE[entry.route], entry)

    def _entry_for(self, demand: Demand, cited: Proof | None) -> Proof | None:
        """Find the entry in force that lets the service ask for the fact: the cited one, else the first by id."""
        asking = self._asking.get((demand.asked_by, demand.service, demand.proves), ())
        fitting = [entry for entry in asking if entry.step is None or entry.step == demand.step]
        return next((entry for entry in fitting if entry is cited), fitting[0] if fitting else None)

    def _objection(self, demand: Demand, entry: Proof) -> str | None:
        """Name what is wrong with this very demand, whatever the route."""
        if demand.proves in demand.case_has:
            return "REPEATED_IN_CASE"
        if demand.service in demand.paper_needs:
            return "CIRCULAR"
        if demand.demanded_from is not None and demand.demanded_from not in self._writers[entry.id]:
            return "ISSUER_CANNOT_KNOW"
        return None


@lru_cache(maxsize=8)  # of a release that is swapped out, the last days stay until others are asked about
def _lists(catalogue: Catalogue, on: date) -> _Lists:
    return _Lists(catalogue, on)
