# SPDX-License-Identifier: EUPL-1.2
"""What is told of each fact: to the office at once, to grantees and the directory by the job that seals."""

from collections.abc import Iterable, Sequence
from typing import Final

from certificates import domain, store
from certificates.domain import Certificate, FactType, ShareTask
from certificates.service.keys import Keys
from certificates.service.rulebook import Book
from contracts.certificates.api import Issued
from kit.db import Transaction

SHARE_CHANNEL: Final = "share"


def share_tasks(keys: Keys, book: Book, certificate: Certificate | domain.Standing, fact: FactType) -> list[ShareTask]:
    """Give what is to be sealed for one fact: one for each grant that lives, one for the directory."""
    c = certificate
    directory = ShareTask(c.office, c.id, None, c.id, c.version, c.event_seq, fact, c.status)
    grants = book.event_grants.get((c.office, c.type), ())
    return [directory, *(share_task(keys, c, fact, grant.id) for grant in grants)]


def share_task(keys: Keys, certificate: Certificate | domain.Standing, fact: FactType, grant_id: str) -> ShareTask:
    """Give what is to be sealed for one fact under one grant."""
    c, stream = certificate, keys.share_id(grant_id, certificate.id)
    return ShareTask(c.office, stream, grant_id, c.id, c.version, c.event_seq, fact, c.status)


def late_tasks(
    keys: Keys,
    certificate: Certificate | domain.Standing,
    fact: FactType,
    told: Iterable[ShareTask],
    begun: Iterable[str],
) -> list[ShareTask]:
    """Give what is to be sealed besides: for grants that have begun, of which the book that we went by knew nothing."""
    known = {task.grant_id for task in told}
    return [share_task(keys, certificate, fact, grant_id) for grant_id in begun if grant_id not in known]


async def queue_facts(
    tx: Transaction, keys: Keys, book: Book, facts: Sequence[tuple[Certificate | domain.Standing, FactType]]
) -> None:
    """Put facts of changed certificates up for sealing, for every grant that lives by the book or has begun."""
    tasks = {c.id: share_tasks(keys, book, c, fact) for c, fact in facts}
    begun = await store.sharing.add(tx, [task for of_one in tasks.values() for task in of_one])
    late = [task for c, fact in facts for task in late_tasks(keys, c, fact, tasks[c.id], begun.get(c.id, ()))]
    if late:
        await store.sharing.add(tx, late)
    tx.notify(SHARE_CHANNEL)


def issued_answer(certificate: Certificate | domain.Standing) -> Issued:
    """Give what the office needs to know at once."""
    return Issued(
        certificate_id=certificate.id,
        version=certificate.version,
        licence_id=certificate.licence_id,
        status=certificate.status,
    )
