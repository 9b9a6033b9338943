# SPDX-License-Identifier: EUPL-1.2
import pytest

from identity.errors import OAuthError
from identity.schemas import ACCESS_TOKEN, JWT_BEARER, TOKEN_EXCHANGE, ClientCredentials, read_form, read_request

CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_assertion_type": JWT_BEARER,
    "client_assertion": "a.b.c",
    "audience": "urn:x",
}
EXCHANGE = {
    "grant_type": TOKEN_EXCHANGE,
    "subject_token": "a.b.c",
    "subject_token_type": ACCESS_TOKEN,
    "audience": "certificates-1",
    "scope": "office:1199990000000006XB",
}


def code(form: dict[str, str]) -> str:
    with pytest.raises(OAuthError) as caught:
        read_request(form)
    return caught.value.code.value


def test_a_form_is_read_with_its_escapes() -> None:
    assert read_form(b"audience=urn%3Ax&grant_type=a+b") == {"audience": "urn:x", "grant_type": "a b"}


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=a&grant_type=b",
        b"grant_type=a&grant_type=a",
        b"grant_type",
        b"{}",
        b"\xff=1",
        b"a=%FF",
        b"audience=%00",
        b"scope=a%0Ab",
        b"&".join(b"a%d=1" % number for number in range(21)),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(OAuthError) as caught:
        read_form(body)
    assert (caught.value.code.value, caught.value.status) == ("invalid_request", 400)


def test_an_empty_value_counts_as_absent() -> None:
    assert read_form(b"grant_type=&audience=x") == {"audience": "x"}
    assert code({}) == "invalid_request"


def test_unknown_parameters_are_ignored() -> None:
    assert read_request({**CREDENTIALS, "nonce": "1"}) == ClientCredentials("a.b.c", "urn:x", None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": "Client_Credentials"}, "unsupported_grant_type"),
        ({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "invalid_client"),
        ({"client_secret": "s"}, "invalid_request"),
        ({"scope": "office:1199990000000006XB"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ],
)
def test_client_credentials_in_another_way_are_refused(changes: dict[str, str], expected: str) -> None:
    assert code({**CREDENTIALS, **changes}) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token": "a.b.c", "actor_token_type": ACCESS_TOKEN}, "invalid_target"),
        ({"actor_token_type": ACCESS_TOKEN}, "invalid_target"),
    ],
)
def test_a21_an_exchange_for_an_actor_or_another_kind_of_token_is_refused(
    changes: dict[str, str], expected: str
) -> None:
    assert code({**EXCHANGE, **changes}) == expected


@pytest.mark.parametrize("missing", ["subject_token", "audience"])
def test_an_exchange_needs_token_and_audience(missing: str) -> None:
    assert code({name: value for name, value in EXCHANGE.items() if name != missing}) == "invalid_request"


def test_an_exchange_without_scope_is_refused() -> None:
    assert code({name: value for name, value in EXCHANGE.items() if name != "scope"}) == "invalid_scope"
