# SPDX-License-Identifier: EUPL-1.2
"""The platform as a citizen's app sees it. Log-in is the sandbox's: a fictional person, by name."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

from contracts.cases import CaseView, OpenCase, Plan, PlanWish, TakeOffer, WithdrawCase
from contracts.identity import Handle, MakeHandle
from contracts.ledger import AccessView
from tongban.caller import Caller, read
from tongban.clock import Clock, system_clock
from tongban.directory import Directory
from tongban.http import Http
from tongban.office import PLATFORM
from tongban.receipts import ReceiptFault, check_receipts
from tongban.records import Records
from tongban.tokens import SandboxTokens
from tongban.trust import Trust

RECEIPT_PAGE: Final = 100


def file(name: str, media: str, content: bytes) -> dict[str, str]:
    """Make the value of an input that is a file. media: its type, such as `application/pdf`."""
    return {"name": name, "media": media, "content": base64.b64encode(content).decode("ascii")}


class Citizen:
    """One fictional person. Open it with `async with`."""

    def __init__(
        self,
        gateway_url: str,
        persona: str,
        *,
        instance: str = "zz",
        clock: Clock = system_clock,
        http: Http | None = None,
    ) -> None:
        self.persona = persona
        self._clock = clock
        self._platform = PLATFORM.format(instance=instance)
        self._http = http or Http(gateway_url)
        self._caller = Caller(self._http, SandboxTokens(self._http, persona, clock), clock)

    async def __aenter__(self) -> Self:
        """Open; the log-in comes with the first call."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._http.__aexit__(kind, exc, trace)

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
        key: str | None = None,
    ) -> CaseView:
        """Apply: one call for the whole life event.

        subjects: name in the life event -> handles. organisations: name -> USCC of one that exists. services: those
        wanted, None for every step that isn't optional. data: the new input, nothing that an office holds; `file`
        makes a file of bytes. key: the `Idempotency-Key`; keep it to repeat a call whose answer was lost.
        Raises Problem (`CASE_INPUT_INVALID`, ...).
        """
        wish = OpenCase(
            life_event=life_event,
            subjects={name: list(handles) for name, handles in (subjects or {}).items()},
            organisations=dict(organisations or {}),
            services=None if services is None else list(services),
            input=dict(data or {}),
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
        """Look at a case of her own; the look is a receipt."""
        return read(await self._caller.call("GET", f"/v1/cases/{case_id}", audience=self._platform), CaseView)

    async def receipts(self, *, limit: int = RECEIPT_PAGE, after: str | None = None) -> AccessView:
        """Read one page of who looked at her data, newest first; `next` of the answer continues."""
        query = urlencode({"limit": limit, **({"after": after} if after else {})})
        return read(await self._caller.call("GET", f"/v1/receipts?{query}", audience=self._platform), AccessView)

    async def all_receipts(self) -> AccessView:
        """Read all pages. Her own look at the receipts is one too, and comes with the next look."""
        page = await self.receipts()
        receipts, chains = list(page.receipts), {(head.writer, head.office): head for head in page.chains}
        while page.next is not None:
            page = await self.receipts(after=page.next)
            receipts += page.receipts
            chains |= {(head.writer, head.office): head for head in page.chains}
        return AccessView(receipts=receipts, chains=list(chains.values()))

    async def check(self, view: AccessView, *, trust_file: Path, state_dir: Path) -> list[ReceiptFault]:
        """Check receipts by herself, from signed records kept in *state_dir*; empty: every one holds.

        view: from `all_receipts`. trust_file: the platform's pinned keys.
        """
        trust = Trust.load(trust_file)
        records = Records(self._http, state_dir / "records", trust.registry.kid)
        await records.sync()
        return check_receipts(view, directory=Directory(trust, records), now=self._clock())
