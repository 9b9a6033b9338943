# SPDX-License-Identifier: EUPL-1.2
"""What comes after a certificate was issued: a promise is checked, a right ends."""

from collections.abc import Mapping
from typing import Any, Literal

from example_offices.clerk import Clerk, Found
from example_offices.drawer import Drawer
from example_offices.program import Say
from tongban import Office, Problem, is_away

ENDED = frozenset({"03", "04", "06", "07"})
"""Status codes that no ending may follow: gone for good, or given up to another office."""
INSPECTION = "inspection"
"""For what an inspector looks at the certificate; the holder reads it in her receipts."""


class Inspector:
    """Follows what inspections found: passed, and the promise's mark goes; false, and the certificate is rescinded."""

    def __init__(self, office: Office, drawer: Drawer, clerk: Clerk, say: Say, confirmed: Mapping[str, Any]) -> None:
        self._office, self._drawer, self._clerk, self._say = office, drawer, clerk, say
        self._confirmed = confirmed

    async def follow(self) -> None:
        """Do what each finding calls for, once. What the platform refuses for good is said and left."""
        for task, found in self._clerk.inspected():
            try:
                for type_name, certificate_id in self._drawer.issued(task):
                    await self._conclude(certificate_id, found)
                    self._say(f"task {task}: {type_name} inspected, {found}: certificate {certificate_id}")
            except Problem as why:
                if is_away(why):
                    raise
                self._say(f"task {task}: inspection without consequence, {why.code}")
            self._clerk.inspection_done(task)

    async def _conclude(self, certificate_id: str, found: Found) -> None:
        if found == "false":
            await end(self._office, certificate_id, "rescind", purpose=INSPECTION, reason="what was promised is false")
            return
        held = await self._office.certificate(certificate_id, purpose=INSPECTION)
        if held.status not in ENDED and held.provisional is not None:
            await self._office.amend(
                certificate_id,
                held.version,
                {**held.claims, **self._confirmed},
                valid_from=held.valid_from,
                valid_to=held.valid_to,
                reason="what was promised holds",
            )


async def end(
    office: Office, certificate_id: str, ending: Literal["cancel", "rescind"], *, purpose: str, reason: str
) -> bool:
    """End a certificate for good; gives False for one that has ended. The look at its version is a receipt."""
    held = await office.certificate(certificate_id, purpose=purpose)
    if held.status in ENDED:
        return False
    await office.revoke(certificate_id, held.version, reason=reason, ending=ending)
    return True
