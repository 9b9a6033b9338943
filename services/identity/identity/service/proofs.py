# SPDX-License-Identifier: EUPL-1.2
"""Proofs that count once: of a key (DPoP, RFC 9449) and of a client (private_key_jwt, RFC 7523)."""

from datetime import UTC, datetime
from typing import Final

from contracts import signing
from contracts.identity import SystemRecord
from identity import store
from identity.domain import RecordKind, UsedProof
from identity.service.registrations import read_system
from kit import tokens
from kit.clock import Clock
from kit.db import Database
from kit.jose import JoseError, PublicKey
from kit.tokens import SKEW_S, Claims, DpopProof, DpopRefused, TokenRefused

_DPOP_WINDOW_S: Final = 60
_MARGIN_S: Final = 5
"""The memory must outlive the leeway, or a proof could be used again in the gap."""


class Proofs:
    """Checks proofs and uses them up. public_url: the gateway's address as callers see it; identity: our own id."""

    def __init__(self, db: Database, *, public_url: str, identity: str, clock: Clock) -> None:
        self._db = db
        self._public_url = public_url.rstrip("/")
        self._identity = identity
        self._clock = clock

    def of_key(self, proof: str | None, path: str) -> DpopProof:
        """Check the DPoP proof of a POST to *path*; None: there was none, or more than one. Raises DpopRefused.

        The address is built from our settings: a Host header is whatever the caller wants it to be.
        """
        if proof is None:
            raise DpopRefused("missing")
        return tokens.verify_dpop(proof, method="POST", url=f"{self._public_url}{path}", token=None, now=self._clock())

    async def of_client(self, assertion: str) -> tuple[SystemRecord, Claims]:
        """Check a client assertion by the keys of the very system that it names. Raises TokenRefused.

        Keys come from our own register, not from the replica: nobody knows it sooner.
        """
        system_id = tokens.peek_issuer(assertion, signing.CLIENT_ASSERTION)
        async with self._db.read() as reader:
            held = await store.registration(reader, RecordKind.SYSTEM, system_id)
        if held is None:
            raise TokenRefused("unknown key")
        system = read_system(held)

        def key_of(iss: str, kid: str) -> PublicKey | None:
            return signing_key(system, kid, self._clock()) if iss == system_id else None

        claims = tokens.verify(
            assertion, signing.CLIENT_ASSERTION, key_of=key_of, audience=self._identity, now=self._clock()
        )
        return system, claims

    async def use_up(self, dpop: DpopProof, client: Claims | None = None) -> None:
        """Note that these proofs were used, for all processes. Raises DpopRefused or TokenRefused for a second use."""
        key_proof = UsedProof(f"dpop:{dpop.jkt}", dpop.jti, _moment(dpop.iat + _DPOP_WINDOW_S + _MARGIN_S))
        client_proof = None
        if client is not None and client.exp is not None and client.jti is not None:
            client_proof = UsedProof(client.iss, client.jti, _moment(client.exp + SKEW_S + _MARGIN_S))
        async with self._db.read() as connection:  # committed by itself: a refusal later on must not give them back
            fresh = await store.claim_proofs(connection, [proof for proof in (key_proof, client_proof) if proof])
        if client_proof is not None and client_proof not in fresh:
            raise TokenRefused("replayed")
        if key_proof not in fresh:
            raise DpopRefused("replayed")


def signing_key(system: SystemRecord, kid: str, now: datetime) -> PublicKey | None:
    """Give the key *kid* if *system* may sign with it now."""
    if system.status != "active":
        return None
    for entry in system.keys:
        in_force = entry.status == "active" and entry.from_ <= now and (entry.to is None or now < entry.to)
        if entry.kid == kid and entry.use == "sig" and in_force:
            try:
                return PublicKey.from_jwk(entry.jwk)
            except JoseError:
                return None
    return None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
