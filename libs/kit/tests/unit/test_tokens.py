# SPDX-License-Identifier: EUPL-1.2
"""Tokens of every kind: what is accepted, and attack list rows A1 to A17, A19 (its token half) and A23."""

import hashlib
import hmac
import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as foreign_jws
from joserfc.jwk import OctKey

from contracts import signing
from kit import jose, tokens
from kit.errors import TokenInvalid
from kit.jose import PrivateKey, PublicKey
from kit.tokens import Claims, TokenRefused

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MOMENT = int(NOW.timestamp())
KEY = PrivateKey.generate()
OTHER = PrivateKey.generate()
KEYS = {("identity", KEY.kid): KEY.public, ("cases", OTHER.kid): OTHER.public}
AUDIENCE = "urn:tongban:zz:platform"


def key_of(iss: str, kid: str) -> PublicKey | None:
    return KEYS.get((iss, kid))


def claims(**change: Any) -> dict[str, Any]:
    """A good access token's claims, changed; None takes a claim away."""
    good = {
        "iss": "identity",
        "sub": "tax-office",
        "aud": AUDIENCE,
        "iat": MOMENT,
        "nbf": MOMENT,
        "exp": MOMENT + 300,
        "jti": "0198c0de-0000-7000-8000-000000000001",
    }
    return {name: value for name, value in {**good, **change}.items() if value is not None}


def token(payload: dict[str, Any] | bytes | None = None, *, key: PrivateKey = KEY, **header: Any) -> str:
    """A signed token with a header of the attacker's choice; None takes a header member away."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload or claims()).encode()
    members = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid, **header}
    head = jose.b64u(json.dumps({n: v for n, v in members.items() if v is not None}).encode())
    return jose.sign_with_head(body, key, head)


def verify(text: str, kind: str = "at+jwt", audience: str | None = AUDIENCE, now: datetime = NOW) -> Claims:
    return tokens.verify(text, kind, key_of=key_of, audience=audience, now=now)


def refused(text: str, reason: str | None = None, **how: Any) -> None:
    with pytest.raises(TokenRefused) as caught:
        verify(text, **how)
    assert reason is None or caught.value.reason == reason
    assert (caught.value.code, caught.value.status, caught.value.detail) == ("TOKEN_INVALID", 401, "")
    assert 'error="invalid_token"' in caught.value.headers["www-authenticate"]


class TestGoodTokens:
    def test_a_good_token_says_who_and_for_whom(self) -> None:
        read = verify(token(claims(office="119999000000000941")))
        assert (read.iss, read.sub, read.aud, read.kid) == ("identity", "tax-office", AUDIENCE, KEY.kid)
        assert read.text("office") == "119999000000000941"
        assert read.text("absent") is None

    def test_sign_fills_what_the_kind_calls_for(self) -> None:
        signed = tokens.sign("at+jwt", {"iss": "identity", "sub": "x", "aud": AUDIENCE}, KEY, now=NOW)
        read = verify(signed)
        assert (read.iat, read.nbf, read.exp) == (MOMENT, MOMENT, MOMENT + 300)
        assert read.jti

    @pytest.mark.parametrize("kind", sorted(tokens.RULES))
    def test_each_kind_passes_as_itself_and_as_nothing_else(self, kind: str) -> None:
        given = {"iss": "identity", "sub": "identity", "aud": AUDIENCE, "exp": MOMENT + 30}
        signed = tokens.sign(kind, given, KEY, now=NOW)
        audience = AUDIENCE
        assert verify(signed, kind, audience).iss == "identity"
        for other in tokens.RULES.keys() - {kind}:
            refused(signed, "typ", kind=other, audience=audience)

    def test_a_case_proof_is_judged_by_the_moment_its_request_was_recorded(self) -> None:
        given = {"iss": "cases", "exp": MOMENT + 5 * 86400}
        signed = tokens.sign(signing.CASE_PROOF, given, OTHER, now=NOW)
        recorded = NOW + timedelta(days=5)
        assert verify(signed, signing.CASE_PROOF, None, recorded).exp == MOMENT + 5 * 86400
        refused(signed, "expired", kind=signing.CASE_PROOF, audience=None, now=recorded + timedelta(seconds=11))

    def test_a_refusal_is_one_of_the_house_s_errors_and_holds_no_value(self) -> None:
        with pytest.raises(TokenInvalid) as caught:
            verify(token(claims(aud="urn:secret")))
        assert "secret" not in repr(caught.value)


class TestA1ToA10:
    def test_a1_alg_none(self) -> None:
        refused(token(alg="none"), "alg")
        head, body, _ = token(alg="none").split(".")
        refused(f"{head}.{body}.", "alg")

    @pytest.mark.parametrize("alg", ["noNE", "None", "NONE", "es256", "ES256 ", "", None, 7, ["ES256"]])
    def test_a2_alg_in_odd_case(self, alg: object) -> None:
        refused(token(alg=alg), "alg")

    def test_a3_hs256_with_the_public_key_as_secret(self) -> None:
        pem = KEY.public.raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        head = jose.b64u(json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": KEY.kid}).encode())
        signed = f"{head}.{jose.b64u(json.dumps(claims()).encode())}"
        refused(f"{signed}.{jose.b64u(hmac.digest(pem, signed.encode(), hashlib.sha256))}", "alg")

    def test_a4_empty_signature(self) -> None:
        refused(token().rpartition(".")[0] + ".", "signature")

    @pytest.mark.parametrize("part", [0, 1, 2])
    def test_a5_one_bit_flipped_in_each_part(self, part: int) -> None:
        parts = token().split(".")
        for position in range(0, len(jose.b64u_decode(parts[part])), 7):
            data = bytearray(jose.b64u_decode(parts[part]))
            data[position] ^= 1
            changed = [*parts]
            changed[part] = jose.b64u(bytes(data))
            refused(".".join(changed))

    def test_a6_the_attacker_s_key_in_jwk(self) -> None:
        thief = PrivateKey.generate()
        refused(token(key=thief, jwk=thief.public.jwk(), kid=KEY.kid), "header member")

    @pytest.mark.parametrize("member", ["jku", "x5u", "x5c", "x5t", "x5t#S256"])
    def test_a7_key_addresses_and_certificates(self, member: str, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[object] = []
        monkeypatch.setattr(socket.socket, "connect", lambda *target: opened.append(target))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *target, **_: opened.append(target))
        header: dict[str, Any] = {member: "https://keys.invalid/jwks"}
        refused(token(**header), "header member")
        assert opened == []

    def test_a8_the_kid_of_another_issuer_s_key(self) -> None:
        refused(token(key=OTHER), "unknown key")
        refused(token(claims(iss="cases"), key=KEY), "unknown key")

    @pytest.mark.parametrize(
        "kid", ["", "x" * 65, "../../etc/passwd", "a b", "a\n", "键", 1, None, ["a"], "a' OR '1'='1"]
    )
    def test_a8_a_kid_that_is_no_name(self, kid: object) -> None:
        refused(token(kid=kid), "kid")

    @pytest.mark.parametrize(
        "extra", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"b64": False, "crit": ["b64"]}]
    )
    def test_a9_unknown_crit_and_b64(self, extra: dict[str, Any]) -> None:
        refused(token(**extra), "header member")

    def test_a10_json_serialisation_and_jwe_where_jws_is_due(self) -> None:
        head, body, signature = token().split(".")
        refused(json.dumps({"payload": body, "protected": head, "signature": signature}), "parts")
        refused(jose.seal(token().encode(), KEY.public), "parts")
        for text in (
            "",
            ".",
            "..",
            "...",
            "a.b",
            token() + ".",
            token() + "\n",
            " " + token(),
            token().replace(".", ".."),
        ):
            refused(text)


class TestA11ToA17:
    @pytest.mark.parametrize("typ", ["JWT", "jwt", None, "id+jwt", "AT+JWT", "application/at+jwt", "at+jwt ", 5])
    def test_a11_another_typ(self, typ: object) -> None:
        refused(token(typ=typ), "typ")

    @pytest.mark.parametrize(
        ("exp", "reason"),
        [
            (MOMENT - 10, "expired"),
            (MOMENT + 301, "life"),
            (MOMENT + 10 * 365 * 86400, "life"),
            (MOMENT, None),
            (str(MOMENT + 300), "claim type"),
            (MOMENT + 300.5, "claim type"),
            (True, "claim type"),
            (-1, "claim type"),
            (2**53 + 1, "claims"),
            ([MOMENT + 300], "claim type"),
        ],
    )
    def test_a12_exp_that_is_past_far_or_no_time(self, exp: object, reason: str | None) -> None:
        refused(token(claims(exp=exp)), reason)

    @pytest.mark.parametrize("missing", ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"])
    def test_a12_a_registered_claim_is_missing(self, missing: str) -> None:
        refused(token(claims(**{missing: None})), "claim missing")

    @pytest.mark.parametrize("exp", [b"1e400", b"NaN", b"Infinity", b"1" * 400, b"1e10", b"null"])
    def test_a12_exp_beyond_numbers(self, exp: bytes) -> None:
        body = json.dumps(claims(exp=0)).encode().replace(b'"exp": 0', b'"exp": ' + exp)
        refused(token(body))

    def test_a13_clocks_may_differ_by_eight_seconds_but_not_by_seventy(self) -> None:
        assert verify(token(claims(iat=MOMENT + 8, nbf=MOMENT + 8))).iat == MOMENT + 8
        refused(token(claims(iat=MOMENT + 70, nbf=MOMENT)), "not yet valid")
        refused(token(claims(nbf=MOMENT + 70)), "not yet valid")

    @pytest.mark.parametrize(
        "iss",
        ["identity/", "identit", "identityx", "Identity", "іdentity", "identity ", "identity\0", "", 5, ["identity"]],
    )
    def test_a14_an_issuer_that_only_looks_right(self, iss: object) -> None:
        refused(token(claims(iss=iss)))

    @pytest.mark.parametrize(
        "aud",
        [AUDIENCE + "/", AUDIENCE[:-1], AUDIENCE.upper(), [AUDIENCE], [AUDIENCE, "x"], "", 0, {"a": AUDIENCE}, "cases"],
    )
    def test_a14_an_audience_that_only_looks_right(self, aud: object) -> None:
        refused(token(claims(aud=aud)))

    @pytest.mark.parametrize("kind", [signing.ASSERTION, signing.CLIENT_ASSERTION, signing.HOP])
    def test_a16_an_assertion_speaks_for_nobody_but_its_maker(self, kind: str) -> None:
        given = {"iss": "identity", "sub": "cases", "aud": "ledger"}
        refused(tokens.sign(kind, given, KEY, now=NOW), "subject", kind=kind, audience="ledger")

    def test_a16_an_assertion_of_another_client(self) -> None:
        given = {"iss": "identity", "sub": "identity", "aud": "ledger"}
        signed = tokens.sign(signing.CLIENT_ASSERTION, given, OTHER, now=NOW)
        refused(signed, "unknown key", kind=signing.CLIENT_ASSERTION, audience="ledger")

    def test_a17_an_assertion_that_expired_five_minutes_ago(self) -> None:
        given = {"iss": "identity", "sub": "identity", "aud": "ledger"}
        signed = tokens.sign(signing.CLIENT_ASSERTION, given, KEY, now=NOW - timedelta(minutes=6))
        refused(signed, "expired", kind=signing.CLIENT_ASSERTION, audience="ledger")

    @pytest.mark.parametrize("kind", [signing.ASSERTION, signing.CLIENT_ASSERTION, signing.HOP])
    def test_an_assertion_lives_a_minute_at_most(self, kind: str) -> None:
        given = {"iss": "identity", "sub": "identity", "aud": "ledger"}
        refused(tokens.sign(kind, given, KEY, now=NOW, life_s=61), "life", kind=kind, audience="ledger")


class TestShape:
    @pytest.mark.parametrize(
        "body",
        [b"[]", b'"x"', b"", b"{}x", b'{"iss":"a","iss":"b"}', b'{"a":' * 40 + b"1" + b"}" * 40, b"\xff", b"null"],
    )
    def test_a_payload_is_one_strict_json_object(self, body: bytes) -> None:
        refused(token(body))

    def test_equal_names_in_the_header_are_refused(self) -> None:
        head = jose.b64u(b'{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"%s"}' % KEY.kid.encode())
        refused(jose.sign_with_head(json.dumps(claims()).encode(), KEY, head), "header")

    @pytest.mark.parametrize("size", [9 * 1024, 1024 * 1024])
    def test_a23_a_large_token_is_not_even_decoded(self, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
        big = token(claims(pad="x" * size))
        monkeypatch.setattr(jose, "b64u_decode", lambda _text: pytest.fail("decoded"))
        refused(big, "size")

    def test_foreign_software_with_a_shared_secret_gets_nowhere(self) -> None:
        header = {"alg": "HS256", "kid": KEY.kid, "typ": "at+jwt"}
        secret = OctKey.import_key(jose.b64u_decode(KEY.public.jwk()["x"]))
        refused(foreign_jws.serialize_compact(header, json.dumps(claims()), secret), "alg")

    @given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
    def test_any_text_is_refused_and_nothing_else_happens(self, text: str) -> None:
        refused(text)

    @given(st.lists(st.binary(max_size=80), min_size=3, max_size=3))
    def test_any_three_parts_are_refused_and_nothing_else_happens(self, parts: list[bytes]) -> None:
        refused(".".join(jose.b64u(part) for part in parts))

    def test_a_token_of_non_ascii_letters_is_refused(self) -> None:
        refused(token()[:-1] + "é")


class TestMakers:
    def test_an_assertion_is_used_again_for_thirty_seconds(self) -> None:
        now = [NOW]
        signer = tokens.AssertionSigner("identity", KEY, lambda: now[0])
        first = signer.assertion("ledger")
        now[0] += timedelta(seconds=29)
        assert signer.assertion("ledger") == first
        assert signer.assertion("cases") != first
        now[0] += timedelta(seconds=1)
        second = signer.assertion("ledger")
        assert second != first
        assert verify(second, signing.ASSERTION, "ledger", now[0] + timedelta(seconds=60)).sub == "identity"

    def test_an_assertion_is_made_anew_when_the_clock_went_back(self) -> None:
        now = [NOW]
        signer = tokens.AssertionSigner("identity", KEY, lambda: now[0])
        first = signer.assertion("ledger")
        now[0] -= timedelta(hours=1)
        assert verify(signer.assertion("ledger"), signing.ASSERTION, "ledger", now[0]).iss == "identity"
        assert signer.assertion("ledger") != first

    def test_a_hop_names_the_token_it_speaks_for(self) -> None:
        signer = tokens.HopSigner("identity", KEY, lambda: NOW)
        mine, other = token(), token(claims(sub="land-registry"))
        hop = verify(signer.hop("certificates-1", mine), signing.HOP, "certificates-1")
        assert (hop.text("ath"), hop.text("bound")) == (tokens.ath(mine), "dpop")
        assert signer.hop("certificates-1", mine) == signer.hop("certificates-1", mine)
        assert (
            len({signer.hop("certificates-1", mine), signer.hop("certificates-2", mine), signer.hop("ledger", other)})
            == 3
        )

    def test_the_memory_of_made_tokens_is_bounded(self) -> None:
        signer = tokens.AssertionSigner("identity", KEY, lambda: NOW)
        for number in range(4200):
            signer._made.get((str(number),), lambda _now: "made")
        assert len(signer._made._made) == 4096

    def test_the_issuer_can_be_peeked_at_and_only_that(self) -> None:
        assert tokens.peek_issuer(token(key=PrivateKey.generate()), "at+jwt") == "identity"
        with pytest.raises(TokenRefused):
            tokens.peek_issuer("a.b.c", "at+jwt")
