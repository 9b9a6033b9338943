# SPDX-License-Identifier: EUPL-1.2
"""What an applicant may do with her application, by her own app or through a clerk at a window: the same calls."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.cases import CaseView, OpenCase, Plan, PlanWish, TakeOffer, WithdrawCase
from contracts.identity import Handle, MakeHandle
from tongban.caller import Caller, read


def file(name: str, media: str, content: bytes) -> dict[str, str]:
    """Make the value of an input that is a file. media: its type, such as `application/pdf`."""
    return {"name": name, "media": media, "content": base64.b64encode(content).decode("ascii")}


class Applicant:
    """One application's calls. Whoever inherits says by whose token they go."""

    def __init__(self, caller: Caller, platform: str) -> None:
        self._caller = caller
        self._platform = platform

    async def handle(self, number: str) -> str:
        """Turn another person's number (an employee's) into an opaque handle for `open_case`.

        The same answer for a number that nobody has. Raises Problem (`THROTTLED`).
        """
        answer = await self._caller.call(
            "POST", "/v1/persons/handles", audience=self._platform, model=MakeHandle(number=number)
        )
        return read(answer, Handle).handle

    async def open_case(
        self,
        life_event: str,
        *,
        subjects: Mapping[str, Sequence[str]] | None = None,
        organisations: Mapping[str, str] | None = None,
        services: Sequence[str] | None = None,
        data: Mapping[str, Any] | None = None,
        previews: bool = False,
        key: str | None = None,
    ) -> CaseView:
        """Apply: one call for the whole life event.

        subjects: name in the life event -> handles. organisations: name -> USCC of one that exists. services: those
        wanted, None for every step that isn't optional. data: the new input, nothing that an office holds; `file`
        makes a file of bytes. previews: she wishes to see first what would go, where the lists offer it. key: the
        `Idempotency-Key`; keep it to repeat a call whose answer was lost. Raises Problem (`CASE_INPUT_INVALID`, ...).
        """
        wish = OpenCase(
            life_event=life_event,
            subjects={name: list(handles) for name, handles in (subjects or {}).items()},
            organisations=dict(organisations or {}),
            services=None if services is None else list(services),
            input=dict(data or {}),
            previews=previews,
        )
        answer = await self._caller.call("POST", "/v1/cases", audience=self._platform, model=wish, key=key)
        return read(answer, CaseView)

    async def plan(
        self, life_event: str, *, services: Sequence[str] | None = None, people: Mapping[str, int] | None = None
    ) -> Plan:
        """Ask what would happen, before anything is asked of anybody; nothing is kept.

        people: how many persons a subject that is a list stands for. Raises Problem (`LIFE_EVENT_UNKNOWN`, ...).
        """
        wish = PlanWish(
            life_event=life_event, services=None if services is None else list(services), people=dict(people or {})
        )
        return read(await self._caller.call("POST", "/v1/plans", audience=self._platform, model=wish), Plan)

    async def withdraw(self, case_id: str, *, reason: str | None = None, key: str | None = None) -> CaseView:
        """Take an application back; what it led to is undone where the life event says so."""
        path = f"/v1/cases/{case_id}/withdrawal"
        wish = WithdrawCase(reason=reason)
        return read(await self._caller.call("POST", path, audience=self._platform, model=wish, key=key), CaseView)

    async def take_offer(self, case_id: str, step: str, *, accept: bool, key: str | None = None) -> CaseView:
        """Say yes or no to an offered step, named without its life event."""
        path = f"/v1/cases/{case_id}/offers/{step}"
        wish = TakeOffer(accept=accept)
        return read(await self._caller.call("POST", path, audience=self._platform, model=wish, key=key), CaseView)

    async def case(self, case_id: str) -> CaseView:
        """Look at a case of the applicant's own; the look is a receipt, which names the clerk if one looks."""
        return read(await self._caller.call("GET", f"/v1/cases/{case_id}", audience=self._platform), CaseView)
