# SPDX-License-Identifier: EUPL-1.2
"""Access tokens, each bound to a key of ours by DPoP (RFC 9449), and kept until shortly before they end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlencode
from uuid import uuid4

from contracts import signing
from contracts.identity import Session
from contracts.ids import uuid7
from tongban import jose
from tongban.clock import Clock
from tongban.http import Authorize, Http
from tongban.jose import PrivateKey
from tongban.problems import NotBelieved

TOKEN_PATH: Final = "/v1/token"  # noqa: S105 - a path, no secret
SESSION_PATH: Final = "/v1/sandbox/sessions"
IDENTITY: Final = "identity"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name, no secret
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, no secret
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE_S: Final = 60
_MARGIN_S: Final = 30
"""A token that ends sooner than this isn't used any more: the call must still reach the service."""


def dpop_proof(key: PrivateKey, *, method: str, url: str, token: str | None, clock: Clock) -> str:
    """Prove for one request that *key* is ours. url: without query. token: the access token beside the proof."""
    claims: dict[str, Any] = {
        "jti": str(uuid4()),
        "htm": method,
        "htu": url,
        "iat": int(clock().timestamp()),
    }
    if token is not None:
        claims["ath"] = jose.digest(token)
    return key.prove_jws(json.dumps(claims).encode(), signing.DPOP_PROOF)


@dataclass(frozen=True)
class AccessToken:
    """A token and the moment (seconds since the epoch) from which it isn't used any more."""

    text: str = field(repr=False)
    until: float


class TokenSource(Protocol):
    """Gives access tokens, bound to `key`."""

    key: PrivateKey

    async def token(self, audience: str) -> AccessToken:
        """Give a token for *audience* that lives for another half minute at least. Raises Problem, NoAnswer."""
        ...

    def forget(self, audience: str) -> None:
        """Throw away what is kept: it was refused."""
        ...


def at_office(deployment: str, office: str) -> str:
    """Name the audience of a citizen's look at what *office* (USCC) holds about her, in its certificates deployment."""
    return f"{deployment} office:{office}"


class SystemTokens:
    """Tokens of an office's system: private_key_jwt and DPoP, one token per audience.

    audience: the platform's name, or the system id of a certificates deployment. The DPoP key is made new for each
    process and never stored.
    """

    def __init__(self, http: Http, system_id: str, key: PrivateKey, clock: Clock) -> None:
        self.key = PrivateKey.generate()
        self._http = http
        self._system = system_id
        self._signing = key
        self._clock = clock
        self._kept: dict[str, AccessToken] = {}

    async def token(self, audience: str) -> AccessToken:
        """Give a token that lives for another half minute at least."""
        kept = self._kept.get(audience)
        if kept is None or kept.until <= self._clock().timestamp():
            kept = self._kept[audience] = await self._fetch(audience)
        return kept

    def forget(self, audience: str) -> None:
        """Throw away the token for *audience*."""
        self._kept.pop(audience, None)

    async def _fetch(self, audience: str) -> AccessToken:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self._assertion(),
            "audience": audience,
        }
        return await _ask_token(self._http, self.key, form, self._clock)

    def _assertion(self) -> str:
        moment = int(self._clock().timestamp())
        claims = {
            "iss": self._system,
            "sub": self._system,
            "aud": IDENTITY,
            "iat": moment,
            "nbf": moment,
            "exp": moment + _ASSERTION_LIFE_S,
            "jti": str(uuid7()),
        }
        return self._signing.sign_jws(json.dumps(claims).encode(), signing.CLIENT_ASSERTION)


class SandboxTokens:
    """A fictional person's tokens, in a sandbox only.

    audience: the platform, for the session of her log-in; or `at_office(...)`, for which the session's token is
    exchanged (RFC 8693): another name of hers, for one office, no longer than the session.
    """

    def __init__(self, http: Http, persona: str, clock: Clock) -> None:
        self.key = PrivateKey.generate()
        self._http = http
        self._persona = persona
        self._clock = clock
        self._session: AccessToken | None = None
        self._exchanged: dict[str, AccessToken] = {}

    async def token(self, audience: str) -> AccessToken:
        """Log in, or give the token of the session that lives; or one that it was exchanged for."""
        if self._session is None or self._session.until <= self._clock().timestamp():
            self._session, self._exchanged = await self._log_in(), {}
        deployment, _, scope = audience.partition(" ")
        if not scope:
            return self._session
        if audience not in self._exchanged:
            self._exchanged[audience] = await self._exchange(self._session, deployment, scope)
        return self._exchanged[audience]

    def forget(self, audience: str) -> None:
        """Throw the session's token away, and all that it was exchanged for."""
        self._session = None

    async def _log_in(self) -> AccessToken:
        answer = await self._http.call(
            "POST",
            SESSION_PATH,
            body=json.dumps({"persona": self._persona}).encode(),
            authorize=prove(self._http, self.key, "POST", SESSION_PATH, self._clock),
        )
        session = answer.json()
        return read_token(
            {"access_token": session.get("accessToken"), "expires_in": session.get("expiresIn")}, self._clock
        )

    async def _exchange(self, session: AccessToken, deployment: str, scope: str) -> AccessToken:
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": session.text,
            "subject_token_type": ACCESS_TOKEN,
            "audience": deployment,
            "scope": scope,
        }
        return await _ask_token(self._http, self.key, form, self._clock)


def read_token(document: Mapping[str, Any], clock: Clock) -> AccessToken:
    """Read OAuth's answer. Raises NotBelieved (`TOKEN_ANSWER_INVALID`)."""
    text, life_s = document.get("access_token"), document.get("expires_in")
    if not isinstance(text, str) or not isinstance(life_s, int):
        raise NotBelieved("TOKEN_ANSWER_INVALID")
    return AccessToken(text, clock().timestamp() + life_s - _MARGIN_S)


def session_token(session: Session, clock: Clock) -> AccessToken:
    """Read the token of a session."""
    return AccessToken(session.access_token, clock().timestamp() + session.expires_in - _MARGIN_S)


async def _ask_token(http: Http, key: PrivateKey, form: Mapping[str, str], clock: Clock) -> AccessToken:
    answer = await http.call(
        "POST",
        TOKEN_PATH,
        body=urlencode(form).encode("ascii"),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        authorize=prove(http, key, "POST", TOKEN_PATH, clock),
    )
    return read_token(answer.json(), clock)


def prove(http: Http, key: PrivateKey, method: str, path: str, clock: Clock) -> Authorize:
    """Give what makes the DPoP header for a call without an access token."""

    async def headers() -> dict[str, str]:
        return {"DPoP": dpop_proof(key, method=method, url=http.gateway_url + path, token=None, clock=clock)}

    return headers
