# SPDX-License-Identifier: EUPL-1.2
"""Stage 1: exactly one route, or none. By dict on method and number of segments: no pattern is tried in vain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from contracts.routes import Route
from gateway.domain import Asked
from kit.errors import FieldError, InvalidRequest, MethodNotAllowed, NotFound


@dataclass(frozen=True)
class _Compiled:
    route: Route
    segments: tuple[str | None, ...]

    def fits(self, segments: Sequence[str]) -> bool:
        return all(want is None or want == got for want, got in zip(self.segments, segments, strict=True))


class RouteTable:
    """The routes, compiled once."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[int, list[_Compiled]] = {}
        for route in routes:
            parts = tuple(None if part.startswith("{") else part for part in _split(route.path))
            self._by_length.setdefault(len(parts), []).append(_Compiled(route, parts))

    def match(self, asked: Asked) -> Route:
        """Give the route. Raises NotFound, MethodNotAllowed (with what the path has), InvalidRequest for its query."""
        segments = _split(asked.path)
        fitting = [one.route for one in self._by_length.get(len(segments), ()) if one.fits(segments)]
        if not fitting:
            raise NotFound
        route = next((one for one in fitting if one.method == asked.method), None)
        if route is None:
            raise MethodNotAllowed(sorted(one.method for one in fitting))
        check_query(asked.query, route.query)
        return route


def check_query(query: bytes, declared: Iterable[str]) -> dict[str, Any]:
    """Read a query whose names are all declared and stated once. Raises InvalidRequest."""
    if any(not 0x21 <= byte <= 0x7E for byte in query):  # RFC 3986: whatever else is meant comes escaped
        raise InvalidRequest("The query has characters that must be escaped")
    known, found, errors = frozenset(declared), {}, []
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            errors.append(FieldError(name[:64], "UNKNOWN_PARAMETER", where="query"))
        elif name in found:
            errors.append(FieldError(name, "STATED_TWICE", where="query"))
        found[name] = value
    if errors:
        raise InvalidRequest(errors)
    return found


def _split(path: str) -> list[str]:
    return path.split("/")[1:]
