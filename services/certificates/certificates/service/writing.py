# SPDX-License-Identifier: EUPL-1.2
"""Committing what is issued: many at once, each by the table of operations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from certificates import domain, events, store
from certificates.domain import TABLE, Certificate, Circumstances, Condition, Former, Operation, ShareTask, Status
from certificates.errors import OrganisationExists, TaskAlreadyIssued, TransitionNotAllowed
from certificates.service.keys import Keys
from certificates.service.telling import SHARE_CHANNEL, issued_answer, late_tasks
from contracts.certificates.api import Issued
from kit.db import Answer, Idem, Transaction, claim_many, store_many
from kit.errors import ServiceError, Unavailable

_ENDED: Final = tuple(status for status in TABLE[Operation.NEW] if status is not None)
"""Statuses after which a ruling allows a new certificate."""


@dataclass(frozen=True)
class ToIssue:
    """One certificate on its way into a commit."""

    idem: Idem
    certificate: Certificate
    shares: Sequence[ShareTask]
    keys: Keys

    def late(self, begun: Sequence[str]) -> list[ShareTask]:
        """Give what is to be sealed besides, for grants that have begun since it was prepared."""
        return late_tasks(self.keys, self.certificate, "issued", self.shares, begun)


def operation_of(former: Former | None) -> Operation:
    """Name the operation by which a certificate comes into being."""
    return Operation.NEW if former is None else Operation.TRANSFER_IN


async def write_issues(tx: Transaction, items: Sequence[ToIssue]) -> list[Answer | Exception]:
    """Issue what queued up, in one transaction; give each its answer, the stored one, or why it can't be.

    Raises TwinCommitted when a request with the same key committed elsewhere meanwhile: then each is done by itself.
    """
    # 1. Idempotency first: locks, and answers that stand already.
    claimed = await claim_many(tx, [item.idem for item in items])
    fresh = [item for item, result in zip(items, claimed, strict=True) if result is None]
    if not fresh:
        return [result for result in claimed if result is not None]
    # 2. The few that come after another certificate: theirs must be where the table has it, and stays so.
    refused = await _check_transfers(tx, fresh)
    fresh = [item for item in fresh if item.idem not in refused]
    freed = await _free_keys(tx, fresh)
    # 3. Certificates and what is to be shared, in one statement.
    written = await _insert(tx, fresh)
    for certificate, ended in freed.items():
        if certificate not in written:
            await store.certificates.keep_natural_key(tx, *ended)
    # 4. Answers and facts of those that could be.
    answers = {item.idem: _answer(item.certificate) for item in fresh if item.certificate.id in written}
    if answers:
        await store_many(tx, answers)
        tx.notify(SHARE_CHANNEL)
    for item in fresh:
        if item.idem in answers:
            tx.emit(events.issued(item.certificate))
    return [
        result or answers.get(item.idem) or refused.get(item.idem) or await _why_taken(tx, item.certificate)
        for item, result in zip(items, claimed, strict=True)
    ]


async def write_together(tx: Transaction, items: Sequence[ToIssue]) -> list[Issued]:
    """Issue all of them, or none: what one can't be raises, and takes the others with it.

    Raises TransitionNotAllowed, TaskAlreadyIssued, OrganisationExists, Unavailable.
    """
    for refused in (await _check_transfers(tx, items)).values():
        raise refused
    await _free_keys(tx, items)
    written = await _insert(tx, items)
    for item in items:
        if item.certificate.id not in written:
            raise await _why_taken(tx, item.certificate)
    for item in items:
        tx.emit(events.issued(item.certificate))
    tx.notify(SHARE_CHANNEL)
    return [issued_answer(item.certificate) for item in items]


async def _insert(tx: Transaction, items: Sequence[ToIssue]) -> set[str]:
    """Insert what can be, and what is to be shared of it; give the ids. Changes for the same tasks wait meanwhile."""
    issued = [item.certificate for item in items]
    await store.changes.hold_tasks(tx, [(c.office, c.task_id) for c in issued if c.task_id is not None])
    written = await store.certificates.insert_many(tx, [(item.certificate, item.shares) for item in items])
    late = [task for item in items for task in item.late(written.get(item.certificate.id, ()))]
    if late:
        await store.sharing.add(tx, late)
    return set(written)


async def _check_transfers(tx: Transaction, items: Sequence[ToIssue]) -> dict[Idem, TransitionNotAllowed]:
    """Look whether what comes by transfer was transferred out, and to nobody yet; its lock keeps it so.

    It stays of its type, and an organisation's stays that organisation's; a person has another name in each office.
    The register of an office of another deployment isn't here: there the receiving office's word counts.
    """
    by_former = [(item.certificate.former, item) for item in items if item.certificate.former is not None]
    refused: dict[Idem, TransitionNotAllowed] = {}
    for former, item in sorted(by_former, key=lambda one: (one[0].office, one[0].certificate_id)):
        standing = await store.changes.lock(tx, former.office, former.certificate_id)
        if standing is None:
            continue
        c = item.certificate
        same = (standing.type, standing.organisation) == (c.type, c.holder.organisation)
        left = same and standing.status == "06" and not await store.changes.arrived(tx, former)
        try:
            now = Circumstances(item.certificate.issued_at.date(), left=left)
            domain.decide(Operation.TRANSFER_IN, None, now)
        except TransitionNotAllowed as why:
            refused[item.idem] = why
    return refused


async def _free_keys(tx: Transaction, items: Sequence[ToIssue]) -> dict[str, tuple[str, str]]:
    """Take natural keys from certificates that ended, where a ruling says so; give (office, id) by the new one's."""
    freed: dict[str, tuple[str, str]] = {}
    for item in items:
        c = item.certificate
        ended = None if c.ruling is None else await store.certificates.free_natural_key(tx, c, _ENDED)
        if ended is not None:
            freed[c.id] = (c.office, ended)
    return freed


def _answer(certificate: Certificate) -> Answer:
    return Answer(201, issued_answer(certificate).wire_bytes(), {"etag": f'"{certificate.version}"'})


async def _why_taken(tx: Transaction, certificate: Certificate) -> ServiceError:
    """Say why a certificate couldn't be inserted: its task, its former, or the table of operations forbids it."""
    c = certificate
    if c.task_id is not None and await store.certificates.task_is_used(tx, c.office, c.task_id, c.type, c.holder):
        return TaskAlreadyIssued()
    if c.founds and await store.certificates.is_held(tx, c.office, c.type, c.holder):
        return OrganisationExists()
    if c.former is not None and await store.changes.arrived(tx, c.former):
        return TransitionNotAllowed(operation=Operation.TRANSFER_IN.value, before=None, reason=Condition.LEFT.value)
    status: Status | None = await store.certificates.status_of_natural_key(
        tx, c.office, c.type, c.holder, c.natural_key
    )
    try:
        now = Circumstances(c.issued_at.date(), ruling=c.ruling is not None, left=True)
        domain.decide(operation_of(c.former), status, now)
    except TransitionNotAllowed as why:
        return why
    return Unavailable("The natural key was taken a moment ago")
