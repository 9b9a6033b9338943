# SPDX-License-Identifier: EUPL-1.2
"""Numbers become names. A number comes in, is looked up by its keyed hash, and never goes out again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Final
from uuid import UUID

from contracts.identifiers import TEST_AREA, IdentifierInvalid, parse_citizen_number
from contracts.identity import Registered, RegisterPersona
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from identity import domain, store
from identity.errors import PersonaTaken
from identity.service.names import Names
from identity.service.vault import Vault
from kit.clock import Clock
from kit.db import Answer, Database, Idem, Transaction
from kit.errors import FieldError, InvalidRequest, Throttled
from kit.receipts import Asker, ReceiptBasis, ReceiptDraft
from kit.window import Window

RESOLVE: Final = "resolve-person"
MAKE_HANDLE: Final = "make-handle"
CHUNK: Final = 100
"""Numbers per commit: their receipts are signed in one go, and other requests should not wait for more."""
HANDLE_WINDOW: Final = timedelta(seconds=60)


class Persons:
    """Who a number belongs to, told to each asker in its own names. itself: how identity signs as an asker."""

    def __init__(
        self, db: Database, names: Names, vault: Vault, *, itself: Asker, handles_per_minute: int, clock: Clock
    ) -> None:
        self._db = db
        self._names = names
        self._vault = vault
        self._itself = itself
        self._handles_per_minute = handles_per_minute
        self._clock = clock

    async def register_persona(self, idem: Idem, new: RegisterPersona) -> Answer:
        """Register a fictional person of area 999900: 201 Registered. Raises InvalidRequest, PersonaTaken."""
        try:
            number = parse_citizen_number(new.number, today=self._clock().astimezone(UTC).date())
        except IdentifierInvalid:
            raise InvalidRequest([FieldError("/number", "NUMBER_INVALID")]) from None
        if number.area != TEST_AREA:  # no living person may ever get in by this door
            raise InvalidRequest([FieldError("/number", "NOT_FICTIONAL", "Fictional numbers are of area 999900")])

        async def work(tx: Transaction) -> tuple[int, Registered]:
            number_hash, person_id = self._names.find_by([new.number])[0], uuid7()
            person = domain.Person(person_id, number_hash, self._vault.seal(new.number, person_id))
            stands = await store.add_person(tx, person, self._clock())
            if await store.add_persona(tx, new.persona, stands) != stands:
                raise PersonaTaken
            return 201, Registered(id=new.persona, version=1)

        return await self._db.once(idem, work)

    async def resolve(self, asker: Asker, numbers: Sequence[str]) -> list[str | None]:
        """Give the asking office's own pseudonyms, in the order asked; None for a number nobody has.

        A receipt for each number, in the commit before its name leaves. Raises Unavailable while none can be written.
        """
        found: list[str | None] = []
        for start in range(0, len(numbers), CHUNK):
            found += await self._resolve(asker, numbers[start : start + CHUNK])
            await asyncio.sleep(0)
        return found

    async def _resolve(self, asker: Asker, numbers: Sequence[str]) -> list[str | None]:
        hashes = self._names.find_by(numbers)
        async with self._db.transaction() as tx:
            persons = await store.persons_by_number(tx, hashes)
            held = [persons.get(number_hash) for number_hash in hashes]
            names = [self._names.name(asker.office, person) if person else None for person in held]
            await store.remember_names(tx, [name for name in names if name])
            for person in held:
                tx.receipt(self._resolved(asker, person))
        return [name.pseudonym if name else None for name in names]

    def _resolved(self, asker: Asker, person: UUID | None) -> ReceiptDraft:
        """Draft the receipt for one number. Each is an exchange of its own: nobody sees who else was looked up."""
        return ReceiptDraft(
            side="identity",
            exchange_id=str(uuid7()),
            decision="released" if person else "empty",
            purpose=RESOLVE,
            legal_basis=ReceiptBasis(kind="law"),
            asker=asker,
            person=self._names.receipt_subject(asker.office, person) if person else None,
        )

    async def handle(self, citizen: str, number: str, exchange_id: str | None, by: Window | None = None) -> str:
        """Turn another person's number into an alias for the platform.

        citizen: the asker's platform pseudonym, which the limit counts by. by: the clerk who acts for her. An unknown
        number gets the name of nobody, by the same steps, so that shape and time tell nothing. Raises Throttled
        (`THROTTLED`).
        """
        number_hash = self._names.find_by([number])[0]
        async with self._db.transaction() as tx:
            if not await store.count_handle(tx, citizen, self._clock(), HANDLE_WINDOW, self._handles_per_minute):
                raise Throttled(retry_after_s=int(HANDLE_WINDOW.total_seconds()) // self._handles_per_minute + 1)
            known = await store.persons_by_number(tx, [number_hash])
            nobody = self._names.nobody(number)
            person = known.get(number_hash, nobody)
            await store.remember_names(tx, [self._names.name(PLATFORM, person)])
            alias = self._names.alias(PLATFORM, "answering", person)
            tx.receipt(self._handled(person, exchange_id, by))
        return alias

    def _handled(self, person: UUID, exchange_id: str | None, by: Window | None) -> ReceiptDraft:
        return ReceiptDraft(
            side="identity",
            exchange_id=exchange_id or str(uuid7()),
            decision="released",
            purpose=MAKE_HANDLE,
            legal_basis=ReceiptBasis(kind="request"),
            asker=Asker(office=by.office, system=by.system) if by else self._itself,
            clerk=by.clerk if by else None,
            person=self._names.receipt_subject(PLATFORM, person),
        )
