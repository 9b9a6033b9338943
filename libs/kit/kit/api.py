# SPDX-License-Identifier: EUPL-1.2
"""How a service speaks HTTP: routes with strict bodies and declared queries, problems, and the edge around them.

router = StrictRouter(prefix="/v1")

@router.post("/certificates", status_code=201)
async def issue(order: Order, caller: Annotated[Caller, Depends(caller("system"))], ...) -> Response: ...
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from inspect import iscoroutinefunction
from types import UnionType
from typing import Annotated, Any, Final, Protocol, Union, get_args, get_origin
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel, ValidationError

from contracts import http as headers_of
from contracts.http import Exchange
from kit import problems, strictjson
from kit.edge import EdgeMiddleware, EdgeRules
from kit.errors import ContextMismatch, FieldError, InvalidKey, InvalidRequest, KeyMissing
from kit.settings import ServiceSettings

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_EXCHANGE: Final = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([A-Za-z0-9_-]{16,64})")
_NO_TELEMETRY: Final = TelemetryConfig(  # ours is the edge's one span; FastAPI would add its own beside it
    tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False
)


class _StrictBody(ModelField):
    """A JSON body that the model reads from its text: wire names only, no coercion, one reading."""

    def validate(
        self,
        value: Any,
        values: dict[str, Any] | None = None,
        *,
        loc: tuple[int | str, ...] = (),
    ) -> tuple[Any, list[dict[str, Any]]]:
        """Give the model and no errors, or None and the errors with *loc* before each place."""
        if not isinstance(value, bytes):  # no body at all, where one is optional
            return super().validate(value, values or {}, loc=loc)
        try:
            return self._type_adapter.validate_json(value, by_alias=True, by_name=False), []
        except ValidationError as exc:
            errors = exc.errors(include_url=False, include_input=False)
            return None, [{**error, "loc": (*loc, *error["loc"])} for error in errors]


class StrictRoute(APIRoute):
    """A route that reads its body strictly and refuses query parameters that it doesn't declare."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["response_model_exclude_none"] = True  # absent, never null
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the strict readings before FastAPI's own handler."""
        fields = self.dependant.body_params
        if len(fields) > 1:
            raise TypeError(f"{self.path}: a body is one model")
        if any(dependency.body_params for dependency in self.dependant.dependencies):
            raise TypeError(f"{self.path}: only the route itself reads the body")
        if not all(iscoroutinefunction(dependency.call) for dependency in self.dependant.dependencies):
            raise TypeError(f"{self.path}: a dependency is async, or each request pays for a thread")
        fields[:] = [_StrictBody(one.field_info, one.name, one.mode, one.config) for one in fields]
        handler = super().get_route_handler()
        names, many = _query_names(self)
        has_body = bool(fields)

        async def strict(request: Request) -> Response:
            _check_query(request, names, many)
            if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
                await _read_body(request, parse=has_body)
            return await handler(request)

        return strict


class StrictRouter(APIRouter):
    """A router of strict routes. Routers don't nest: `create_api` takes them all."""

    def __init__(self, *, prefix: str = "", tags: list[str] | None = None) -> None:
        super().__init__(prefix=prefix, tags=list(tags or []), route_class=StrictRoute, redirect_slashes=False)


async def _read_body(request: Request, *, parse: bool) -> None:
    """Read the body once, and hand its text on where FastAPI would put a parsed dict."""
    body = await request.body()
    if parse:
        strictjson.loads(body)
        request._json = body  # noqa: SLF001 - what Request.json() gives; the model reads the text itself
    elif body:
        raise InvalidRequest("No body is expected here")


def _query_names(route: APIRoute) -> tuple[frozenset[str], frozenset[str]]:
    """Give the names of the query that *route* declares, and those of them that may repeat."""
    names: set[str] = set()
    many: set[str] = set()
    for one in _query_fields(route.dependant):
        annotation = one.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names |= {field.alias or name for name, field in annotation.model_fields.items()}
            continue
        names.add(one.alias)
        if _is_collection(annotation):
            many.add(one.alias)
    return frozenset(names), frozenset(many)


def _is_collection(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, UnionType, Annotated):
        return any(_is_collection(arm) for arm in get_args(annotation))
    return origin in (list, tuple, set, frozenset)


def _query_fields(dependant: Dependant) -> list[ModelField]:
    inner = [one for dependency in dependant.dependencies for one in _query_fields(dependency)]
    return [*dependant.query_params, *inner]


def _check_query(request: Request, names: frozenset[str], many: frozenset[str]) -> None:
    if not request.scope["query_string"]:
        return
    errors: list[FieldError] = []
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in names:
            errors.append(FieldError(name, "UNKNOWN_PARAMETER", where="query"))
        elif name in seen and name not in many:
            errors.append(FieldError(name, "STATED_TWICE", where="query"))
        seen.add(name)
    if errors:
        raise InvalidRequest(errors)


def create_api(
    settings: ServiceSettings,
    *,
    routers: Sequence[APIRouter],
    state: Mapping[str, object],
    service: str = "",
    version: str = "1.0.0",
    rules: EdgeRules | None = None,
) -> EdgeMiddleware:
    """Build a service's application: its routes, problem documents, and the edge around them.

    state: what dependencies find as `request.app.state.<name>`; `authenticator` is expected by `kit.auth`.
    rules: other limits than the defaults, such as another media type for one path; hosts default to the settings'.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, telemetry=_NO_TELEMETRY)
    for router in routers:
        app.router.routes.extend(router.routes)
    for name, value in state.items():
        setattr(app.state, name, value)
    problems.install(app)
    rules = rules or EdgeRules(hosts=settings.allowed_hosts)
    return EdgeMiddleware(app, service=service or settings.system, version=version, rules=rules)


async def client_key(request: Request) -> str:
    """Give the Idempotency-Key: 1 to 255 visible ASCII characters.

    Raises KeyMissing (`IDEMPOTENCY_KEY_MISSING`) and InvalidKey (`IDEMPOTENCY_KEY_INVALID`).
    """
    values = request.headers.getlist(headers_of.IDEMPOTENCY_KEY)
    if not values:
        raise KeyMissing
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise InvalidKey
    return values[0]


async def exchange_of(request: Request) -> Exchange | None:
    """Give the exchange that this call belongs to, None outside any. Believed only beside a hop or an assertion.

    Raises InvalidRequest (`INVALID_REQUEST`) for a malformed header.
    """
    value = request.headers.get(headers_of.EXCHANGE)
    if value is None:
        return None
    parts = _EXCHANGE.fullmatch(value)
    if parts is None:
        raise InvalidRequest([FieldError(headers_of.EXCHANGE, "MALFORMED", where="header")])
    UUID(parts[1])
    return Exchange(parts[1], parts[2])


def from_state(name: str) -> Callable[[Request], Awaitable[Any]]:
    """Make the dependency that gives what `create_api` was handed under *name*: the built use-case object."""

    async def dependency(request: Request) -> Any:
        return getattr(request.app.state, name)

    return dependency


def wait_s(request: Request, limit_s: float = 30.0) -> float:
    """Give the seconds of `Prefer: wait=N` (RFC 7240), at most *limit_s*; 0 without it."""
    found = re.search(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])", request.headers.get("prefer", ""))
    return min(float(found[1]), limit_s) if found else 0.0


def check_context(
    request: Request, *, case: str | None, step: str | None, purpose: str | None, legal_basis: str | None
) -> None:
    """Demand that context headers equal the body's fields wherever both are there.

    Raises ContextMismatch (`CONTEXT_MISMATCH`) with the names of the headers that differ.
    """
    body = dict(zip(headers_of.CONTEXT, (case, step, purpose, legal_basis), strict=True))
    differing = [name for name, said in body.items() if said is not None and request.headers.get(name, said) != said]
    if differing:
        raise ContextMismatch(errors=[FieldError(name, "DIFFERS", where="header") for name in differing])


class StoredAnswer(Protocol):
    """What `kit.db` keeps for an Idempotency-Key."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


def answered(answer: StoredAnswer) -> Response:
    """Give a stored answer as it was given the first time."""
    return Response(answer.body, answer.status, dict(answer.headers), media_type="application/json")


ClientKey = Annotated[str, Depends(client_key)]
"""The Idempotency-Key of a POST that creates."""
ExchangeOf = Annotated[Exchange | None, Depends(exchange_of)]
"""The exchange of personal data that this call belongs to."""

__all__ = [
    "ClientKey",
    "ExchangeOf",
    "StrictRoute",
    "StrictRouter",
    "answered",
    "check_context",
    "client_key",
    "create_api",
    "exchange_of",
    "from_state",
    "wait_s",
]
