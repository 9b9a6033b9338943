# SPDX-License-Identifier: EUPL-1.2
"""Receipts: building, signing and checking one; how they reach the outbox is `kit.outbox`'s matter.

A receipt has a leaf that anybody may read (signed by its writer) and a part sealed to the ledger. Two commitments in
the leaf let the citizen find her entries and let nobody else: HMACs under a random key per person, office and
writing deployment. The ledger gets that key in the sealed part and hands it to the citizen.
"""

import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from contracts.base import rfc3339
from contracts.ids import uuid7
from contracts.receipts import Asker, Decision, Leaf, ReceiptBasis, Sealed, Side, SignedReceipt
from kit import jose, strictjson
from kit.clock import Clock
from kit.errors import Unavailable
from kit.jose import JoseError, PrivateKey, PublicKey, b64u, b64u_decode

LEAF_MAX_BYTES: Final = 65_535

__all__ = [
    "Asker",
    "Chain",
    "Decision",
    "LedgerKeyMissing",
    "ReceiptBasis",
    "ReceiptDraft",
    "ReceiptSigner",
    "Side",
    "SignedReceipt",
    "Subject",
    "body_hash",
    "case_commit",
    "leaf_bytes",
    "subject_commit",
    "verify_leaf",
]


class LedgerKeyMissing(Unavailable):
    """503: no receipt can be sealed, so no data may leave."""

    code, title = "NO_LEDGER_KEY", "The ledger's key isn't known here"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a receipt is about.

    key: names the chain, one for each office and person: `{office}/{pseudonym}`. It never leaves the database.
    platform_alias: the same person as an alias for the platform (a JWE).
    """

    key: str
    platform_alias: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a person's chain stands: K_subject (32 random bytes), how many receipts it has, the last commitment."""

    subject_key: bytes
    seq: int = 0
    last_commit: bytes | None = None

    @classmethod
    def start(cls) -> "Chain":
        """Begin the chain of a person who has no receipt here yet."""
        return cls(os.urandom(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptDraft:
    """What a use case says about one side of one exchange; the signer adds who, when and the commitments.

    exchange_id: joins the sides. fields: names of the fields released or asked for, in any order. code: only with
    `refused`. request_hash, response_hash: `body_hash`. envelope_digest: SHA-256 of the JWE. person or organisation
    or neither. deadline: by when the other sides must have come. Everything below `person` is sealed, not public.
    """

    side: Side
    exchange_id: str
    decision: Decision
    purpose: str
    legal_basis: ReceiptBasis
    asker: Asker | None = None
    provider: str | None = None
    service: str | None = None
    api: str | None = None
    type: str | None = None
    fields: Sequence[str] | None = None
    predicate: str | None = None
    code: str | None = None
    request_hash: str | None = None
    response_hash: str | None = None
    envelope_digest: str | None = None
    person: Subject | None = None
    organisation: str | None = None
    case_id: str | None = None
    step: str | None = None
    salt: str | None = None
    deadline: datetime | None = None
    certificate_id: str | None = None
    certificate_version: int | None = None
    clerk: str | None = None
    consent_id: str | None = None
    mandate_id: str | None = None
    trace_id: str | None = None
    receipt_id: UUID = field(default_factory=uuid7)
    time: datetime | None = None
    """When it happened; the signer's clock when absent."""


def body_hash(salt: str, body: bytes) -> str:
    """Give requestHash or responseHash: SHA-256 over the exchange's salt and the body's bytes, base64url."""
    return jose.digest(salt.encode() + body)


def subject_commit(subject_key: bytes, receipt_id: str, seq: int, previous: bytes | None) -> bytes:
    """Commit to the person and to what came before.

    HMAC-SHA-256(K, receiptId as text || seq in 8 bytes, big-endian || previous commitment or nothing).
    """
    return hmac.digest(subject_key, receipt_id.encode() + seq.to_bytes(8, "big") + (previous or b""), "sha256")


def case_commit(subject_key: bytes, receipt_id: str, case_id: str) -> bytes:
    """Commit to the case: HMAC-SHA-256(K, receiptId || caseId), both as text."""
    return hmac.digest(subject_key, receipt_id.encode() + case_id.encode(), "sha256")


def leaf_bytes(leaf: Leaf) -> bytes:
    """Give the leaf in canonical form (RFC 8785), absent members left out: what the log hashes."""
    return _canonical(leaf.wire())


def verify_leaf(leaf: Leaf, key: PublicKey) -> bool:
    """Tell whether *key* signed *leaf*: ES256 over its canonical form without `signature`, and the kid is the key's."""
    if leaf.signature is None or leaf.kid != key.kid:
        return False
    try:
        signature = b64u_decode(leaf.signature)
    except JoseError:
        return False
    return key.verifies(_signed_bytes(leaf.wire()), signature)


def _signed_bytes(leaf: Mapping[str, Any]) -> bytes:
    return _canonical({name: value for name, value in leaf.items() if name != "signature"})


def _canonical(leaf: Mapping[str, Any]) -> bytes:
    """Give RFC 8785's form of a leaf: ASCII names, text, small integers, arrays and objects, no fractions.

    For such values plain sorted JSON is that form, at a sixth of the time of a general implementation.
    """
    return orjson.dumps(leaf, option=orjson.OPT_SORT_KEYS)


class ReceiptSigner:
    """Turns drafts into receipts in the name of one system.

    ledger_key: gives the ledger's newest `enc` key, or None while it isn't known.
    """

    def __init__(
        self,
        system: str,
        operator: str,
        instance: str,
        key: PrivateKey,
        ledger_key: Callable[[], PublicKey | None],
        clock: Clock,
    ) -> None:
        self.writer = f"/{instance}/{operator}/{system}"
        self._key = key
        self._ledger_key = ledger_key
        self._clock = clock

    def build(self, draft: ReceiptDraft, chain: Chain | None = None) -> tuple[SignedReceipt, Chain | None]:
        """Build one receipt; with *chain* also the chain as it stands after it. Writes nothing anywhere.

        chain: of `draft.person`, locked by the caller until its commit; `Chain.start()` for a new person. It must be
        there exactly when the draft names a person. Raises LedgerKeyMissing (`NO_LEDGER_KEY`).
        """
        if (draft.person is None) != (chain is None):
            raise ValueError("a chain goes with a person, and only with one")
        ledger_key = self._ledger_key()
        if ledger_key is None:
            raise LedgerKeyMissing
        receipt_id = str(draft.receipt_id)
        after = None if chain is None else _grown(chain, receipt_id)
        sealed = jose.seal(_sealed(draft, receipt_id, chain, after).wire_bytes(), ledger_key)
        leaf = self._leaf(draft, receipt_id, after, sealed)
        return SignedReceipt(leaf=self._signed(leaf), sealed=sealed), after

    def _leaf(self, draft: ReceiptDraft, receipt_id: str, after: Chain | None, sealed: str) -> dict[str, Any]:
        """Lay out the public part: wire names, absent instead of null."""
        commits: dict[str, str] = {}
        if after is not None and after.last_commit is not None:
            commits["subjectCommit"] = b64u(after.last_commit)
            if draft.case_id is not None:
                commits["caseCommit"] = b64u(case_commit(after.subject_key, receipt_id, draft.case_id))
        members = {
            "v": 1,
            "receiptId": receipt_id,
            "exchangeId": draft.exchange_id,
            "side": draft.side,
            "time": rfc3339(draft.time or self._clock()),
            "writer": self.writer,
            "kid": self._key.kid,
            "asker": draft.asker and draft.asker.wire(),
            "provider": draft.provider,
            "service": draft.service,
            "api": draft.api,
            "type": draft.type,
            "fields": None if draft.fields is None else sorted(draft.fields),
            "predicate": draft.predicate,
            "purpose": draft.purpose,
            "legalBasis": draft.legal_basis.wire(),
            "decision": draft.decision,
            "code": draft.code,
            "requestHash": draft.request_hash,
            "responseHash": draft.response_hash,
            "envelopeDigest": draft.envelope_digest,
            **commits,
            "sealedDigest": jose.digest(sealed),
        }
        return {name: value for name, value in members.items() if value is not None}

    def _signed(self, leaf: dict[str, Any]) -> Leaf:
        signature = b64u(self._key.sign(_canonical(leaf)))
        return Leaf.model_validate_json(strictjson.dumps({**leaf, "signature": signature}))


def _grown(chain: Chain, receipt_id: str) -> Chain:
    seq = chain.seq + 1
    return Chain(chain.subject_key, seq, subject_commit(chain.subject_key, receipt_id, seq, chain.last_commit))


def _sealed(draft: ReceiptDraft, receipt_id: str, before: Chain | None, after: Chain | None) -> Sealed:
    previous = before.last_commit if before is not None else None
    return Sealed(
        receipt_id=receipt_id,
        person=draft.person.platform_alias if draft.person else None,
        organisation=draft.organisation,
        case_id=draft.case_id,
        step=draft.step,
        subject_key=b64u(after.subject_key) if after else None,
        seq=after.seq if after else None,
        previous=b64u(previous) if previous else None,
        salt=draft.salt,
        deadline=draft.deadline,
        certificate_id=draft.certificate_id,
        certificate_version=draft.certificate_version,
        clerk=draft.clerk,
        consent_id=draft.consent_id,
        mandate_id=draft.mandate_id,
        trace_id=draft.trace_id,
    )
