# SPDX-License-Identifier: EUPL-1.2
"""A call as somebody: token, proof of the key, idempotency key, models in and out."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from contracts import http as names
from contracts.base import Model
from contracts.ids import uuid7
from tongban.clock import Clock
from tongban.http import Answer, Http
from tongban.problems import NotBelieved, Problem
from tongban.tokens import TokenSource, dpop_proof

M = TypeVar("M", bound=Model)


class Caller:
    """Calls the gateway in one name. clock: for proofs."""

    def __init__(self, http: Http, tokens: TokenSource, clock: Clock) -> None:
        self._http = http
        self._tokens = tokens
        self._clock = clock

    async def call(
        self,
        method: str,
        path: str,
        *,
        audience: str,
        model: Model | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Call with a token for *audience*. path: with the query, already escaped.

        key: the `Idempotency-Key`; a POST without one gets a new one, so that it can be repeated safely within this
        call. A token that is refused is thrown away and fetched again, once. Raises Problem, NoAnswer.
        """
        sent = dict(headers or {})
        if method == "POST":
            sent[names.IDEMPOTENCY_KEY] = key or str(uuid7())
        body = model.wire_bytes() if model is not None else None

        async def authorize() -> dict[str, str]:
            return await self._authorization(method, path, audience)

        try:
            return await self._http.call(
                method, path, body=body, headers=sent, authorize=authorize, timeout_s=timeout_s
            )
        except Problem as problem:
            if problem.status != 401:
                raise
        self._tokens.forget(audience)
        return await self._http.call(method, path, body=body, headers=sent, authorize=authorize, timeout_s=timeout_s)

    async def _authorization(self, method: str, path: str, audience: str) -> dict[str, str]:
        token = (await self._tokens.token(audience)).text
        url = self._http.gateway_url + path.split("?", 1)[0]
        proof = dpop_proof(self._tokens.key, method=method, url=url, token=token, clock=self._clock)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}


def read(answer: Answer, model: type[M]) -> M:
    """Read an answer's body as *model*. Raises NotBelieved (`ANSWER_INVALID`)."""
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as why:
        raise NotBelieved("ANSWER_INVALID", model.__name__) from why
