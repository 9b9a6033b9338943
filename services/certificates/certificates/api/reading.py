# SPDX-License-Identifier: EUPL-1.2
"""Routes that change nothing: an office reads its own certificates, as they are or were, and verifies anybody's."""

import re
from datetime import date, datetime
from typing import Annotated, Final, Literal, cast
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from certificates.api.callers import Offices, System, office_of
from certificates.errors import FieldError, InvalidRequest
from certificates.service import Errand, Moment, Reading, Verifying
from contracts import http as headers_of
from contracts.base import Day, Timestamp
from contracts.certificates.api import Certificate, Verdict, Verify
from contracts.http import Exchange
from kit.api import ExchangeOf, StrictRouter, from_state
from kit.clock import Clock
from kit.receipts import Asker

router = StrictRouter(prefix="/v1")

_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_STEP: Final = re.compile(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,20}", re.ASCII)
_BASIS: Final = re.compile(r"request|law|consent")


@router.get("/certificates/{certificate_id}")
async def read(
    certificate_id: UUID,
    request: Request,
    response: Response,
    by: System,
    offices: Offices,
    exchange: ExchangeOf,
    reading: Annotated[Reading, Depends(from_state("reading"))],
    now: Annotated[Clock, Depends(from_state("now"))],
    as_of: Annotated[Day | None, Query(alias="asOf")] = None,
    recorded_at: Annotated[Timestamp | None, Query(alias="recordedAt")] = None,
) -> Certificate:
    """Read one of the office's own certificates; a receipt is durable before the answer leaves.

    asOf: the version in force on that day. recordedAt: as far as it was known then (now unless told).
    """
    asker = Asker(office=office_of(by, offices), system=by.system or "")
    moment = _moment(as_of, recorded_at, now())
    certificate = await reading.read(asker, str(certificate_id), _errand(request), exchange or Exchange.new(), moment)
    response.headers["etag"] = f'"{certificate.version}"'
    response.headers["cache-control"] = "no-store"
    return certificate


def _moment(day: date | None, recorded_at: datetime | None, now: datetime) -> Moment | None:
    """Give what is asked about; None for the latest version. Raises InvalidRequest."""
    if day is None:
        if recorded_at is not None:
            raise InvalidRequest([FieldError("asOf", "MISSING", where="query")])
        return None
    return Moment(day, recorded_at or now)


def _errand(request: Request) -> Errand:
    """Read what the look is for. Raises InvalidRequest with every header that is missing or malformed."""
    due = {headers_of.PURPOSE: _CODE, headers_of.LEGAL_BASIS: _BASIS}
    optional = {headers_of.CASE: re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), headers_of.STEP: _STEP}
    errors = [FieldError(name, "MISSING", where="header") for name in due if name not in request.headers]
    said = {name: request.headers[name] for name in (*due, *optional) if name in request.headers}
    forms = {**due, **optional}
    errors += [FieldError(n, "MALFORMED", where="header") for n, value in said.items() if not forms[n].fullmatch(value)]
    if errors:
        raise InvalidRequest(errors)
    basis = cast("Literal['request', 'law', 'consent']", said[headers_of.LEGAL_BASIS])
    return Errand(said[headers_of.PURPOSE], basis, said.get(headers_of.CASE), said.get(headers_of.STEP))


@router.post("/verifications")
async def verify(
    body: Verify, by: System, offices: Offices, verifying: Annotated[Verifying, Depends(from_state("verifying"))]
) -> Verdict:
    """Verify a credential, or a presentation that was made for the calling office."""
    return await verifying.verify(body.credential, office_of(by, offices))
