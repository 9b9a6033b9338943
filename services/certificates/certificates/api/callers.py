# SPDX-License-Identifier: EUPL-1.2
"""What every route needs of its caller: idempotency, the version meant, and the office, by the token alone."""

import re
from typing import Annotated, Final

from fastapi import Depends, Request

from certificates.errors import FieldError, InvalidRequest, NotServed, VersionMissing
from kit.api import from_state
from kit.auth import Caller, caller
from kit.db import Idem, fingerprint

_VERSION: Final = re.compile(r'"([1-9][0-9]{0,8})"', re.ASCII)

System = Annotated[Caller, Depends(caller("system"))]
Citizen = Annotated[Caller, Depends(caller("citizen"))]
"""A person by a token that was exchanged for this deployment: her `sub` is what the office calls her."""
Offices = Annotated[frozenset[str], Depends(from_state("offices"))]


def office_of(by: Caller, offices: frozenset[str]) -> str:
    """Give the caller's office, which must be one of ours. Raises NotServed."""
    if by.office is None or by.office not in offices:
        raise NotServed
    return by.office


async def idem(request: Request, by: Caller, key: str) -> Idem:
    """Tell requests apart by all that decides their effect: path, version meant and body."""
    meant = request.headers.get("if-match", "")
    parts = (request.method.encode(), request.url.path.encode(), meant.encode(), await request.body())
    return Idem(by.client_key_owner, key, fingerprint(*parts))


def version_of(request: Request) -> int:
    """Read `If-Match: "{version}"`. Raises VersionMissing, InvalidRequest."""
    value = request.headers.get("if-match")
    if value is None:
        raise VersionMissing
    found = _VERSION.fullmatch(value)
    if found is None:
        raise InvalidRequest([FieldError("If-Match", "MALFORMED", where="header")])
    return int(found[1])
