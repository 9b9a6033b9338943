# SPDX-License-Identifier: EUPL-1.2
"""Signed copies of certificates: the office's own, and presentations for one other office."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from certificates.domain import Certificate
from certificates.service.keys import Keys
from contracts.certificates import formats
from contracts.certificates.api import Presentation
from kit import jose
from kit.clock import Clock

HOST: Final = "https://tongban.example"
ISSUERS: Final = f"{HOST}/issuers/"
TYPES: Final = f"{HOST}/types/"
CERTIFICATE_URN: Final = "urn:uuid:"
_LAST: Final = datetime.max.replace(microsecond=0, tzinfo=UTC)
COPY_LIFE: Final = timedelta(days=365)
"""The licence is long, its copies are short and renewed."""


class Credentials:
    """Signs with the office's issuing key. presentation_life: how long another office's copy is good for."""

    def __init__(self, keys: Keys, clock: Clock, presentation_life: timedelta) -> None:
        self._keys = keys
        self._clock = clock
        self._presentation_life = presentation_life

    def signed(self, certificate: Certificate) -> Certificate:
        """Give the certificate with the office's own copy: every field, licence id and certificate id."""
        now = self._clock()
        starts = max(now, _start(certificate.valid_from))
        ends = _later(starts, COPY_LIFE)
        if certificate.valid_to is not None:  # both days are included
            ends = min(ends, _later(_start(certificate.valid_to), timedelta(days=1)))
        credential = formats.issue(
            {
                **certificate.claims,
                "jti": f"{CERTIFICATE_URN}{certificate.id}",
                "licenceId": certificate.licence_id,
                **_promised(certificate),
            },
            list(certificate.claims),
            issuer=f"{ISSUERS}{certificate.office}",
            vct=vct(certificate),
            now=now,
            not_before=_start(certificate.valid_from) if starts > now else None,
            expires_at=ends,
            signer=self._keys.issuing[certificate.office],
        )
        return replace(certificate, credential=credential, format=formats.CURRENT)

    def presented(
        self, certificate: Certificate, fields: Sequence[str], *, audience: str, purpose: str
    ) -> Presentation:
        """Sign a presentation of the given fields alone, for one office and one purpose.

        No status entry, no certificate id, no licence id, times to the hour: two offices can't match their copies.
        `provisional: true` stands beside the fields of what was given on a promise, without its words.
        """
        hour = self._clock().replace(minute=0, second=0, microsecond=0)
        shown = {name: certificate.claims[name] for name in fields if name in certificate.claims}
        credential = formats.issue(
            {**shown, "purpose": purpose, **({} if certificate.provisional is None else {"provisional": True})},
            list(shown),
            issuer=f"{ISSUERS}{certificate.office}",
            vct=vct(certificate),
            now=hour,
            expires_at=hour + self._presentation_life,
            audience=audience,
            signer=self._keys.issuing[certificate.office],
        )
        return Presentation(credential=credential, evidence_digest=jose.digest(credential))


def _promised(certificate: Certificate) -> dict[str, Any]:
    if certificate.provisional is None:
        return {}
    conditions, check_by = certificate.provisional.conditions, certificate.provisional.check_by
    return {"provisional": {"conditions": list(conditions), "checkBy": check_by.isoformat()}}


def vct(certificate: Certificate) -> str:
    """Name the certificate's type and its version, as credentials do."""
    return f"{TYPES}{certificate.type}/{certificate.type_version}"


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _later(moment: datetime, by: timedelta) -> datetime:
    """Add, up to the last second that there is: 9999-12-31 is what registers write for ever."""
    return moment + min(by, _LAST - moment)
