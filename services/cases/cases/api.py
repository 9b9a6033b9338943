# SPDX-License-Identifier: EUPL-1.2
"""Routes of cases: parse, call one use case, answer."""

from typing import Annotated

from fastapi import Depends, Request, Response

from cases.service import Deciding, Opening
from contracts.base import Id
from contracts.cases import CaseView, CompleteTask, DemandOnApplicant, OpenCase, RefuseTask
from contracts.http import Exchange
from kit.api import ClientKey, ExchangeOf, StrictRouter, answered, from_state
from kit.auth import Caller, caller
from kit.db import Idem, fingerprint

router = StrictRouter(prefix="/v1")

Citizen = Annotated[Caller, Depends(caller("citizen"))]
OfficeSystem = Annotated[Caller, Depends(caller("system"))]
OpeningUse = Annotated[Opening, Depends(from_state("opening"))]
DecidingUse = Annotated[Deciding, Depends(from_state("deciding"))]


@router.post("/cases", status_code=201)
async def open_case(wish: OpenCase, request: Request, by: Citizen, key: ClientKey, opening: OpeningUse) -> Response:
    """Open a case for the citizen who calls."""
    return answered(await opening.open(by.subject or "", wish, await _idem(request, by, key)))


@router.get("/cases/{case_id}")
async def read_case(case_id: Id, by: Citizen, opening: OpeningUse) -> CaseView:
    """Show a case to its applicant."""
    return await opening.view(by.subject or "", case_id)


@router.post("/tasks/{task_id}/completion", status_code=201)
async def complete(
    task_id: Id, said: CompleteTask, request: Request, by: OfficeSystem, key: ClientKey, deciding: DecidingUse
) -> Response:
    """End a task that issues nothing."""
    return answered(await deciding.complete(by.office or "", task_id, said, await _idem(request, by, key)))


@router.post("/tasks/{task_id}/refusal", status_code=201)
async def refuse(
    task_id: Id, said: RefuseTask, request: Request, by: OfficeSystem, key: ClientKey, deciding: DecidingUse
) -> Response:
    """Refuse a task."""
    return answered(await deciding.refuse(by.office or "", task_id, said, await _idem(request, by, key)))


@router.post("/tasks/{task_id}/demands", status_code=201)
async def demand(
    task_id: Id,
    said: DemandOnApplicant,
    request: Request,
    by: OfficeSystem,
    key: ClientKey,
    exchange: ExchangeOf,
    deciding: DecidingUse,
) -> Response:
    """Demand a proof from the applicant; the proof gate decides."""
    idem = await _idem(request, by, key)
    return answered(await deciding.demand(by.office or "", task_id, said, idem, exchange or Exchange.new()))


async def _idem(request: Request, by: Caller, key: str) -> Idem:
    asked = fingerprint(request.method.encode(), request.url.path.encode(), await request.body())
    return Idem(by.client_key_owner, key, asked)
