# SPDX-License-Identifier: EUPL-1.2
"""A promise that a certificate is given on, between its wire form and ours."""

from certificates.domain import Certificate, Provisional
from contracts.certificates import api as models


def promised(given: models.Provisional | None) -> Provisional | None:
    """Read what a certificate is given on."""
    return None if given is None else Provisional(tuple(given.conditions), given.check_by)


def shown_promise(certificate: Certificate) -> models.Provisional | None:
    """Write what a certificate is given on."""
    given = certificate.provisional
    return None if given is None else models.Provisional(conditions=list(given.conditions), check_by=given.check_by)
