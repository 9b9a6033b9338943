# SPDX-License-Identifier: EUPL-1.2
"""Envelopes: signed by the service that answers for the content, then sealed to the one office that may read it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import orjson
from pydantic import ValidationError

from contracts import signing
from contracts.base import Model
from contracts.envelopes import Answer, Ask, EnvelopeClaims, Kind, Share, Task
from contracts.identity import SystemRecord
from contracts.roles import Role
from kit import jose, tokens
from kit.jose import JoseError, PrivateKey, PublicKey
from kit.tokens import TokenRefused

ENVELOPE_MAX_BYTES: Final = 640 * 1024
"""Longest sealed envelope: it travels in a record of the bus, and alone in an inbox page if it is that long."""

BODIES: Final[Mapping[Kind, type[Ask | Answer | Share | Task]]] = {
    "ask": Ask,
    "answer": Answer,
    "share": Share,
    "task": Task,
}
"""Kind of envelope -> model of its body."""


class Systems(Protocol):
    """What opening needs of the registry."""

    def system(self, system_id: str) -> SystemRecord | None:
        """Give the record of a system in force, or None."""
        ...

    def key(self, system_id: str, kid: str, use: str) -> PublicKey | None:
        """Give a key in force, or None."""
        ...


class EnvelopeRefused(JoseError):
    """An envelope to park. code: UPPER_SNAKE, stable, fit for the park list; never content."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class OpenedEnvelope:
    """An envelope that was opened, verified and read. jti: the event's id. body: the model of its kind."""

    kind: str
    iss: str
    jti: str
    iat: int
    exchange_id: str
    body: Ask | Answer | Share | Task


def seal_envelope(
    kind: str,
    body: Model,
    *,
    issuer_system: str,
    audience_office: str,
    event_id: str,
    exchange_id: str,
    key_sig: PrivateKey,
    key_enc: PublicKey,
    now: datetime,
) -> str:
    """Sign *body* as an envelope of *kind*, then seal it to *key_enc*; gives the JWE.

    key_enc: the receiver's `inbox` key (asks: `answering`) out of the registry, never out of a message.
    event_id: the id of the event that will carry it. Raises ValueError when the envelope passes 256 KiB.
    """
    claims = EnvelopeClaims(
        iss=issuer_system,
        aud=audience_office,
        iat=int(now.timestamp()),
        jti=event_id,
        kind=_known(kind),
        exchange_id=exchange_id,
        body=body.wire(),
    )
    signed = tokens.sign(signing.ENVELOPE, claims.wire(), key_sig)
    sealed = jose.seal(signed.encode("ascii"), key_enc)
    if len(sealed) > ENVELOPE_MAX_BYTES:
        raise ValueError(f"an envelope holds at most {ENVELOPE_MAX_BYTES} bytes")
    return sealed


def open_envelope(
    envelope: str,
    *,
    keys: Mapping[str, PrivateKey],
    registry: Systems,
    expect_kinds: Collection[str],
    office: str,
    now: datetime,
) -> OpenedEnvelope:
    """Open an envelope that was sealed to *office* and check who signed it.

    keys: the office's private keys by kid. expect_kinds: what may come at this door.
    Raises EnvelopeRefused: CANNOT_OPEN, SIGNATURE_INVALID, KIND_UNEXPECTED, ROLE_WRONG, BODY_INVALID.
    """
    try:
        signed = jose.open_sealed(envelope, keys, max_bytes=ENVELOPE_MAX_BYTES).decode("ascii")
    except (JoseError, UnicodeDecodeError) as why:
        raise EnvelopeRefused("CANNOT_OPEN") from why
    try:
        verified = tokens.verify(
            signed, signing.ENVELOPE, key_of=lambda iss, kid: registry.key(iss, kid, "sig"), audience=office, now=now
        )
    except TokenRefused as why:
        raise EnvelopeRefused("SIGNATURE_INVALID") from why
    opened = _read(verified.data, expect_kinds)
    _check_signer(opened, registry.system(opened.iss))
    return opened


def digest(envelope: str) -> str:
    """Give `envelopeDigest`: SHA-256 over the JWE's bytes, base64url."""
    return jose.digest(envelope)


def _known(kind: str) -> Kind:
    for known in BODIES:
        if known == kind:
            return known
    raise ValueError("no such kind of envelope")


def _read(data: Mapping[str, object], expect_kinds: Collection[str]) -> OpenedEnvelope:
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in expect_kinds or kind not in BODIES:
        raise EnvelopeRefused("KIND_UNEXPECTED")
    try:
        claims = EnvelopeClaims.model_validate(data)
        body = BODIES[claims.kind].model_validate_json(orjson.dumps(claims.body))
    except ValidationError as why:
        raise EnvelopeRefused("BODY_INVALID") from why
    return OpenedEnvelope(claims.kind, claims.iss, claims.jti, claims.iat, claims.exchange_id, body)


def _check_signer(opened: OpenedEnvelope, signer: SystemRecord | None) -> None:
    """A good signature isn't enough: the role must fit the kind, and a holder's service must serve that holder."""
    if signer is None or Role(signer.role) not in signing.ENVELOPE_SIGNERS[opened.kind]:
        raise EnvelopeRefused("ROLE_WRONG")
    holder = _holder(opened.body)
    if holder is not None and holder not in signer.offices:
        raise EnvelopeRefused("ROLE_WRONG")


def _holder(body: Ask | Answer | Share | Task) -> str | None:
    match body:
        case Answer():
            return body.holder
        case Share():
            return body.office
        case _:
            return None
