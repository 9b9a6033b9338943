# SPDX-License-Identifier: EUPL-1.2
"""Routes of cases: parse, call one use case, answer. Routes under /v1/sandbox exist in a sandbox only."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cases.service import Applying, Clocks, Deciding, Opening, Planning, Viewing, Windows
from contracts.base import Code, Id
from contracts.cases import (
    CaseView,
    CompleteTask,
    DemandOnApplicant,
    MoveClock,
    OpenCase,
    Plan,
    PlanWish,
    RecordOutage,
    RefuseTask,
    ReopenStep,
    TakeOffer,
    WithdrawCase,
)
from contracts.http import Exchange
from kit.api import ClientKey, ExchangeOf, StrictRouter, answered, from_state
from kit.auth import Caller, caller
from kit.db import Idem, fingerprint
from kit.errors import Forbidden

router = StrictRouter(prefix="/v1")
sandbox_router = StrictRouter(prefix="/v1/sandbox")


def routers(*, sandbox: bool) -> Sequence[APIRouter]:
    """Give the routers of this deployment."""
    return [router, sandbox_router] if sandbox else [router]


async def keeper(request: Request, by: Annotated[Caller, Depends(caller("system", "bootstrap"))]) -> Caller:
    """Let in who keeps the platform's time: systems of the office that runs it, and the runner that seeds it."""
    if by.kind == "system" and by.office != request.app.state.operator:
        raise Forbidden
    return by


Citizen = Annotated[Caller, Depends(caller("citizen", window=True))]
OfficeSystem = Annotated[Caller, Depends(caller("system"))]
PlanningUse = Annotated[Planning, Depends(from_state("planning"))]
OpeningUse = Annotated[Opening, Depends(from_state("opening"))]
ViewingUse = Annotated[Viewing, Depends(from_state("viewing"))]
ApplyingUse = Annotated[Applying, Depends(from_state("applying"))]
WindowsUse = Annotated[Windows, Depends(from_state("windows"))]
TimeKeeper = Annotated[Caller, Depends(keeper)]
DecidingUse = Annotated[Deciding, Depends(from_state("deciding"))]
ClocksUse = Annotated[Clocks, Depends(from_state("clocks"))]


async def of_case(case_id: Id, by: Citizen, windows: WindowsUse) -> Caller:
    """Let in a citizen; or the clerk who acts for her, if the clerk's office has a part in the case."""
    await windows.check_case(by.window, by.subject or "", case_id)
    return by


OfCase = Annotated[Caller, Depends(of_case)]


@router.post("/plans")
async def plan(wish: PlanWish, by: Citizen, planning: PlanningUse, windows: WindowsUse) -> Plan:
    """Tell a citizen what would happen if she applied. It changes nothing, so it needs no key."""
    windows.check_event(by.window, wish.life_event)
    return planning.plan(wish)


@router.post("/cases", status_code=201)
async def open_case(
    wish: OpenCase, request: Request, by: Citizen, key: ClientKey, opening: OpeningUse, windows: WindowsUse
) -> Response:
    """Open a case for the citizen who calls."""
    windows.check_event(by.window, wish.life_event)
    return answered(await opening.open(by.subject or "", wish, await _idem(request, by, key)))


@router.get("/cases/{case_id}")
async def read_case(case_id: Id, by: OfCase, viewing: ViewingUse) -> CaseView:
    """Show a case to its applicant."""
    return await viewing.view(by.subject or "", case_id)


@router.post("/cases/{case_id}/withdrawal", status_code=201)
async def withdraw(
    case_id: Id, said: WithdrawCase, request: Request, by: OfCase, key: ClientKey, applying: ApplyingUse
) -> Response:
    """Withdraw an open case."""
    return answered(await applying.withdraw(by.subject or "", case_id, said, await _idem(request, by, key)))


@router.post("/cases/{case_id}/offers/{step}", status_code=201)
async def take_offer(
    case_id: Id, step: Code, said: TakeOffer, request: Request, by: OfCase, key: ClientKey, applying: ApplyingUse
) -> Response:
    """Take or decline a step that is offered."""
    return answered(await applying.take_offer(by.subject or "", case_id, step, said, await _idem(request, by, key)))


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


@router.post("/tasks/{task_id}/reopening", status_code=201)
async def reopen(
    task_id: Id, said: ReopenStep, request: Request, by: OfficeSystem, key: ClientKey, deciding: DecidingUse
) -> Response:
    """Do an earlier step again."""
    return answered(await deciding.reopen(by.office or "", task_id, said, await _idem(request, by, key)))


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


@router.post("/outages", status_code=201)
async def record_outage(
    said: RecordOutage, request: Request, by: TimeKeeper, key: ClientKey, clocks: ClocksUse
) -> Response:
    """Keep an outage, in which clocks stand still."""
    return answered(await clocks.record_outage(said, await _idem(request, by, key)))


@sandbox_router.post("/clock", status_code=201)
async def move_clock(said: MoveClock, request: Request, by: TimeKeeper, key: ClientKey, clocks: ClocksUse) -> Response:
    """Move the clock that deadlines are reckoned by."""
    return answered(await clocks.move(said, await _idem(request, by, key)))


async def _idem(request: Request, by: Caller, key: str) -> Idem:
    asked = fingerprint(request.method.encode(), request.url.path.encode(), await request.body())
    return Idem(by.client_key_owner, key, asked)
