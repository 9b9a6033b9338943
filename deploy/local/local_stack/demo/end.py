# SPDX-License-Identifier: EUPL-1.2
"""The end of every demo: all comes to rest, and everybody whose data moved reads who looked."""

import asyncio

from contracts.ledger import AccessView, ReceiptView
from contracts.topics import RECEIPT
from kit.clock import system_clock
from local_stack.demo import bus
from local_stack.demo.stage import EMPLOYEE, OWNER, PATIENCE_S, Stage
from local_stack.errors import StackError
from local_stack.table import DEPLOYMENTS
from tongban import Citizen


async def look(stage: Stage) -> None:
    """Citizen and employee list who looked; every receipt of every side must be verified."""
    await settle(stage)
    now = system_clock()
    stage.told.until = now.replace(microsecond=now.microsecond // 1000 * 1000)
    for persona, person in ((OWNER, stage.owner), (EMPLOYEE, stage.employee)):
        view = await _all_verified(stage, persona, person)
        mine = _of_the_past(stage, view)
        new = [view for view in mine if view.leaf.time >= stage.told.since]
        stage.screen.receipts(persona, new, before=len(mine) - len(new))
        await _check_herself(stage, persona, person, view)
        stage.told.figures[f"receipts in the list of {persona}, all verified"] = len(new)


async def _check_herself(stage: Stage, persona: str, person: Citizen, view: AccessView) -> None:
    """Let her own app check signatures and chains, by signed records alone. Raises StackError (`RECEIPTS_WRONG`)."""
    where = stage.target
    faults = await person.check(view, trust_file=where.trust_file, state_dir=where.state(f"demo-{persona}"))
    if faults:
        raise StackError("RECEIPTS_WRONG", f"{persona}: {sorted({fault.code for fault in faults})}")
    stage.screen.say(f"{persona}'s own app checked {len(view.receipts)} signatures and every chain by itself: all good")


def _of_the_past(stage: Stage, view: AccessView) -> list[ReceiptView]:
    """Leave out what came after the demo's end: her own looks at the list, for one."""
    until = stage.told.until
    return [one for one in view.receipts if until is None or one.leaf.time < until]


async def _all_verified(stage: Stage, persona: str, person: Citizen) -> AccessView:
    """Read a person's list until nothing in it is incomplete. Raises StackError (`RECEIPTS_NOT_VERIFIED`)."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while True:
        view = await person.all_receipts()
        mine = _of_the_past(stage, view)
        wrong = [one for one in mine if not one.verified]
        if mine and not wrong:
            return view
        if loop.time() > end:
            why = [f"{one.leaf.side} of {one.leaf.exchange_id}: {one.missing_sides}" for one in wrong]
            raise StackError("RECEIPTS_NOT_VERIFIED", f"{persona}: {len(mine)} receipts, not verified: {why}")
        await asyncio.sleep(0.5)


async def settle(stage: Stage) -> None:
    """Wait until nothing is under way any more: no event unsent, no fact unsealed, no receipt on its way."""
    for system in DEPLOYMENTS:
        await stage.until(system, "SELECT count(*) = 0 FROM outbox_todo", f"{system} has sent all its events")
    for system in (name for name, one in DEPLOYMENTS.items() if one.role == "certificates"):
        await stage.until(system, "SELECT count(*) = 0 FROM share_todo", f"{system} has sealed all its facts")
        await stage.until(system, "SELECT count(*) = 0 FROM outbox_todo", f"{system} has sent all its events")
    written = [leaf["receiptId"] for leaf in await leaves_of(stage)]
    stored = "SELECT count(*) = cardinality($1::uuid[]) FROM receipt WHERE receipt_id = ANY($1::uuid[])"
    await stage.until("ledger", stored, "the ledger has every receipt", written)


async def leaves_of(stage: Stage) -> list[dict[str, object]]:
    """Give the leaves of all receipts that were written during the demo."""
    leaves = [leaf for one in await bus.scan(stage.target.kafka, RECEIPT) for leaf in bus.leaves(one)]
    return [leaf for leaf in leaves if stage.told.contains(str(leaf["time"]))]
