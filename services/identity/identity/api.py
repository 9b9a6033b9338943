# SPDX-License-Identifier: EUPL-1.2
"""The doors of identity. Routes under /v1/sandbox exist in a sandbox only."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from contracts import identity as models
from contracts.base import SystemId
from contracts.roles import PLATFORM, Role
from identity.errors import OAuthCode, OAuthError
from identity.schemas import FORM, read_form, read_request
from identity.service import AliasMint, Persons, Registrations, Sessions, TokenIssuer, Windows
from identity.service.sessions import PATH as SESSIONS_PATH
from identity.service.tokens import PATH as TOKEN_PATH
from kit.api import ClientKey, ExchangeOf, StrictRouter, answered, from_state
from kit.auth import Caller, caller
from kit.db import Idem, fingerprint
from kit.errors import Forbidden
from kit.receipts import Asker
from kit.telemetry import note
from kit.window import Window

_Bootstrap = Annotated[Caller, Depends(caller("bootstrap"))]
_System = Annotated[Caller, Depends(caller("system"))]
_Citizen = Annotated[Caller, Depends(caller("citizen"))]
_CitizenOrClerk = Annotated[Caller, Depends(caller("citizen", window=True))]
_Minting = Annotated[Caller, Depends(caller(Role.CASES, Role.CERTIFICATES))]

_Register = Annotated[Registrations, Depends(from_state("registrations"))]
_Persons = Annotated[Persons, Depends(from_state("persons"))]
_Windows = Annotated[Windows, Depends(from_state("windows"))]

FORM_RULES = {TOKEN_PATH: frozenset({FORM})}
"""Path -> media types, for the edge."""

forms = APIRouter(redirect_slashes=False)
"""The one route that takes a form instead of JSON."""
doors = StrictRouter(prefix="/v1")
sandbox_doors = StrictRouter()


def routers(*, sandbox: bool) -> Sequence[APIRouter]:
    """Give the routers of this deployment."""
    return [forms, doors, sandbox_doors] if sandbox else [forms, doors]


# ------------------------------------------------------------------------------------------------ tokens
@forms.post(TOKEN_PATH)
async def token(request: Request, issuer: Annotated[TokenIssuer, Depends(from_state("tokens"))]) -> Response:
    """Give an access token (RFC 6749, RFC 8693). Errors are OAuth's own JSON; 503 is a problem document."""
    try:
        if request.url.query:  # RFC 6749, section 3.2: parameters travel in the body, where no log keeps them
            raise OAuthError(OAuthCode.INVALID_REQUEST, "Parameters belong in the body")
        if "authorization" in request.headers:
            raise OAuthError(OAuthCode.INVALID_CLIENT, "Clients prove themselves by private_key_jwt")
        granted = await issuer.grant(read_request(read_form(await request.body())), _proof(request))
    except OAuthError as why:
        return _refused(why)
    return JSONResponse(granted.document(), headers={"cache-control": "no-store"})


def _refused(why: OAuthError) -> Response:
    note(code=why.code.value)
    headers = {"cache-control": "no-store"}
    if why.status == 401:
        headers["www-authenticate"] = 'DPoP error="invalid_client", algs="ES256"'
    return JSONResponse({"error": why.code.value, "error_description": why.description}, why.status, headers)


def _proof(request: Request) -> str | None:
    """Give the DPoP proof; None when there is none, or more than one (RFC 9449, section 4.3)."""
    proofs = request.headers.getlist("dpop")
    return proofs[0] if len(proofs) == 1 else None


@sandbox_doors.post(SESSIONS_PATH, status_code=201)
async def open_session(
    request: Request, order: models.OpenSession, sessions: Annotated[Sessions, Depends(from_state("sessions"))]
) -> models.Session:
    """Log a fictional person in."""
    return await sessions.open(order.persona, _proof(request))


# ------------------------------------------------------------------------------------------------ the window
@doors.post("/confirm-codes", status_code=201)
async def make_confirm_code(order: models.MakeConfirmCode, who: _Citizen, windows: _Windows) -> models.ConfirmCode:
    """Give a citizen a code to tell a clerk of one office. She makes it herself: no window can."""
    if who.subject is None:
        raise Forbidden
    return await windows.make_code(who.subject, order.office)


@doors.post("/window-sessions", status_code=201)
async def open_window(
    order: models.OpenWindow, who: _System, exchange: ExchangeOf, windows: _Windows
) -> models.WindowSession:
    """Let a system of an office act for the citizen who told its clerk her code."""
    if who.role is not Role.OFFICE or who.office is None or who.system is None or who.jkt is None:
        raise Forbidden
    by = Window(who.office, who.system, order.clerk)
    return await windows.open(by, who.jkt, order, exchange.exchange_id if exchange else None)


# ------------------------------------------------------------------------------------------------ registrations
@doors.post("/offices", status_code=201)
async def register_office(
    request: Request, record: models.OfficeRecord, who: _Bootstrap, key: ClientKey, register: _Register
) -> Response:
    """Register or change an office, or the platform."""
    return answered(await register.register(_idem(request, who, key, record.wire_bytes()), record))


@doors.post("/systems", status_code=201)
async def register_system(
    request: Request, record: models.SystemRecord, who: _Bootstrap, key: ClientKey, register: _Register
) -> Response:
    """Register or change a system."""
    return answered(await register.register(_idem(request, who, key, record.wire_bytes()), record))


@doors.post("/systems/{system_id}/revocations", status_code=201)
async def revoke_system(
    request: Request, system_id: Annotated[SystemId, Path()], who: _Bootstrap, key: ClientKey, register: _Register
) -> Response:
    """Revoke a system: its tokens and signatures end everywhere within seconds."""
    return answered(await register.revoke(_idem(request, who, key, b""), system_id))


@sandbox_doors.post("/v1/sandbox/personas", status_code=201)
async def register_persona(
    request: Request, new: models.RegisterPersona, who: _Bootstrap, key: ClientKey, persons: _Persons
) -> Response:
    """Register a fictional person."""
    return answered(await persons.register_persona(_idem(request, who, key, new.wire_bytes()), new))


# ------------------------------------------------------------------------------------------------ persons
@doors.post("/persons/resolve")
async def resolve(order: models.Resolve, who: _System, persons: _Persons) -> models.Resolved:
    """Turn numbers that an office lawfully holds into its own pseudonyms."""
    if who.office is None or who.system is None:
        raise Forbidden
    asker = Asker(office=who.office, system=who.system)
    return models.Resolved(subjects=await persons.resolve(asker, order.numbers))


@doors.post("/persons/handles")
async def make_handle(
    order: models.MakeHandle, who: _CitizenOrClerk, exchange: ExchangeOf, persons: _Persons
) -> models.Handle:
    """Turn another person's number into an opaque handle; an unknown number looks the same."""
    if who.subject is None:
        raise Forbidden
    exchange_id = exchange.exchange_id if exchange else None
    return models.Handle(handle=await persons.handle(who.subject, order.number, exchange_id, who.window))


@doors.post("/aliases")
async def mint_aliases(
    order: models.MintAliases,
    who: _Minting,
    exchange: ExchangeOf,
    mint: Annotated[AliasMint, Depends(from_state("aliases"))],
) -> models.Aliases:
    """Mint sealed aliases of one person for several parties."""
    parties = frozenset({PLATFORM}) if who.role is Role.CASES else who.offices
    return await mint.mint(str(who.system), parties, order, exchange.exchange_id if exchange else None)


def _idem(request: Request, who: Caller, key: str, body: bytes) -> Idem:
    return Idem(who.client_key_owner, key, fingerprint(request.method.encode(), request.url.path.encode(), body))
