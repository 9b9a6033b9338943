# SPDX-License-Identifier: EUPL-1.2
"""A citizen's own check of her receipts: nobody's word is needed but the writers' registered keys.

The platform says of each receipt whether it is verified. This says it again, from the receipt itself: who signed it,
and that none of a writer's receipts about her was taken out of its chain.
"""

import hmac
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.ledger import AccessView, ReceiptView
from contracts.receipts import Leaf
from tongban import jose
from tongban.directory import Directory
from tongban.problems import NotBelieved


@dataclass(frozen=True)
class ReceiptFault:
    """What is wrong with one receipt. code: SIGNATURE_INVALID, WRITER_UNKNOWN, COMMITMENT_WRONG, CHAIN_BROKEN."""

    receipt_id: str
    code: str


def check_receipts(view: AccessView, *, directory: Directory, now: datetime) -> list[ReceiptFault]:
    """Check all receipts of a person; empty: every one holds. view: the whole list, not one page of it."""
    faults = [fault for one in view.receipts for fault in _check_one(one, directory, now)]
    chains: dict[str, list[ReceiptView]] = defaultdict(list)
    for one in view.receipts:
        if one.subject_key is not None and one.seq is not None:
            chains[one.subject_key].append(one)
    return faults + [fault for chain in chains.values() for fault in _check_chain(chain)]


def _check_one(view: ReceiptView, directory: Directory, now: datetime) -> Iterable[ReceiptFault]:
    leaf = view.leaf
    key = directory.system_key(leaf.writer.rpartition("/")[2], leaf.kid, now)
    if key is None:
        yield ReceiptFault(leaf.receipt_id, "WRITER_UNKNOWN")
    elif not _is_signed(leaf, key):
        yield ReceiptFault(leaf.receipt_id, "SIGNATURE_INVALID")
    if not _commits(view):
        yield ReceiptFault(leaf.receipt_id, "COMMITMENT_WRONG")


def _is_signed(leaf: Leaf, key: jose.PublicKey) -> bool:
    """Tell whether *key* signed the leaf's canonical form (RFC 8785) without `signature`."""
    members = {name: value for name, value in leaf.wire().items() if name != "signature"}
    # All names are ASCII and all numbers whole, so this is the canonical form.
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return key.verifies(text.encode(), jose.b64u_decode(leaf.signature or ""))
    except NotBelieved:
        return False


def _commits(view: ReceiptView) -> bool:
    """Tell whether the leaf commits to this person, this place in the chain, and this case.

    HMAC-SHA-256(K, receiptId || seq in 8 bytes || previous commitment), and HMAC-SHA-256(K, receiptId || caseId).
    """
    leaf = view.leaf
    if view.subject_key is None or view.seq is None:
        return leaf.subject_commit is None  # the writer didn't know the person: the exchange joins the receipt
    key, name = jose.b64u_decode(view.subject_key), leaf.receipt_id.encode()
    previous = jose.b64u_decode(view.previous) if view.previous else b""
    subject = jose.b64u(hmac.digest(key, name + view.seq.to_bytes(8, "big") + previous, "sha256"))
    case = jose.b64u(hmac.digest(key, name + view.case_id.encode(), "sha256")) if view.case_id else None
    return leaf.subject_commit == subject and leaf.case_commit == case


def _check_chain(chain: Sequence[ReceiptView]) -> Iterable[ReceiptFault]:
    """A chain begins at 1, has no gap and no fork, and each link names the one before."""
    before: str | None = None
    for number, view in enumerate(sorted(chain, key=lambda one: one.seq or 0), 1):
        if view.seq != number or view.previous != before:
            yield ReceiptFault(view.leaf.receipt_id, "CHAIN_BROKEN")
        before = view.leaf.subject_commit
