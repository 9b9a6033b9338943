# SPDX-License-Identifier: EUPL-1.2
"""Which windows may serve which applications: those of the offices that take part in them."""

from collections.abc import Callable

from cases import store
from cases.errors import WindowNotOfEvent
from contracts.catalogue import Catalogue
from kit.clock import Clock
from kit.db import Database
from kit.window import Window


class Windows:
    """The only rule that tells a window from the citizen's own app; beyond it both are the same calls."""

    def __init__(self, db: Database, catalogue: Callable[[], Catalogue], clock: Clock) -> None:
        self._db, self._catalogue, self._clock = db, catalogue, clock

    def check_event(self, window: Window | None, life_event: str) -> None:
        """Let in a window of an office that leads a life event or has a step in it, and every citizen herself.

        A life event that nobody knows is left to whoever looks for it. Raises WindowNotOfEvent.
        """
        event = self._catalogue().life_event(life_event, self._clock().date())
        if window is None or event is None:
            return
        if window.office not in {event.lead, *(office for step in event.steps for office in step.tasks)}:
            raise WindowNotOfEvent

    async def check_case(self, window: Window | None, applicant: str, case_id: str) -> None:
        """Do the same for a case, by the offices that it was laid out for; another's case is left to whoever reads it.

        Those never change, so that whatever is done to the case next may rest on it. Raises WindowNotOfEvent.
        """
        if window is None:
            return
        async with self._db.read() as tx:
            case = await store.case_of_applicant(tx, case_id, applicant)
            steps = await store.steps_of_case(tx, case_id) if case is not None else []
        if case is not None and window.office not in {case.lead, *(step.office for step in steps)}:
            raise WindowNotOfEvent
