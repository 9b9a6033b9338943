# SPDX-License-Identifier: EUPL-1.2
"""What the ledger answers: the citizen's view of who looked at her data."""

from typing import Literal

from contracts.base import Code, Digest, Id, Model, OfficeCode, StepRef, Text
from contracts.receipts import Leaf, Side


class ReceiptView(Model):
    """A receipt as the citizen reads it: leaf and opened part together, and what was checked.

    `verified` is true when the signature is good, the writer's record numbers have no gap before it, and every side
    that its exchange calls for is there. `clerk`: who acted for her at a window, as the office of `leaf.asker` says.
    """

    leaf: Leaf
    case_id: Id | None = None
    step: StepRef | None = None
    certificate_version: int | None = None
    subject_key: Digest | None = None
    seq: int | None = None
    previous: Digest | None = None
    trace_id: Text | None = None
    clerk: Code | None = None
    signature_valid: bool
    no_gap: bool
    sides_complete: bool
    missing_sides: list[Side] = []
    verified: bool


class ChainHead(Model):
    """Newest link of one writer's chain about the person: what her app remembers."""

    writer: Text
    office: OfficeCode
    seq: int
    head: Digest


class AccessView(Model):
    """`GET /v1/receipts?limit=&after=` (citizen): newest first."""

    receipts: list[ReceiptView]
    chains: list[ChainHead]
    next: Text | None = None


class SlotState(Model):
    """How far one writer's slot has been read, and whether a number is missing."""

    slot: Text
    last: int
    gaps: list[int]


class ExchangeSides(Model):
    """`GET /v1/exchanges/missing` (platform services): an exchange that lacks a side past its time."""

    exchange_id: Id
    missing: list[Side]
    code: Code = "SIDE_MISSING"
    state: Literal["late", "open"] = "late"
