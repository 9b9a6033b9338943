# SPDX-License-Identifier: EUPL-1.2
"""The next version of a certificate: a change of content, or a renewal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from certificates import domain, events, store
from certificates.domain import Certificate, Change, Circumstances, Operation, Order, Standing
from certificates.errors import (
    ClaimsInvalid,
    FieldError,
    HolderUnclear,
    KeyTaken,
    NotFound,
    TaskAlreadyIssued,
    TaskNotProven,
    VersionChanged,
    VersionsUsedUp,
)
from certificates.service.credentials import Credentials
from certificates.service.keys import Keys
from certificates.service.promises import promised, shown_promise
from certificates.service.proving import Proving
from certificates.service.rulebook import Rulebook
from certificates.service.telling import issued_answer, queue_facts
from contracts.certificates.api import Amend, AmendHeld, Issued
from contracts.identifiers import IdentifierInvalid, parse_licence_id
from kit.db import Answer, Database, Idem, Transaction, TwinCommitted, UniqueViolation
from kit.errors import ServiceError

TRIES: Final = 5
"""How often a change that names no version goes on top of another one that came between."""


@dataclass(frozen=True)
class Meant:
    """Which certificate is to get its next version, and how. version: what the caller saw last. system: who calls."""

    office: str
    certificate_id: str
    operation: Literal[Operation.AMEND, Operation.RENEW]
    version: int
    system: str


@dataclass(frozen=True)
class Draft:
    """The next version, signed. grace_days: of its type."""

    certificate: Certificate
    grace_days: int


class Amending:
    """The use cases `amend`, for both operations that make a version, and `amend_held`."""

    def __init__(
        self, *, db: Database, rulebook: Rulebook, credentials: Credentials, keys: Keys, proving: Proving
    ) -> None:
        self._db = db
        self._rulebook = rulebook
        self._credentials = credentials
        self._keys = keys
        self._proving = proving

    async def amend(self, idem: Idem, meant: Meant, body: Amend) -> Answer:
        """Make the next version of one certificate; gives `Issued` with 201, or what the same key got before.

        Raises NotFound (unknown and another office's alike), VersionChanged, TransitionNotAllowed, ClaimsInvalid,
        TypeUnknown, ListExpired, NotInPowerList, TaskNotProven, TaskAlreadyIssued, KeyTaken, VersionsUsedUp,
        Unavailable, StillRunning, KeyReused.
        """

        async def work() -> Answer:
            async with self._db.read() as reader:
                held = await store.certificates.read(reader, meant.office, meant.certificate_id)
            if held is None:
                raise NotFound
            if held.version != meant.version:
                raise VersionChanged
            return await self._next(idem, meant, held, body)

        return await self._once(idem, work)

    async def amend_held(self, idem: Idem, body: AmendHeld, system: str) -> Answer:
        """Change the one certificate of a type that a holder has, valid or suspended; else as `amend`.

        Raises besides NotFound where there is none, HolderUnclear where there are several.
        """
        holder = self._proving.holder(body.office, body.holder)

        async def work() -> Answer:
            for _try in range(TRIES):
                async with self._db.read() as reader:
                    found = await store.certificates.find_live(reader, body.office, body.type, holder)
                if len(found) != 1:
                    raise HolderUnclear if found else NotFound
                [held] = found
                meant = Meant(body.office, held.id, Operation.AMEND, held.version, system)
                try:
                    return await self._next(idem, meant, held, _whole(held, body))
                except VersionChanged:
                    continue  # the caller named fields and no version: they go on top of whatever came between
            raise VersionChanged

        return await self._once(idem, work)

    async def _once(self, idem: Idem, work: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await work()
        except (ServiceError, TwinCommitted):
            # After our own first effect the version is another one: the first answer stands.
            answer = await self._db.stored(idem)
            if answer is None:
                raise
            return answer

    async def _next(self, idem: Idem, meant: Meant, held: Certificate, body: Amend) -> Answer:
        # 1. Check and sign, outside any transaction.
        draft = self._draft(meant, held, body)
        # 2. One commit: the old version put aside, the new one, its fact, a row for each grant and for the directory.
        return await self._db.once(idem, lambda tx: self._save(tx, meant, body, draft))

    def _draft(self, meant: Meant, held: Certificate, body: Amend) -> Draft:
        self._check_task(held, body)
        promise = promised(body.provisional)
        book = self._rulebook.book()
        rule = domain.check_listed(
            book.types.get(held.type),
            known=held.type in book.known,
            powered=(held.office, held.type) in book.powers,
        )
        order = Order(
            held.office,
            held.type,
            held.holder,
            body.claims,
            body.valid_from,
            body.valid_to,
            None if promise == held.provisional else promise,  # a promise that stays may be due already
        )
        natural_key = domain.check_order(order, rule, book.day)
        domain.check_successor(order, held, book.day, renews=meant.operation is Operation.RENEW)
        following = replace(
            held,
            type_version=rule.version,
            natural_key=natural_key,
            claims=order.claims,
            version=held.version + 1,
            licence_id=_amended(held.licence_id),
            valid_from=order.valid_from,
            valid_to=order.valid_to,
            issued_at=self._rulebook.now(),
            provisional=promise,
        )
        return Draft(self._credentials.signed(following), rule.grace_days)

    def _check_task(self, held: Certificate, body: Amend) -> None:
        """Check that the task is about this certificate's holder. Raises TaskNotProven, ClaimsInvalid."""
        if body.task is None:
            return
        if body.holder is not None and self._proving.subject(held.office, body.holder, "/holder") != (
            held.holder.subject
        ):
            raise ClaimsInvalid([FieldError("/holder", "ANOTHER_HOLDER")])
        founds = self._proving.check(
            body.task, held.office, held.type, alias=body.holder, organisation=held.holder.organisation
        )
        if founds:  # a task that makes a new organisation changes nothing of one that is there
            raise TaskNotProven

    async def _save(self, tx: Transaction, meant: Meant, body: Amend, draft: Draft) -> tuple[int, Issued]:
        standing = await store.changes.lock(tx, meant.office, meant.certificate_id)
        if standing is None:
            raise NotFound
        domain.check_version(standing, meant.version)
        if body.task is not None:
            await self._check_unused(tx, body.task.task_id, draft.certificate)
        change = self._change(standing, meant, body, draft)
        following = replace(draft.certificate, status=change.after.status, event_seq=change.after.event_seq)
        try:
            if not await store.versions.supersede(tx, following, left=change.left):
                raise VersionChanged
        except UniqueViolation as why:
            raise KeyTaken from why
        at = following.issued_at
        await store.changes.write_journal(tx, [change], reason=body.reason, system=meant.system, at=at)
        await queue_facts(tx, self._keys, self._rulebook.book(), [(following, change.fact)])
        tx.emit(events.changed(change))
        tx.answer_headers["etag"] = f'"{following.version}"'
        return 201, issued_answer(following)

    async def _check_unused(self, tx: Transaction, task_id: str, c: Certificate) -> None:
        """A task gives a holder one certificate of a type, new or changed. Raises TaskAlreadyIssued."""
        await store.changes.hold_tasks(tx, [(c.office, task_id)])
        if await store.certificates.task_is_used(tx, c.office, task_id, c.type, c.holder):
            raise TaskAlreadyIssued

    def _change(self, standing: Standing, meant: Meant, body: Amend, draft: Draft) -> Change:
        c = draft.certificate
        successor = replace(
            standing,
            version=c.version,
            valid_to=c.valid_to,
            licence_id=c.licence_id,
            provisional=c.provisional is not None,
        )
        return domain.change(
            standing,
            meant.operation,
            Circumstances(self._rulebook.today(), grace_days=draft.grace_days),
            successor=successor,
            case_id=None if body.task is None else body.task.case_id,
            task_id=None if body.task is None else body.task.task_id,
        )


def _whole(held: Certificate, body: AmendHeld) -> Amend:
    """Say in full what the next version says."""
    return Amend(
        claims={**held.claims, **body.changes},
        valid_from=body.valid_from or held.valid_from,
        valid_to=body.valid_to or held.valid_to,
        provisional=shown_promise(held),
        reason=body.reason,
        task=body.task,
        holder=body.holder.alias,
    )


def _amended(licence_id: str) -> str:
    try:
        return str(parse_licence_id(licence_id).amended())
    except IdentifierInvalid as why:
        raise VersionsUsedUp from why
