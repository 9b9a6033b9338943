# SPDX-License-Identifier: EUPL-1.2
"""DPoP proofs (RFC 9449): the good one, and the 32 steps of attack A18 that a proof by itself can show."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws as foreign_jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from kit import jose, tokens
from kit.jose import PrivateKey
from kit.tokens import DpopRefused

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MOMENT = int(NOW.timestamp())
KEY = PrivateKey.generate()
URL = "https://gateway.example/v1/inbox"
TOKEN = "the.access.token"
# RFC 9449, figure 2 (proof) and figure 8 (thumbprint).
RFC9449_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0"
    "IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)


def public_jwk() -> dict[str, Any]:
    jwk: dict[str, Any] = KEY.public.jwk()
    del jwk["kid"]
    return jwk


def proof(header: dict[str, Any] | None = None, **change: Any) -> str:
    """A proof whose header and claims are changed; None takes a member away."""
    members = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(), **(header or {})}
    claims = {
        "jti": "4b2c-unique-id",
        "htm": "GET",
        "htu": URL,
        "iat": MOMENT,
        "ath": tokens.ath(TOKEN),
        **change,
    }
    head = jose.b64u(json.dumps({n: v for n, v in members.items() if v is not None}).encode())
    return jose.sign_with_head(json.dumps({n: v for n, v in claims.items() if v is not None}).encode(), KEY, head)


def verify(text: str, **how: Any) -> tokens.DpopProof:
    return tokens.verify_dpop(text, **{"method": "GET", "url": URL, "token": TOKEN, "now": NOW, **how})


def test_the_example_of_the_rfc_holds() -> None:
    issued = datetime.fromtimestamp(1562262616, UTC)
    read = verify(RFC9449_PROOF, method="POST", url="https://server.example.com/token", token=None, now=issued)
    assert (read.jkt, read.jti) == ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "-BwC3ESc6acc2lTc")


def test_what_our_client_makes_holds() -> None:
    made = tokens.dpop_proof(KEY, method="POST", url=URL, token=TOKEN, now=NOW)
    assert verify(made, method="POST").jkt == KEY.public.thumbprint


def test_what_foreign_software_makes_holds() -> None:
    key = ECKey.import_key({**KEY.jwk()})
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk()}
    claims = {"jti": "foreign-jti", "htm": "GET", "htu": URL, "iat": MOMENT, "ath": tokens.ath(TOKEN)}
    assert verify(foreign_jws.serialize_compact(header, json.dumps(claims), key)).jti == "foreign-jti"


@pytest.mark.parametrize(
    "htu",
    [
        URL + "?limit=5",
        URL + "#part",
        "https://gateway.example:443/v1/inbox",
        "https://GATEWAY.example/v1/inbox",
        "HTTPS://gateway.example/v1/inbox",
    ],
)
def test_the_same_address_in_other_words_holds(htu: str) -> None:
    assert verify(proof(htu=htu)).jkt == KEY.kid


@pytest.mark.parametrize("seconds", [-60, -8, 8, 60])
def test_a_proof_counts_for_a_minute_either_way(seconds: int) -> None:
    assert verify(proof(iat=MOMENT + seconds)).iat == MOMENT + seconds


def rs256() -> str:
    key = RSAKey.generate_key(2048)
    header = {"typ": "dpop+jwt", "alg": "RS256", "jwk": key.as_dict(private=False)}
    return foreign_jws.serialize_compact(header, json.dumps({"jti": "rsa-proof-1"}), key)


def hs256() -> str:
    key = OctKey.generate_key(256)
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": key.as_dict()}
    return foreign_jws.serialize_compact(header, json.dumps({"jti": "mac-proof-1"}), key)


def foreign_key() -> str:
    return proof({"jwk": {**PrivateKey.generate().public.jwk(), "kid": "k"}})


STEPS: list[tuple[str, Callable[[], str], dict[str, Any]]] = [
    ("proof missing", lambda: "", {}),
    ("proof twice in one header", lambda: f"{proof()}, {proof()}", {}),
    ("typ missing", lambda: proof({"typ": None}), {}),
    ("typ JWT", lambda: proof({"typ": "JWT"}), {}),
    ("typ of a token", lambda: proof({"typ": "at+jwt"}), {}),
    ("alg missing", lambda: proof({"alg": None}), {}),
    ("alg none", lambda: proof({"alg": "none"}), {}),
    ("RS256", rs256, {}),
    ("a MAC", hs256, {}),
    ("jwk missing", lambda: proof({"jwk": None}), {}),
    ("jwk no object", lambda: proof({"jwk": "key"}), {}),
    ("private key in jwk", lambda: proof({"jwk": {**public_jwk(), "d": KEY.jwk()["d"]}}), {}),
    ("another key in jwk", foreign_key, {}),
    ("a key for sealing", lambda: proof({"jwk": {**public_jwk(), "use": "enc"}}), {}),
    ("another curve", lambda: proof({"jwk": {**public_jwk(), "crv": "P-384"}}), {}),
    ("kid instead of jwk", lambda: proof({"jwk": None, "kid": KEY.kid}), {}),
    ("kid beside jwk", lambda: proof({"kid": KEY.kid}), {}),
    ("crit", lambda: proof({"crit": ["exp"]}), {}),
    ("signature changed", lambda: proof()[:-6] + "AAAAAA", {}),
    ("signature empty", lambda: proof().rpartition(".")[0] + ".", {}),
    ("htm missing", lambda: proof(htm=None), {}),
    ("wrong htm", lambda: proof(htm="POST"), {}),
    ("htm in lower case", lambda: proof(htm="get"), {"method": "get"}),
    ("htu missing", lambda: proof(htu=None), {}),
    ("wrong path in htu", lambda: proof(htu=URL + "/"), {}),
    ("wrong host in htu", lambda: proof(htu="https://gateway.example.attacker/v1/inbox"), {}),
    ("user info in htu", lambda: proof(htu="https://gateway.example@attacker/v1/inbox"), {}),
    ("plain http in htu", lambda: proof(htu=URL.replace("https", "http")), {}),
    ("ath missing", lambda: proof(ath=None), {}),
    ("ath of another token", lambda: proof(ath=tokens.ath("another")), {}),
    ("jti missing", lambda: proof(jti=None), {}),
    ("jti too short to be unique", lambda: proof(jti="1"), {}),
    ("jti no text", lambda: proof(jti=12345678), {}),
    ("jti too long", lambda: proof(jti="x" * 129), {}),
    ("iat missing", lambda: proof(iat=None), {}),
    ("iat an hour ago", lambda: proof(iat=MOMENT - 3600), {}),
    ("iat in an hour", lambda: proof(iat=MOMENT + 3600), {}),
    ("iat 61 s ago", lambda: proof(iat=MOMENT - 61), {}),
    ("iat as text", lambda: proof(iat=str(MOMENT)), {}),
    ("9 KB", lambda: proof(pad="x" * 9000), {}),
]


@pytest.mark.parametrize(("make", "how"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS])
def test_a18_a_false_proof_is_refused(make: Callable[[], str], how: dict[str, Any]) -> None:
    with pytest.raises(DpopRefused) as caught:
        verify(make(), **how)
    assert caught.value.code == "TOKEN_INVALID"
    assert 'error="invalid_dpop_proof"' in caught.value.headers["www-authenticate"]


def test_a18_a_proof_is_for_one_method_address_and_token() -> None:
    for other in ({"method": "POST"}, {"url": URL + "/x"}, {"token": "other"}, {"now": NOW + timedelta(minutes=2)}):
        with pytest.raises(DpopRefused):
            verify(proof(), **other)


def test_a_replayed_proof_shows_the_same_jti_to_whoever_remembers_it() -> None:
    text = proof()
    assert verify(text) == verify(text)
