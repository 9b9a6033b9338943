# SPDX-License-Identifier: EUPL-1.2
"""Stage 4: for what? Purpose and legal basis travel with every request for personal data."""

import re

from contracts import http as headers_of
from contracts.routes import Route
from gateway.domain import Asked, Errand
from gateway.errors import PurposeMissing
from kit.errors import FieldError, InvalidRequest

_FORMS = {
    headers_of.PURPOSE: re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"),
    headers_of.LEGAL_BASIS: re.compile(r"request|law|consent"),
    headers_of.CASE: re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    headers_of.STEP: re.compile(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,20}"),
}


def errand_of(asked: Asked, route: Route) -> Errand | None:
    """Read the errand; None where the route needs none. Raises PurposeMissing, InvalidRequest (malformed header)."""
    if route.receipt == "view":
        return Errand(route.purpose, "request")
    said = {name: asked.header(name) for name in _FORMS}
    wrong = [
        FieldError(name, "MALFORMED", where="header")
        for name, value in said.items()
        if value is not None and not _FORMS[name].fullmatch(value)
    ]
    if wrong:
        raise InvalidRequest(wrong)
    if not route.context:
        return None
    purpose, basis = said[headers_of.PURPOSE], said[headers_of.LEGAL_BASIS]
    if purpose is None or basis is None:
        raise PurposeMissing
    return Errand(purpose, basis, said[headers_of.CASE], said[headers_of.STEP])
