# SPDX-License-Identifier: EUPL-1.2
"""Routes that issue and change: one for each operation of the table."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Depends, Request, Response

from certificates.api.callers import Offices, System, idem, office_of, version_of
from certificates.domain import Operation
from certificates.errors import FieldError, InvalidRequest, NotServed
from certificates.service import Amending, Changing, Issuing, Meant
from contracts.certificates.api import Amend, AmendHeld, ChangeStatus, Issue, IssueTogether, TaskRef
from kit.api import ClientKey, StrictRouter, answered, check_context, from_state
from kit.telemetry import note

router = StrictRouter(prefix="/v1")

_ENDINGS: Final = {"cancel": Operation.CANCEL, "rescind": Operation.RESCIND, "revoke": Operation.REVOKE}


@router.post("/certificates", status_code=201)
async def issue(
    body: Issue,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    issuing: Annotated[Issuing, Depends(from_state("issuing"))],
) -> Response:
    """Issue a certificate: a new one, or one that comes by transfer."""
    if body.office != office_of(by, offices):
        raise NotServed
    _note_task(request, body.task)
    return answered(await issuing.issue(await idem(request, by, key), body))


@router.post("/certificates/together", status_code=201)
async def issue_together(
    body: IssueTogether,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    issuing: Annotated[Issuing, Depends(from_state("issuing"))],
) -> Response:
    """Issue several certificates, or none of them: for what is true of all or of nobody."""
    first, task = body.orders[0].office, body.orders[0].task
    if first != office_of(by, offices):
        raise NotServed
    for at, order in enumerate(body.orders):
        if (order.office, order.task) != (first, task):
            raise InvalidRequest([FieldError(f"/orders/{at}", "NOT_OF_ONE_TASK")])
    _note_task(request, task)
    return answered(await issuing.issue_together(await idem(request, by, key), body))


def _note_task(request: Request, task: TaskRef | None) -> None:
    if task is not None:
        check_context(request, case=task.case_id, step=task.step, purpose=None, legal_basis=None)
        note(case_id=task.case_id, task_id=task.task_id)


# ------------------------------------------------------------------------------------------------ status
Route = Callable[..., Awaitable[Response]]


def _status_route(operation: Operation) -> Route:
    """Make the route of an operation that keeps the version and needs a reason alone."""

    async def change(
        certificate_id: UUID,
        body: ChangeStatus,
        request: Request,
        by: System,
        key: ClientKey,
        offices: Offices,
        changing: Annotated[Changing, Depends(from_state("changing"))],
    ) -> Response:
        if body.ending is not None:
            raise InvalidRequest([FieldError("/ending", "EXTRA_FORBIDDEN")])
        return await _change(changing, request, by, key, offices, certificate_id, operation, body)

    return change


_STATUS_ROUTES: Final = {
    "suspensions": (Operation.SUSPEND, "Suspend: nobody trusts it until it is reinstated."),
    "reinstatements": (Operation.REINSTATE, "End a suspension, before the last day of validity is over."),
    "transfers": (Operation.TRANSFER_OUT, "Transfer it out: another office will issue it anew."),
    "transfer-reversals": (Operation.UNDO_TRANSFER, "Take a transfer back, while no office took it over."),
    "others": (Operation.OTHER, "Give it a status of its own, that the reason explains."),
}
for _name, (_operation, _says) in _STATUS_ROUTES.items():
    router.post(f"/certificates/{{certificate_id}}/{_name}", status_code=201, name=_name, description=_says)(
        _status_route(_operation)
    )


@router.post("/certificates/{certificate_id}/revocations", status_code=201)
async def revoke(
    certificate_id: UUID,
    body: ChangeStatus,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    changing: Annotated[Changing, Depends(from_state("changing"))],
) -> Response:
    """End it for good: `ending` says how."""
    if body.ending is None:
        raise InvalidRequest([FieldError("/ending", "MISSING")])
    return await _change(changing, request, by, key, offices, certificate_id, _ENDINGS[body.ending], body)


async def _change(
    changing: Changing,
    request: Request,
    by: System,
    key: str,
    offices: frozenset[str],
    certificate_id: UUID,
    operation: Operation,
    body: ChangeStatus,
) -> Response:
    office, version = office_of(by, offices), version_of(request)
    note(certificate_id=str(certificate_id))
    answer = await changing.change(
        await idem(request, by, key),
        office,
        str(certificate_id),
        operation,
        version=version,
        reason=body.reason,
        system=by.system or "",
    )
    return answered(answer)


# ------------------------------------------------------------------------------------------------ versions
@router.post("/certificates/{certificate_id}/amendments", status_code=201)
async def amend(
    certificate_id: UUID,
    body: Amend,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    amending: Annotated[Amending, Depends(from_state("amending"))],
) -> Response:
    """Change its content: a new version, with the same serial."""
    return await _amend(amending, request, by, key, offices, certificate_id, Operation.AMEND, body)


@router.post("/certificates/{certificate_id}/renewals", status_code=201)
async def renew(
    certificate_id: UUID,
    body: Amend,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    amending: Annotated[Amending, Depends(from_state("amending"))],
) -> Response:
    """Renew it: a new version that lasts longer; after its last day within the type's grace."""
    return await _amend(amending, request, by, key, offices, certificate_id, Operation.RENEW, body)


@router.post("/certificates/amendments", status_code=201)
async def amend_held(
    body: AmendHeld,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    amending: Annotated[Amending, Depends(from_state("amending"))],
) -> Response:
    """Change the content of the one certificate of a type that a holder has."""
    if body.office != office_of(by, offices):
        raise NotServed
    _note_task(request, body.task)
    return answered(await amending.amend_held(await idem(request, by, key), body, by.system or ""))


async def _amend(
    amending: Amending,
    request: Request,
    by: System,
    key: str,
    offices: frozenset[str],
    certificate_id: UUID,
    operation: Literal[Operation.AMEND, Operation.RENEW],
    body: Amend,
) -> Response:
    office, version = office_of(by, offices), version_of(request)
    note(certificate_id=str(certificate_id))
    _note_task(request, body.task)
    meant = Meant(office, str(certificate_id), operation, version, by.system or "")
    return answered(await amending.amend(await idem(request, by, key), meant, body))
