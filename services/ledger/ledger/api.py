# SPDX-License-Identifier: EUPL-1.2
"""Routes of the ledger: parse, call one use case, answer."""

from typing import Annotated

from fastapi import Depends, Query

from contracts.ledger import AccessView, ExchangeSides, SlotState
from kit.api import StrictRouter, from_state
from kit.auth import Caller, caller
from ledger.service import Ledger

router = StrictRouter(prefix="/v1")

LedgerUse = Annotated[Ledger, Depends(from_state("ledger"))]
Citizen = Annotated[Caller, Depends(caller("citizen"))]
Service = Annotated[Caller, Depends(caller("service", "bootstrap"))]


@router.get("/receipts")
async def read_receipts(
    by: Citizen,
    ledger: LedgerUse,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> AccessView:
    """Show a citizen every receipt about her, newest first."""
    return await ledger.access_view(by.subject or "", after=after, limit=limit)


@router.get("/exchanges/missing")
async def read_missing(by: Service, ledger: LedgerUse) -> list[ExchangeSides]:
    """Name exchanges that lack a side past their time."""
    return await ledger.late()


@router.get("/slots")
async def read_slots(by: Service, ledger: LedgerUse) -> list[SlotState]:
    """Show how far each writer's slot has been read, and its gaps."""
    return await ledger.slots()
