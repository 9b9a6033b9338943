# SPDX-License-Identifier: EUPL-1.2
"""What is told of each fact: to the office at once, to grantees and the directory by the job that seals."""

from typing import Final

from certificates import domain
from certificates.domain import Certificate, FactType, ShareTask
from certificates.service.keys import Keys
from certificates.service.rulebook import Book
from contracts.certificates.api import Issued

SHARE_CHANNEL: Final = "share"


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
