# SPDX-License-Identifier: EUPL-1.2
"""The SDK's signatures and seals are the platform's: each side reads what the other wrote, and refuses the same."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts import signing
from kit import jose as kit_jose
from kit import tokens as kit_tokens
from tongban import jose
from tongban.problems import NotBelieved, NotConfigured
from tongban.tokens import dpop_proof

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
KIT = kit_jose.PrivateKey.generate()
OURS = jose.PrivateKey(KIT.jwk())
URL = "http://127.0.0.1:8080/v1/inbox"


def test_both_sides_name_a_key_alike() -> None:
    assert OURS.kid == KIT.kid
    assert OURS.public.jwk() == KIT.public.jwk()
    made = jose.PrivateKey.generate()
    assert made.kid == kit_jose.PublicKey.from_jwk(made.public.jwk()).thumbprint


def test_the_platform_reads_a_signature_of_ours() -> None:
    token = OURS.sign_jws(b'{"a":1}', signing.ENVELOPE)
    read = kit_jose.read_jws(token, signing.ENVELOPE)
    assert read.header == {"alg": "ES256", "kid": KIT.kid, "typ": signing.ENVELOPE}
    assert kit_jose.verify_jws(read, KIT.public) == b'{"a":1}'


def test_we_read_a_signature_of_the_platform() -> None:
    token = kit_jose.sign_jws(b'{"a":1}', KIT, signing.RECORD)
    assert jose.verify_jws(token, OURS.public, signing.RECORD) == {"a": 1}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (kit_jose.sign_jws(b"{}", KIT, signing.HOP), "HEADER_NOT_ALLOWED"),
        (kit_jose.sign_jws(b"{}", kit_jose.PrivateKey.generate(), signing.RECORD), "HEADER_NOT_ALLOWED"),
        (kit_jose.sign_jws_with(b"{}", KIT, {"kid": KIT.kid, "typ": signing.RECORD, "jku": "x"}), "HEADER_NOT_ALLOWED"),
        (kit_jose.sign_jws(b'{"a":1,"a":2}', KIT, signing.RECORD), "MALFORMED"),
        (kit_jose.sign_jws(b"{}", KIT, signing.RECORD)[:-4] + "AAAA", "SIGNATURE_INVALID"),
        ("a.b", "MALFORMED"),
        ("", "MALFORMED"),
    ],
)
def test_a_signature_outside_the_profile_is_refused(token: str, code: str) -> None:
    with pytest.raises(NotBelieved) as refused:
        jose.verify_jws(token, OURS.public, signing.RECORD)
    assert refused.value.code == code


@pytest.mark.parametrize("size", [0, 1, 200_000])
def test_each_side_opens_what_the_other_sealed(size: int) -> None:
    text = b"x" * size
    assert kit_jose.open_sealed(jose.seal(text, OURS.public), {KIT.kid: KIT}) == text
    assert jose.open_sealed(kit_jose.seal(text, KIT.public), {OURS.kid: OURS}) == text


def test_a_seal_to_somebody_else_can_not_be_opened() -> None:
    other = jose.PrivateKey.generate()
    with pytest.raises(NotBelieved, match="CANNOT_OPEN"):
        jose.open_sealed(jose.seal(b"x", other.public), {OURS.kid: OURS})


def test_a_changed_seal_can_not_be_opened() -> None:
    head, wrapped, nonce, text, _tag = jose.seal(b"secret", OURS.public).split(".")
    with pytest.raises(NotBelieved, match="CANNOT_OPEN"):
        jose.open_sealed(".".join([head, wrapped, nonce, text, "A" * 22]), {OURS.kid: OURS})


def test_a_seal_with_another_header_is_refused() -> None:
    head, rest = jose.seal(b"x", OURS.public).split(".", 1)
    header = jose.json_object(jose.b64u_decode(head)) | {"zip": "DEF"}
    token = f"{jose.b64u(json.dumps(header).encode())}.{rest}"
    with pytest.raises(NotBelieved, match="HEADER_NOT_ALLOWED"):
        jose.open_sealed(token, {OURS.kid: OURS})


def test_the_platform_takes_our_proof_of_a_key() -> None:
    proof = dpop_proof(OURS, method="GET", url=URL, token="t.o.k", clock=lambda: NOW)
    checked = kit_tokens.verify_dpop(proof, method="GET", url=URL, token="t.o.k", now=NOW)
    assert checked.jkt == KIT.kid
    with pytest.raises(kit_tokens.DpopRefused):
        kit_tokens.verify_dpop(proof, method="GET", url=URL, token="t.o.k", now=NOW + timedelta(minutes=3))


def test_a_key_never_shows_itself() -> None:
    assert KIT.jwk()["d"] not in repr(OURS)


def test_a_key_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "sig.jwk").write_text("{}")
    with pytest.raises(NotConfigured, match=r"sig\.jwk"):
        jose.PrivateKey.load(tmp_path / "sig.jwk")


@pytest.mark.parametrize("jwk", [{}, {"kty": "oct", "k": "AA"}, {**KIT.jwk()}, {**KIT.public.jwk(), "x": "AA"}])
def test_only_a_public_point_is_a_public_key(jwk: dict[str, str]) -> None:
    with pytest.raises(NotBelieved, match="KEY_INVALID"):
        jose.PublicKey(jwk)
