# SPDX-License-Identifier: EUPL-1.2
"""Sharing: each fact is presented, signed and sealed to whoever is granted it, and told to the directory.

A batch is one commit of envelopes, holdings and their receipts. What can't go now waits with its reason, and holds
back what is behind it in its stream, nothing else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from certificates import events, store
from certificates.domain import Certificate, EventGrant, ShareTask
from certificates.service.alias_book import AliasBook, Found
from certificates.service.breathing import breathing
from certificates.service.credentials import Credentials
from certificates.service.keys import Keys
from certificates.service.rulebook import Book, Rulebook
from certificates.store.sharing import AliasName
from contracts.certificates.api import Presentation
from contracts.envelopes import Share
from contracts.http import Exchange
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from kit import aliases, envelopes
from kit.db import Database, Transaction
from kit.errors import ServiceError, is_passing
from kit.events import Event
from kit.jose import PublicKey
from kit.receipts import Asker, ReceiptBasis, ReceiptDraft, Subject
from kit.telemetry import fault, get_logger

log = get_logger()

AWAY_RETRY: Final = timedelta(seconds=1)
RETRY: Final = timedelta(seconds=10)
DIRECTORY_PURPOSE: Final = "directory"
INBOX: Final = "inbox"
"""Stands for the receiving system in the receipt of a share: any system of the office may fetch it from the inbox."""


class Parties(Protocol):
    """What we need of the registry."""

    def office_key(self, office: str, use: str) -> PublicKey | None:
        """Give the newest key in force of an office or the platform, or None."""
        ...

    def directory(self) -> Asker | None:
        """Give the system that keeps the directory, and its operator; None while it isn't registered."""
        ...


@dataclass(frozen=True)
class Sealed:
    """One fact ready to go: its receipt, and either an envelope for a grantee or a holding."""

    task: ShareTask
    receipt: ReceiptDraft
    holding: Event | None = None
    grant: EventGrant | None = None
    event_id: UUID | None = None
    envelope: str = ""

    @property
    def shows_content(self) -> bool:
        """Whether fields of the certificate go with it."""
        return self.receipt.fields is not None


class NotNow(Exception):
    """A fact that can't be sealed now. reason: a code, shown to operators."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sharing:
    """The use case `share_next`. system: this deployment's id, which signs."""

    def __init__(
        self,
        *,
        db: Database,
        rulebook: Rulebook,
        credentials: Credentials,
        keys: Keys,
        alias_book: AliasBook,
        parties: Parties,
        system: str,
        batch: int,
    ) -> None:
        self._db = db
        self._rulebook = rulebook
        self._credentials = credentials
        self._keys = keys
        self._alias_book = alias_book
        self._parties = parties
        self._system = system
        self._batch = batch
        self.waiting: dict[str, int] = {}
        """How many facts wait for each reason, as of the last `count_waiting`."""

    async def count_waiting(self) -> None:
        """Look how many facts wait, for operators. Raises Unavailable."""
        async with self._db.read() as reader:
            self.waiting = {one.reason: one.rows for one in await store.sharing.waiting(reader)}

    async def share_next(self) -> int:
        """Seal the oldest facts that may go now, in one commit; gives how many were dealt with.

        0 means there is nothing to do now. Raises Unavailable, also while the ledger's key is unknown.
        """
        now = self._rulebook.now()
        # 1. What may go: the oldest, nothing from behind a waiting one.
        async with self._db.read() as reader:
            tasks = await store.sharing.next_due(reader, now, self._batch)
            if not tasks:
                return 0
            wanted = sorted({(task.office, task.certificate_id) for task in tasks})
            held = await store.certificates.read_many(reader, wanted)
        # 2. Does each grant still live? If not, its facts go nowhere: nothing of them was promised to anybody.
        book = self._rulebook.book()
        grants = {task.id: self._grant(book, held[task.certificate_id], task) for task in tasks}
        dropped = [task.id for task in tasks if task.grant_id is not None and grants[task.id] is None]
        going = [task for task in tasks if task.id not in set(dropped)]
        # 3. Aliases, then presentations, signatures and seals: outside any transaction.
        found = await self._alias_book.find(self._names(going, held, grants))
        sealed, waiting = await self._seal_all(going, held, grants, found, now)
        # 4. One commit: what goes leaves the list with its envelopes and receipts.
        if sealed or dropped:
            async with self._db.transaction() as tx:
                gone = await store.sharing.drop(tx, dropped, book.release, book.day) if dropped else set[int]()
                sealed = await self._still_so(tx, sealed, held)
                await self._send(tx, sealed)
            waiting |= {row: NotNow("CATALOGUE_BEHIND") for row in dropped if row not in gone}
        await self._postpone(waiting, now)
        return len(sealed) + len(dropped)

    def _grant(self, book: Book, certificate: Certificate, task: ShareTask) -> EventGrant | None:
        if task.grant_id is None:
            return None
        return book.event_grant(task.office, certificate.type, task.grant_id)

    def _names(
        self, tasks: Iterable[ShareTask], held: Mapping[str, Certificate], grants: Mapping[int, EventGrant | None]
    ) -> list[AliasName]:
        names: list[AliasName] = []
        for task in tasks:
            subject = held[task.certificate_id].holder.subject
            if subject is None:
                continue
            names.append((task.office, subject, PLATFORM, "answering"))
            grant = grants[task.id]
            if grant is not None:
                names.append((task.office, subject, grant.consumer, "inbox"))
        return names

    async def _seal_all(
        self,
        tasks: Sequence[ShareTask],
        held: Mapping[str, Certificate],
        grants: Mapping[int, EventGrant | None],
        found: Found,
        now: datetime,
    ) -> tuple[list[Sealed], dict[int, ServiceError | NotNow]]:
        """Seal in order; a fact that can't go holds back those behind it in its stream."""
        sealed: list[Sealed] = []
        waiting: dict[int, ServiceError | NotNow] = {}
        blocked: set[str] = set()
        for task in tasks:
            if task.stream in blocked:
                continue
            certificate, grant = held[task.certificate_id], grants[task.id]
            try:
                if grant is None:
                    one = self._holding(task, certificate, found)
                else:
                    one = self._share(task, certificate, grant, found, now)
                sealed.append(await breathing(one))
            except (ServiceError, NotNow) as why:
                blocked.add(task.stream)
                waiting[task.id] = why
            except Exception as why:  # noqa: BLE001 - whatever is wrong with this fact, the others have done nothing
                log.error("share_not_sealed", **fault(why))  # noqa: TRY400 - a traceback may hold values
                blocked.add(task.stream)
                waiting[task.id] = NotNow("SEALING_FAILED")
        return sealed, waiting

    # -------------------------------------------------------------------------------------- one fact
    def _share(
        self, task: ShareTask, certificate: Certificate, grant: EventGrant, found: Found, now: datetime
    ) -> Sealed:
        key = self._key(grant.consumer, "inbox")
        subject, event_id, exchange = certificate.holder.subject, uuid7(), Exchange.new()
        alias = subject and found.get((task.office, subject, grant.consumer, "inbox"))
        body = Share(
            share_id=task.stream,
            grant_id=grant.id,
            fact=task.fact,
            type=certificate.type,
            office=task.office,
            certificate_version=task.version,
            status=task.status,
            subject=alias or None,
            organisation=certificate.holder.organisation,
            presentation=self._presentation(task, certificate, grant),
        )
        envelope = envelopes.seal_envelope(
            "share",
            body,
            issuer_system=self._system,
            audience_office=grant.consumer,
            event_id=str(event_id),
            exchange_id=exchange.exchange_id,
            key_sig=self._keys.sig,
            key_enc=key,
            now=now,
        )
        receipt = self._receipt(
            task,
            certificate,
            found,
            exchange_id=exchange.exchange_id,
            asker=Asker(office=grant.consumer, system=INBOX),
            purpose=grant.purpose,
            basis=ReceiptBasis(kind=grant.basis, release=self._rulebook.book().release, grant_id=grant.id),
            fields=grant.fields if body.presentation else None,
            envelope_digest=envelopes.digest(envelope),
        )
        return Sealed(task, receipt, grant=grant, event_id=event_id, envelope=envelope)

    def _presentation(self, task: ShareTask, certificate: Certificate, grant: EventGrant) -> Presentation | None:
        """Content goes only while it is true: as of this fact, and still now, of the version that still is."""
        replaced = task.version != certificate.version
        if replaced or task.status != "01" or not certificate.shows(self._rulebook.today()):
            return None
        return self._credentials.presented(certificate, grant.fields, audience=grant.consumer, purpose=grant.purpose)

    def _holding(self, task: ShareTask, certificate: Certificate, found: Found) -> Sealed:
        directory = self._parties.directory()
        if directory is None:
            raise NotNow("NO_DIRECTORY")
        person = None
        if certificate.holder.subject is not None:
            kept = found.get((task.office, certificate.holder.subject, PLATFORM, "answering"))
            # Fresh for each holding: outside an envelope two uses of one alias must not match.
            person = aliases.wrap(self._key(PLATFORM, "answering"), PLATFORM, kept)
        receipt = self._receipt(
            task,
            certificate,
            found,
            exchange_id=Exchange.new().exchange_id,
            asker=directory,
            purpose=DIRECTORY_PURPOSE,
            basis=ReceiptBasis(kind="law", release=self._rulebook.book().release),
        )
        return Sealed(task, receipt, holding=events.holding(certificate, task, task.status, person))

    def _receipt(
        self,
        task: ShareTask,
        certificate: Certificate,
        found: Found,
        *,
        exchange_id: str,
        asker: Asker,
        purpose: str,
        basis: ReceiptBasis,
        fields: Sequence[str] | None = None,
        envelope_digest: str | None = None,
    ) -> ReceiptDraft:
        person = None
        if certificate.holder.subject is not None:
            alias = found.get((task.office, certificate.holder.subject, PLATFORM, "answering"))
            person = Subject(f"{task.office}/{certificate.holder.subject}", alias)
        return ReceiptDraft(
            side="holder",
            exchange_id=exchange_id,
            decision="released",
            purpose=purpose,
            legal_basis=basis,
            asker=asker,
            provider=task.office,
            type=certificate.type,
            fields=fields,
            envelope_digest=envelope_digest,
            person=person,
            organisation=certificate.holder.organisation,
            certificate_id=certificate.id,
            certificate_version=task.version,
        )

    def _key(self, party: str, use: str) -> PublicKey:
        key = self._parties.office_key(party, use)
        if key is None:  # never plaintext instead: the row waits, for all to see
            raise NotNow("NO_OFFICE_KEY")
        return key

    # -------------------------------------------------------------------------------------- the commit
    async def _still_so(
        self, tx: Transaction, sealed: Sequence[Sealed], held: Mapping[str, Certificate]
    ) -> list[Sealed]:
        """Look again, under a lock: content that was taken back while it was sealed stays, with what is behind it."""
        shown = sorted({(one.task.office, one.task.certificate_id) for one in sealed if one.shows_content})
        seqs = await store.evidence.hold_still(tx, shown) if shown else {}
        book, kept, stopped = self._rulebook.book(), list[Sealed](), set[str]()
        for one in sealed:
            certificate = held[one.task.certificate_id]
            changed = one.shows_content and seqs.get(certificate.id) != certificate.event_seq
            if changed or self._grant(book, certificate, one.task) != one.grant:
                stopped.add(one.task.stream)
            if one.task.stream not in stopped:
                kept.append(one)
        return kept

    async def _send(self, tx: Transaction, sealed: Sequence[Sealed]) -> None:
        taken = await store.sharing.take(tx, [one.task.id for one in sealed])
        going = [one for one in sealed if one.task.id in taken]  # after a failover another process may have sent some
        shares = [one for one in going if one.grant is not None]
        counts = Counter((one.task.office, one.task.stream) for one in shares)
        named = {(s.task.office, s.task.stream): (s.task.grant_id or "", s.task.certificate_id) for s in shares}
        numbers: dict[tuple[str, str], int] = {}
        if shares:
            numbers = await store.sharing.raise_numbers(tx, {n: (*named[n], counts[n]) for n in named})
        for one in going:
            tx.receipt(one.receipt)
            tx.emit(one.holding or self._event(one, numbers))

    def _event(self, one: Sealed, numbers: dict[tuple[str, str], int]) -> Event:
        if one.grant is None or one.event_id is None:
            raise ValueError("an envelope without its grant")
        name = (one.task.office, one.task.stream)
        seq = numbers[name]
        numbers[name] += 1
        return events.share_sent(
            one.event_id, one.grant.consumer, one.task.stream, seq, one.envelope, one.receipt.exchange_id, one.grant.id
        )

    async def _postpone(self, waiting: Mapping[int, ServiceError | NotNow], now: datetime) -> None:
        if not waiting:
            return
        away = {row: "IDENTITY_AWAY" for row, why in waiting.items() if is_passing(why)}
        other = {row: _reason(why) for row, why in waiting.items() if row not in away}
        async with self._db.transaction() as tx:
            for reasons, delay in ((away, AWAY_RETRY), (other, RETRY)):
                if reasons:
                    await store.sharing.postpone(tx, reasons, now + delay)
        for reason, rows in Counter([*away.values(), *other.values()]).items():
            log.warning("shares_wait", reason=reason, rows=rows)


def _reason(why: ServiceError | NotNow) -> str:
    return why.reason if isinstance(why, NotNow) else why.code
