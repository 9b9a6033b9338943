# SPDX-License-Identifier: EUPL-1.2
"""Keys, signatures and seals: our own profile, and that foreign software understands it."""

import json
import time
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe as foreign_jwe
from joserfc import jws as foreign_jws
from joserfc.jwk import ECKey

from kit import jose
from kit.jose import JoseError, PrivateKey, PublicKey

KEY = PrivateKey.generate()
FOREIGN = ECKey.import_key({**KEY.jwk()})
FOREIGN_PUBLIC = ECKey.import_key({**KEY.public.jwk()})
# The key and its thumbprint of RFC 9449, figures 2 and 8.
RFC9449_JWK = {
    "kty": "EC",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    "crv": "P-256",
}
# The ES256 example of RFC 7515, appendix A.3.
RFC7515_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
RFC7515_SIGNED = (
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
RFC7515_SIGNATURE = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"


def refused(reason: str) -> pytest.RaisesExc[JoseError]:
    return pytest.raises(JoseError, match=f"^{reason}$")


class TestKeys:
    def test_a_kid_is_the_thumbprint_of_rfc_7638(self) -> None:
        assert PublicKey.from_jwk(RFC9449_JWK).kid == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

    def test_a_key_survives_its_file(self) -> None:
        again = PrivateKey.from_jwk(json.loads(json.dumps(KEY.jwk())))
        assert (again.kid, again.public) == (KEY.kid, KEY.public)

    def test_the_public_half_shows_nothing_private(self) -> None:
        assert "d" not in KEY.public.jwk()
        assert KEY.jwk()["d"] not in repr(KEY)

    @pytest.mark.parametrize(
        "change",
        [
            {"kty": "oct", "k": "AAAA"},
            {"kty": "RSA"},
            {"crv": "P-384"},
            {"x": RFC9449_JWK["y"]},  # off the curve
            {"x": "AA"},
            {"x": RFC9449_JWK["x"] + "="},
            {"x": 5},
            {"d": RFC7515_JWK["d"]},  # a private key where a public one is due
            {"x5u": "https://keys.invalid/"},
            {"kid": "a/../b"},
            {"kid": "x" * 65},
            {"kid": 7},
        ],
    )
    def test_a_bad_public_key_is_refused(self, change: dict[str, object]) -> None:
        with pytest.raises(JoseError):
            PublicKey.from_jwk({**RFC9449_JWK, **change})

    def test_a_private_key_must_own_its_public_half(self) -> None:
        with refused("key"):
            PrivateKey.from_jwk({**RFC9449_JWK, "d": RFC7515_JWK["d"]})


class TestBase64Url:
    @given(st.binary(max_size=100))
    def test_what_is_written_is_read(self, data: bytes) -> None:
        assert jose.b64u_decode(jose.b64u(data)) == data

    @given(st.text(alphabet="ABCDEZaz019-_", max_size=12))
    def test_bytes_have_one_spelling(self, text: str) -> None:
        with suppress(JoseError):
            assert jose.b64u(jose.b64u_decode(text)) == text

    @pytest.mark.parametrize("text", ["A", "AA==", "AB", "AAB", "A+A/", "AA\n", "AA ", "ＡＡ", "AAAAA"])
    def test_other_spellings_are_refused(self, text: str) -> None:
        with refused("base64url"):
            jose.b64u_decode(text)


class TestSignatures:
    def test_the_example_of_rfc_7515_verifies(self) -> None:
        key = PrivateKey.from_jwk(RFC7515_JWK)
        assert key.public.verifies(RFC7515_SIGNED.encode(), jose.b64u_decode(RFC7515_SIGNATURE))

    def test_joserfc_reads_ours(self) -> None:
        token = jose.sign_jws(b'{"a":1}', KEY, "at+jwt")
        read = foreign_jws.deserialize_compact(token, FOREIGN_PUBLIC, algorithms=["ES256"])
        assert read.payload == b'{"a":1}'
        assert read.headers() == {"alg": "ES256", "kid": KEY.kid, "typ": "at+jwt"}

    def test_we_read_joserfc_s(self) -> None:
        header = {"alg": "ES256", "kid": KEY.kid, "typ": "at+jwt"}
        token = foreign_jws.serialize_compact(header, b"{}", FOREIGN)
        assert jose.verify_jws(jose.read_jws(token, "at+jwt"), KEY.public) == b"{}"

    @pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\xff" * 64, b"\1" * 63, b"\1" * 65])
    def test_nonsense_is_no_signature(self, signature: bytes) -> None:
        assert not KEY.public.verifies(b"data", signature)

    def test_a_der_signature_is_no_jose_signature(self) -> None:
        assert not KEY.public.verifies(b"data", KEY._key.sign(b"data", jose._ES256))


class TestSeals:
    @given(st.binary(max_size=2000))
    def test_what_is_sealed_is_opened(self, plaintext: bytes) -> None:
        assert jose.open_sealed(jose.seal(plaintext, KEY.public), {KEY.kid: KEY}) == plaintext

    def test_joserfc_opens_ours(self) -> None:
        sealed = jose.seal(b"content", KEY.public)
        assert foreign_jwe.decrypt_compact(sealed, FOREIGN).plaintext == b"content"

    def test_we_open_joserfc_s(self) -> None:
        header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": KEY.kid}
        sealed = foreign_jwe.encrypt_compact(header, b"content", FOREIGN_PUBLIC)
        assert jose.open_sealed(sealed, {KEY.kid: KEY}) == b"content"

    def test_two_seals_of_one_text_share_nothing_but_names(self) -> None:
        one, two = jose.seal(b"x", KEY.public), jose.seal(b"x", KEY.public)
        assert not set(one.split(".")) & set(two.split("."))

    def test_the_kid_can_be_read_from_outside(self) -> None:
        assert jose.sealed_to(jose.seal(b"x", KEY.public)) == KEY.kid

    def test_another_key_opens_nothing(self) -> None:
        other = PrivateKey.generate()
        with refused("unknown key"):
            jose.open_sealed(jose.seal(b"x", KEY.public), {other.kid: other})
        with refused("seal"):
            jose.open_sealed(jose.seal(b"x", KEY.public), {KEY.kid: other})

    @pytest.mark.parametrize("part", range(5))
    def test_a_changed_part_opens_nothing(self, part: int) -> None:
        parts = jose.seal(b"some content", KEY.public).split(".")
        data = bytearray(jose.b64u_decode(parts[part]))
        data[-1] ^= 1
        parts[part] = jose.b64u(bytes(data))
        with pytest.raises(JoseError):
            jose.open_sealed(".".join(parts), {KEY.kid: KEY})


def sealed_with(**header: object) -> str:
    """A JWE whose protected header says what an attacker wants."""
    head, *rest = jose.seal(b"x", KEY.public).split(".")
    changed = {**json.loads(jose.b64u_decode(head)), **header}
    kept = {name: value for name, value in changed.items() if value is not None}
    return ".".join([jose.b64u(json.dumps(kept).encode()), *rest])


OFF_CURVE = {"kty": "EC", "crv": "P-256", "x": RFC9449_JWK["y"], "y": RFC9449_JWK["y"]}


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("ten million key-derivation rounds", sealed_with(alg="PBES2-HS256+A128KW", p2c=10_000_000, p2s="AAAA")),
        ("a compressed body", sealed_with(zip="DEF")),
        ("a point off the curve", sealed_with(epk=OFF_CURVE)),
        ("the point at zero", sealed_with(epk={"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43})),
        ("RSA1_5", sealed_with(alg="RSA1_5")),
        ("dir", sealed_with(alg="dir")),
        ("plain ECDH-ES", sealed_with(alg="ECDH-ES")),
        ("another cipher", sealed_with(enc="A128CBC-HS256")),
        ("no kid", sealed_with(kid=None)),
        ("a kid that is a path", sealed_with(kid="../../sig")),
        ("crit", sealed_with(crit=["x"])),
        ("apu and apv", sealed_with(apu="AAAA", apv="AAAA")),
        ("no ephemeral key", sealed_with(epk=None)),
        ("an ephemeral key of another shape", sealed_with(epk="AAAA")),
        ("a huge header", sealed_with(cty="x" * 100_000)),
        ("50 MB of body", "A" * 50_000_000),
        ("no parts", "...."),
        ("six parts", sealed_with() + ".AAAA"),
        ("a JWS", jose.sign_jws(b"{}", KEY, "at+jwt")),
    ],
)
def test_a22_a_hostile_jwe_is_refused_at_once(name: str, token: str) -> None:
    started = time.process_time()
    with pytest.raises(JoseError):
        jose.open_sealed(token, {KEY.kid: KEY})
    assert time.process_time() - started < 0.05


def test_a_key_of_another_curve_makes_no_public_key_of_ours() -> None:
    foreign = ECKey.generate_key("P-384").as_dict(private=False)
    with refused("key"):
        PublicKey.from_jwk(foreign)
    assert isinstance(PublicKey.from_jwk(RFC9449_JWK).raw, ec.EllipticCurvePublicKey)
