# SPDX-License-Identifier: EUPL-1.2
"""Sealed aliases and envelopes: who can read them, who may have made them, and what is parked."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.base import Model
from contracts.certificates.api import Presentation
from contracts.envelopes import Answer, Ask, LegalBasis, PersonAliases, Share, Task
from contracts.identity import SystemRecord
from contracts.receipts import Asker
from kit import aliases, envelopes, jose, tokens
from kit.aliases import AliasRefused
from kit.envelopes import EnvelopeRefused
from kit.jose import PrivateKey, PublicKey

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TAX, MARKET, HEALTH = "119999000000000941", "1199990000000006XB", "11999900000000035X"
PSEUDONYM = "p" * 43
ID = "0198c0de-0000-7000-8000-00000000000{}".format
PARTY, OTHER, SIG = PrivateKey.generate(), PrivateKey.generate(), PrivateKey.generate()
KEYS = {PARTY.kid: PARTY}


class TestAliases:
    def test_the_party_reads_its_own_name_of_the_person(self) -> None:
        assert aliases.open_alias(KEYS, TAX, aliases.mint(PARTY.public, TAX, PSEUDONYM)) == PSEUDONYM

    def test_a_wrapped_alias_is_opened_through(self) -> None:
        inner = aliases.mint(PARTY.public, TAX, PSEUDONYM)
        once = aliases.wrap(PARTY.public, TAX, inner)
        twice = aliases.wrap(PARTY.public, TAX, once)
        assert aliases.open_alias(KEYS, TAX, once) == aliases.open_alias(KEYS, TAX, twice) == PSEUDONYM
        assert (aliases.unwrap(KEYS, TAX, once), aliases.unwrap(KEYS, TAX, inner)) == (inner, inner)

    def test_nothing_is_opened_more_than_three_deep(self) -> None:
        alias = aliases.mint(PARTY.public, TAX, PSEUDONYM)
        for _ in range(3):
            alias = aliases.wrap(PARTY.public, TAX, alias)
        with pytest.raises(AliasRefused):
            aliases.open_alias(KEYS, TAX, alias)

    def test_two_uses_of_one_alias_do_not_match(self) -> None:
        inner = aliases.mint(PARTY.public, TAX, PSEUDONYM)
        one, two = (aliases.wrap(PARTY.public, TAX, inner) for _ in range(2))
        assert aliases.digest(one) != aliases.digest(two)
        assert len(aliases.digest(one)) == 43

    @pytest.mark.parametrize(
        "alias",
        [
            aliases.mint(OTHER.public, TAX, PSEUDONYM),
            aliases.mint(PARTY.public, MARKET, PSEUDONYM),
            aliases.wrap(PARTY.public, TAX, aliases.mint(PARTY.public, MARKET, PSEUDONYM)),
            aliases.wrap(PARTY.public, TAX, "no alias"),
            jose.seal(b'{"party":"%s","pseudonym":5}' % TAX.encode(), PARTY.public),
            jose.seal(b'{"party":"%s","pseudonym":"p","alias":"a"}' % TAX.encode(), PARTY.public),
            jose.seal(b"text", PARTY.public),
            jose.seal(b"x" * 5000, PARTY.public),
            "",
            "....",
        ],
    )
    def test_anything_else_is_refused(self, alias: str) -> None:
        with pytest.raises(AliasRefused):
            aliases.open_alias(KEYS, TAX, alias)


class Systems:
    """A registry of two systems that share a key, so that only the role can tell them apart."""

    def __init__(self) -> None:
        self.records = {
            name: SystemRecord.model_validate(
                {"systemId": name, "operator": TAX, "offices": offices, "role": role, "keys": []}
            )
            for name, role, offices in (
                ("exchange-bus", "exchange-bus", []),
                ("certificates-2", "certificates", [MARKET]),
                ("cases", "cases", []),
                ("licensing", "office", [MARKET]),
            )
        }

    def system(self, system_id: str) -> SystemRecord | None:
        return self.records.get(system_id)

    def key(self, system_id: str, kid: str, use: str) -> PublicKey | None:
        return SIG.public if system_id in self.records and (kid, use) == (SIG.kid, "sig") else None


ALIAS = aliases.mint(PARTY.public, TAX, PSEUDONYM)
PROOF = jose.sign_jws(b"{}", SIG, "case-proof+jwt")
ASK = Ask(
    request_id=ID(1),
    request_hash=jose.digest("x"),
    salt="salt",
    asker=Asker(office=TAX, system="tax-office"),
    type="business-licence",
    type_version=1,
    fields=["name"],
    purpose="tax",
    legal_basis=LegalBasis(kind="law"),
    entry="e1",
    release=1,
    grant_id="g1",
    case_id=ID(2),
    step="open-restaurant/r3",
    case_proof=PROOF,
    aliases=PersonAliases(platform=ALIAS, holder=ALIAS),
    recorded_at=NOW,
    deadline=NOW + timedelta(minutes=5),
)
ANSWER = Answer(
    request_id=ID(1),
    outcome="answered",
    type="business-licence",
    holder=MARKET,
    presentation=Presentation(credential="a.b.c~", evidence_digest=jose.digest("x")),
)
SHARE = Share(
    share_id=jose.digest("s"),
    grant_id="g1",
    fact="issued",
    type="business-licence",
    office=MARKET,
    certificate_version=1,
    status="01",
    subject=ALIAS,
)
TASK = Task(
    task_id=ID(3),
    case_id=ID(2),
    step="open-restaurant/r3",
    service="business-licence",
    mode="review",
    deadline=NOW,
    subject=ALIAS,
    input={"tradeName": "Nine Dragons"},
    needs=[],
    issues=[],
    case_proof=PROOF,
)


def seal(kind: str, body: Model, issuer: str, **change: Any) -> str:
    how: dict[str, Any] = {
        "issuer_system": issuer,
        "audience_office": TAX,
        "event_id": ID(8),
        "exchange_id": ID(9),
        "key_sig": SIG,
        "key_enc": PARTY.public,
        "now": NOW,
        **change,
    }
    return envelopes.seal_envelope(kind, body, **how)


def open_(envelope: str, **change: Any) -> envelopes.OpenedEnvelope:
    how: dict[str, Any] = {
        "keys": KEYS,
        "registry": Systems(),
        "expect_kinds": {"ask", "answer", "share", "task"},
        "office": TAX,
        "now": NOW,
        **change,
    }
    return envelopes.open_envelope(envelope, **how)


def parked(code: str, envelope: str, **change: Any) -> None:
    with pytest.raises(EnvelopeRefused) as caught:
        open_(envelope, **change)
    assert caught.value.code == code


GOOD: list[tuple[str, Model, str]] = [
    ("ask", ASK, "exchange-bus"),
    ("answer", ANSWER, "certificates-2"),
    ("share", SHARE, "certificates-2"),
    ("task", TASK, "cases"),
]


class TestEnvelopes:
    @pytest.mark.parametrize(("kind", "body", "issuer"), GOOD)
    def test_the_office_reads_what_was_sealed_to_it(self, kind: str, body: Model, issuer: str) -> None:
        opened = open_(seal(kind, body, issuer))
        assert (opened.kind, opened.iss, opened.jti, opened.exchange_id) == (kind, issuer, ID(8), ID(9))
        assert opened.body == body

    @pytest.mark.parametrize(("kind", "body", "issuer"), GOOD)
    def test_a_good_signature_of_the_wrong_role_is_parked(self, kind: str, body: Model, issuer: str) -> None:
        for other in Systems().records.keys() - {issuer}:
            parked("ROLE_WRONG", seal(kind, body, other))

    def test_a_certificates_service_speaks_for_its_own_offices_alone(self) -> None:
        foreign = Answer.model_validate({**ANSWER.model_dump(), "holder": HEALTH})
        parked("ROLE_WRONG", seal("answer", foreign, "certificates-2"))
        parked("ROLE_WRONG", seal("share", SHARE.model_copy(update={"office": HEALTH}), "certificates-2"))

    def test_another_office_another_door_another_key(self) -> None:
        parked("SIGNATURE_INVALID", seal("ask", ASK, "exchange-bus", audience_office=MARKET))
        parked("KIND_UNEXPECTED", seal("ask", ASK, "exchange-bus"), expect_kinds={"task"})
        parked("CANNOT_OPEN", seal("ask", ASK, "exchange-bus", key_enc=OTHER.public))
        parked("SIGNATURE_INVALID", seal("ask", ASK, "exchange-bus", key_sig=OTHER))
        parked("SIGNATURE_INVALID", seal("ask", ASK, "unknown-system"))
        parked("SIGNATURE_INVALID", seal("ask", ASK, "exchange-bus", now=NOW + timedelta(minutes=2)))

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"text",
            b"\xff",
            tokens.sign("at+jwt", {"iss": "cases"}, SIG).encode(),
            jose.sign_jws(b"{}", SIG, "JWT").encode(),
        ],
    )
    def test_sealed_nonsense_is_parked(self, content: bytes) -> None:
        with pytest.raises(EnvelopeRefused):
            open_(jose.seal(content, PARTY.public))

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"kind": "other"}, "KIND_UNEXPECTED"),
            ({"kind": ["ask"]}, "KIND_UNEXPECTED"),
            ({"kind": "answer"}, "BODY_INVALID"),
            ({"body": {}}, "BODY_INVALID"),
            ({"body": [1]}, "BODY_INVALID"),
            ({"exchangeId": "x"}, "BODY_INVALID"),
            ({"more": 1}, "BODY_INVALID"),
        ],
    )
    def test_a_malformed_content_is_parked(self, change: dict[str, Any], code: str) -> None:
        signed = jose.open_sealed(seal("ask", ASK, "exchange-bus"), KEYS).decode()
        claims = {**json.loads(jose.b64u_decode(signed.split(".")[1])), **change}
        parked(code, jose.seal(tokens.sign("envelope+jwt", claims, SIG).encode(), PARTY.public))

    def test_nothing_of_the_content_shows_outside(self) -> None:
        envelope = seal("task", TASK, "cases")
        assert jose.sealed_to(envelope) == PARTY.kid
        assert envelopes.digest(envelope) == jose.digest(envelope.encode())
        for part in envelope.split("."):
            assert b"Dragons" not in jose.b64u_decode(part)

    def test_an_envelope_that_is_too_large_is_never_made(self) -> None:
        huge = TASK.model_copy(update={"input": {"plan": "x" * 500_000}})
        with pytest.raises(ValueError, match="at most"):
            seal("task", huge, "cases")
        with pytest.raises(ValueError, match="kind"):
            seal("letter", TASK, "cases")
