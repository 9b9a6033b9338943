# SPDX-License-Identifier: EUPL-1.2
"""Market regulation's program at work, for an applicant and an office that a test has opened already."""

import secrets
from pathlib import Path

from contracts.cases import CaseView
from example_offices.drawer import Drawer
from example_offices.licensing import Desk
from tongban import Office
from tongban.applicant import Applicant

from .conftest import until


async def decide(market: Office, owner: Applicant, case_id: str, folder: Path) -> CaseView:
    """Let the program work until the case is closed; gives the case. Needs no new token."""
    drawer = Drawer(folder / f"drawer-{secrets.token_hex(4)}.sqlite")
    desk = Desk(market, drawer, lambda _line: None)

    async def closed() -> CaseView | None:
        async for delivery in market.inbox(once=True):
            await desk.take(delivery)
        case = await owner.case(case_id)
        return case if case.state != "open" else None

    try:
        return await until(closed, "the case to close", 60)
    finally:
        drawer.close()
