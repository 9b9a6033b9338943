# SPDX-License-Identifier: EUPL-1.2
"""Issuing a certificate: one commit, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from certificates import domain, events, store
from certificates.domain import (
    Certificate,
    FactType,
    Holder,
    Operation,
    Order,
    Provisional,
    ShareTask,
    Status,
    TypeRule,
)
from certificates.errors import ClaimsInvalid, FieldError, TaskAlreadyIssued, TaskNotProven, TransitionNotAllowed
from certificates.service.credentials import Credentials
from certificates.service.keys import Keys
from certificates.service.rulebook import Book, Rulebook
from certificates.service.serials import Serials
from contracts.certificates import api as models
from contracts.certificates.api import Issue, Issued
from contracts.identifiers import is_uscc, mint_licence_id, mint_serial
from contracts.ids import uuid7
from kit import aliases, gate
from kit.aliases import AliasRefused
from kit.db import Answer, Database, Idem, Transaction, TwinCommitted, claim_many, store_many
from kit.errors import ServiceError, Unavailable
from kit.tokens import KeyOf

SHARE_CHANNEL = "share"


@dataclass(frozen=True)
class ToIssue:
    """One certificate on its way into a commit."""

    idem: Idem
    certificate: Certificate
    shares: Sequence[ShareTask]


class Writer(Protocol):
    """Commits what is handed in, together with what others hand in meanwhile (`write_issues`)."""

    async def submit(self, item: ToIssue) -> Answer:
        """Give the answer once it is committed. Raises what refuses this item, Unavailable."""
        ...


class Issuing:
    """The use case `issue`. case_keys: keys of systems with the role cases, and of nobody else."""

    def __init__(
        self,
        *,
        db: Database,
        writer: Writer,
        rulebook: Rulebook,
        credentials: Credentials,
        keys: Keys,
        serials: Serials,
        case_keys: KeyOf,
    ) -> None:
        self._db = db
        self._writer = writer
        self._rulebook = rulebook
        self._credentials = credentials
        self._keys = keys
        self._serials = serials
        self._case_keys = case_keys

    async def issue(self, idem: Idem, body: Issue) -> Answer:
        """Issue one certificate; gives `Issued` with 201, or what the same key got before.

        Raises ClaimsInvalid, TypeUnknown, ListExpired, NotInPowerList, TaskNotProven, TaskAlreadyIssued,
        TransitionNotAllowed (the natural key is taken), SerialsUsedUp, Unavailable, StillRunning, KeyReused.
        """
        try:
            return await self._issue(idem, body)
        except (ServiceError, TwinCommitted):
            # The rules of today, or our own first effect, may refuse what was accepted: the first answer stands.
            answer = await self._db.stored(idem)
            if answer is None:
                raise
            return answer

    async def _issue(self, idem: Idem, body: Issue) -> Answer:
        # 1. Decide: pure rules over our replica of the catalogue. Raises before anything is written.
        book = self._rulebook.book()
        order = replace(self._order(body), founds=self._check_task(body))
        rule = domain.check_listed(
            book.types.get(order.type),
            known=order.type in book.known,
            powered=(order.office, order.type) in book.powers,
        )
        natural_key = domain.check_order(order, rule, book.day)
        # 2. Number and sign, outside any transaction. A crash burns a few numbers.
        certificate = self._credentials.signed(await self._draft(order, rule, natural_key, book))
        # 3. One commit, shared with whoever issues at this moment: answer, certificate, fact, and a row for each grant
        #    and for the directory. Sealing is a job: a grant more must not make issuing slower, nor a missing key of a
        #    receiver make it fail.
        shares = share_tasks(self._keys, book, certificate, "issued")
        return await self._writer.submit(ToIssue(idem, certificate, shares))

    def _order(self, body: Issue) -> Order:
        order = Order(
            body.office,
            body.type,
            self._holder(body),
            body.claims,
            body.valid_from,
            body.valid_to,
            promised(body.provisional),
        )
        if body.task is None:
            return order
        return replace(order, case_id=body.task.case_id, task_id=body.task.task_id)

    def _holder(self, body: Issue) -> Holder:
        """Read the holder; an alias is opened to the office's own pseudonym."""
        given = body.holder
        if sum(value is not None for value in (given.subject, given.alias, given.organisation)) != 1:
            raise ClaimsInvalid([FieldError("/holder", "EXACTLY_ONE", "Name one holder in one way.")])
        if given.organisation is not None and not is_uscc(given.organisation):
            raise ClaimsInvalid([FieldError("/holder/organisation", "CHECK_FAILED")])
        if given.alias is None:
            return Holder(given.subject, given.organisation)
        try:
            return Holder(aliases.open_alias(self._keys.opening(body.office), body.office, given.alias))
        except AliasRefused as why:
            raise ClaimsInvalid([FieldError("/holder/alias", "NOT_OURS")]) from why

    def _check_task(self, body: Issue) -> bool:
        """Check the task against the case proof: office, case, step, type and holder.

        Tells whether the task founds the holder. Raises TaskNotProven.
        """
        task = body.task
        if task is None:
            return False
        try:
            proof = gate.read_case_proof(task.case_proof, key_of=self._case_keys, recorded_at=self._rulebook.now())
        except gate.GateRefused as why:
            raise TaskNotProven from why
        if (proof.office, proof.case_id, proof.step) != (body.office, task.case_id, task.step):
            raise TaskNotProven
        of_type = [issue.holder for issue in proof.issues if issue.type == body.type]
        named = body.holder.alias or body.holder.organisation
        if named is not None and aliases.digest(named) in of_type:
            return False
        # An organisation that is born by this very certificate: cases can't know its code yet, so its proof leaves the
        # holder open, and the office's own power counts.
        if body.holder.organisation is not None and None in of_type:
            return True
        raise TaskNotProven

    async def _draft(self, order: Order, rule: TypeRule, natural_key: str, book: Book) -> Certificate:
        number = await self._serials.take(order.office, order.type, book.day)
        licence = mint_licence_id(rule.type_code, order.office, mint_serial(book.day, number))
        status = domain.transition(Operation.NEW, None, valid_to=order.valid_to, today=book.day)
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
            status=status,
            licence_id=str(licence),
            valid_from=order.valid_from,
            valid_to=order.valid_to,
            issued_at=self._rulebook.now(),
            credential="",
            case_id=order.case_id,
            task_id=order.task_id,
            provisional=order.provisional,
            founds=order.founds,
        )


def promised(given: models.Provisional | None) -> Provisional | None:
    """Read what a certificate is given on."""
    return None if given is None else Provisional(tuple(given.conditions), given.check_by)


async def write_issues(tx: Transaction, items: Sequence[ToIssue]) -> list[Answer | Exception]:
    """Issue what queued up, in one transaction; give each its answer, the stored one, or why it can't be.

    Raises TwinCommitted when a request with the same key committed elsewhere meanwhile: then each is done by itself.
    """
    # 1. Idempotency first: locks, and answers that stand already.
    claimed = await claim_many(tx, [item.idem for item in items])
    fresh = [item for item, result in zip(items, claimed, strict=True) if result is None]
    if not fresh:
        return [result for result in claimed if result is not None]
    # 2. Certificates and what is to be shared, in one statement.
    written = await store.certificates.insert_many(tx, [(item.certificate, item.shares) for item in fresh])
    # 3. Answers and facts of those that could be.
    answers = {item.idem: _answer(item.certificate) for item in fresh if item.certificate.id in written}
    if answers:
        await store_many(tx, answers)
        tx.notify(SHARE_CHANNEL)
    for item in fresh:
        if item.idem in answers:
            tx.emit(events.issued(item.certificate))
    return [
        result or answers.get(item.idem) or await _why_taken(tx, item.certificate)
        for item, result in zip(items, claimed, strict=True)
    ]


def _answer(certificate: Certificate) -> Answer:
    return Answer(201, issued_answer(certificate).wire_bytes(), {"etag": f'"{certificate.version}"'})


async def _why_taken(tx: Transaction, certificate: Certificate) -> ServiceError:
    """Say why a certificate couldn't be inserted: its task has one, or the table of operations forbids it."""
    c = certificate
    if c.task_id is not None and await store.certificates.task_is_used(tx, c.office, c.task_id, c.type, c.holder):
        return TaskAlreadyIssued()
    status: Status | None = await store.certificates.status_of_natural_key(
        tx, c.office, c.type, c.holder, c.natural_key
    )
    try:
        domain.transition(Operation.NEW, status, valid_to=None, today=c.issued_at.date())
    except TransitionNotAllowed as why:
        return why
    return Unavailable("The natural key was taken a moment ago")


def share_tasks(keys: Keys, book: Book, certificate: Certificate | domain.Standing, fact: FactType) -> list[ShareTask]:
    """Give what is to be sealed for one fact: one for each grant that lives, one for the directory."""
    c = certificate

    def task(stream: str, grant_id: str | None) -> ShareTask:
        return ShareTask(c.office, stream, grant_id, c.id, c.version, c.event_seq, fact, c.status)

    grants = book.event_grants.get((c.office, c.type), ())
    return [task(c.id, None), *(task(keys.share_id(grant.id, c.id), grant.id) for grant in grants)]


def issued_answer(certificate: Certificate | domain.Standing) -> Issued:
    """Give what the office needs to know at once."""
    return Issued(
        certificate_id=certificate.id,
        version=certificate.version,
        licence_id=certificate.licence_id,
        status=certificate.status,
    )
