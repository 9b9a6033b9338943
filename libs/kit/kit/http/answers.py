# SPDX-License-Identifier: EUPL-1.2
"""What another service answered, and its problem documents turned back into typed errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from contracts.base import Model
from kit import strictjson
from kit.errors import InvalidJson, ServiceError, UpstreamError, UpstreamUnavailable, kind_of_status

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers (names in lower case, in order) and body as they came."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Give the first value of *name*, None where it is absent."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for known, value in self.headers if known == wanted), None)

    def json(self) -> Any:
        """Read the body as JSON. Raises UpstreamUnavailable (`UPSTREAM_UNAVAILABLE`) where it is none."""
        try:
            return strictjson.loads(self.body)
        except InvalidJson:
            raise UpstreamUnavailable("The answer was not JSON") from None

    def model(self, model: type[M]) -> M:
        """Read the body as *model*. Raises UpstreamUnavailable (`UPSTREAM_UNAVAILABLE`) where it doesn't fit."""
        try:
            return model.model_validate_json(self.body, by_alias=True, by_name=False)
        except ValidationError:
            raise UpstreamUnavailable("The answer had another shape than agreed") from None


def raise_for_problem(answer: HttpAnswer, known: Mapping[str, type[ServiceError]]) -> None:
    """Raise the typed error that *answer* carries; do nothing for 2xx.

    A code in *known* raises that class; another keeps its kind as UpstreamError, so that retry rules hold; an answer
    without a problem document (a proxy's page, half a body) is UpstreamUnavailable.
    """
    if 200 <= answer.status < 300:
        return
    problem = _problem(answer)
    if problem is None:
        raise UpstreamUnavailable
    code = problem["code"]
    if code in known:
        raise known[code](str(problem.get("detail", "")))
    raise UpstreamError(kind_of_status(answer.status), code, problem)


def _problem(answer: HttpAnswer) -> dict[str, Any] | None:
    if not (answer.header("content-type") or "").startswith("application/problem+json"):
        return None
    try:
        document = strictjson.loads(answer.body)
    except InvalidJson:
        return None
    return document if isinstance(document, dict) and isinstance(document.get("code"), str) else None
