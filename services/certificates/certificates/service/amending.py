# SPDX-License-Identifier: EUPL-1.2
"""The next version of a certificate: a change of content, or a renewal."""

from dataclasses import dataclass, replace
from typing import Literal

from certificates import domain, events, store
from certificates.domain import Certificate, Change, Circumstances, Operation, Order, Standing
from certificates.errors import (
    ClaimsInvalid,
    FieldError,
    KeyTaken,
    NotFound,
    TaskAlreadyIssued,
    VersionChanged,
    VersionsUsedUp,
)
from certificates.service.credentials import Credentials
from certificates.service.issuing import promised
from certificates.service.keys import Keys
from certificates.service.proving import Proving
from certificates.service.rulebook import Rulebook
from certificates.service.telling import SHARE_CHANNEL, issued_answer, share_tasks
from contracts.certificates.api import Amend, Issued
from contracts.identifiers import IdentifierInvalid, parse_licence_id
from kit.db import Answer, Database, Idem, Transaction, TwinCommitted, UniqueViolation
from kit.errors import ServiceError


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
    """The use case `amend`, for both operations that make a version."""

    def __init__(
        self, *, db: Database, rulebook: Rulebook, credentials: Credentials, keys: Keys, proving: Proving
    ) -> None:
        self._db = db
        self._rulebook = rulebook
        self._credentials = credentials
        self._keys = keys
        self._proving = proving

    async def amend(self, idem: Idem, meant: Meant, body: Amend) -> Answer:
        """Make the next version; gives `Issued` with 201, or what the same key got before.

        Raises NotFound (unknown and another office's alike), VersionChanged, TransitionNotAllowed, ClaimsInvalid,
        TypeUnknown, ListExpired, NotInPowerList, TaskNotProven, TaskAlreadyIssued, KeyTaken, VersionsUsedUp,
        Unavailable, StillRunning, KeyReused.
        """
        try:
            # 1. Check and sign, outside any transaction.
            draft = await self._draft(meant, body)
            # 2. One commit: the old version put aside, the new one, its fact, a row for each grant and the directory.
            return await self._db.once(idem, lambda tx: self._save(tx, meant, body, draft))
        except (ServiceError, TwinCommitted):
            # After our own first effect the version is another one: the first answer stands.
            answer = await self._db.stored(idem)
            if answer is None:
                raise
            return answer

    async def _draft(self, meant: Meant, body: Amend) -> Draft:
        async with self._db.read() as reader:
            held = await store.certificates.read(reader, meant.office, meant.certificate_id)
        if held is None:
            raise NotFound
        if held.version != meant.version:
            raise VersionChanged
        self._check_task(held, body)
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
            promised(body.provisional),
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
            provisional=order.provisional,
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
        self._proving.check(body.task, held.office, held.type, alias=body.holder, organisation=held.holder.organisation)

    async def _save(self, tx: Transaction, meant: Meant, body: Amend, draft: Draft) -> tuple[int, Issued]:
        standing = await store.changes.lock(tx, meant.office, meant.certificate_id)
        if standing is None:
            raise NotFound
        domain.check_version(standing, meant.version)
        if body.task and await store.changes.task_is_used(tx, meant.office, body.task.task_id, standing.id):
            raise TaskAlreadyIssued
        change = self._change(standing, meant, body, draft)
        following = replace(draft.certificate, status=change.after.status, event_seq=change.after.event_seq)
        try:
            if not await store.versions.supersede(tx, following, left=change.left):
                raise VersionChanged
        except UniqueViolation as why:
            raise KeyTaken from why
        at = following.issued_at
        await store.changes.write_journal(tx, [change], reason=body.reason, system=meant.system, at=at)
        await store.sharing.add(tx, share_tasks(self._keys, self._rulebook.book(), following, change.fact))
        tx.emit(events.changed(change))
        tx.notify(SHARE_CHANNEL)
        tx.answer_headers["etag"] = f'"{following.version}"'
        return 201, issued_answer(following)

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


def _amended(licence_id: str) -> str:
    try:
        return str(parse_licence_id(licence_id).amended())
    except IdentifierInvalid as why:
        raise VersionsUsedUp from why
