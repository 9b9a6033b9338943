# SPDX-License-Identifier: EUPL-1.2
"""A citizen opens a case, and looks at it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from cases import events, store
from cases.domain import Case, Issue, Step, Subject
from cases.errors import CaseInputInvalid, CaseUnknown, LifeEventUnknown
from cases.service.parts import WORK_CHANNEL, Parts
from contracts.cases import CaseView, OpenCase, StepView
from contracts.catalogue import LifeEvent
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from kit.aliases import AliasRefused, open_alias
from kit.db import Answer, Idem, Transaction
from kit.errors import FieldError
from kit.strictjson import dumps

INPUT_BYTES = 64 * 1024
"""Most bytes of an application's input as JSON: it travels in a task's envelope, which is bounded."""


class Opening:
    """Use cases of the applicant."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def open(self, applicant: str, wish: OpenCase, idem: Idem) -> Answer:
        """Open a case: {answer, case, steps, facts} in one commit; nobody else is needed for it.

        applicant: the platform's pseudonym. Raises LifeEventUnknown, CaseInputInvalid, KeyReused, StillRunning.
        """
        now = self._parts.clock()
        life_event = self._parts.catalogue().life_event(wish.life_event, now.date())
        if life_event is None:
            stored = await self._parts.db.stored(idem)
            if stored is not None:
                return stored
            raise LifeEventUnknown
        subjects = self._subjects(life_event, applicant, wish)
        case = Case(
            case_id=str(uuid7()),
            life_event=life_event.id,
            applicant=applicant,
            state="open",
            input=dict(wish.input),
            uploads=_uploads(life_event, wish.input),
            text_version=wish.text_version,
            opened_at=now,
        )

        async def work(tx: Transaction) -> tuple[int, CaseView]:
            counted, event = events.case_fact(case, "opened")
            await store.insert_case(tx, counted)
            await store.insert_subjects(tx, case.case_id, subjects)
            steps = _steps(case, life_event)
            await store.insert_steps(tx, steps)
            tx.emit(event)
            tx.notify(WORK_CHANNEL)
            tx.answer_headers["Location"] = f"/v1/cases/{case.case_id}"
            return 201, _view(case, steps, {})

        return await self._parts.db.once(idem, work)

    async def view(self, applicant: str, case_id: str) -> CaseView:
        """Show a case to its applicant. Raises CaseUnknown for any other."""
        async with self._parts.db.read() as tx:
            case = await store.case_of_applicant(tx, case_id, applicant)
            if case is None:
                raise CaseUnknown
            steps = await store.steps_of_case(tx, case_id)
            needs = await store.needs_of_steps(tx, [s.step_id for s in steps])
        answered: dict[str, int] = {}
        for need in needs:
            answered[need.step_id] = answered.get(need.step_id, 0) + (need.state == "answered")
        return _view(case, steps, answered)

    def _subjects(self, life_event: LifeEvent, applicant: str, wish: OpenCase) -> list[Subject]:
        """Bind the life event's subjects to persons. Raises CaseInputInvalid with every fault."""
        errors = _input_errors(life_event, wish.input)
        owner = next((name for name, kind in life_event.subjects.items() if kind == "person"), "owner")
        found = [Subject(owner, 0, applicant)]
        expected = {
            name: kind for name, kind in life_event.subjects.items() if name != owner and kind != "organisation"
        }
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
        if errors:
            raise CaseInputInvalid(errors=errors)
        return found


def _input_errors(life_event: LifeEvent, given: Mapping[str, Any]) -> list[FieldError]:
    fields = {field.id: field for field in life_event.input}
    if len(dumps(dict(given))) > INPUT_BYTES:
        return [FieldError("/input", "TOO_LONG")]
    errors = [FieldError(f"/input/{name}", "UNKNOWN_FIELD") for name in given if name not in fields]
    for name, field in fields.items():
        value = given.get(name)
        if value is None:
            errors.append(FieldError(f"/input/{name}", "MISSING"))
        elif field.type == "boolean" and not isinstance(value, bool):
            errors.append(FieldError(f"/input/{name}", "NOT_A_BOOLEAN"))
        elif field.type == "date" and not _is_day(value):
            errors.append(FieldError(f"/input/{name}", "NOT_A_DATE"))
        elif field.type in ("text", "file") and (not isinstance(value, str) or not value):
            errors.append(FieldError(f"/input/{name}", "NOT_A_TEXT"))
        elif field.type == "text" and len(value) > field.max_length:
            errors.append(FieldError(f"/input/{name}", "TOO_LONG"))
    return errors


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _uploads(life_event: LifeEvent, given: Mapping[str, Any]) -> int:
    return sum(1 for field in life_event.input if field.type == "file" and field.id in given)


def _steps(case: Case, life_event: LifeEvent) -> list[Step]:
    """Lay out the steps, one for each office of a step; ids keep the life event's order."""
    laid = [(step, office) for step in life_event.steps for office in step.tasks]
    ids = sorted(str(uuid7()) for _ in laid)  # those of one millisecond come in any order
    return [
        Step(
            step_id=step_id,
            case_id=case.case_id,
            step=f"{life_event.id}/{step.id}",
            office=office,
            service=step.service,
            mode=step.mode,
            after=tuple(step.after),
            issues=tuple(Issue(rule.type, rule.to) for rule in step.issues),
        )
        for step_id, (step, office) in zip(ids, laid, strict=True)
    ]


def _view(case: Case, steps: list[Step], answered: Mapping[str, int]) -> CaseView:
    return CaseView(
        case_id=case.case_id,
        life_event=case.life_event,
        state=case.state,  # type: ignore[arg-type]
        opened_at=case.opened_at,
        closed_at=case.closed_at,
        uploads=case.uploads,
        steps=[_step_view(step, answered.get(step.step_id, 0)) for step in steps],
    )


def _step_view(step: Step, answered: int) -> StepView:
    return StepView(
        step=step.step,
        office=step.office,
        service=step.service,
        state=events.PUBLIC_STEP_STATES.get(step.state, step.state),  # type: ignore[arg-type]
        needs=step.needs_count,
        answered=answered,
        certificate_id=step.certificate_id,
        code=step.code,
    )
