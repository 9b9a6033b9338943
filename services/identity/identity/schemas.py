# SPDX-License-Identifier: EUPL-1.2
"""The token endpoint's own shapes: a form in, OAuth's JSON out (RFC 6749, RFC 7523, RFC 8693)."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from identity.errors import OAuthCode, OAuthError

CLIENT_CREDENTIALS: Final = "client_credentials"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name, no secret
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, no secret
FORM: Final = b"application/x-www-form-urlencoded"
MAX_FIELDS: Final = 20


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A system asks for its own token. audience: the platform's name or a certificates deployment's system id."""

    assertion: str
    audience: str
    client_id: str | None


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """A citizen's token for the platform is to become one for an office. scope: `office:<USCC>`."""

    subject_token: str
    audience: str
    scope: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The answer: an access token. expires_in: seconds. exchanged: it came from another token."""

    access_token: str
    expires_in: int
    scope: str | None = None
    exchanged: bool = False

    def document(self) -> dict[str, Any]:
        """Give the JSON object (RFC 6749, section 5.1; RFC 8693, section 2.2.1)."""
        document: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "DPoP",
            "expires_in": self.expires_in,
        }
        if self.scope is not None:
            document["scope"] = self.scope
        if self.exchanged:
            document["issued_token_type"] = ACCESS_TOKEN
        return document


def read_form(body: bytes) -> dict[str, str]:
    """Read a form: every name once, no empty value kept (RFC 6749, section 3.2). Raises OAuthError."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "The body is not a form") from None
    form = dict(pairs)
    if not all(text.isprintable() for pair in pairs for text in pair):
        raise OAuthError(OAuthCode.INVALID_REQUEST, "The body has control characters")
    if len(form) != len(pairs):
        raise OAuthError(OAuthCode.INVALID_REQUEST, "A parameter is stated more than once")
    return {name: value for name, value in form.items() if value}  # an empty value counts as absent, says the RFC


def read_request(form: dict[str, str]) -> ClientCredentials | TokenExchange:
    """Turn a form into one of the two requests that we know. Parameters that we don't know are ignored (RFC 6749).

    Raises OAuthError with the RFC's code.
    """
    grant_type = _required(form, "grant_type")
    if "resource" in form:
        raise OAuthError(OAuthCode.INVALID_TARGET, "Targets are named by audience here")
    if grant_type == CLIENT_CREDENTIALS:
        return _client_credentials(form)
    if grant_type == TOKEN_EXCHANGE:
        return _token_exchange(form)
    raise OAuthError(OAuthCode.UNSUPPORTED_GRANT_TYPE, "This grant type is not offered")


def _client_credentials(form: dict[str, str]) -> ClientCredentials:
    if form.get("client_assertion_type") != JWT_BEARER or "client_assertion" not in form:
        raise OAuthError(OAuthCode.INVALID_CLIENT, "Clients prove themselves by private_key_jwt")
    if "client_secret" in form:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "One way of client authentication at a time")
    if "scope" in form:
        raise OAuthError(OAuthCode.INVALID_SCOPE, "A system's token has no scope: the lists say what it may do")
    return ClientCredentials(form["client_assertion"], _required(form, "audience"), form.get("client_id"))


def _token_exchange(form: dict[str, str]) -> TokenExchange:
    if form.get("subject_token_type") != ACCESS_TOKEN:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "The subject token must be an access token")
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "Only access tokens are issued")
    if "actor_token" in form or "actor_token_type" in form:
        # Nobody may act for a citizen here yet: mandates will say who may. Until then no actor has the right.
        raise OAuthError(OAuthCode.INVALID_TARGET, "No actor may have a token for this target")
    if "scope" not in form:
        raise OAuthError(OAuthCode.INVALID_SCOPE, "The scope names the one office")
    return TokenExchange(_required(form, "subject_token"), _required(form, "audience"), form["scope"])


def _required(form: dict[str, str], name: str) -> str:
    value = form.get(name)
    if value is None:
        raise OAuthError(OAuthCode.INVALID_REQUEST, f"{name} is missing")
    return value
