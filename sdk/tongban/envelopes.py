# SPDX-License-Identifier: EUPL-1.2
"""Envelopes that come into an office's inbox: opened with the office's key, believed by the signer's role."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from contracts import signing
from contracts.envelopes import Answer, EnvelopeClaims, Share, Task
from contracts.roles import Role
from tongban import jose
from tongban.directory import Directory
from tongban.jose import PrivateKey
from tongban.problems import NotBelieved

Body = Answer | Share | Task
BODIES: Final[Mapping[str, type[Answer] | type[Share] | type[Task]]] = {"answer": Answer, "share": Share, "task": Task}
"""Kind -> model of its body. Asks go to certificates deployments, never to an inbox."""
SKEW: Final = timedelta(seconds=60)
MOST_WRAPS: Final = 2
"""An alias is sealed once more for each use, so that two uses of it don't match."""


@dataclass(frozen=True)
class Opened:
    """An envelope that was opened and holds. body: Answer, Share or Task. digest: `envelopeDigest` in receipts."""

    kind: str
    issuer: str
    event_id: str
    exchange_id: str
    body: Body
    digest: str


def open_envelope(
    envelope: str, *, keys: Mapping[str, PrivateKey], directory: Directory, office: str, now: datetime
) -> Opened:
    """Open an envelope that is sealed to *office* and check who answers for its content.

    keys: the office's `inbox` keys by kid. Raises NotBelieved: CANNOT_OPEN, SIGNER_UNKNOWN, SIGNATURE_INVALID,
    AUDIENCE_WRONG, KIND_UNEXPECTED, ROLE_WRONG, BODY_INVALID (or what `jose` raises for a malformed one).
    """
    try:
        signed = jose.open_sealed(envelope, keys).decode("ascii")
    except UnicodeDecodeError as why:
        raise NotBelieved("CANNOT_OPEN") from why
    claims = _verified(signed, directory, now)
    if claims.aud != office:
        raise NotBelieved("AUDIENCE_WRONG")
    if claims.kind not in BODIES:
        raise NotBelieved("KIND_UNEXPECTED")
    try:
        body = BODIES[claims.kind].model_validate_json(json.dumps(claims.body))
    except ValidationError as why:
        raise NotBelieved("BODY_INVALID") from why
    _check_role(claims, body, directory)
    return Opened(claims.kind, claims.iss, claims.jti, claims.exchange_id, body, jose.digest(envelope))


def open_alias(alias: str, keys: Mapping[str, PrivateKey], office: str) -> str:
    """Give what *office* calls the person whom *alias* names to it. keys: as in `open_envelope`.

    Raises NotBelieved: CANNOT_OPEN, ALIAS_INVALID (another office's, or none at all).
    """
    for _wraps in range(MOST_WRAPS + 1):
        content = jose.json_object(jose.open_sealed(alias, keys))
        pseudonym, inner = content.get("pseudonym"), content.get("alias")
        if content.get("party") != office:
            break
        if isinstance(pseudonym, str):
            return pseudonym
        if not isinstance(inner, str):
            break
        alias = inner
    raise NotBelieved("ALIAS_INVALID")


def _verified(signed: str, directory: Directory, now: datetime) -> EnvelopeClaims:
    issuer = _peek_issuer(signed)
    key = directory.system_key(issuer, jose.kid_of(signed), now)
    if key is None:
        raise NotBelieved("SIGNER_UNKNOWN")
    try:
        claims = EnvelopeClaims.model_validate_json(json.dumps(jose.verify_jws(signed, key, signing.ENVELOPE)))
    except ValidationError as why:
        raise NotBelieved("BODY_INVALID") from why
    if claims.iat > (now + SKEW).timestamp():
        raise NotBelieved("NOT_YET_VALID")
    return claims


def _peek_issuer(signed: str) -> str:
    """Read `iss` before anything is verified: it only chooses whose keys are tried."""
    parts = signed.split(".")
    issuer = jose.json_object(jose.b64u_decode(parts[1])).get("iss") if len(parts) == 3 else None
    if not isinstance(issuer, str):
        raise NotBelieved("MALFORMED")
    return issuer


def _check_role(claims: EnvelopeClaims, body: Body, directory: Directory) -> None:
    """A good signature isn't enough: the role must fit the kind, and a holder's service must serve that holder."""
    signer = directory.system(claims.iss)
    if signer is None or Role(signer.role) not in signing.ENVELOPE_SIGNERS[claims.kind]:
        raise NotBelieved("ROLE_WRONG")
    holder = body.holder if isinstance(body, Answer) else body.office if isinstance(body, Share) else None
    if holder is not None and holder not in signer.offices:
        raise NotBelieved("ROLE_WRONG")
