# SPDX-License-Identifier: EUPL-1.2
"""The token endpoint: client credentials for systems, token exchange for citizens. Nothing else."""

from collections.abc import Mapping
from typing import Any

from contracts import signing
from contracts.identity import SystemRecord
from contracts.roles import Role
from identity import store
from identity.domain import RecordKind, office_of_scope
from identity.errors import OAuthCode, OAuthError
from identity.schemas import ClientCredentials, Granted, TokenExchange
from identity.service.names import Names
from identity.service.proofs import Proofs
from identity.service.registrations import read_system
from identity.service.sessions import Sessions
from identity.service.signing import TokenSigner
from kit import tokens
from kit.clock import Clock
from kit.db import Database
from kit.jose import PublicKey
from kit.telemetry import note
from kit.tokens import Claims, DpopProof, DpopRefused, KeyOf, TokenRefused

PATH = "/v1/token"


class TokenIssuer:
    """Gives tokens to whom they are due. Every refusal is an OAuthError with the RFC's code.

    own_key: the public half of the key that we sign with now. older_key: the registry's look-up, for those before it.
    """

    def __init__(
        self,
        db: Database,
        *,
        proofs: Proofs,
        sessions: Sessions,
        names: Names,
        signer: TokenSigner,
        older_key: KeyOf,
        own_key: PublicKey,
        identity: str,
        platform: str,
        clock: Clock,
    ) -> None:
        self._db = db
        self._proofs = proofs
        self._sessions = sessions
        self._names = names
        self._signer = signer
        self._older_key = older_key
        self._own_key = own_key
        self._identity = identity
        self._platform = platform
        self._clock = clock

    async def grant(self, asked: ClientCredentials | TokenExchange, proof: str | None) -> Granted:
        """Grant or refuse. proof: the one DPoP header; None when there is none, or more than one."""
        if isinstance(asked, ClientCredentials):
            return await self._for_system(asked, proof)
        return await self._exchange(asked, proof)

    async def _for_system(self, asked: ClientCredentials, proof: str | None) -> Granted:
        # 1. Who asks, and with which key: both checked before either is used up.
        dpop = self._dpop(proof)
        try:
            system, client = await self._proofs.of_client(asked.assertion)
        except TokenRefused as why:
            raise _not_this_client(why.reason) from why
        if asked.client_id not in (None, system.system_id):
            raise _not_this_client("client_id")
        # 2. Each proof counts once, whatever happens next.
        await self._use_up(dpop, client)
        # 3. What this client may have.
        if Role(system.role) is not Role.OFFICE:
            raise OAuthError(OAuthCode.UNAUTHORIZED_CLIENT, "Only systems of offices get tokens of their own")
        if asked.audience != self._platform:
            await self._deployment(asked.audience)
        note(caller_system=system.system_id, office=system.operator)
        signed = self._signer.for_system(system.system_id, system.operator, asked.audience, dpop.jkt)
        return Granted(signed.token, signed.expires_in)

    async def _exchange(self, asked: TokenExchange, proof: str | None) -> Granted:
        # 1. The subject token was meant for us, belongs to a citizen, and the asker holds its key.
        dpop = self._dpop(proof)
        claims = self._subject_token(asked.subject_token)
        if _jkt(claims.data) != dpop.jkt:
            raise OAuthError(OAuthCode.INVALID_DPOP_PROOF, "The proof is by another key than the subject token's")
        await self._use_up(dpop)
        # 2. The scope shrinks to one office, which that deployment answers for.
        deployment = await self._deployment(asked.audience)
        office = office_of_scope(asked.scope)
        if office is None or office not in deployment.offices:
            raise OAuthError(OAuthCode.INVALID_SCOPE, "The scope must name one office of the target")
        # 3. The session still lives; its person gets that office's name.
        sid = claims.text("sid") or ""
        living = await self._sessions.person_of(sid, dpop.jkt, claims.sub or "")
        if living is None:
            raise OAuthError(OAuthCode.INVALID_REQUEST, "The session is over")
        person_id, until = living
        name = self._names.name(office, person_id)
        async with self._db.transaction() as tx:
            await store.remember_names(tx, [name])
        signed = self._signer.exchanged(name.pseudonym, sid, asked.audience, asked.scope, dpop.jkt, until)
        return Granted(signed.token, signed.expires_in, scope=asked.scope, exchanged=True)

    def _dpop(self, proof: str | None) -> DpopProof:
        try:
            return self._proofs.of_key(proof, PATH)
        except DpopRefused as why:
            raise _bad_proof(why.reason) from why

    async def _use_up(self, dpop: DpopProof, client: Claims | None = None) -> None:
        try:
            await self._proofs.use_up(dpop, client)
        except DpopRefused as why:
            raise _bad_proof(why.reason) from why
        except TokenRefused as why:
            raise _not_this_client(why.reason) from why

    def _subject_token(self, token: str) -> Claims:
        def key_of(iss: str, kid: str) -> PublicKey | None:
            if iss != self._identity:
                return None
            return self._own_key if kid == self._own_key.kid else self._older_key(iss, kid)

        try:
            claims = tokens.verify(
                token, signing.ACCESS_TOKEN, key_of=key_of, audience=self._platform, now=self._clock()
            )
        except TokenRefused as why:
            note(reason=why.reason)
            if why.reason == "audience":  # a token that was exchanged already, or an office's for one deployment
                raise OAuthError(OAuthCode.INVALID_TARGET, "The subject token is for somebody else") from why
            raise OAuthError(OAuthCode.INVALID_REQUEST, "The subject token is not valid") from why
        if claims.data.get("role") != "citizen" or "act" in claims.data:
            raise OAuthError(OAuthCode.INVALID_TARGET, "Only a citizen's own token can be exchanged")
        return claims

    async def _deployment(self, audience: str) -> SystemRecord:
        """Give the certificates deployment that is to be the audience. Raises OAuthError `invalid_target`."""
        async with self._db.read() as reader:
            held = await store.registration(reader, RecordKind.SYSTEM, audience)
        system = read_system(held) if held else None
        if system is None or system.status != "active" or Role(system.role) is not Role.CERTIFICATES:
            raise OAuthError(OAuthCode.INVALID_TARGET, "No such audience")
        return system


def _jkt(claims: Mapping[str, Any]) -> str | None:
    confirmation = claims.get("cnf")
    jkt = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    return jkt if isinstance(jkt, str) else None


def _not_this_client(reason: str) -> OAuthError:
    note(reason=reason)  # for our log; the caller learns nothing about which check it was
    return OAuthError(OAuthCode.INVALID_CLIENT, "The client could not be authenticated")


def _bad_proof(reason: str) -> OAuthError:
    note(reason=reason)
    return OAuthError(OAuthCode.INVALID_DPOP_PROOF, "One valid and fresh DPoP proof is needed")
