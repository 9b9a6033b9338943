# SPDX-License-Identifier: EUPL-1.2
"""Receipts: who looked at whose data, for which case, which fields, on what legal basis."""

from typing import Literal

from contracts.base import Code, Digest, Id, Jwe, Kid, Model, OfficeCode, StepRef, SystemId, Text, Timestamp

Side = Literal["gateway", "asker", "gate", "holder", "delivery", "view", "identity"]
Decision = Literal["pending", "released", "refused", "empty"]
UNLISTED = "unlisted"
"""Stands in a public leaf for a word that no list knows: such a word may be anything, a person's name too."""


class Asker(Model):
    """Who asked: the office, and the system that spoke for it."""

    office: OfficeCode
    system: SystemId


class ReceiptBasis(Model):
    """Why it was lawful. `entry` and `release` name the list entry, `grantId` the grant."""

    kind: Literal["request", "law", "consent"]
    entry: Code | None = None
    release: int | None = None
    grant_id: Code | None = None


class Leaf(Model):
    """The public part of a receipt: signed by its writer, nothing that tells who the person is.

    Canonical form: RFC 8785 of the members that are there. `signature` is ES256 (r then s, base64url) over the leaf
    without it. `fields` is sorted.
    """

    v: Literal[1] = 1
    receipt_id: Id
    exchange_id: Id
    side: Side
    time: Timestamp
    writer: Text
    kid: Kid
    asker: Asker | None = None
    provider: OfficeCode | None = None
    service: Code | None = None
    api: Text | None = None
    type: Code | None = None
    fields: list[Code] | None = None
    predicate: Code | None = None
    purpose: Code
    legal_basis: ReceiptBasis
    decision: Decision
    code: Code | None = None
    request_hash: Digest | None = None
    response_hash: Digest | None = None
    envelope_digest: Digest | None = None
    subject_commit: Digest | None = None
    case_commit: Digest | None = None
    sealed_digest: Digest
    signature: str | None = None


class Sealed(Model):
    """The private part, inside a JWE to the ledger's `enc` key."""

    receipt_id: Id
    person: Jwe | None = None
    organisation: OfficeCode | None = None
    case_id: Id | None = None
    step: StepRef | None = None
    subject_key: Digest | None = None
    seq: int | None = None
    previous: Digest | None = None
    salt: Text | None = None
    deadline: Timestamp | None = None
    certificate_id: Id | None = None
    certificate_version: int | None = None
    clerk: Code | None = None
    consent_id: Id | None = None
    mandate_id: Id | None = None
    trace_id: Text | None = None


class SignedReceipt(Model):
    """One receipt as it travels: the leaf in the clear, the rest sealed."""

    leaf: Leaf
    sealed: Jwe


class ReceiptBatch(Model):
    """One record of `receipts.receipt.v1`: at most 200 receipts and 512 KiB."""

    receipts: list[SignedReceipt]


RECEIPT_TYPE = "receipts.batch.v1"
