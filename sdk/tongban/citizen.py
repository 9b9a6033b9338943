# SPDX-License-Identifier: EUPL-1.2
"""The platform as a citizen's app sees it. Log-in is the sandbox's: a fictional person, by name."""

from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

from contracts.cases import PreviewDue
from contracts.identity import ConfirmCode, MakeConfirmCode
from contracts.ledger import AccessView
from contracts.previews import DecidePreview, PieceDecision, Preview, PreviewDecided, PreviewHead, Previews
from tongban.applicant import Applicant, file
from tongban.caller import Caller, read
from tongban.clock import Clock, system_clock
from tongban.directory import Directory
from tongban.http import Http
from tongban.office import PLATFORM
from tongban.receipts import ReceiptFault, check_receipts
from tongban.records import Records
from tongban.tokens import SandboxTokens, at_office
from tongban.trust import Trust

__all__ = ["Citizen", "file"]

RECEIPT_PAGE: Final = 100


class Citizen(Applicant):
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
        self._http = http or Http(gateway_url)
        caller = Caller(self._http, SandboxTokens(self._http, persona, clock), clock)
        super().__init__(caller, PLATFORM.format(instance=instance))

    async def __aenter__(self) -> Self:
        """Open; the log-in comes with the first call."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._http.__aexit__(kind, exc, trace)

    async def confirm_code(self, office: str) -> ConfirmCode:
        """Make a code to tell a clerk of *office* (USCC), who may then act for her for five minutes.

        It counts once, for ten minutes; a new one for the same office ends it.
        """
        wish = MakeConfirmCode(office=office)
        answer = await self._caller.call("POST", "/v1/confirm-codes", audience=self._platform, model=wish)
        return read(answer, ConfirmCode)

    async def previews(self, deployment: str, office: str) -> list[PreviewHead]:
        """List what waits for her look at one holder, whichever case it belongs to; her own cases name theirs.

        deployment: system id of the certificates service that answers for *office* (USCC).
        """
        answer = await self._caller.call("GET", "/v1/previews", audience=at_office(deployment, office))
        return list(read(answer, Previews).previews)

    async def preview(self, due: PreviewDue) -> Preview:
        """Look at what would go to the office that asked, piece by piece; the look is a receipt.

        due: out of `CaseView.previews`. One that is over has no items any more, and its state says how it ended.
        Raises Problem (`NOT_FOUND`).
        """
        path = f"/v1/previews/{due.preview_id}"
        return read(await self._caller.call("GET", path, audience=at_office(due.deployment, due.holder)), Preview)

    async def decide(self, due: PreviewDue, shown: Preview, *, accept: Collection[str]) -> PreviewDecided:
        """Let these pieces go, by their ids, and no others; it counts once. accept: empty to decline all.

        shown: as `preview` gave it. Raises Problem: `PREVIEW_OVER`, or `PREVIEW_OUTDATED` where the holder's record has
        changed since; then she looks again.
        """
        wish = DecidePreview(items=[PieceDecision(id=one.id, accept=one.id in accept) for one in shown.items])
        path, audience = f"/v1/previews/{due.preview_id}/decision", at_office(due.deployment, due.holder)
        return read(await self._caller.call("POST", path, audience=audience, model=wish), PreviewDecided)

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
