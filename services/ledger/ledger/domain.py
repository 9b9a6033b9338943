# SPDX-License-Identifier: EUPL-1.2
"""Receipts as the ledger keeps them, and the rules that say what is missing. Pure: no clock, no I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

GRACE = timedelta(seconds=60)
"""A side that isn't there so long after its exchange's deadline is late."""
GAPS_NAMED = 1000
"""At most so many missing numbers are named for one jump: a jump beyond it is one alarm, not a million rows."""


@dataclass(frozen=True)
class Kept:
    """One receipt: its leaf as it came (JSON text), and what the sealed part said.

    person: the platform's pseudonym; None where the writer doesn't know the person (its exchange joins it).
    slot, slot_seq: which record of which writer's slot brought it.
    """

    receipt_id: str
    exchange_id: str
    side: str
    decision: str
    time: datetime
    writer: str
    envelope_digest: str | None
    leaf: str
    slot: str
    slot_seq: int
    person: str | None = None
    organisation: str | None = None
    case_id: str | None = None
    step: str | None = None
    certificate_version: int | None = None
    subject_key: str | None = None
    chain_seq: int | None = None
    previous: str | None = None
    subject_commit: str | None = None
    trace_id: str | None = None
    deadline: datetime | None = None
    key_counted: bool = True
    """False where the writer's key was revoked, or not in force at that moment: shown, and never verified."""
    clerk: str | None = None


@dataclass(frozen=True)
class Slot:
    """How far one writer's slot has been read. last: the highest record number seen."""

    name: str
    last: int


def advance(slot: Slot, seqs: Sequence[int]) -> tuple[Slot, list[int], list[int]]:
    """Read record numbers *seqs* of a slot: give the slot after them, numbers now missing, numbers that came late."""
    missing: list[int] = []
    late: list[int] = []
    last = slot.last
    for seq in sorted(seqs):
        if seq <= last:
            late.append(seq)
        else:
            missing += range(max(last + 1, seq - GAPS_NAMED), seq)
            last = seq
    return Slot(slot.name, last), missing, late


def missing_sides(receipts: Iterable[Kept]) -> list[str]:
    """Name the sides that the receipts of one exchange call for and that aren't among them, sorted.

    - a gateway's `pending` calls for its outcome; it and an asker's `pending` call for the gate, unless the gateway's
      outcome says that the call was refused before it got there;
    - the gate's `pending` calls for the holder, unless the gate itself ended the request later;
    - an envelope that a holder or an asker sealed calls for the delivery of that envelope.
    """
    seen = list(receipts)
    missing = _outcome_missing(seen) | _gate_missing(seen) | _holder_missing(seen) | _delivery_missing(seen)
    return sorted(missing)


def _of(seen: Sequence[Kept], side: str) -> list[Kept]:
    return [r for r in seen if r.side == side]


def _outcome_missing(seen: Sequence[Kept]) -> set[str]:
    gateway = _of(seen, "gateway")
    return {"gateway"} if len(gateway) == 1 and gateway[0].decision == "pending" else set()


def _gate_missing(seen: Sequence[Kept]) -> set[str]:
    called = any(r.decision == "pending" for r in _of(seen, "gateway") + _of(seen, "asker"))
    refused = any(r.decision == "refused" for r in _of(seen, "gateway"))
    return {"gate"} if called and not refused and not _of(seen, "gate") else set()


def _holder_missing(seen: Sequence[Kept]) -> set[str]:
    decisions = {r.decision for r in _of(seen, "gate")}
    return {"holder"} if decisions == {"pending"} and not _of(seen, "holder") else set()


def _delivery_missing(seen: Sequence[Kept]) -> set[str]:
    sealed = {r.envelope_digest for r in _of(seen, "holder") + _of(seen, "asker") if r.envelope_digest is not None}
    delivered = {r.envelope_digest for r in _of(seen, "delivery")}
    return {"delivery"} if sealed - delivered else set()


def is_late(receipts: Iterable[Kept], now: datetime) -> bool:
    """Say whether an exchange's time is over: its last deadline, or the newest receipt where none is stated, + 60 s."""
    ends = [r.deadline or r.time for r in receipts]
    return bool(ends) and max(ends) + GRACE < now
