# SPDX-License-Identifier: EUPL-1.2
"""What comes after a certificate was issued: a promise is checked, a right ends."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from contracts.certificates.api import Certificate
from contracts.envelopes import Restoring
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


async def restore(office: Office, changed: Restoring, *, purpose: str, key: str) -> None:
    """Let a certificate say again what it said before a version of it; what changed since stays.

    Each version that is looked at is a receipt. One that has ended stays as it is.
    """
    now = await office.certificate(changed.certificate_id, purpose=purpose)
    if now.status in ENDED:
        return
    made = now
    while made.version > changed.version:
        made = await _before(office, made, purpose)
    before = (await _before(office, made, purpose)).claims
    claims = {
        name: before[name] if value == made.claims.get(name) and name in before else value
        for name, value in now.claims.items()
    }
    if claims != now.claims:
        await office.amend(
            changed.certificate_id,
            now.version,
            claims,
            valid_from=now.valid_from,
            valid_to=now.valid_to,
            provisional=now.provisional,
            reason="the applicant withdrew",
            key=f"{key}-{now.version}",
        )


async def _before(office: Office, made: Certificate, purpose: str) -> Certificate:
    """Give the version before *made*, as it was known until then."""
    known = made.issued_at - timedelta(microseconds=1)
    return await office.certificate(made.certificate_id, purpose=purpose, as_of=known.date(), recorded_at=known)
