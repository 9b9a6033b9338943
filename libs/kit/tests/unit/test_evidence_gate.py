# SPDX-License-Identifier: EUPL-1.2
"""The gate that exchange-bus and every holder share: one broken rule at a time, in the order of the rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import signing
from contracts.cases import CaseProof, ExplicitSlot, ProofNeed
from contracts.catalogue import Catalogue, parse_entry
from contracts.ids import uuid7
from kit import gate, tokens
from kit.aliases import digest
from kit.gate import Question, SubjectDigests
from kit.jose import PrivateKey, PublicKey

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MARKET, LAND, HOUSING, TAX = "1199990000000006XB", "11999900000000107N", "11999900000000115H", "119999000000000941"
CASE, STEP = "01a20cc1-5d3e-7632-8da3-5edc4b46fab8", "food-licence/f1"
KEY = PrivateKey.generate()
SINCE = {"from": "2025-09-01"}
SUBJECT = SubjectDigests.person("platform-alias", {LAND: "land-alias"})


def _grant(name: str, provider: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "grant", "id": name, "demand": f"DM-{name}", "consumer": MARKET, "provider": provider, "type": "title",
        "fields": ["place", "use"], "mode": "onRequest", "purpose": "premises-check", "basis": "request",
        "steps": [STEP], "law": "A law", **SINCE, **more,
    }  # fmt: skip


def _catalogue(**changes: dict[str, Any]) -> Catalogue:
    """Give release 7; *changes* by entry id."""
    source = [{"office": LAND, "type": "title"}, {"office": HOUSING, "type": "title"}]
    entries: list[dict[str, Any]] = [
        {"kind": "certificateType", "id": "title", "typeCode": f"{LAND}001", "source": LAND, "holder": "either",
         "category": "register", "key": "number", "sharing": {"class": "conditional"}, "via": ["api"],
         "fields": [{"name": "place", "type": "text", "sensitivity": "internal"}], **SINCE},
        {"kind": "power", "id": "PW", "office": MARKET, "service": "food-licence", "action": "decide", "law": "A law",
         **SINCE},
        {"kind": "proof", "id": "P", "service": "food-licence", "step": STEP, "askedBy": MARKET, "proves": "premises",
         "route": "register", "sources": source, "legalBasis": "request", "law": "A law", **SINCE},
        _grant("G1", LAND),
        _grant("G2", HOUSING, fields=["place"]),
    ]  # fmt: skip
    return Catalogue(7, [parse_entry({**entry, **changes.get(entry["id"], {})}) for entry in entries])


def _proof(**more: Any) -> str:
    now = int(NOW.timestamp())
    claims = CaseProof(
        **{
            "iss": "cases", "jti": str(uuid7()), "iat": now - 60, "exp": now + 3600, "case_id": CASE, "step": STEP,
            "office": MARKET, "service": "food-licence", "issues": [],
            "explicit_request": ExplicitSlot(at=NOW, text_version="2026-11", session_assurance="high"),
            "needs": [ProofNeed(type="title", platform=SUBJECT.platform, holders=dict(SUBJECT.holders))], **more,
        }
    )  # fmt: skip
    return tokens.sign(signing.CASE_PROOF, claims.wire(), KEY)


QUESTION = Question(
    asker=MARKET, holder=None, entry="P", release=7, type="title", type_version=1, fields=("place", "use"),
    predicate=None, purpose="premises-check", basis="request", case_id=CASE, step=STEP, case_proof=_proof(),
    subject=SUBJECT,
)  # fmt: skip


def _key_of(iss: str, kid: str) -> PublicKey | None:
    return KEY.public if (iss, kid) == ("cases", KEY.kid) else None


def _admit(question: Question = QUESTION, catalogue: Catalogue | None = None, **more: Any) -> gate.Admitted:
    return gate.admit(catalogue or _catalogue(), question, key_of=_key_of, recorded_at=more.pop("at", NOW), **more)


def test_a_good_question_is_admitted_with_the_grants_that_cover_it() -> None:
    admitted = _admit()
    assert (admitted.entry.id, admitted.type.id, list(admitted.grants)) == ("P", "title", [LAND])
    assert admitted.proof.case_id == CASE


def test_all_sources_whose_grants_cover_the_fields_may_be_asked_in_the_lists_order() -> None:
    assert list(_admit(replace(QUESTION, fields=("place",))).grants) == [LAND, HOUSING]


def test_at_the_holder_only_its_own_grant_counts() -> None:
    assert list(_admit(replace(QUESTION, holder=LAND)).grants) == [LAND]
    with pytest.raises(gate.NoGrant):
        _admit(replace(QUESTION, holder=HOUSING))
    with pytest.raises(gate.NoLegalBasis):
        _admit(replace(QUESTION, holder=TAX))


BROKEN: list[tuple[str, dict[str, Any], type[gate.GateRefused]]] = [
    ("an unknown entry", {"entry": "P-9"}, gate.ReferenceUnknown),
    ("a release from the future", {"release": 8}, gate.ReferenceUnknown),
    ("release zero", {"release": 0}, gate.ReferenceUnknown),
    ("an asker without power", {"asker": TAX}, gate.NotInPowerList),
    ("an unknown type", {"type": "lease"}, gate.ReferenceUnknown),
    ("an unknown version of the type", {"type_version": 2}, gate.ReferenceUnknown),
    ("a step that the entry is not for", {"step": "food-licence/f2"}, gate.NoLegalBasis),
    ("a basis that the entry does not have", {"basis": "consent"}, gate.NoLegalBasis),
    ("a field that nobody granted", {"fields": ("number",)}, gate.NoGrant),
    ("a purpose that nobody granted", {"purpose": "curiosity"}, gate.PurposeNotGranted),
    ("a predicate", {"fields": None, "predicate": "owns-a-home"}, gate.NotOffered),
    ("another case", {"case_id": str(uuid7())}, gate.CaseProofInvalid),
    ("another person for the platform", {"subject": SubjectDigests("x" * 43, SUBJECT.holders)}, gate.CaseProofInvalid),
    (
        "another person for the holder",
        {"subject": SubjectDigests(SUBJECT.platform, {LAND: "x" * 43})},
        gate.CaseProofInvalid,
    ),
    ("nobody for any holder", {"subject": SubjectDigests(SUBJECT.platform, {})}, gate.CaseProofInvalid),
    ("a proof of another office", {"case_proof": _proof(office=TAX)}, gate.CaseProofInvalid),
    ("a proof of another step", {"case_proof": _proof(step="food-licence/f2")}, gate.CaseProofInvalid),
    ("a proof of another service", {"case_proof": _proof(service="shop-sign")}, gate.CaseProofInvalid),
    ("a proof by somebody else", {"case_proof": _proof(iss="gateway")}, gate.CaseProofInvalid),
    ("a proof of other needs", {"case_proof": _proof(needs=[])}, gate.CaseProofInvalid),
    (
        "a proof that was over",
        {"case_proof": _proof(exp=int((NOW - timedelta(seconds=30)).timestamp()))},
        gate.CaseNotLive,
    ),
    (
        "a fetch that the citizen did not ask for",
        {"case_proof": _proof(explicit_request=ExplicitSlot(not_needed="law"))},
        gate.ExplicitRequestMissing,
    ),
]


@pytest.mark.parametrize(("what", "change", "refusal"), BROKEN, ids=[row[0] for row in BROKEN])
def test_one_broken_rule_is_refused_by_its_name(
    what: str, change: dict[str, Any], refusal: type[gate.GateRefused]
) -> None:
    with pytest.raises(refusal) as refused:
        _admit(replace(QUESTION, **change))
    assert type(refused.value) is refusal
    assert refused.value.facts["rule"] == refusal.rule


def test_an_entry_out_of_force_is_expired_and_not_unknown() -> None:
    with pytest.raises(gate.ListExpired):
        _admit(catalogue=_catalogue(P={"to": "2026-11-24"}))


def test_power_comes_before_force() -> None:
    with pytest.raises(gate.NotInPowerList):
        _admit(replace(QUESTION, asker=TAX), catalogue=_catalogue(P={"to": "2026-11-24"}))


def test_a_grant_that_has_ended_covers_nothing() -> None:
    with pytest.raises(gate.NoGrant):
        _admit(catalogue=_catalogue(G1={"to": "2026-11-24"}))


def test_a_grant_by_event_does_not_answer_questions() -> None:
    with pytest.raises(gate.NoGrant):
        _admit(catalogue=_catalogue(G1={"mode": "onEvent"}))


def test_a_closed_case_is_not_live() -> None:
    with pytest.raises(gate.CaseNotLive):
        _admit(case_closed=True)


def test_what_needs_a_consent_is_refused_while_there_is_none() -> None:
    asks_consent = {"legalBasis": "consent"}
    catalogue = _catalogue(P=asks_consent, G1={"basis": "consent"})
    with pytest.raises(gate.ConsentMissing):
        _admit(replace(QUESTION, basis="consent"), catalogue=catalogue)


def test_a_question_that_waited_is_judged_by_its_own_moment() -> None:
    proof = _proof(exp=int((NOW + timedelta(hours=1)).timestamp()))
    assert _admit(replace(QUESTION, case_proof=proof), at=NOW).entry.id == "P"
    with pytest.raises(gate.CaseNotLive):
        _admit(replace(QUESTION, case_proof=proof), at=NOW + timedelta(hours=2))


def test_aliases_of_two_people_in_one_case_do_not_mix() -> None:
    ann = ProofNeed(type="title", platform="a" * 43, holders={LAND: "b" * 43})
    bob = ProofNeed(type="title", platform="c" * 43, holders={LAND: "d" * 43})
    mixed = SubjectDigests("a" * 43, {LAND: "d" * 43})
    with pytest.raises(gate.CaseProofInvalid):
        _admit(replace(QUESTION, case_proof=_proof(needs=[ann, bob]), subject=mixed))


def test_an_organisation_stands_where_a_persons_aliases_would() -> None:
    firm = "91999900000000166H"
    need = ProofNeed(type="title", platform=digest(firm), holders={LAND: digest(firm)})
    subject = SubjectDigests.organisation(firm, [LAND])
    assert _admit(replace(QUESTION, case_proof=_proof(needs=[need]), subject=subject)).need == need


def test_days_are_days_of_utc() -> None:
    assert gate.day_of(datetime.fromisoformat("2026-11-24T07:30:00+08:00")).isoformat() == "2026-11-23"
