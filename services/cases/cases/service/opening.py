# SPDX-License-Identifier: EUPL-1.2
"""A citizen opens a case: one form for all offices."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from cases import events, planner, store
from cases.domain import Case, Subject
from cases.errors import CaseInputInvalid, LifeEventUnknown
from cases.service.inputs import input_errors
from cases.service.laying import lay_out
from cases.service.parts import WORK_CHANNEL, Parts
from cases.service.viewing import case_view
from contracts.cases import CaseView, OpenCase
from contracts.catalogue import LifeEvent, LifeEventStep
from contracts.identifiers import is_uscc
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from kit.aliases import AliasRefused, open_alias
from kit.db import Answer, Idem, Transaction
from kit.errors import FieldError

Taken = Mapping[str, LifeEventStep]
"""The steps of the application, by id."""


class Opening:
    """Use case `open` of the applicant."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def open(self, applicant: str, wish: OpenCase, idem: Idem) -> Answer:
        """Open a case: {answer, case, steps, facts} in one commit; nobody else is needed for it.

        applicant: the platform's pseudonym. Raises LifeEventUnknown, CaseInputInvalid, KeyReused, StillRunning.
        """
        stored = await self._parts.db.stored(idem)
        if stored is not None:  # the lists of today may refuse what was accepted: the first answer stands
            return stored
        now = self._parts.clock()
        life_event = self._parts.catalogue().life_event(wish.life_event, now.date())
        if life_event is None:
            raise LifeEventUnknown
        choice = planner.choose(life_event, wish.services, wish.organisations)
        taken = {step.id: step for step in life_event.steps if step.id in choice.steps}
        subjects = await self._checked(life_event, choice, taken, applicant, wish, now.date())
        given = _kept(taken, life_event, wish.input)
        case = Case(
            case_id=str(uuid7()),
            life_event=life_event.id,
            applicant=applicant,
            state="open",
            uploads=sum(field.type == "file" and field.id in given for field in life_event.input),
            text_version=wish.text_version,
            opened_at=now,
            lead=life_event.lead,
            previews=wish.previews,
        )
        founded = {s.name for s in subjects if not s.known}
        steps = lay_out(self._parts.catalogue(), life_event, taken, founded, case.case_id, now)

        async def work(tx: Transaction) -> tuple[int, CaseView]:
            counted, event = events.case_fact(case, "opened")
            await store.insert_case(tx, counted, given)
            await store.insert_subjects(tx, case.case_id, subjects)
            await store.insert_steps(tx, steps)
            tx.emit(event)
            tx.notify(WORK_CHANNEL)
            tx.answer_headers["Location"] = f"/v1/cases/{case.case_id}"
            return 201, await case_view(tx, self._parts, counted)

        return await self._parts.db.once(idem, work)

    async def _checked(
        self, life_event: LifeEvent, choice: planner.Choice, taken: Taken, applicant: str, wish: OpenCase, on: date
    ) -> list[Subject]:
        """Check the whole application and bind its subjects. Raises CaseInputInvalid with every fault."""
        fields = {field.id: field for field in life_event.input}
        errors = _service_errors(life_event, choice, wish)
        errors += input_errors(fields, _due(life_event, taken), wish.input)
        errors += await self._promise_errors(life_event, taken, applicant, wish.input, on)
        persons, faults = self._persons(life_event, applicant, wish)
        organisations, more = _organisations(life_event, taken, wish)
        errors += [*faults, *more]
        if errors:
            raise CaseInputInvalid(errors=errors)
        return [*persons, *organisations]

    async def _promise_errors(
        self, life_event: LifeEvent, taken: Taken, applicant: str, given: Mapping[str, Any], on: date
    ) -> list[FieldError]:
        """A promise is given in so many words, only where the risk allows one, and not by whom it was broken."""
        promises = [step for step in taken.values() if step.mode == "commitment" and step.commitment is not None]
        if not promises:
            return []
        async with self._parts.db.read() as tx:
            barred = await store.is_barred(tx, applicant, on)
        errors = []
        for step in promises:
            at = f"/input/{step.commitment}"
            responsible = [
                self._parts.catalogue().responsibility(f"{life_event.id}/{step.id}", office, on)
                for office in step.tasks
            ]
            if any(r is None or r.risk == "high" for r in responsible):
                errors.append(FieldError(at, "COMMITMENT_EXCLUDED"))
            if barred:
                errors.append(FieldError(at, "COMMITMENT_BARRED"))
            if given.get(step.commitment or "") is False:
                errors.append(FieldError(at, "COMMITMENT_DUE"))
        return errors

    def _persons(self, life_event: LifeEvent, applicant: str, wish: OpenCase) -> tuple[list[Subject], list[FieldError]]:
        """Bind the subjects that are persons: the applicant is the first, the others come as handles."""
        owner = next((name for name, kind in life_event.subjects.items() if kind == "person"), "owner")
        found, errors = [Subject(owner, 0, applicant)], list[FieldError]()
        expected = {n: kind for n, kind in life_event.subjects.items() if n != owner and kind != "organisation"}
        errors += [FieldError(f"/subjects/{name}", "UNKNOWN_SUBJECT") for name in wish.subjects if name not in expected]
        for name, kind in expected.items():
            handles = wish.subjects.get(name, [])
            if not handles or (kind == "person" and len(handles) != 1):
                errors.append(FieldError(f"/subjects/{name}", "MISSING" if not handles else "ONE_EXPECTED"))
            for position, handle in enumerate(handles):
                try:
                    person = open_alias(self._parts.platform_keys, PLATFORM, handle)
                    found.append(Subject(name, position, person))
                except AliasRefused:
                    errors.append(FieldError(f"/subjects/{name}/{position}", "HANDLE_INVALID"))
        return found, errors


def _service_errors(life_event: LifeEvent, choice: planner.Choice, wish: OpenCase) -> list[FieldError]:
    """Name services that the life event doesn't know, and prerequisites that were left out."""
    known, wanted = {step.service for step in life_event.steps}, wish.services or []
    errors = [FieldError(f"/services/{at}", "UNKNOWN_SERVICE") for at, s in enumerate(wanted) if s not in known]
    errors += [FieldError(f"/services/{at}", "STATED_TWICE") for at, s in enumerate(wanted) if s in wanted[:at]]
    if not choice.steps and not errors:
        errors.append(FieldError("/services", "NOTHING_TO_DO"))
    return errors + [
        FieldError("/services", "PREREQUISITE_MISSING", f"{gap.step} waits for {gap.waits_for}: {gap.service}")
        for gap in choice.missing
    ]


def _organisations(life_event: LifeEvent, taken: Taken, wish: OpenCase) -> tuple[list[Subject], list[FieldError]]:
    """Bind the subjects that are organisations: each is known, or a step founds it."""
    names = [name for name, kind in life_event.subjects.items() if kind == "organisation"]
    errors = [FieldError(f"/organisations/{n}", "UNKNOWN_SUBJECT") for n in wish.organisations if n not in names]
    used = {way.of for step in taken.values() for need in step.needs for way in need.any_of or [need]}
    used |= {issue.to for step in taken.values() for issue in step.issues}
    for name in names:
        code = wish.organisations.get(name)
        if code is not None and not is_uscc(code):
            errors.append(FieldError(f"/organisations/{name}", "CODE_INVALID"))
        if code is None and name in used and not planner.founders(life_event, name):
            errors.append(FieldError(f"/organisations/{name}", "MISSING"))
    return [Subject(name, 0, None, wish.organisations.get(name)) for name in names], errors


def _due(life_event: LifeEvent, taken: Taken) -> set[str]:
    """Name the fields that must be given: those of the steps taken, and those that belong to no step."""
    of_steps = {step.id: {*step.input, *([step.commitment] if step.commitment else [])} for step in life_event.steps}
    claimed = {name for names in of_steps.values() for name in names}
    return {name for step_id in taken for name in of_steps[step_id]} | {
        field.id for field in life_event.input if field.id not in claimed
    }


def _kept(taken: Taken, life_event: LifeEvent, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a step that is taken needs, and nothing else."""
    due = _due(life_event, taken)
    return {name: value for name, value in given.items() if name in due}
