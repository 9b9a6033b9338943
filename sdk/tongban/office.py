# SPDX-License-Identifier: EUPL-1.2
"""The platform as an office's system sees it."""

import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

from contracts import http as names
from contracts.base import Model
from contracts.cases import CompleteTask, DemandMade, DemandOnApplicant, RefuseTask, ReopenStep, TaskDone
from contracts.certificates.api import Presentation
from contracts.envelopes import Answer
from contracts.exchange_bus import Acknowledge, Acknowledged, AskEvidence, Delivery, EvidenceRequest, Inbox
from contracts.identity import OpenWindow, Resolve, Resolved, WindowSession
from tongban.caller import Caller, M, read
from tongban.clock import Clock, system_clock
from tongban.directory import Directory
from tongban.envelopes import Opened, open_alias, open_envelope
from tongban.http import Http
from tongban.inbox import Handled, deliveries
from tongban.jose import PrivateKey
from tongban.presentations import Facts, verify_presentation
from tongban.problems import NoAnswer, NotBelieved, NotConfigured, Problem, is_away
from tongban.records import Records
from tongban.register import Register
from tongban.tokens import SystemTokens
from tongban.trust import Trust
from tongban.window import Window, WindowTokens

PLATFORM: Final = "urn:tongban:{instance}:platform"
PAGE: Final = 100
_MARGIN_S: Final = 10.0
"""How much longer a waiting call may take than it waits."""
REFRESH_S: Final = 60.0
"""How often a loop over the inbox looks for new keys and lists (seconds)."""


class Office(Register):
    """One system of an office. Open it with `async with`; everything is asynchronous.

    secrets_dir: `sig.jwk`, and `inbox.jwk` where this system reads the office's inbox. state_dir: what must survive a
    restart (signed records, handled deliveries); nobody else may use it. trust_file: the platform's pinned keys.
    http: a gateway other than *gateway_url* behind the network (tests).
    """

    def __init__(
        self,
        gateway_url: str,
        system_id: str,
        secrets_dir: Path,
        state_dir: Path,
        *,
        trust_file: Path,
        instance: str = "zz",
        clock: Clock = system_clock,
        http: Http | None = None,
    ) -> None:
        self.system_id = system_id
        self._clock = clock
        self._state = state_dir
        self._platform = PLATFORM.format(instance=instance)
        self._http = http or Http(gateway_url)
        self._inbox_keys = _inbox_keys(secrets_dir)
        trust = Trust.load(trust_file)
        self._records = Records(self._http, state_dir / "records", trust.registry.kid)
        self.directory = Directory(trust, self._records)
        self._tokens = SystemTokens(self._http, system_id, PrivateKey.load(secrets_dir / "sig.jwk"), clock)
        self._caller = Caller(self._http, self._tokens, clock)
        self._handled: Handled | None = None
        self._refreshed_at = time.monotonic()

    async def __aenter__(self) -> Self:
        """Fetch signed records; with the gateway away, those on disk do. Raises NotConfigured without any."""
        await self._http.__aenter__()
        try:
            await self.refresh()
        except NoAnswer:
            if self.directory.system(self.system_id) is None:
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close connections and files."""
        if self._handled is not None:
            self._handled.close()
        await self._http.__aexit__(kind, exc, trace)

    # ------------------------------------------------------------------ who is who
    @property
    def office(self) -> str:
        """The USCC of the office that operates this system. Raises NotConfigured (`SYSTEM_NOT_REGISTERED`)."""
        record = self.directory.system(self.system_id)
        if record is None:
            raise NotConfigured("SYSTEM_NOT_REGISTERED", self.system_id)
        return record.operator

    async def refresh(self) -> None:
        """Fetch what is new in the signed records."""
        if await self._records.sync():
            self.directory.load()
        self._refreshed_at = time.monotonic()

    async def resolve(self, numbers: Sequence[str]) -> list[str | None]:
        """Give this office's pseudonyms for citizens' numbers that it lawfully holds; None for a number of nobody."""
        return list((await self._post("/v1/persons/resolve", Resolve(numbers=list(numbers)), Resolved)).subjects)

    def window(self, *, number: str, code: str, clerk: str) -> Window:
        """Act for the citizen at the window: `async with office.window(...) as citizen`.

        number, code: hers, as she told the clerk; the code counts once, for this office. clerk: what the office calls
        its clerk; the citizen reads it in her receipts.
        """
        order = OpenWindow(number=number, code=code, clerk=clerk)

        async def open_session() -> WindowSession:
            return await self._post("/v1/window-sessions", order, WindowSession)

        tokens = WindowTokens(self._tokens.key, open_session, self._clock)
        return Window(self._http, tokens, self._platform, self._clock)

    # ------------------------------------------------------------------ evidence, tasks
    async def ask(self, question: AskEvidence, *, wait_s: int = 0, key: str | None = None) -> EvidenceRequest:
        """Ask another office for evidence in a live case. wait_s: at most 30; then the answer may come along, sealed.

        A state other than `answered` after waiting is no error: the answer comes to the inbox later.
        Raises Problem with the gate's code (`NO_GRANT`, `CASE_NOT_LIVE`, ...) or the holder's (`NOT_MATCHED`).
        """
        headers = {
            names.PURPOSE: question.purpose,
            names.LEGAL_BASIS: question.legal_basis.kind,
            names.CASE: question.case_id,
            names.STEP: question.step,
            **({"Prefer": f"wait={wait_s}"} if wait_s else {}),
        }
        answer = await self._caller.call(
            "POST",
            "/v1/evidence-requests",
            audience=self._platform,
            model=question,
            key=key,
            headers=headers,
            timeout_s=wait_s + _MARGIN_S,
        )
        return read(answer, EvidenceRequest)

    async def request(self, request_id: str) -> EvidenceRequest:
        """Read how a request of this office stands."""
        answer = await self._caller.call("GET", f"/v1/evidence-requests/{request_id}", audience=self._platform)
        return read(answer, EvidenceRequest)

    async def complete(self, task_id: str, note: str | None = None, *, key: str | None = None) -> TaskDone:
        """End a task that has nothing to issue."""
        return await self._post(f"/v1/tasks/{task_id}/completion", CompleteTask(note=note), TaskDone, key=key)

    async def refuse(self, task_id: str, *, code: str, reason: str, key: str | None = None) -> TaskDone:
        """Refuse a task; the applicant sees code and reason."""
        order = RefuseTask(code=code, reason=reason)
        return await self._post(f"/v1/tasks/{task_id}/refusal", order, TaskDone, key=key)

    async def reopen(self, task_id: str, step: str, reason: str, *, key: str | None = None) -> TaskDone:
        """Do an earlier step of this office again, since what it was decided on has changed; this task is over then.

        step: its id within the life event. Raises Problem: `STEP_NOT_REOPENABLE`, `STEP_HAS_ISSUED`, `TASK_NOT_OPEN`.
        """
        order = ReopenStep(step=step, reason=reason)
        return await self._post(f"/v1/tasks/{task_id}/reopening", order, TaskDone, key=key)

    async def demand(
        self, task_id: str, proves: str, *, cites: str | None = None, key: str | None = None
    ) -> DemandMade:
        """Ask the applicant for a proof. Raises Problem: `HELD_BY_OFFICE` where an office has it, and others."""
        wish = DemandOnApplicant(proves=proves, cites=cites)
        return await self._post(f"/v1/tasks/{task_id}/demands", wish, DemandMade, key=key)

    # ------------------------------------------------------------------ inbox
    async def fetch(self, *, wait_s: int = 0, limit: int = PAGE) -> list[Delivery]:
        """Look into the inbox: the oldest deliveries that weren't acknowledged. wait_s: for the first of them."""
        query = urlencode({"limit": limit, **({"wait": wait_s} if wait_s else {})})
        answer = await self._caller.call(
            "GET", f"/v1/inbox?{query}", audience=self._platform, timeout_s=wait_s + _MARGIN_S
        )
        return list(read(answer, Inbox).deliveries)

    async def acknowledge(self, delivery_ids: Sequence[str]) -> int:
        """Say that these deliveries are stored here; gives how many were not acknowledged before."""
        order = Acknowledge(delivery_ids=list(delivery_ids))
        return (await self._post("/v1/inbox/acknowledgements", order, Acknowledged)).acknowledged

    def inbox(self, *, once: bool = False, wait_s: int = 20) -> AsyncIterator[Delivery]:
        """Go through the inbox; each delivery once, acknowledged when the loop asks for the next.

        once: end when nothing is left. A loop that raises leaves its delivery unacknowledged.
        """
        if self._handled is None:
            self._handled = Handled(self._state / "inbox.sqlite", self._clock)

        async def fetch() -> Sequence[Delivery]:
            try:
                await self._refresh_sometimes()
                return await self.fetch(wait_s=0 if once else wait_s)
            except (NoAnswer, Problem) as why:
                if once or not is_away(why):
                    raise
                return ()  # the loop goes on, since each call pauses between its own tries

        async def acknowledge(delivery_ids: Sequence[str]) -> None:
            try:
                await self.acknowledge(delivery_ids)
            except (NoAnswer, Problem) as why:
                if once or not is_away(why):
                    raise  # else: it is noted here as handled, so it comes again and is only acknowledged

        return deliveries(fetch, acknowledge, self._handled, once=once)

    async def open(self, delivery: Delivery | str) -> Opened:
        """Open an envelope with this office's key; a signer who isn't known yet is looked up once more.

        Raises NotBelieved: CANNOT_OPEN, SIGNER_UNKNOWN, SIGNATURE_INVALID, ROLE_WRONG, EVENT_MISMATCH, ...
        """
        envelope = delivery if isinstance(delivery, str) else delivery.envelope
        try:
            opened = self._open(envelope)
        except NotBelieved as why:
            if why.code != "SIGNER_UNKNOWN":
                raise
            await self.refresh()
            opened = self._open(envelope)
        if isinstance(delivery, Delivery) and delivery.event_id != opened.event_id:
            raise NotBelieved("EVENT_MISMATCH")
        return opened

    def who(self, alias: str) -> str:
        """Give what this office calls the person whom an alias of a task, an issue order or a share names to it.

        The same person has the same name here, whatever brought it. Raises NotBelieved.
        """
        return open_alias(alias, self._inbox_keys, self.office)

    def verify_offline(
        self,
        presentation: Presentation | str,
        *,
        issuer: str | None = None,
        type_name: str | None = None,
        audience: str | None = None,
        at: datetime | None = None,
    ) -> Facts:
        """Check a presentation made for this office, from the records on disk. Raises NotBelieved.

        at: when it came here, if that was before; a presentation is good for a day, and a decision may take a week.
        """
        return verify_presentation(
            presentation,
            directory=self.directory,
            now=at or self._clock(),
            issuer=issuer,
            audience=audience or self.office,
            type_name=type_name,
        )

    def facts_of(self, answer: Answer, *, at: datetime | None = None) -> Facts:
        """Check an answer's presentation by holder and type; at: as in `verify_offline`.

        Raises NotBelieved (`NO_PRESENTATION`, ...).
        """
        if answer.presentation is None:
            raise NotBelieved("NO_PRESENTATION", answer.code or "")
        return self.verify_offline(answer.presentation, issuer=answer.holder, type_name=answer.type, at=at)

    # ------------------------------------------------------------------ inside
    async def _refresh_sometimes(self) -> None:
        if time.monotonic() - self._refreshed_at > REFRESH_S:
            await self.refresh()

    def _open(self, envelope: str) -> Opened:
        return open_envelope(
            envelope, keys=self._inbox_keys, directory=self.directory, office=self.office, now=self._clock()
        )

    async def _post(
        self, path: str, model: Model, answer: type[M], *, audience: str | None = None, key: str | None = None
    ) -> M:
        called = await self._caller.call("POST", path, audience=audience or self._platform, model=model, key=key)
        return read(called, answer)


def _inbox_keys(secrets_dir: Path) -> dict[str, PrivateKey]:
    """Read `inbox.jwk` and, while a key is being changed, `inbox-*.jwk` beside it; none where there is no inbox."""
    keys = [PrivateKey.load(path) for path in sorted(secrets_dir.glob("inbox*.jwk"))]
    return {key.kid: key for key in keys}
