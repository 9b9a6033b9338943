# SPDX-License-Identifier: EUPL-1.2
"""Issuing a certificate: one commit, or nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from certificates import domain
from certificates.domain import Certificate, Circumstances, Former, Order, TypeRule
from certificates.service.credentials import Credentials
from certificates.service.keys import Keys
from certificates.service.promises import promised
from certificates.service.proving import Proving
from certificates.service.rulebook import Book, Rulebook
from certificates.service.serials import Serials
from certificates.service.telling import share_tasks
from certificates.service.writing import ToIssue, operation_of, write_together
from contracts.certificates.api import Issue, IssuedTogether, IssueTogether
from contracts.identifiers import mint_licence_id, mint_serial
from contracts.ids import uuid7
from kit.db import Answer, Database, Idem, Transaction, TwinCommitted
from kit.errors import ServiceError


class Writer(Protocol):
    """Commits what is handed in, together with what others hand in meanwhile (`write_issues`)."""

    async def submit(self, item: ToIssue) -> Answer:
        """Give the answer once it is committed. Raises what refuses this item, Unavailable."""
        ...


class Issuing:
    """The use cases `issue` (a new certificate, or one that comes by transfer) and `issue_together`."""

    def __init__(
        self,
        *,
        db: Database,
        writer: Writer,
        rulebook: Rulebook,
        credentials: Credentials,
        keys: Keys,
        serials: Serials,
        proving: Proving,
    ) -> None:
        self._db = db
        self._writer = writer
        self._rulebook = rulebook
        self._credentials = credentials
        self._keys = keys
        self._serials = serials
        self._proving = proving

    async def issue(self, idem: Idem, body: Issue) -> Answer:
        """Issue one certificate; gives `Issued` with 201, or what the same key got before.

        Raises ClaimsInvalid, TypeUnknown, ListExpired, NotInPowerList, TaskNotProven, TaskAlreadyIssued,
        TransitionNotAllowed (the natural key is taken), SerialsUsedUp, Unavailable, StillRunning, KeyReused.
        """

        async def work() -> Answer:
            # Shared with whoever issues at this moment. Sealing is a job: a grant more must not make issuing slower,
            # nor a missing key of a receiver make it fail.
            return await self._writer.submit(await self._prepared(idem, body))

        return await self._once(idem, work)

    async def issue_together(self, idem: Idem, body: IssueTogether) -> Answer:
        """Issue several certificates in one commit, or none of them; gives `IssuedTogether`. Raises as `issue`."""

        async def work() -> Answer:
            items = [await self._prepared(idem, order) for order in body.orders]

            async def save(tx: Transaction) -> tuple[int, IssuedTogether]:
                return 201, IssuedTogether(certificates=await write_together(tx, items))

            return await self._db.once(idem, save)

        return await self._once(idem, work)

    async def _once(self, idem: Idem, work: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await work()
        except (ServiceError, TwinCommitted):
            # The rules of today, or our own first effect, may refuse what was accepted: the first answer stands.
            answer = await self._db.stored(idem)
            if answer is None:
                raise
            return answer

    async def _prepared(self, idem: Idem, body: Issue) -> ToIssue:
        # 1. Decide: pure rules over our replica of the catalogue. Raises before anything is written.
        book = self._rulebook.book()
        order = self._order(body)
        rule = domain.check_listed(
            book.types.get(order.type),
            known=order.type in book.known,
            powered=(order.office, order.type) in book.powers,
        )
        natural_key = domain.check_order(order, rule, book.day)
        # 2. Number and sign, outside any transaction. A crash burns a few numbers.
        certificate = self._credentials.signed(await self._draft(order, rule, natural_key, book))
        # 3. Then one commit: answer, certificate, fact, and a row for each grant and for the directory.
        return ToIssue(idem, certificate, share_tasks(self._keys, book, certificate, "issued"), self._keys)

    def _order(self, body: Issue) -> Order:
        former = body.transferred_from
        order = Order(
            body.office,
            body.type,
            self._proving.holder(body.office, body.holder),
            body.claims,
            body.valid_from,
            body.valid_to,
            promised(body.provisional),
            ruling=body.ruling,
            former=None if former is None else Former(former.office, former.certificate_id),
        )
        task, holder = body.task, body.holder
        if task is None:
            return order
        founds = self._proving.check(task, body.office, body.type, alias=holder.alias, organisation=holder.organisation)
        return replace(order, case_id=task.case_id, task_id=task.task_id, founds=founds)

    async def _draft(self, order: Order, rule: TypeRule, natural_key: str, book: Book) -> Certificate:
        number = await self._serials.take(order.office, order.type, book.day)
        licence = mint_licence_id(rule.type_code, order.office, mint_serial(book.day, number))
        # Whether the natural key is free, and what it was transferred from is out, is seen under their locks.
        cell = domain.decide(operation_of(order.former), None, Circumstances(book.day, left=True))
        return Certificate(
            id=str(uuid7()),
            office=order.office,
            type=order.type,
            type_version=rule.version,
            type_code=rule.type_code,
            holder=order.holder,
            natural_key=natural_key,
            claims=order.claims,
            version=1,
            event_seq=1,
            status=cell.makes or "01",
            licence_id=str(licence),
            valid_from=order.valid_from,
            valid_to=order.valid_to,
            issued_at=self._rulebook.now(),
            credential="",
            case_id=order.case_id,
            task_id=order.task_id,
            provisional=order.provisional,
            founds=order.founds,
            ruling=order.ruling,
            former=order.former,
        )
