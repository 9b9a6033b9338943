# SPDX-License-Identifier: EUPL-1.2
"""Stages 5 and 7: the gateway's receipts. No receipt, no data.

`pending` before an exchange is forwarded, its outcome before the answer leaves; one for a citizen's look at her own.
"""

import json
from collections.abc import Callable
from datetime import timedelta

from contracts.catalogue import Catalogue
from contracts.http import Exchange
from contracts.receipts import UNLISTED, Asker, Decision, ReceiptBasis
from contracts.roles import PLATFORM
from contracts.routes import Route
from gateway.domain import Asked, Errand, Principal
from kit import aliases
from kit.clock import Clock
from kit.db import Database
from kit.errors import Unavailable
from kit.http import HttpAnswer
from kit.receipts import ReceiptDraft, Subject, body_hash
from kit.registry import Registry

NO_PURPOSE = "unstated"
"""Purpose in the receipt of a request that was refused because it stated none."""


class Receipts:
    """Writes the gateway's side of each exchange. catalogue: the release in force, for the purposes that it knows."""

    def __init__(
        self, db: Database, registry: Registry, catalogue: Callable[[], Catalogue], operator: str, clock: Clock
    ) -> None:
        self._db = db
        self._catalogue = catalogue
        self._registry = registry
        self._operator = operator
        self._clock = clock

    async def pending(self, asked: Asked, who: Principal, errand: Errand, exchange: Exchange, time_s: float) -> None:
        """Say durably that an exchange begins."""
        await self._write(
            self._draft(who, errand, exchange, "pending", body_hash(exchange.salt, asked.body), time_s=time_s)
        )

    async def outcome(
        self, asked: Asked, who: Principal, errand: Errand, exchange: Exchange, answer: HttpAnswer
    ) -> None:
        """Say durably how it went, before the answer leaves."""
        decision, code = outcome_of(answer)
        await self._write(
            self._draft(
                who,
                errand,
                exchange,
                decision,
                body_hash(exchange.salt, asked.body),
                code=code,
                response_hash=body_hash(exchange.salt, answer.body),
            )
        )

    async def refused(self, asked: Asked, who: Principal, exchange: Exchange, code: str) -> None:
        """Say durably that a request was refused at the door."""
        errand = Errand(NO_PURPOSE, "law")
        hashed = body_hash(exchange.salt, asked.body)
        await self._write(self._draft(who, errand, exchange, "refused", hashed, code=code))

    async def view(self, who: Principal, route: Route, exchange: Exchange, answer: HttpAnswer) -> None:
        """Say durably that a citizen looks at her own data, or a clerk for her, before the body leaves."""
        key = self._registry.office_key(PLATFORM, "answering")
        if key is None or who.subject is None:
            raise Unavailable
        decision, code = outcome_of(answer)
        person, clerk = Subject(f"{self._operator}/{who.subject}", aliases.mint(key, PLATFORM, who.subject)), who.clerk
        await self._write(
            ReceiptDraft(
                side="view",
                exchange_id=exchange.exchange_id,
                decision=decision,
                code=code,
                purpose=route.purpose,
                legal_basis=ReceiptBasis(kind="request"),
                asker=Asker(office=clerk.office, system=clerk.system) if clerk else None,
                clerk=clerk.name if clerk else None,
                provider=self._operator,
                service=route.service.value,
                response_hash=body_hash(exchange.salt, answer.body),
                person=person,
                salt=exchange.salt,
            )
        )

    def _draft(
        self,
        who: Principal,
        errand: Errand,
        exchange: Exchange,
        decision: Decision,
        request_hash: str,
        *,
        code: str | None = None,
        response_hash: str | None = None,
        time_s: float | None = None,
    ) -> ReceiptDraft:
        return ReceiptDraft(
            side="gateway",
            exchange_id=exchange.exchange_id,
            decision=decision,
            code=code,
            purpose=self._listed(errand.purpose),
            legal_basis=ReceiptBasis(kind=errand.basis),  # type: ignore[arg-type]
            asker=Asker(office=who.office, system=who.system) if who.office and who.system else None,
            request_hash=request_hash,
            response_hash=response_hash,
            case_id=errand.case_id,
            step=errand.step,
            salt=exchange.salt,
            deadline=self._clock() + timedelta(seconds=time_s) if time_s is not None else None,
        )

    def _listed(self, purpose: str) -> str:
        """Give a purpose as the public leaf says it: a caller's own word, which no list knows, may be anything."""
        known = purpose == NO_PURPOSE or purpose in self._catalogue().names.purposes
        return purpose if known else UNLISTED

    async def _write(self, draft: ReceiptDraft) -> None:
        async with self._db.transaction() as tx:
            tx.receipt(draft)


def outcome_of(answer: HttpAnswer) -> tuple[Decision, str | None]:
    """Read an answer's outcome: 200 released, other 2xx pending, the rest refused with the problem's code."""
    if answer.status == 200:
        return "released", None
    if answer.status < 300:
        return "pending", None
    try:
        code = json.loads(answer.body)["code"]
    except (ValueError, KeyError, TypeError):
        code = None
    return "refused", code if isinstance(code, str) else f"HTTP_{answer.status}"
