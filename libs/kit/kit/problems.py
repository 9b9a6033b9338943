# SPDX-License-Identifier: EUPL-1.2
"""Failures as problem documents (RFC 9457): at most 2 KB, a stable code, and never a value that came from outside."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.routing import Match

from kit.errors import HTTP_STATUS, FieldError, InvalidRequest, Kind, MethodNotAllowed, NotFound, ServiceError

MAX_BYTES: Final = 2048
MEDIA_TYPE: Final = b"application/problem+json"

_RESERVED = frozenset({"type", "title", "status", "detail", "instance", "code", "errors"})
_STRUCTURAL = frozenset({"body", "query", "path", "header", "cookie"})
_QUIET = frozenset({"union_tag_invalid", "assertion_error"})  # pydantic's messages for these may echo the value

Headers = list[tuple[bytes, bytes]]


def problem_document(exc: BaseException, instance: str) -> tuple[int, Headers, bytes]:
    """Give status, headers and body of the answer to *exc*.

    instance: names this occurrence (`urn:uuid:<request id>`). Anything but a ServiceError, and every 5xx, tells
    nothing but its code: what broke inside may hold private data.
    """
    error = exc if isinstance(exc, ServiceError) else None
    status = HTTP_STATUS[error.kind] if error else 500
    code = error.code if error else "INTERNAL"
    document: dict[str, Any] = {
        "type": f"urn:tongban:problem:{code.lower().replace('_', '-')}",
        "title": error.title if error else "Something went wrong on our side",
        "status": status,
        "code": code,
        "instance": instance,
    }
    if error and status < 500:
        if error.detail:
            document["detail"] = error.detail[:400]
        document |= {_camel(name): fact for name, fact in error.facts.items() if _camel(name) not in _RESERVED}
        _add_errors(document, error.errors)
    body = orjson.dumps(document, default=str)
    if len(body) > MAX_BYTES:
        body = orjson.dumps({name: document[name] for name in ("type", "title", "status", "code", "instance")})
    headers = [(b"content-type", MEDIA_TYPE), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in (error.headers if error else {}).items()]
    return status, headers, body


def _add_errors(document: dict[str, Any], errors: Sequence[FieldError]) -> None:
    """Add as many field errors as fit, and how many did not."""
    if not errors:
        return
    room = MAX_BYTES - len(orjson.dumps(document, default=str)) - 60
    kept: list[dict[str, str]] = []
    for error in errors:
        entry = _entry(error)
        room -= len(orjson.dumps(entry)) + 1
        if room < 0:
            break
        kept.append(entry)
    document["errors"] = kept
    if len(kept) < len(errors):
        document["errorsLeftOff"] = len(errors) - len(kept)


def _entry(error: FieldError) -> dict[str, str]:
    place = {"body": "pointer", "query": "parameter", "path": "parameter", "header": "header"}[error.where]
    entry = {place: error.pointer[:128], "code": error.code}
    if error.detail:
        entry["detail"] = error.detail[:200]
    return entry


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Turn pydantic's errors (with the place as first part of `loc`) into ours: pointers, codes, no values."""
    return [_field_error(error) for error in errors]


def _field_error(error: Mapping[str, Any]) -> FieldError:
    loc = list(error["loc"])
    where: Any = loc.pop(0) if loc and loc[0] in _STRUCTURAL else "body"
    code = re.sub(r"[^A-Z0-9]+", "_", str(error["type"]).upper())
    detail = "" if error["type"] in _QUIET else str(error.get("msg", "")).removeprefix("Value error, ")
    if where == "body":
        return FieldError(pointer(loc), code, detail)
    return FieldError(str(loc[0]) if loc else "", code, detail, where if where != "cookie" else "header")


def pointer(parts: Sequence[str | int]) -> str:
    """Give the JSON pointer (RFC 6901) of *parts*; the whole document is the empty string."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def request_instance(request: Request) -> str:
    """Name this request in a problem document."""
    return f"urn:uuid:{request.scope.get('state', {}).get('request_id', '00000000-0000-0000-0000-000000000000')}"


def install(app: FastAPI) -> None:
    """Make *app* answer every failure with a problem document; 404 and 405 of the router too."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(404, _not_found)
    app.add_exception_handler(405, _wrong_method)
    app.add_exception_handler(400, _bad_request)
    app.add_exception_handler(Exception, _service_error)


def _answer(request: Request, exc: BaseException) -> Response:
    status, headers, body = problem_document(exc, request_instance(request))
    response = Response(body, status)
    response.raw_headers = headers
    return response


async def _service_error(request: Request, exc: Exception) -> Response:
    request.scope.setdefault("state", {})["failure"] = exc
    return _answer(request, exc)


async def _invalid(request: Request, exc: Exception) -> Response:
    errors = exc.errors() if isinstance(exc, RequestValidationError) else ()
    return await _service_error(request, InvalidRequest(field_errors(errors)))


async def _not_found(request: Request, exc: Exception) -> Response:
    return await _service_error(request, NotFound())


async def _bad_request(request: Request, exc: Exception) -> Response:
    return await _service_error(request, InvalidRequest())


async def _wrong_method(request: Request, exc: Exception) -> Response:
    """Name every method of the path: the router itself stops at its first route."""
    allowed: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches({**request.scope, "path_params": {}})
        if match is not Match.NONE:
            allowed |= set(getattr(route, "methods", None) or ())
    return await _service_error(request, MethodNotAllowed(sorted(allowed)))


__all__ = ["Kind", "field_errors", "install", "pointer", "problem_document", "request_instance"]
