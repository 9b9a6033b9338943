# SPDX-License-Identifier: EUPL-1.2
"""The window: a citizen tells a clerk a code, and the office's system may act for her until its token ends."""

import hmac
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from contracts.identity import ConfirmCode, OpenWindow, WindowSession
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from identity import domain, store
from identity.domain import CODE_DIGITS, CODE_TRIES
from identity.errors import ConfirmCodeWrong
from identity.service.names import Names
from identity.service.signing import TokenSigner
from kit.clock import Clock
from kit.db import Database, Transaction
from kit.errors import NotFound
from kit.receipts import Asker, ReceiptBasis, ReceiptDraft
from kit.window import Window

OPEN_WINDOW: Final = "open-window"
CODE_LIFE: Final = timedelta(minutes=10)
_NO_CODE: Final = bytes(32)


class Windows:
    """Codes of citizens, and the sessions that clerks open by them."""

    def __init__(self, db: Database, names: Names, signer: TokenSigner, clock: Clock) -> None:
        self._db = db
        self._names = names
        self._signer = signer
        self._clock = clock

    async def make_code(self, citizen: str, office: str) -> ConfirmCode:
        """Make a code by which *office* may act for the citizen; it ends the one before. citizen: her platform name.

        Raises NotFound for a name that the platform doesn't have.
        """
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        until = self._clock() + CODE_LIFE
        async with self._db.transaction() as tx:
            person_id = await store.person_named(tx, PLATFORM, citizen)
            if person_id is None:
                raise NotFound
            await store.keep_code(tx, person_id, office, self._names.code_hash(person_id, office, code), until)
        return ConfirmCode(code=code, expires_at=until)

    async def open(self, by: Window, jkt: str, order: OpenWindow, exchange_id: str | None) -> WindowSession:
        """Use the code up, in the commit that opens the session and writes its receipt.

        jkt: thumbprint of the key of the calling system's own token; the new one is bound to it. Raises
        ConfirmCodeWrong, Unavailable while no receipt can be written: then the code still counts.
        """
        async with self._db.transaction() as tx:
            person_id = await self._confirmed(tx, by.office, order)
            opened = await self._opened(tx, by, person_id, jkt, exchange_id) if person_id else None
        if opened is None:  # not before the commit: the try counts
            raise ConfirmCodeWrong
        return opened

    async def _confirmed(self, tx: Transaction, office: str, order: OpenWindow) -> UUID | None:
        """Give the person who made the code for *office*. Every other case takes the same steps, to the same end."""
        number_hash, nobody = self._names.find_by([order.number])[0], self._names.nobody(order.number)
        person_id = (await store.persons_by_number(tx, [number_hash])).get(number_hash, nobody)
        now = self._clock()
        # The row is ours until the commit: another who comes with the same code just now waits, and finds it gone.
        held = await store.count_try(tx, person_id, office, now + CODE_LIFE)
        told = self._names.code_hash(person_id, office, order.code)
        right = hmac.compare_digest(held.code_hash or _NO_CODE, told)
        return person_id if right and now < held.expires_at and held.tries <= CODE_TRIES else None

    async def _opened(
        self, tx: Transaction, by: Window, person_id: UUID, jkt: str, exchange_id: str | None
    ) -> WindowSession:
        await store.end_code(tx, person_id, by.office)
        now = self._clock()
        session = domain.Session(uuid7(), person_id, jkt, now, now + timedelta(seconds=self._signer.life_s))
        name = self._names.name(PLATFORM, person_id)
        await store.add_session(tx, session)
        await store.remember_names(tx, [name])
        tx.receipt(
            ReceiptDraft(
                side="identity",
                exchange_id=exchange_id or str(uuid7()),
                decision="released",
                purpose=OPEN_WINDOW,
                legal_basis=ReceiptBasis(kind="request"),
                asker=Asker(office=by.office, system=by.system),
                person=self._names.receipt_subject(by.office, person_id),
                clerk=by.clerk,
            )
        )
        signed = self._signer.for_window(name.pseudonym, session.id, jkt, by)
        return WindowSession(access_token=signed.token, expires_in=signed.expires_in)
