# SPDX-License-Identifier: EUPL-1.2
"""What will happen if a citizen applies. Nobody is asked for it, and nothing is kept."""

from collections.abc import Callable, Iterator

from cases import planner
from cases.errors import CaseInputInvalid, LifeEventUnknown
from contracts.cases import Plan, PlanWish
from contracts.catalogue import Catalogue, LifeEvent
from contracts.identifiers import is_uscc
from kit.clock import Clock
from kit.errors import FieldError


class Planning:
    """Use case of the citizen who thinks about it."""

    def __init__(self, catalogue: Callable[[], Catalogue], clock: Clock) -> None:
        self._catalogue, self._clock = catalogue, clock

    def plan(self, wish: PlanWish) -> Plan:
        """Plan a wish by the lists of today. Raises LifeEventUnknown, CaseInputInvalid with every fault."""
        catalogue, on = self._catalogue(), self._clock().date()
        event = catalogue.life_event(wish.life_event, on)
        if event is None:
            raise LifeEventUnknown
        errors = list(_faults(event, wish))
        if errors:
            raise CaseInputInvalid(errors=errors)
        return planner.make_plan(catalogue, event, wish, on)


def _faults(event: LifeEvent, wish: PlanWish) -> Iterator[FieldError]:
    """Name every word of the wish that the life event doesn't know, and every organisation that must exist."""
    services, chosen = {step.service for step in event.steps}, wish.services or []
    for at, name in enumerate(chosen):
        if name not in services:
            yield FieldError(f"/services/{at}", "UNKNOWN_SERVICE")
        elif name in chosen[:at]:
            yield FieldError(f"/services/{at}", "STATED_TWICE")
    yield from _wrong_subjects(event, wish)
    steps = planner.choose(event, wish.services, wish.organisations).steps
    for name in planner.unknown_organisations(event, steps):
        if name not in wish.organisations:
            yield FieldError(f"/organisations/{name}", "MISSING")


def _wrong_subjects(event: LifeEvent, wish: PlanWish) -> Iterator[FieldError]:
    for name in wish.people:
        if name not in event.subjects:
            yield FieldError(f"/people/{name}", "UNKNOWN_SUBJECT")
        elif not isinstance(event.subjects[name], list):
            yield FieldError(f"/people/{name}", "NOT_A_LIST")
    for name, code in wish.organisations.items():
        if event.subjects.get(name) != "organisation":
            yield FieldError(f"/organisations/{name}", "UNKNOWN_SUBJECT")
        elif not is_uscc(code):
            yield FieldError(f"/organisations/{name}", "CODE_INVALID")
