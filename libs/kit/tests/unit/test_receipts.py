# SPDX-License-Identifier: EUPL-1.2
"""Receipts: what anybody may read, what the ledger opens, and what the citizen can check."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.receipts import Leaf, Sealed
from kit import aliases, jose, receipts, strictjson
from kit.jose import PrivateKey, b64u, b64u_decode
from kit.receipts import (
    Asker,
    Chain,
    LedgerKeyMissing,
    ReceiptBasis,
    ReceiptDraft,
    ReceiptSigner,
    SignedReceipt,
    Subject,
)

NOW = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)
SIG, LEDGER, PLATFORM = PrivateKey.generate(), PrivateKey.generate(), PrivateKey.generate()
TAX, MARKET, DATA = "119999000000000941", "1199990000000006XB", "119999000000002030"
EXCHANGE, CASE = "0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000002"
SUBJECT = Subject(key=f"{MARKET}/{'p' * 43}", platform_alias=aliases.mint(PLATFORM.public, "platform", "q" * 43))
SIGNER = ReceiptSigner("certificates-2", MARKET, "zz", SIG, lambda: LEDGER.public, lambda: NOW)


def draft(**change: Any) -> ReceiptDraft:
    given: dict[str, Any] = {
        "side": "holder",
        "exchange_id": EXCHANGE,
        "decision": "released",
        "purpose": "tax-registration",
        "legal_basis": ReceiptBasis(kind="law", entry="proof-7", release=3, grant_id="g-1"),
        "asker": Asker(office=TAX, system="tax-office"),
        "provider": MARKET,
        "type": "business-licence",
        "fields": ["validTo", "name"],
        "person": SUBJECT,
        "case_id": CASE,
        "step": "open-restaurant/r3",
        "deadline": NOW + timedelta(minutes=5),
        **change,
    }
    return ReceiptDraft(**given)


def opened(receipt: SignedReceipt) -> Sealed:
    return Sealed.model_validate_json(jose.open_sealed(receipt.sealed, {LEDGER.kid: LEDGER}))


def build(chain: Chain | None = None, **change: Any) -> tuple[SignedReceipt, Chain]:
    receipt, after = SIGNER.build(draft(**change), chain or Chain.start())
    assert after is not None
    return receipt, after


class TestLeaf:
    def test_a_leaf_says_who_asked_whom_for_what_and_why(self) -> None:
        leaf = build()[0].leaf
        assert leaf.writer == f"/zz/{MARKET}/certificates-2"
        assert leaf.fields == ["name", "validTo"]
        assert leaf.wire()["time"] == "2026-03-02T09:30:00.123Z"
        assert leaf.wire()["legalBasis"] == {"kind": "law", "entry": "proof-7", "release": 3, "grantId": "g-1"}
        assert receipts.verify_leaf(leaf, SIG.public)

    def test_a_leaf_holds_no_person_no_case_and_no_null(self) -> None:
        text = receipts.leaf_bytes(build()[0].leaf)
        for private in (CASE, SUBJECT.key, "p" * 43, SUBJECT.platform_alias, "open-restaurant"):
            assert private.encode() not in text
        assert b"null" not in text
        assert len(text) < receipts.LEAF_MAX_BYTES

    def test_the_signature_is_over_the_canonical_leaf_without_it(self) -> None:
        leaf = json.loads(receipts.leaf_bytes(build()[0].leaf))
        signature = b64u_decode(leaf.pop("signature"))
        canonical = json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert SIG.public.verifies(canonical, signature)

    @pytest.mark.parametrize(
        "change",
        [
            {"purpose": "other"},
            {"decision": "refused"},
            {"fields": ["name"]},
            {"fields": None},
            {"sealed_digest": jose.digest("x")},
            {"subject_commit": None},
            {"signature": None},
            {"signature": "AAAA"},
            {"signature": "!"},
            {"kid": "other"},
            {"code": "X"},
        ],
    )
    def test_a_changed_leaf_does_not_verify(self, change: dict[str, Any]) -> None:
        leaf = build()[0].leaf
        assert not receipts.verify_leaf(leaf.model_copy(update=change), SIG.public)
        assert not receipts.verify_leaf(leaf, LEDGER.public)

    def test_a_leaf_survives_its_journey(self) -> None:
        receipt = build()[0]
        again = SignedReceipt.model_validate_json(receipt.wire_bytes())
        assert again == receipt
        assert receipts.verify_leaf(again.leaf, SIG.public)
        assert receipts.leaf_bytes(again.leaf) == receipts.leaf_bytes(receipt.leaf)

    @given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=50))
    def test_our_fast_canonical_form_is_the_one_of_rfc_8785(self, text: str) -> None:
        leaf = {"api": text, "v": 1, "asker": {"office": TAX, "system": "x"}, "fields": [text, "a"]}
        assert receipts._canonical(leaf) == strictjson.canonical(leaf)

    def test_the_receipt_s_id_is_known_before_it_is_built(self) -> None:
        given_ = draft(receipt_id=UUID(EXCHANGE))
        assert SIGNER.build(given_, Chain.start())[0].leaf.receipt_id == EXCHANGE

    def test_a_stated_time_counts(self) -> None:
        assert build(time=NOW - timedelta(days=1))[0].leaf.time == datetime(2026, 3, 1, 9, 30, 0, 123000, tzinfo=UTC)


class TestSealedPart:
    def test_the_ledger_reads_the_private_part_and_it_is_the_leaf_s(self) -> None:
        receipt, after = build()
        sealed = opened(receipt)
        assert receipt.leaf.sealed_digest == jose.digest(receipt.sealed)
        assert (sealed.receipt_id, sealed.case_id, sealed.step) == (receipt.leaf.receipt_id, CASE, "open-restaurant/r3")
        assert (sealed.person, sealed.seq, sealed.previous) == (SUBJECT.platform_alias, 1, None)
        assert sealed.subject_key == b64u(after.subject_key)

    def test_an_organisation_has_no_chain(self) -> None:
        receipt, after = SIGNER.build(draft(person=None, organisation=TAX), None)
        assert after is None
        assert (receipt.leaf.subject_commit, receipt.leaf.case_commit) == (None, None)
        assert (opened(receipt).organisation, opened(receipt).seq) == (TAX, None)

    def test_without_the_ledger_s_key_nothing_is_built(self) -> None:
        signer = ReceiptSigner("cases", DATA, "zz", SIG, lambda: None, lambda: NOW)
        with pytest.raises(LedgerKeyMissing) as caught:
            signer.build(draft(), Chain.start())
        assert (caught.value.code, caught.value.status) == ("NO_LEDGER_KEY", 503)

    def test_a_chain_goes_with_a_person_and_only_with_one(self) -> None:
        for wrong, chain in ((draft(), None), (draft(person=None), Chain.start())):
            with pytest.raises(ValueError, match="chain"):
                SIGNER.build(wrong, chain)


class TestChain:
    def test_each_receipt_points_to_the_one_before(self) -> None:
        chain = Chain.start()
        previous = None
        for number in range(1, 6):
            receipt, chain = build(chain)
            sealed = opened(receipt)
            assert (sealed.seq, sealed.previous) == (number, previous)
            previous = receipt.leaf.subject_commit

    def test_the_citizen_recomputes_both_commitments(self) -> None:
        first, chain = build()
        second, _ = build(chain)
        sealed = opened(second)
        assert sealed.subject_key is not None
        key = b64u_decode(sealed.subject_key)
        assert sealed.previous == first.leaf.subject_commit
        assert first.leaf.subject_commit is not None
        message = sealed.receipt_id.encode() + (2).to_bytes(8, "big") + b64u_decode(first.leaf.subject_commit)
        assert second.leaf.subject_commit == b64u(hmac.digest(key, message, "sha256"))
        assert second.leaf.case_commit == b64u(hmac.digest(key, (sealed.receipt_id + CASE).encode(), "sha256"))

    def test_building_changes_no_chain(self) -> None:
        chain = Chain.start()
        build(chain)
        assert (chain.seq, chain.last_commit) == (0, None)

    def test_two_persons_share_no_key(self) -> None:
        assert Chain.start().subject_key != Chain.start().subject_key
        assert len(Chain.start().subject_key) == 32


def test_a_short_body_can_t_be_guessed_from_its_hash() -> None:
    assert receipts.body_hash("salt-1", b"{}") != receipts.body_hash("salt-2", b"{}")
    assert receipts.body_hash("salt", b"{}") == jose.digest(b"salt{}")


def test_leaf_model_and_builder_agree_on_every_member() -> None:
    full = draft(
        service="s",
        api="/a",
        predicate="p",
        decision="refused",
        code="NO_GRANT",
        request_hash=jose.digest("a"),
        response_hash=jose.digest("b"),
        envelope_digest=jose.digest("c"),
    )
    leaf = SIGNER.build(full, Chain.start())[0].leaf
    assert all(getattr(leaf, name) is not None for name in Leaf.model_fields)
