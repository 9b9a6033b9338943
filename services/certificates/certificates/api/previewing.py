# SPDX-License-Identifier: EUPL-1.2
"""Routes of a person: what waits for her look, the look, and her decision."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from certificates.api.callers import Citizen, idem
from certificates.service import Previewing
from contracts.previews import DecidePreview, Preview, Previews
from kit.api import ClientKey, StrictRouter, answered, from_state
from kit.telemetry import note

router = StrictRouter(prefix="/v1")

Uses = Annotated[Previewing, Depends(from_state("previewing"))]


@router.get("/previews")
async def waiting(response: Response, by: Citizen, previewing: Uses) -> Previews:
    """List the caller's own previews that wait for her, without what is in them."""
    response.headers["cache-control"] = "no-store"
    return await previewing.waiting(by.subject or "")


@router.get("/previews/{preview_id}")
async def look(preview_id: UUID, response: Response, by: Citizen, previewing: Uses) -> Preview:
    """Show what would go; a receipt is durable before the answer leaves, at every look."""
    note(preview_id=str(preview_id))
    response.headers["cache-control"] = "no-store"
    return await previewing.look(by.subject or "", str(preview_id))


@router.post("/previews/{preview_id}/decision", status_code=201)
async def decide(
    preview_id: UUID, body: DecidePreview, request: Request, by: Citizen, key: ClientKey, previewing: Uses
) -> Response:
    """Let go what she accepts, and nothing else. It counts once."""
    note(preview_id=str(preview_id))
    decisions = [(item.id, item.accept) for item in body.items]
    made = await previewing.decide(await idem(request, by, key), by.subject or "", str(preview_id), decisions)
    return answered(made)
