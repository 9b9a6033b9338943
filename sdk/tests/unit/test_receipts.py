# SPDX-License-Identifier: EUPL-1.2
"""A citizen checks her receipts by herself, as the platform's own code wrote them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from contracts.ids import uuid7
from contracts.ledger import AccessView, ReceiptView
from contracts.receipts import Asker, ReceiptBasis
from kit.jose import PrivateKey, b64u
from kit.receipts import Chain, ReceiptDraft, ReceiptSigner, Subject
from tongban import check_receipts

DATA, MARKET = "119999000000002030", "1199990000000006XB"
CASE = str(uuid7())


@pytest.fixture
def three(country: Any, now: datetime) -> list[ReceiptView]:
    """Three receipts of one chain, as `cases` writes them and the ledger shows them."""
    ledger = PrivateKey.generate().public
    signer = ReceiptSigner("cases", DATA, "zz", country.keys["cases"], lambda: ledger, lambda: now)
    chain, views = Chain.start(), []
    for _ in range(3):
        draft = ReceiptDraft(
            side="asker",
            exchange_id=str(uuid7()),
            decision="pending",
            purpose="premises-check",
            legal_basis=ReceiptBasis(kind="request", entry="P-0204", release=1),
            asker=Asker(office=MARKET, system="cases"),
            fields=["use", "place"],
            person=Subject(f"{MARKET}/p", "e30.AA.AA.AA.AA"),
            case_id=CASE,
        )
        signed, after = signer.build(draft, chain)
        assert after is not None
        views.append(shown(signed.leaf, chain, after))
        chain = after
    return views


def shown(leaf: Any, before: Chain, after: Chain) -> ReceiptView:
    return ReceiptView(
        leaf=leaf,
        case_id=CASE,
        subject_key=b64u(after.subject_key),
        seq=after.seq,
        previous=b64u(before.last_commit) if before.last_commit else None,
        signature_valid=True,
        no_gap=True,
        sides_complete=True,
        verified=True,
    )


Change = Callable[[list[ReceiptView]], list[ReceiptView]]


def changed(view: ReceiptView, **members: Any) -> ReceiptView:
    return view.model_copy(update=members)


def leaf_changed(view: ReceiptView, **members: Any) -> ReceiptView:
    return changed(view, leaf=view.leaf.model_copy(update=members))


async def test_receipts_as_written_hold(country: Any, now: datetime, three: list[ReceiptView]) -> None:
    async with country.office() as office:
        view = AccessView(receipts=three[::-1], chains=[])
        assert check_receipts(view, directory=office.directory, now=now) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda v: [leaf_changed(v[0], purpose="something-else"), *v[1:]], "SIGNATURE_INVALID"),
        (lambda v: [leaf_changed(v[0], writer=f"/zz/{DATA}/nobody"), *v[1:]], "WRITER_UNKNOWN"),
        (lambda v: [leaf_changed(v[0], signature="AA"), *v[1:]], "SIGNATURE_INVALID"),
        (lambda v: [changed(v[0], case_id=str(uuid7())), *v[1:]], "COMMITMENT_WRONG"),
        (lambda v: [changed(v[0], seq=7), *v[1:]], "COMMITMENT_WRONG"),
        (lambda v: [v[0], v[2]], "CHAIN_BROKEN"),
        (lambda v: v[1:], "CHAIN_BROKEN"),
    ],
)
async def test_what_was_changed_or_taken_out_shows(
    country: Any, now: datetime, three: list[ReceiptView], change: Change, code: str
) -> None:
    async with country.office() as office:
        view = AccessView(receipts=change(three), chains=[])
        found = check_receipts(view, directory=office.directory, now=now)
    assert code in {fault.code for fault in found}
