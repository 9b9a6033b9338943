# SPDX-License-Identifier: EUPL-1.2
"""An office reads its own certificate; the receipt is durable before the body leaves."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from certificates import domain, store
from certificates.errors import NotFound
from certificates.service.alias_book import AliasBook
from certificates.service.promises import shown_promise
from certificates.service.rulebook import Rulebook
from contracts.certificates import api as models
from contracts.http import Exchange
from contracts.receipts import UNLISTED
from contracts.roles import PLATFORM
from kit import crash
from kit.db import Database, Queries
from kit.receipts import Asker, ReceiptBasis, ReceiptDraft, Subject


@dataclass(frozen=True)
class Errand:
    """What for: purpose and kind of legal basis, and case and step where the caller named them."""

    purpose: str
    basis: Literal["request", "law", "consent"]
    case_id: str | None = None
    step: str | None = None


@dataclass(frozen=True)
class Moment:
    """What is asked about: the version in force on a day, as it was known at a moment."""

    day: date
    recorded_at: datetime


class Reading:
    """The use case `read`."""

    def __init__(self, *, db: Database, rulebook: Rulebook, alias_book: AliasBook) -> None:
        self._db = db
        self._rulebook = rulebook
        self._alias_book = alias_book

    async def read(
        self, asker: Asker, certificate_id: str, errand: Errand, exchange: Exchange, moment: Moment | None = None
    ) -> models.Certificate:
        """Give one certificate of the asking office, all fields: the latest version, or the one of a moment.

        Raises NotFound (unknown, another office's, and not begun at the moment alike), Unavailable while the receipt
        can't be made durable.
        """
        async with self._db.read() as reader:
            certificate = await store.certificates.read(reader, asker.office, certificate_id)
            if certificate is not None and moment is not None:
                certificate = await _as_of(reader, certificate, moment)
        if certificate is None:
            raise NotFound
        person = await self._person(certificate)
        async with self._db.transaction() as tx:
            tx.receipt(_receipt(certificate, person, asker, self._listed(errand), exchange))
        crash.point("release.after_receipt")
        return view(certificate)

    def _listed(self, errand: Errand) -> Errand:
        """Give the errand as the public leaf says it: an office's own word, which no list knows, may be anything."""
        names = self._rulebook.catalogue().names
        known = errand.purpose in names.purposes or errand.purpose in names.services
        return errand if known else replace(errand, purpose=UNLISTED)

    async def _person(self, certificate: domain.Certificate) -> Subject | None:
        subject = certificate.holder.subject
        if subject is None:
            return None
        name = (certificate.office, subject, PLATFORM, "answering")
        found = await self._alias_book.find([name])
        return Subject(f"{certificate.office}/{subject}", found.get(name))


async def _as_of(reader: Queries, latest: domain.Certificate, moment: Moment) -> domain.Certificate | None:
    versions = [*await store.versions.former(reader, latest), latest]
    operations = await store.versions.operations(reader, latest.office, latest.id)
    return domain.as_of(versions, operations, moment.day, moment.recorded_at)


def _receipt(
    certificate: domain.Certificate, person: Subject | None, asker: Asker, errand: Errand, exchange: Exchange
) -> ReceiptDraft:
    return ReceiptDraft(
        side="view",
        exchange_id=exchange.exchange_id,
        decision="released",
        purpose=errand.purpose,
        legal_basis=ReceiptBasis(kind=errand.basis),
        asker=asker,
        provider=certificate.office,
        type=certificate.type,
        fields=list(certificate.claims),
        person=person,
        organisation=certificate.holder.organisation,
        case_id=errand.case_id,
        step=errand.step,
        salt=exchange.salt,
        certificate_id=certificate.id,
        certificate_version=certificate.version,
    )


def view(certificate: domain.Certificate) -> models.Certificate:
    """Give a certificate as its own office reads it."""
    return models.Certificate(
        certificate_id=certificate.id,
        version=certificate.version,
        office=certificate.office,
        type=certificate.type,
        type_version=certificate.type_version,
        licence_id=certificate.licence_id,
        status=certificate.status,
        subject=certificate.holder.subject,
        organisation=certificate.holder.organisation,
        claims=dict(certificate.claims),
        valid_from=certificate.valid_from,
        valid_to=certificate.valid_to,
        issued_at=certificate.issued_at,
        credential=certificate.credential,
        provisional=shown_promise(certificate),
        ruling=certificate.ruling,
        transferred_from=_former(certificate),
        status_text=certificate.status_text if certificate.status == "99" else None,
    )


def _former(certificate: domain.Certificate) -> models.TransferredFrom | None:
    former = certificate.former
    if former is None:
        return None
    return models.TransferredFrom(office=former.office, certificate_id=former.certificate_id)
