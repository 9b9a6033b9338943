# SPDX-License-Identifier: EUPL-1.2
"""Part 6: signatures, seals and the gate, in this process, beside the bare primitives."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.report import Row, median_row
from contracts import signing
from contracts.cases import CaseProof, ExplicitSlot, ProofNeed
from contracts.catalogue import Catalogue, Proof
from contracts.catalogue.check import check
from contracts.ids import uuid7
from kit import aliases, gate, jose, tokens
from kit.jose import PrivateKey
from local_stack.offices import MARKET_REGULATION, NATURAL_RESOURCES
from tongban.catalogue_files import load_entries

ES256 = ec.ECDSA(hashes.SHA256())
CATALOGUE = Path(__file__).parents[1] / "catalogue"
BODY = os.urandom(512).hex().encode()
STEP, SERVICE = "food-licence/f1", "food-licence"

Work = Callable[[], object]


def rows(rounds: int, seconds: float) -> list[Row]:
    """Microseconds of each, floor and ours in turn."""
    pairs = [*_signatures(), *_seals(), _gate()]
    return [_measure(name, floor_name, floor, ours, rounds, seconds) for name, floor_name, floor, ours in pairs]


def _measure(name: str, floor_name: str, floor: Work, ours: Work, rounds: int, seconds: float) -> Row:
    bare, full = [], []
    for _ in range(rounds):
        bare.append(_each_us(floor, seconds))
        full.append(_each_us(ours, seconds))
    bare.sort()
    return median_row("crypto", name, full, "us", floor=bare[len(bare) // 2], floor_name=floor_name)


def _each_us(work: Work, seconds: float) -> float:
    """Microseconds of processor time for one call; processor time, so that others on the machine count less."""
    work()
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in range(20):
            work()
        count += 20
    return spent / count * 1e6


def _signatures() -> list[tuple[str, str, Work, Work]]:
    raw = ec.generate_private_key(ec.SECP256R1())
    key, public, now = PrivateKey(raw), raw.public_key(), datetime.now(UTC)
    claims = {"iss": "gateway", "sub": "gateway", "aud": "cases"}
    token = tokens.sign(signing.ASSERTION, claims, key, now=now)
    signed, _, encoded = token.rpartition(".")
    data, signature = signed.encode(), jose.b64u_decode(encoded)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))

    def verify() -> object:
        return tokens.verify(token, signing.ASSERTION, key_of=lambda *_: key.public, audience="cases", now=now)

    return [
        (
            "ES256 sign: kit.tokens",
            "us bare sign",
            lambda: decode_dss_signature(raw.sign(data, ES256)),
            lambda: tokens.sign(signing.ASSERTION, claims, key, now=now),
        ),
        ("ES256 verify: kit.tokens", "us bare verify", lambda: public.verify(der, data, ES256), verify),
    ]


def _seals() -> list[tuple[str, str, Work, Work]]:
    """The bare side does the same agreement, key wrap and cipher, without JOSE around it."""
    raw = ec.generate_private_key(ec.SECP256R1())
    key, public = PrivateKey(raw), raw.public_key()

    def kek(shared: bytes) -> bytes:
        return hashlib.sha256(shared).digest()

    def seal() -> tuple[bytes, bytes, bytes, bytes]:
        once, content, nonce = ec.generate_private_key(ec.SECP256R1()), os.urandom(32), os.urandom(12)
        wrapped = aes_key_wrap(kek(once.exchange(ec.ECDH(), public)), content)
        point = once.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return point, wrapped, nonce, AESGCM(content).encrypt(nonce, BODY, b"")

    def unseal() -> bytes:
        once = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bare[0])
        content = aes_key_unwrap(kek(raw.exchange(ec.ECDH(), once)), bare[1])
        return AESGCM(content).decrypt(bare[2], bare[3], b"")

    bare, sealed = seal(), jose.seal(BODY, key.public)
    return [
        ("seal 1 KB: kit.jose", "us bare primitives", seal, lambda: jose.seal(BODY, key.public)),
        ("open 1 KB: kit.jose", "us bare primitives", unseal, lambda: jose.open_sealed(sealed, {key.kid: key})),
    ]


def _gate() -> tuple[str, str, Work, Work]:
    """A decision that lets through, which asks every rule; the floor is the one signature that it must verify."""
    key, now = PrivateKey.generate(), datetime.now(UTC)
    entries, _ = check(load_entries(CATALOGUE), test_area=True)
    catalogue = Catalogue(1, entries)
    person = {
        office: aliases.mint(key.public, office, "p") for office in ("platform", MARKET_REGULATION, NATURAL_RESOURCES)
    }
    case_id = str(uuid7())
    token = case_proof(key, "cases", case_id, person, now)
    question = gate.Question(
        asker=MARKET_REGULATION,
        holder=None,
        entry="P-0204",
        release=1,
        type="title",
        type_version=1,
        fields=("place", "use"),
        predicate=None,
        purpose="premises-check",
        basis="request",
        case_id=case_id,
        step=STEP,
        case_proof=token,
        subject=gate.SubjectDigests.person(person["platform"], {NATURAL_RESOURCES: person[NATURAL_RESOURCES]}),
    )
    unverified = jose.read_jws(token, signing.CASE_PROOF)

    def decide() -> gate.Admitted:
        return gate.admit(catalogue, question, key_of=lambda *_: key.public, recorded_at=now)

    if not isinstance(decide().entry, Proof):
        raise TypeError("the gate admitted something else")
    return "gate decision, admitted", "us its one verify", lambda: jose.verify_jws(unverified, key.public), decide


def case_proof(key: PrivateKey, system: str, case_id: str, person: Mapping[str, str], now: datetime) -> str:
    """Sign a case proof as cases does, for evidence of a title in the step of a food licence.

    person: party -> the alias that will travel beside it.
    """
    claims: dict[str, Any] = CaseProof(
        iss=system,
        jti=str(uuid7()),
        iat=int(now.timestamp()),
        exp=int((now + timedelta(days=5)).timestamp()),
        case_id=case_id,
        step=STEP,
        office=MARKET_REGULATION,
        service=SERVICE,
        explicit_request=ExplicitSlot(at=now, text_version="2026-11", session_assurance="low"),
        needs=[
            ProofNeed(
                type="title",
                platform=aliases.digest(person["platform"]),
                holders={NATURAL_RESOURCES: aliases.digest(person[NATURAL_RESOURCES])},
            )
        ],
        issues=[],
    ).wire()
    return tokens.sign(signing.CASE_PROOF, claims, key)
