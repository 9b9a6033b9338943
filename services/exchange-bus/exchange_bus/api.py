# SPDX-License-Identifier: EUPL-1.2
"""Routes of exchange-bus: parse, call one use case, answer."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from contracts.base import Id, OfficeCode
from contracts.exchange_bus import (
    Acknowledge,
    Acknowledged,
    AskEvidence,
    DemandProof,
    EvidenceRequest,
    Inbox,
    PublishRelease,
    Refusals,
)
from contracts.http import Exchange
from contracts.receipts import Asker
from contracts.roles import Role
from exchange_bus.service import Asking, Counting, Delivering, Demanding, Releasing
from kit import deadline
from kit.api import ClientKey, ExchangeOf, StrictRouter, answered, check_context, from_state, wait_s
from kit.auth import Caller, caller
from kit.db import Idem, fingerprint
from kit.errors import FieldError, Forbidden, InvalidRequest

ANSWER_S = 0.5
"""What is kept of a caller's time for the answer itself."""

router = StrictRouter(prefix="/v1")

OfficeSystem = Annotated[Caller, Depends(caller("system"))]
AskerOf = Annotated[Caller, Depends(caller("system", Role.CASES))]
Cases = Annotated[Caller, Depends(caller(Role.CASES))]
Bootstrap = Annotated[Caller, Depends(caller("bootstrap"))]
AskingUse = Annotated[Asking, Depends(from_state("asking"))]
DeliveringUse = Annotated[Delivering, Depends(from_state("delivering"))]
CountingUse = Annotated[Counting, Depends(from_state("counting"))]
DemandingUse = Annotated[Demanding, Depends(from_state("demanding"))]
ReleasingUse = Annotated[Releasing, Depends(from_state("releasing"))]


@router.post("/catalogue/releases", status_code=201)
async def publish(
    wish: PublishRelease, request: Request, by: Bootstrap, key: ClientKey, releasing: ReleasingUse
) -> Response:
    """Publish a release of the catalogue, whole or not at all."""
    return answered(await releasing.publish(wish, await _idem(request, by, key)))


@router.post("/evidence-requests", status_code=202)
async def ask(
    body: AskEvidence, request: Request, by: AskerOf, key: ClientKey, exchange: ExchangeOf, asking: AskingUse
) -> Response:
    """Ask another office for evidence; `Prefer: wait=N` waits for the answer."""
    check_context(request, case=body.case_id, step=body.step, purpose=body.purpose, legal_basis=body.legal_basis.kind)
    raw = await request.body()
    asker = _asker(by, body)
    answer = await asking.ask(asker, body, raw, exchange or Exchange.new(), await _idem(request, by, key))
    seconds = _in_time(wait_s(request))
    if seconds <= 0:
        return answered(answer)
    found = await asking.wait(answer, seconds)
    status = 200 if found.state == "answered" else 202
    headers = {**(answer.headers if status == 202 else {}), "Preference-Applied": f"wait={int(seconds)}"}
    return Response(found.wire_bytes(), status, headers, media_type="application/json")


@router.get("/evidence-requests/{request_id}")
async def read_request(request_id: Id, by: OfficeSystem, asking: AskingUse) -> EvidenceRequest:
    """Show an office its own request."""
    return await asking.read(by.office or "", request_id)


@router.get("/inbox")
async def read_inbox(
    by: OfficeSystem,
    delivering: DeliveringUse,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    wait: Annotated[int, Query(ge=0, le=30)] = 0,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Inbox:
    """Show an office its oldest unacknowledged deliveries."""
    return await delivering.page(by.office or "", after=after, limit=limit, wait_s=_in_time(wait))


@router.post("/inbox/acknowledgements")
async def acknowledge(said: Acknowledge, by: OfficeSystem, delivering: DeliveringUse) -> Acknowledged:
    """Note what the office has stored. Repeatable as it is, so it needs no key."""
    return await delivering.acknowledge(by.office or "", said.delivery_ids)


@router.post("/proof-demands", status_code=201)
async def demand(
    wish: DemandProof, request: Request, by: Cases, key: ClientKey, exchange: ExchangeOf, demanding: DemandingUse
) -> Response:
    """Ask whether an office may demand a proof from the applicant."""
    asker = Asker(office=wish.asked_by, system=by.system or "")
    return answered(await demanding.demand(asker, wish, exchange or Exchange.new(), await _idem(request, by, key)))


@router.get("/public/refusals")
async def refusals(office: Annotated[OfficeCode, Query()], counting: CountingUse) -> Refusals:
    """Show anybody how often an office was refused, by code and by fact. Public figures need no token."""
    return await counting.refusals(office)


def _in_time(wait_s: float) -> float:
    """Give the seconds to wait at most, so that our answer comes before the caller's deadline."""
    return max(0.0, min(wait_s, deadline.within(wait_s + ANSWER_S) - ANSWER_S))


def _asker(by: Caller, body: AskEvidence) -> Asker:
    """Say who asks: a system for its own office; cases for the office that it names."""
    if by.kind == "system":
        if body.asker not in (None, by.office):
            raise Forbidden("An office asks for itself only.")
        return Asker(office=by.office or "", system=by.system or "")
    if body.asker is None:
        raise InvalidRequest([FieldError("/asker", "MISSING")])
    return Asker(office=body.asker, system=by.system or "")


async def _idem(request: Request, by: Caller, key: str) -> Idem:
    asked = fingerprint(request.method.encode(), request.url.path.encode(), await request.body())
    return Idem(by.client_key_owner, key, asked)
