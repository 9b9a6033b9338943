# SPDX-License-Identifier: EUPL-1.2
"""A citizen logs in. In a sandbox by the name of a fictional person; real log-in comes with the citizens' card."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts.identity import Session as OpenedSession
from contracts.ids import uuid7
from contracts.roles import PLATFORM
from identity import domain, store
from identity.service.names import Names
from identity.service.proofs import Proofs
from identity.service.signing import TokenSigner
from kit.clock import Clock
from kit.db import Database
from kit.errors import NotFound

PATH = "/v1/sandbox/sessions"


class Sessions:
    """Sessions of citizens. They live as long as the token: whoever needs longer logs in again."""

    def __init__(self, db: Database, names: Names, proofs: Proofs, signer: TokenSigner, clock: Clock) -> None:
        self._db = db
        self._names = names
        self._proofs = proofs
        self._signer = signer
        self._clock = clock

    async def open(self, persona: str, proof: str | None) -> OpenedSession:
        """Log a fictional person in; the token is bound to the key that made *proof*.

        Raises DpopRefused (`TOKEN_INVALID`), NotFound.
        """
        dpop = self._proofs.of_key(proof, PATH)
        await self._proofs.use_up(dpop)
        async with self._db.transaction() as tx:
            person_id = await store.persona(tx, persona)
            if person_id is None:
                raise NotFound
            now = self._clock()
            life = timedelta(seconds=self._signer.life_s)
            session = domain.Session(uuid7(), person_id, dpop.jkt, now, now + life)
            name = self._names.name(PLATFORM, person_id)
            await store.add_session(tx, session)
            await store.remember_names(tx, [name])
        signed = self._signer.for_citizen(name.pseudonym, session.id, dpop.jkt)
        return OpenedSession(access_token=signed.token, expires_in=signed.expires_in)

    async def person_of(self, sid: str, jkt: str, platform_name: str) -> tuple[UUID, datetime] | None:
        """Give the person of a living session and when it ends; None when key or name aren't the session's."""
        try:
            session_id = UUID(sid)
        except ValueError:
            return None
        async with self._db.read() as reader:
            session = await store.session(reader, session_id)
        if session is None or session.jkt != jkt or session.expires_at <= self._clock():
            return None
        if self._names.name(PLATFORM, session.person_id).pseudonym != platform_name:
            return None
        return session.person_id, session.expires_at.astimezone(UTC)
