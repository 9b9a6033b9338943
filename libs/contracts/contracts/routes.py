# SPDX-License-Identifier: EUPL-1.2
"""The gateway's route table: which path goes to which service, who may call it, and what it must carry."""

from dataclasses import dataclass
from typing import Literal

from contracts.roles import Role

Security = Literal["public", "system", "citizen", "either"]
Receipt = Literal["none", "exchange", "view"]


@dataclass(frozen=True)
class Route:
    """One route. `path` holds `{name}` segments. `service` is a role; certificates is chosen by the token's `aud`.

    `context`: the call must carry Tongban-Purpose and Tongban-Legal-Basis. `window`: a clerk may call it for the
    citizen at the window of an office, by a session of the window. `receipt`: exchange = pending before and outcome
    after; view = one, durable before the body leaves.
    """

    method: str
    path: str
    service: Role
    security: Security
    context: bool = False
    window: bool = False
    receipt: Receipt = "none"
    purpose: str = ""
    query: frozenset[str] = frozenset()
    body_limit: int = 1_048_576


def _route(method: str, path: str, service: Role, security: Security, **more: object) -> Route:
    return Route(method, path, service, security, **more)  # type: ignore[arg-type]


_ID, _BUS, _CERT, _CASES, _LEDGER = Role.IDENTITY, Role.EXCHANGE_BUS, Role.CERTIFICATES, Role.CASES, Role.LEDGER

ROUTES: tuple[Route, ...] = (
    _route("POST", "/v1/token", _ID, "public"),
    _route("POST", "/v1/sandbox/sessions", _ID, "public"),
    _route("POST", "/v1/persons/resolve", _ID, "system"),
    _route("POST", "/v1/confirm-codes", _ID, "citizen"),
    _route("POST", "/v1/window-sessions", _ID, "system"),
    _route("POST", "/v1/persons/handles", _ID, "citizen", window=True),
    _route("POST", "/v1/certificates", _CERT, "system"),
    _route("GET", "/v1/certificates/{id}", _CERT, "system", context=True, query=frozenset({"asOf", "recordedAt"})),
    _route("POST", "/v1/certificates/amendments", _CERT, "system"),
    _route("POST", "/v1/certificates/together", _CERT, "system"),
    *(
        _route("POST", f"/v1/certificates/{{id}}/{operations}", _CERT, "system")
        for operations in (
            *("amendments", "renewals", "suspensions", "reinstatements", "revocations"),
            *("transfers", "transfer-reversals", "others"),
        )
    ),
    _route("POST", "/v1/verifications", _CERT, "system"),
    # A citizen's look at the holder: the holder itself writes the receipt, since only it knows who she is there.
    _route("GET", "/v1/previews", _CERT, "citizen"),
    _route("GET", "/v1/previews/{id}", _CERT, "citizen"),
    _route("POST", "/v1/previews/{id}/decision", _CERT, "citizen"),
    _route("POST", "/v1/evidence-requests", _BUS, "system", context=True, receipt="exchange"),
    _route("GET", "/v1/evidence-requests/{id}", _BUS, "system"),
    _route("GET", "/v1/inbox", _BUS, "system", query=frozenset({"limit", "wait", "after"})),
    _route("POST", "/v1/inbox/acknowledgements", _BUS, "system"),
    _route("GET", "/v1/public/refusals", _BUS, "public", query=frozenset({"office"})),
    _route("POST", "/v1/plans", _CASES, "citizen", window=True),
    _route("POST", "/v1/cases", _CASES, "citizen", window=True),
    _route("GET", "/v1/cases/{id}", _CASES, "citizen", window=True, receipt="view", purpose="own-case"),
    _route("POST", "/v1/cases/{id}/withdrawal", _CASES, "citizen", window=True, receipt="view", purpose="own-case"),
    _route("POST", "/v1/cases/{id}/offers/{step}", _CASES, "citizen", window=True, receipt="view", purpose="own-case"),
    _route("POST", "/v1/tasks/{id}/completion", _CASES, "system"),
    _route("POST", "/v1/tasks/{id}/refusal", _CASES, "system"),
    _route("POST", "/v1/tasks/{id}/reopening", _CASES, "system"),
    _route("POST", "/v1/tasks/{id}/demands", _CASES, "system"),
    # The data office alone; the runner of a demo calls cases itself, by its bootstrap key.
    _route("POST", "/v1/outages", _CASES, "system"),
    _route("POST", "/v1/sandbox/clock", _CASES, "system"),
    _route(
        "GET",
        "/v1/receipts",
        _LEDGER,
        "citizen",
        receipt="view",
        purpose="own-receipts",
        query=frozenset({"limit", "after"}),
    ),
)
"""Beside these the gateway itself answers `GET /v1/records/{topic}` (signed records of catalogue and keys)."""
