# SPDX-License-Identifier: EUPL-1.2
"""`receipts.receipt.v1` -> the ledger. A receipt counts only with its writer's good signature."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from pydantic import ValidationError

from contracts.receipts import Leaf, ReceiptBatch, Sealed, SignedReceipt
from contracts.roles import PLATFORM
from kit import jose
from kit.aliases import AliasRefused, open_alias
from kit.consumer import Bad
from kit.db import Transaction
from kit.events import Record
from kit.jose import JoseError, PrivateKey, PublicKey
from kit.receipts import leaf_bytes, verify_leaf
from ledger.domain import Kept
from ledger.service import Ledger

WRITERS = frozenset({"gateway", "identity", "exchange-bus", "certificates", "cases"})
"""Roles that write receipts. A system of any other role may not."""

KeyThen = Callable[[str, str, datetime], tuple[PublicKey, bool] | None]
"""(system id, kid, moment) -> its `sig` key and whether it counted then, if the system may write receipts."""


class ReceiptsHandler:
    """Checks and opens receipts outside any transaction, keeps them in one.

    enc: the ledger's private keys by kid. platform: the platform's, to open the aliases of persons.
    """

    def __init__(
        self, ledger: Ledger, key_then: KeyThen, enc: Mapping[str, PrivateKey], platform: Mapping[str, PrivateKey]
    ) -> None:
        self._ledger = ledger
        self._key_then = key_then
        self._enc = enc
        self._platform = platform

    async def prepare(self, records: Sequence[Record]) -> Sequence[object]:
        """Read each record: a list of receipts, or Bad with the reason."""
        items: list[object] = []
        for record in records:
            items.append(self._read(record))
            await asyncio.sleep(0)  # a full record takes its time: heartbeats and probes come first
        return items

    async def apply(self, tx: Transaction, items: Sequence[tuple[Record, object]]) -> None:
        """Keep all receipts of the batch."""
        await self._ledger.record(tx, [(r.key, r.keyseq, kept) for r, kept in items if isinstance(kept, list)])

    def _read(self, record: Record) -> list[Kept] | Bad:
        if record.key.rpartition("/")[0] != record.source:
            return Bad("SLOT_NOT_OF_SOURCE", "the key's slot isn't one of the record's source")
        try:
            batch = ReceiptBatch.model_validate_json(record.data or b"")
            return [self._open(record, receipt) for receipt in batch.receipts]
        except ValidationError:
            return Bad("RECEIPT_MALFORMED", "not a batch of receipts")
        except ReceiptRefused as why:
            return Bad(why.code, "a receipt of the batch is refused")

    def _open(self, record: Record, receipt: SignedReceipt) -> Kept:
        leaf = receipt.leaf
        counted = self._check(record, receipt)
        try:
            sealed = Sealed.model_validate_json(jose.open_sealed(receipt.sealed, self._enc))
            person = open_alias(self._platform, PLATFORM, sealed.person) if sealed.person is not None else None
        except (JoseError, AliasRefused, ValidationError) as why:
            raise ReceiptRefused("SEALED_UNREADABLE") from why
        if sealed.receipt_id != leaf.receipt_id:
            raise ReceiptRefused("SEALED_OF_ANOTHER")
        return _kept(record, leaf, sealed, person, key_counted=counted)

    def _check(self, record: Record, receipt: SignedReceipt) -> bool:
        """Demand a good signature by a key of the writer; give whether that key counted when the receipt was written.

        Raises ReceiptRefused. That a key was revoked since is no reason to lose a receipt: it is kept and shown so.
        """
        leaf = receipt.leaf
        found = self._key_then(leaf.writer.rpartition("/")[2], leaf.kid, leaf.time)
        if leaf.writer != record.source or found is None:
            raise ReceiptRefused("WRITER_UNKNOWN")
        key, counted = found
        if jose.digest(receipt.sealed) != leaf.sealed_digest or not verify_leaf(leaf, key):
            raise ReceiptRefused("SIGNATURE_INVALID")
        return counted


class ReceiptRefused(Exception):
    """A receipt that can't be believed. code: why, for the parked row."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _kept(record: Record, leaf: Leaf, sealed: Sealed, person: str | None, *, key_counted: bool) -> Kept:
    return Kept(
        receipt_id=leaf.receipt_id,
        exchange_id=leaf.exchange_id,
        side=leaf.side,
        decision=leaf.decision,
        time=leaf.time,
        writer=leaf.writer,
        envelope_digest=leaf.envelope_digest,
        leaf=leaf_bytes(leaf).decode(),
        slot=record.key,
        slot_seq=record.keyseq,
        person=person,
        organisation=sealed.organisation,
        case_id=sealed.case_id,
        step=sealed.step,
        certificate_version=sealed.certificate_version,
        subject_key=sealed.subject_key,
        chain_seq=sealed.seq,
        previous=sealed.previous,
        subject_commit=leaf.subject_commit,
        trace_id=sealed.trace_id,
        deadline=sealed.deadline,
        key_counted=key_counted,
        clerk=sealed.clerk,
    )
