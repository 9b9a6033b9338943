# SPDX-License-Identifier: EUPL-1.2
"""SD-JWT VC: what is issued verifies, what is changed doesn't, and a foreign library agrees both ways."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK  # type: ignore[import-untyped]
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from contracts.certificates import formats
from contracts.certificates.formats import FormatRefused, Verified
from contracts.certificates.formats import jws_rfc7515 as jws
from contracts.certificates.formats import sdjwt_rfc9901 as sd

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ISSUER = "https://gateway.example/issuers/1199990000000006XB"
VCT = "https://gateway.example/types/food-licence/1"
OFFICE = "119999000000000941"
CLAIMS: dict[str, Any] = {
    "name": "Nine Dragons Noodle House",
    "place": {"street": "Jade Lane 9", "district": "Old Town"},
    "activities": ["hot food", "cold dishes", "drinks"],
    "grade": "A",
}


def b64u(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A signer of the smallest kind."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        numbers = self.private.public_key().public_numbers()
        self.x, self.y = b64u(numbers.x.to_bytes(32, "big")), b64u(numbers.y.to_bytes(32, "big"))
        self.jwk = {"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y}
        self.kid = b64u(sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest())

    def sign(self, data: bytes) -> bytes:
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verifies(self, data: bytes, signature: bytes) -> bool:
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        try:
            self.private.public_key().verify(der, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return len(signature) == 64

    def foreign(self) -> JWK:
        secret = b64u(self.private.private_numbers().private_value.to_bytes(32, "big"))
        return JWK(**self.jwk, d=secret, kid=self.kid)


KEY, HOLDER, OTHER = Key(), Key(), Key()


def key_of(iss: str, kid: str) -> Callable[[bytes, bytes], bool] | None:
    return KEY.verifies if (iss, kid) == (ISSUER, KEY.kid) else None


def holder_key(jwk: Mapping[str, Any]) -> Callable[[bytes, bytes], bool]:
    return HOLDER.verifies if jwk == HOLDER.jwk else OTHER.verifies


def issue(claims: Mapping[str, Any] = CLAIMS, **change: Any) -> str:
    how: dict[str, Any] = {
        "issuer": ISSUER,
        "vct": VCT,
        "now": NOW,
        "expires_at": NOW + timedelta(days=1),
        "signer": KEY,
        "elements": ("activities",),
        **change,
    }
    return formats.issue(claims, how.pop("disclosable", tuple(claims)), **how)


def verify(text: str, **how: Any) -> Verified:
    return formats.verify(text, **{"key_of": key_of, "now": NOW, **how})


def refused(code: str, text: str, **how: Any) -> None:
    with pytest.raises(FormatRefused) as caught:
        verify(text, **how)
    assert caught.value.code == code
    assert str(caught.value) == code


def payload_of(text: str) -> dict[str, Any]:
    body = text.split(".")[1]
    read: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return read


def forge(change: Mapping[str, Any], text: str | None = None, header: Mapping[str, Any] | None = None) -> str:
    """The same credential signed by the right key over a changed payload; None takes a member away."""
    parts = sd.unpack(text or issue())
    payload = {n: v for n, v in {**payload_of(parts.jwt), **change}.items() if v is not None}
    members = {"typ": "dc+sd-jwt", "kid": KEY.kid, **(header or {})}
    return sd.pack(jws.sign(members, payload, KEY), parts.disclosures)


class TestIssuing:
    def test_what_is_issued_verifies_and_says_the_same(self) -> None:
        read = verify(issue())
        assert (read.issuer, read.vct, read.claims) == (ISSUER, VCT, CLAIMS)
        assert (read.kid, read.bound, read.holder, read.status) == (KEY.kid, False, None, None)
        assert read.expires_at == NOW + timedelta(days=1)

    def test_the_time_of_issue_is_told_to_the_hour(self) -> None:
        assert verify(issue()).issued_at == NOW.replace(minute=0)

    def test_nothing_hidden_shows_in_what_is_signed(self) -> None:
        payload = payload_of(issue())
        assert payload.keys() == {"iss", "vct", "iat", "nbf", "exp", "_sd", "_sd_alg"}
        assert payload["_sd"] == sorted(payload["_sd"])
        assert len(payload["_sd"]) == 4

    def test_two_copies_of_one_certificate_share_no_digest(self) -> None:
        assert not set(payload_of(issue())["_sd"]) & set(payload_of(issue())["_sd"])

    def test_decoys_hide_how_many_claims_there_are(self) -> None:
        assert len(payload_of(issue(decoys=5))["_sd"]) == 9
        assert verify(issue(decoys=5)).claims == CLAIMS

    def test_claims_may_stand_in_the_open(self) -> None:
        text = issue(disclosable=("name",), elements=())
        assert payload_of(text)["grade"] == "A"
        assert verify(text).claims == CLAIMS

    @pytest.mark.parametrize(
        "name", ["iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "aud"]
    )
    def test_a_claim_can_t_take_a_name_of_the_format(self, name: str) -> None:
        with pytest.raises(ValueError, match="name that the format keeps"):
            issue({name: "x"}, disclosable=())

    def test_a_chain_goes_in_place_of_a_kid(self) -> None:
        text = issue(x5c=["AAAA"])
        header = json.loads(urlsafe_b64decode(text.split(".")[0] + "=="))
        assert header == {"alg": "ES256", "typ": "dc+sd-jwt", "x5c": ["AAAA"]}
        assert verify(text, key_of=lambda _iss, kid: KEY.verifies if kid == "" else None).kid == ""


class TestPresenting:
    @given(st.sets(st.sampled_from(sorted(CLAIMS))))
    def test_a_presentation_shows_what_was_chosen_and_no_more(self, names: set[str]) -> None:
        text = formats.present(issue(), names)
        assert verify(text).claims == {name: CLAIMS[name] for name in names}
        assert formats.disclosed(text) == names

    def test_unknown_names_change_nothing(self) -> None:
        assert verify(formats.present(issue(), {"name", "salary"})).claims == {"name": CLAIMS["name"]}

    def test_a_single_element_of_an_array_can_be_left_out(self) -> None:
        parts = sd.unpack(issue({"activities": ["a", "b"]}, disclosable=()))
        assert verify(sd.pack(parts.jwt, parts.disclosures[1:])).claims == {"activities": ["b"]}

    def test_a_presentation_for_an_office_is_for_that_office_alone(self) -> None:
        text = issue(audience=OFFICE)
        assert verify(text, audience=OFFICE).audience == OFFICE
        refused("AUDIENCE_WRONG", text, audience="1199990000000006XB")
        refused("AUDIENCE_WRONG", text)

    def test_status_and_holder_are_handed_on(self) -> None:
        status = {"status_list": {"idx": 7, "uri": "https://gateway.example/issuers/x/status/1"}}
        read = verify(issue(status=status, holder=HOLDER.jwk))
        assert (read.status, read.holder) == (status, HOLDER.jwk)


class TestHolderBinding:
    def bound(self, **change: Any) -> str:
        how = {"audience": OFFICE, "nonce": "n-1", "now": NOW, "signer": HOLDER, **change}
        return formats.bind(formats.present(issue(holder=HOLDER.jwk), {"name"}), **how)

    def check(self, text: str, **how: Any) -> Verified:
        return verify(text, **{"audience": OFFICE, "nonce": "n-1", "holder_key": holder_key, **how})

    def test_the_holder_proves_to_have_the_key(self) -> None:
        assert self.check(self.bound()).bound

    @pytest.mark.parametrize(
        "change",
        [
            {"nonce": "n-2"},
            {"audience": "another"},
            {"signer": OTHER},
            {"now": NOW - timedelta(minutes=6)},
            {"now": NOW + timedelta(minutes=1)},
        ],
    )
    def test_a_proof_for_something_else_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(FormatRefused, match="HOLDER_BINDING_INVALID"):
            self.check(self.bound(**change))

    def test_a_proof_covers_exactly_what_is_presented(self) -> None:
        parts = sd.unpack(self.bound())
        more = sd.unpack(issue(holder=HOLDER.jwk))
        for disclosures in ((), more.disclosures):
            with pytest.raises(FormatRefused):
                self.check(sd.pack(parts.jwt, disclosures, parts.key_binding))

    def test_without_proof_or_key_there_is_no_binding(self) -> None:
        for text in (
            issue(holder=HOLDER.jwk),
            formats.bind(issue(), audience=OFFICE, nonce="n-1", now=NOW, signer=HOLDER),
        ):
            with pytest.raises(FormatRefused, match="HOLDER_BINDING_MISSING"):
                self.check(text)

    def test_a_nonce_alone_can_t_be_checked(self) -> None:
        with pytest.raises(ValueError, match="nonce"):
            verify(issue(holder=HOLDER.jwk), nonce="n-1")


class TestRefusals:
    def test_another_key_another_issuer_a_changed_letter(self) -> None:
        refused("KEY_UNKNOWN", issue(signer=OTHER))
        refused("KEY_UNKNOWN", issue(issuer=ISSUER + "/"))
        refused("SIGNATURE_INVALID", issue(), key_of=lambda _iss, _kid: OTHER.verifies)
        parts = sd.unpack(issue())
        head, _body, signature = parts.jwt.split(".")
        changed = b64u(json.dumps({**payload_of(parts.jwt), "vct": VCT + "0"}).encode())
        refused("SIGNATURE_INVALID", sd.pack(f"{head}.{changed}.{signature}", parts.disclosures))

    def test_expired_and_not_yet_valid(self) -> None:
        assert verify(issue(expires_at=NOW - timedelta(seconds=9))).claims == CLAIMS
        refused("EXPIRED", issue(expires_at=NOW - timedelta(seconds=10)))
        refused("NOT_YET_VALID", issue(not_before=NOW + timedelta(seconds=11)))
        assert verify(issue(not_before=NOW + timedelta(seconds=8))).claims == CLAIMS

    def test_another_type_than_expected(self) -> None:
        refused("VCT_UNEXPECTED", issue(), vct=VCT + "0")
        refused("VCT_UNEXPECTED", forge({"vct": 5}))
        assert verify(issue(), vct=VCT).vct == VCT

    @pytest.mark.parametrize("typ", ["vc+sd-jwt", "JWT", "kb+jwt", None, "dc+sd-jwt "])
    def test_another_typ(self, typ: object) -> None:
        refused("TYPE_WRONG", forge({}, header={"typ": typ}))

    @pytest.mark.parametrize("alg", ["none", "HS256", "es256", None])
    def test_another_algorithm(self, alg: object) -> None:
        refused("ALGORITHM_REFUSED", forge({}, header={"alg": alg}))

    @pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "crit", "b64"])
    def test_a_header_that_brings_a_key_or_a_demand(self, member: str) -> None:
        refused("MALFORMED", forge({}, header={member: "x"}))

    @pytest.mark.parametrize(
        "change", [{"iat": None}, {"iat": "1"}, {"exp": 1.5}, {"exp": True}, {"nbf": -1}, {"exp": 10**15}]
    )
    def test_times_that_are_none(self, change: dict[str, Any]) -> None:
        refused("MALFORMED", forge(change))

    @pytest.mark.parametrize(
        "text", ["", "~", "a.b.c", "a.b.c~", "~~", "x" * 70_000, "é~", issue() + "~", issue().replace("~", "~~", 1)]
    )
    def test_no_credential_at_all(self, text: str) -> None:
        with pytest.raises(FormatRefused):
            verify(text)

    @given(st.text(max_size=200))
    def test_any_text_is_refused_and_nothing_else_happens(self, text: str) -> None:
        with pytest.raises(FormatRefused):
            verify(text)


def disclosure(*content: object) -> str:
    return b64u(json.dumps(content).encode())


def with_disclosures(change: Mapping[str, Any], *disclosures: str) -> str:
    jwt = sd.unpack(forge({"_sd": None, **change})).jwt
    return sd.pack(jwt, disclosures)


SALARY = disclosure("salt", "salary", 5)


class TestDisclosures:
    def test_a_disclosure_that_belongs_to_no_digest(self) -> None:
        refused("DISCLOSURE_INVALID", with_disclosures({}, SALARY))

    def test_a_disclosure_twice_and_a_digest_twice(self) -> None:
        one = jws.digest(SALARY)
        assert verify(with_disclosures({"_sd": [one]}, SALARY)).claims == {"salary": 5}
        refused("DISCLOSURE_INVALID", with_disclosures({"_sd": [one]}, SALARY, SALARY))
        refused("DISCLOSURE_INVALID", with_disclosures({"_sd": [one, one]}, SALARY))
        refused("DISCLOSURE_INVALID", with_disclosures({"_sd": [one], "more": {"_sd": [one]}}, SALARY))

    @pytest.mark.parametrize(
        "name", ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "_sd", "...", "_sd_alg"]
    )
    def test_a_name_that_is_never_hidden(self, name: str) -> None:
        text = disclosure("salt", name, "x")
        refused("DISCLOSURE_INVALID", with_disclosures({"_sd": [jws.digest(text)]}, text))

    def test_a_name_that_is_already_there(self) -> None:
        refused("DISCLOSURE_INVALID", with_disclosures({"_sd": [jws.digest(SALARY)], "salary": 9}, SALARY))

    @pytest.mark.parametrize(
        "text",
        [
            disclosure("salt", 5, "x"),
            disclosure("salt", "x"),
            disclosure("salt"),
            disclosure(1, "a", 2),
            b64u(b"{}"),
            b64u(b"["),
        ],
    )
    def test_a_disclosure_of_the_wrong_shape(self, text: str) -> None:
        with pytest.raises(FormatRefused):
            verify(with_disclosures({"_sd": [jws.digest(text)]}, text))

    @pytest.mark.parametrize(
        "change",
        [
            {"_sd_alg": "sha-1"},
            {"_sd": "x"},
            {"_sd": [5]},
            {"list": [{"...": 5}]},
            {"list": [{"...": "a", "b": 1}]},
            {"deep": {"_sd_alg": "sha-256"}},
            {"deep": {"...": "x"}},
        ],
    )
    def test_digests_of_the_wrong_shape(self, change: dict[str, Any]) -> None:
        refused("DISCLOSURE_INVALID", with_disclosures(change))

    def test_disclosures_nested_without_end(self) -> None:
        texts = [disclosure("salt", "leaf", 1)]
        for _ in range(20):
            texts.append(disclosure("salt", "more", {"_sd": [jws.digest(texts[-1])]}))
        refused("DISCLOSURE_INVALID", with_disclosures({"_sd": [jws.digest(texts[-1])]}, *texts))

    def test_a_thousand_disclosures(self) -> None:
        refused("MALFORMED", with_disclosures({}, *(disclosure(str(n), "x", n) for n in range(1000))))


class TestForeignLibrary:
    """The package `sd-jwt` as a judge: it has no policy for times, typ or nonce, so it judges structure alone."""

    def test_it_reads_ours(self) -> None:
        judge = SDJWTVerifier(issue(), lambda _iss, _header: KEY.foreign())
        read = judge.get_verified_payload()
        assert {name: read[name] for name in CLAIMS} == CLAIMS
        assert read["iss"] == ISSUER

    def test_it_presents_ours_and_we_read_that(self) -> None:
        holder = SDJWTHolder(issue(holder=HOLDER.jwk))
        holder.create_presentation({"name": True, "activities": [False, True]}, "n-1", OFFICE, HOLDER.foreign())
        read = verify(holder.sd_jwt_presentation)
        assert read.claims == {"name": CLAIMS["name"], "activities": ["cold dishes"]}

    def test_we_read_its(self) -> None:
        claims = {
            "iss": ISSUER,
            "vct": VCT,
            "iat": int(NOW.timestamp()),
            SDObj("name"): "x",
            "list": [SDObj("a"), "b"],
            SDObj("deep"): {SDObj("inner"): 1, "open": 2},
        }
        made = SDJWTIssuer(
            claims,
            KEY.foreign(),
            add_decoy_claims=True,
            extra_header_parameters={"typ": "dc+sd-jwt", "kid": KEY.kid},
        )
        everything = {"name": "x", "list": ["a", "b"], "deep": {"inner": 1, "open": 2}}
        assert verify(made.sd_jwt_issuance).claims == everything
        assert verify(formats.present(made.sd_jwt_issuance, {"deep"})).claims == {
            "list": ["b"],
            "deep": everything["deep"],
        }

    def test_it_accepts_our_key_binding(self) -> None:
        text = formats.bind(issue(holder=HOLDER.jwk), audience=OFFICE, nonce="n-1", now=NOW, signer=HOLDER)
        judge = SDJWTVerifier(text, lambda _iss, _header: KEY.foreign(), OFFICE, "n-1")
        assert judge.get_verified_payload()["grade"] == "A"
