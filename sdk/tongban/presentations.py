# SPDX-License-Identifier: EUPL-1.2
"""Presentations: checked offline, by the issuing office's registered keys."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.certificates import formats
from contracts.certificates.api import Presentation
from tongban import jose
from tongban.directory import Directory
from tongban.problems import NotBelieved

_PURPOSE: Final = "purpose"
_PROVISIONAL: Final = "provisional"
_BESIDE: Final = frozenset({_PURPOSE, _PROVISIONAL})
"""Stand beside the fields in a presentation, and are none of them."""


@dataclass(frozen=True)
class Facts:
    """What a presentation that holds says. claims: the disclosed fields, nothing more. purpose: what it is for.

    provisional: it was given on a promise that is still to be checked.
    """

    office: str
    type: str
    claims: dict[str, Any]
    purpose: str | None
    issued_at: datetime
    expires_at: datetime | None
    provisional: bool = False


def verify_presentation(
    presentation: Presentation | str,
    *,
    directory: Directory,
    now: datetime,
    issuer: str | None = None,
    audience: str | None = None,
    type_name: str | None = None,
) -> Facts:
    """Check a presentation by form, signature, time, receiver, issuer and type.

    issuer: USCC that must have signed it. audience: USCC that it must be made for. type_name: as in the catalogue.
    Raises NotBelieved with the first check that failed: DIGEST_WRONG, ISSUER_UNEXPECTED, TYPE_UNEXPECTED,
    ISSUER_NOT_IN_POWER, or a code of the format (SIGNATURE_INVALID, EXPIRED, AUDIENCE_WRONG, KEY_UNKNOWN, ...).
    """
    text = presentation if isinstance(presentation, str) else presentation.credential

    def key_of(iss: str, kid: str) -> Callable[[bytes, bytes], bool] | None:
        key = directory.issuing_key(office_of(iss), kid)
        return None if key is None else key.verifies

    try:
        held = formats.verify(text, key_of=key_of, now=now, audience=audience)
    except formats.FormatRefused as why:
        raise NotBelieved(why.code) from why
    office, found = office_of(held.issuer), type_of(held.vct)
    if issuer is not None and office != issuer:
        raise NotBelieved("ISSUER_UNEXPECTED")
    if type_name is not None and found != type_name:
        raise NotBelieved("TYPE_UNEXPECTED")
    # Whose key it is says nothing about what it may attest: that stands in the power list.
    if directory.catalogue.may_issue(office, found, held.issued_at.date()) is None:
        raise NotBelieved("ISSUER_NOT_IN_POWER")
    if isinstance(presentation, Presentation) and jose.digest(text) != presentation.evidence_digest:
        raise NotBelieved("DIGEST_WRONG")
    claims = {name: value for name, value in held.claims.items() if name not in _BESIDE}
    purpose = held.claims.get(_PURPOSE)
    promised = held.claims.get(_PROVISIONAL) is True
    return Facts(office, found, claims, purpose and str(purpose), held.issued_at, held.expires_at, promised)


def office_of(issuer: str) -> str:
    """Give the USCC out of an issuer's name, `https://{host}/issuers/{USCC}`; empty for any other."""
    before, _, office = issuer.rpartition("/")
    return office if before.endswith("/issuers") else ""


def type_of(vct: str) -> str:
    """Give the type out of `https://{host}/types/{type}/{version}`; empty for any other."""
    before, _, name = vct.rpartition("/")[0].rpartition("/")
    return name if before.endswith("/types") else ""
