# SPDX-License-Identifier: EUPL-1.2
"""Routes: parse, call one use case, return what it gives. The caller's office comes from its token alone."""

import re
from typing import Annotated, Final, Literal, cast
from uuid import UUID

from fastapi import Depends, Request, Response

from certificates.domain import Operation
from certificates.errors import FieldError, InvalidRequest, NotServed, VersionMissing
from certificates.service import Changing, Errand, Issuing, Reading, Verifying
from contracts import http as headers_of
from contracts.certificates.api import Certificate, ChangeStatus, Issue, Verdict, Verify
from contracts.http import Exchange
from kit.api import ClientKey, ExchangeOf, StrictRouter, answered, check_context, from_state
from kit.auth import Caller, caller
from kit.db import Idem, fingerprint
from kit.receipts import Asker
from kit.telemetry import note

router = StrictRouter(prefix="/v1")

_VERSION: Final = re.compile(r'"([1-9][0-9]{0,8})"', re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_STEP: Final = re.compile(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,20}", re.ASCII)
_BASIS: Final = re.compile(r"request|law|consent")
_ENDINGS: Final = {"cancel": Operation.CANCEL, "rescind": Operation.RESCIND, "revoke": Operation.REVOKE}

System = Annotated[Caller, Depends(caller("system"))]
Offices = Annotated[frozenset[str], Depends(from_state("offices"))]


def _office(by: Caller, offices: frozenset[str]) -> str:
    """Give the caller's office, which must be one of ours. Raises NotServed."""
    if by.office is None or by.office not in offices:
        raise NotServed
    return by.office


async def _idem(request: Request, by: Caller, key: str) -> Idem:
    """Tell requests apart by all that decides their effect: path, version meant and body."""
    meant = request.headers.get("if-match", "")
    parts = (request.method.encode(), request.url.path.encode(), meant.encode(), await request.body())
    return Idem(by.client_key_owner, key, fingerprint(*parts))


def _version(request: Request) -> int:
    """Read `If-Match: "{version}"`. Raises VersionMissing, InvalidRequest."""
    value = request.headers.get("if-match")
    if value is None:
        raise VersionMissing
    found = _VERSION.fullmatch(value)
    if found is None:
        raise InvalidRequest([FieldError("If-Match", "MALFORMED", where="header")])
    return int(found[1])


@router.post("/certificates", status_code=201)
async def issue(
    body: Issue,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    issuing: Annotated[Issuing, Depends(from_state("issuing"))],
) -> Response:
    """Issue a certificate."""
    if body.office != _office(by, offices):
        raise NotServed
    if body.task is not None:
        check_context(request, case=body.task.case_id, step=body.task.step, purpose=None, legal_basis=None)
        note(case_id=body.task.case_id, task_id=body.task.task_id)
    return answered(await issuing.issue(await _idem(request, by, key), body))


@router.get("/certificates/{certificate_id}")
async def read(
    certificate_id: UUID,
    request: Request,
    response: Response,
    by: System,
    offices: Offices,
    exchange: ExchangeOf,
    reading: Annotated[Reading, Depends(from_state("reading"))],
) -> Certificate:
    """Read one of the office's own certificates; a receipt is durable before the answer leaves."""
    asker = Asker(office=_office(by, offices), system=by.system or "")
    certificate = await reading.read(asker, str(certificate_id), _errand(request), exchange or Exchange.new())
    response.headers["etag"] = f'"{certificate.version}"'
    response.headers["cache-control"] = "no-store"
    return certificate


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


@router.post("/certificates/{certificate_id}/suspensions", status_code=201)
async def suspend(
    certificate_id: UUID,
    body: ChangeStatus,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    changing: Annotated[Changing, Depends(from_state("changing"))],
) -> Response:
    """Suspend: nobody trusts it until it is reinstated."""
    _no_ending(body)
    return await _change(changing, request, by, key, offices, certificate_id, Operation.SUSPEND, body)


@router.post("/certificates/{certificate_id}/reinstatements", status_code=201)
async def reinstate(
    certificate_id: UUID,
    body: ChangeStatus,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    changing: Annotated[Changing, Depends(from_state("changing"))],
) -> Response:
    """End a suspension."""
    _no_ending(body)
    return await _change(changing, request, by, key, offices, certificate_id, Operation.REINSTATE, body)


@router.post("/certificates/{certificate_id}/revocations", status_code=201)
async def revoke(
    certificate_id: UUID,
    body: ChangeStatus,
    request: Request,
    by: System,
    key: ClientKey,
    offices: Offices,
    changing: Annotated[Changing, Depends(from_state("changing"))],
) -> Response:
    """End it for good: `ending` says how."""
    if body.ending is None:
        raise InvalidRequest([FieldError("/ending", "MISSING")])
    return await _change(changing, request, by, key, offices, certificate_id, _ENDINGS[body.ending], body)


def _no_ending(body: ChangeStatus) -> None:
    if body.ending is not None:
        raise InvalidRequest([FieldError("/ending", "EXTRA_FORBIDDEN")])


async def _change(
    changing: Changing,
    request: Request,
    by: Caller,
    key: str,
    offices: frozenset[str],
    certificate_id: UUID,
    operation: Operation,
    body: ChangeStatus,
) -> Response:
    office, version = _office(by, offices), _version(request)
    note(certificate_id=str(certificate_id))
    answer = await changing.change(
        await _idem(request, by, key),
        office,
        str(certificate_id),
        operation,
        version=version,
        reason=body.reason,
        system=by.system or "",
    )
    return answered(answer)


@router.post("/verifications")
async def verify(
    body: Verify, by: System, offices: Offices, verifying: Annotated[Verifying, Depends(from_state("verifying"))]
) -> Verdict:
    """Verify a credential, or a presentation that was made for the calling office."""
    return await verifying.verify(body.credential, _office(by, offices))
