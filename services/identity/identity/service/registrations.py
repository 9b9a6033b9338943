# SPDX-License-Identifier: EUPL-1.2
"""Offices and systems are registered, changed and revoked. Everybody else learns it from the signed record."""

from collections.abc import Sequence
from typing import Final

from contracts.identity import OfficeKey, OfficeRecord, Registered, SystemKey, SystemRecord
from contracts.roles import PLATFORM, Role
from identity import events, store
from identity.domain import RecordKind, Registration
from identity.errors import KeyTaken, SystemRevoked
from kit.clock import Clock
from kit.db import Answer, Database, Idem, Transaction
from kit.errors import FieldError, InvalidRequest, NotFound
from kit.jose import JoseError, PrivateKey, PublicKey
from kit.strictjson import canonical

_ROLE_OF_USE: Final = {"token": Role.IDENTITY, "enc": Role.LEDGER}
"""Uses that only one role may have a key for."""

Record = SystemRecord | OfficeRecord


class Registrations:
    """The register of who takes part. issuer: our own system id, as records name it."""

    def __init__(self, db: Database, registry_key: PrivateKey, issuer: str, clock: Clock) -> None:
        self._db = db
        self._key = registry_key
        self._issuer = issuer
        self._clock = clock

    async def register(self, idem: Idem, record: Record) -> Answer:
        """Register or change an office or system: 201 Registered. An equal record is no new version.

        Raises InvalidRequest (`INVALID_REQUEST`, every wrong field), KeyTaken, SystemRevoked.
        """
        errors = record_errors(record)
        if errors:
            raise InvalidRequest(errors)

        async def work(tx: Transaction) -> tuple[int, Registered]:
            kind, name = kind_of(record)
            await store.reserve_registration(tx, kind, name)
            held = await store.lock_registration(tx, kind, name)
            if held and kind is RecordKind.SYSTEM and held.version and read_system(held).status == "revoked":
                raise SystemRevoked
            return 201, Registered(id=name, version=await self._replace(tx, held, record))

        return await self._db.once(idem, work)

    async def revoke(self, idem: Idem, system_id: str) -> Answer:
        """Revoke a system for good: 201 Registered. Repeating it changes nothing. Raises NotFound."""

        async def work(tx: Transaction) -> tuple[int, Registered]:
            held = await store.lock_registration(tx, RecordKind.SYSTEM, system_id)
            if held is None or held.version == 0:
                raise NotFound
            revoked = read_system(held).model_copy(update={"status": "revoked"})
            return 201, Registered(id=system_id, version=await self._replace(tx, held, revoked))

        return await self._db.once(idem, work)

    async def _replace(self, tx: Transaction, held: Registration | None, record: Record) -> int:
        """Store and announce *record* if it says something new. Gives the version that stands."""
        kind, name = kind_of(record)
        content = canonical(record.wire())
        if held is not None and held.record == content:
            return held.version
        if not await store.claim_keys(tx, kind, name, [key.kid for key in record.keys]):
            raise KeyTaken
        version = (held.version if held else 0) + 1
        await store.save_registration(tx, Registration(kind, name, version, content))
        tx.emit(events.registered(record, version, self._key, issuer=self._issuer, now=self._clock()))
        return version


def kind_of(record: Record) -> tuple[RecordKind, str]:
    """Say what *record* is of, and its id."""
    if isinstance(record, SystemRecord):
        return RecordKind.SYSTEM, record.system_id
    return RecordKind.OFFICE, record.office


def read_system(held: Registration) -> SystemRecord:
    """Read a system's record as stored."""
    return SystemRecord.model_validate_json(held.record)


def record_errors(record: Record) -> list[FieldError]:
    """Name everything that is wrong with a record, by JSON pointers; empty when it may be registered."""
    keys: Sequence[SystemKey | OfficeKey] = record.keys
    errors = [error for index, key in enumerate(keys) for error in _key_errors(index, key)]
    kids = [key.kid for key in keys]
    errors += [FieldError(f"/keys/{i}/kid", "STATED_TWICE") for i, kid in enumerate(kids) if kid in kids[:i]]
    return errors + (_system_errors(record) if isinstance(record, SystemRecord) else _office_errors(record))


def _key_errors(index: int, entry: SystemKey | OfficeKey) -> Sequence[FieldError]:
    place = f"/keys/{index}"
    if entry.to is not None and entry.to <= entry.from_:
        return [FieldError(f"{place}/to", "ENDS_BEFORE_IT_BEGINS")]
    try:
        key = PublicKey.from_jwk(entry.jwk)
    except JoseError:
        return [FieldError(f"{place}/jwk", "KEY_INVALID", "A public P-256 key is needed")]
    if not entry.kid == key.kid == key.thumbprint:
        return [FieldError(f"{place}/kid", "KID_INVALID", "The kid is the key's RFC 7638 thumbprint, in both places")]
    return []


def _system_errors(record: SystemRecord) -> list[FieldError]:
    errors = [
        FieldError(f"/keys/{index}/use", "USE_INVALID", "Only one role may have such a key")
        for index, key in enumerate(record.keys)
        if key.use in _ROLE_OF_USE and record.role != _ROLE_OF_USE[key.use]
    ]
    if Role(record.role) is Role.OFFICE and record.operator not in record.offices:
        errors.append(FieldError("/offices", "OPERATOR_MISSING", "A system acts for its operator"))
    if Role(record.role) is Role.CERTIFICATES and not record.offices:
        errors.append(FieldError("/offices", "EMPTY", "A certificates deployment answers for at least one office"))
    if record.system_id in ("bootstrap", PLATFORM):
        errors.append(FieldError("/systemId", "RESERVED"))
    return errors


def _office_errors(record: OfficeRecord) -> list[FieldError]:
    if record.office != PLATFORM:
        return []
    uses = [key.use for key in record.keys if key.status == "active"]
    if "issuing" in uses:
        return [FieldError("/keys", "USE_INVALID", "The platform issues nothing")]
    return []
