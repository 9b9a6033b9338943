# SPDX-License-Identifier: EUPL-1.2
"""Who is who and what the lists say, read from signed records and from nothing else."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

from pydantic import ValidationError

from contracts import signing
from contracts.catalogue import Catalogue, Manifest, parse_entry
from contracts.identity import OfficeKey, OfficeRecord, SystemKey, SystemRecord
from contracts.topics import CATALOGUE_ENTRY, OFFICE, SYSTEM
from tongban import jose
from tongban.jose import PublicKey
from tongban.problems import NotBelieved
from tongban.records import Records
from tongban.trust import Trust

_RELEASE: Final = "release/"
R = TypeVar("R", SystemRecord, OfficeRecord)


class Directory:
    """Systems, offices and the catalogue, as of the last `load`. Nothing that isn't well signed gets in."""

    def __init__(self, trust: Trust, records: Records) -> None:
        self._trust = trust
        self._records = records
        self._systems: dict[str, SystemRecord] = {}
        self._offices: dict[str, OfficeRecord] = {}
        self._catalogue = Catalogue(0, ())
        self.load()

    @property
    def catalogue(self) -> Catalogue:
        """The newest release whose manifest is well signed and whose entries are all here; release 0: none."""
        return self._catalogue

    def load(self) -> None:
        """Read the records again; what can't be believed is left out."""
        self._systems = _registered(self._records.of(SYSTEM), SystemRecord, self._trust.registry)
        self._offices = _registered(self._records.of(OFFICE), OfficeRecord, self._trust.registry)
        self._catalogue = _newest_release(self._records.of(CATALOGUE_ENTRY), self._trust.catalogue)

    def system(self, system_id: str) -> SystemRecord | None:
        """Give a system in force, or None."""
        record = self._systems.get(system_id)
        return record if record is not None and record.status == "active" else None

    def system_key(self, system_id: str, kid: str, now: datetime) -> PublicKey | None:
        """Give the key by which a system signs envelopes and receipts, if both are in force now."""
        record = self.system(system_id)
        if record is None:
            return None
        found = [key for key in record.keys if key.kid == kid and key.use == "sig" and _in_force(key, now)]
        return PublicKey(found[0].jwk) if found else None

    def issuing_key(self, office: str, kid: str) -> PublicKey | None:
        """Give a key by which an office's certificates are signed; one past its end still checks old signatures."""
        record = self._offices.get(office)
        if record is None:
            return None
        found = [k for k in record.keys if k.kid == kid and k.use == "issuing" and k.status == "active"]
        return PublicKey(found[0].jwk) if found else None

    def receivers(self) -> dict[str, tuple[str, str]]:
        """Give kid -> (office, `answering` or `inbox`) of every key that something may be sealed to."""
        return {
            key.kid: (record.office, key.use)
            for record in self._offices.values()
            for key in record.keys
            if key.use != "issuing"
        }

    def deployment_of(self, office: str) -> str | None:
        """Give the system id of the certificates deployment that answers for an office, or None."""
        for record in self._systems.values():
            if record.role == "certificates" and record.status == "active" and office in record.offices:
                return record.system_id
        return None


def _in_force(key: SystemKey | OfficeKey, now: datetime) -> bool:
    return key.status == "active" and key.from_ <= now and (key.to is None or now < key.to)


def _registered(values: Mapping[str, str], model: type[R], root: PublicKey) -> dict[str, R]:
    found: dict[str, R] = {}
    for key, value in values.items():
        try:
            claims = jose.verify_jws(value, root, signing.RECORD)
            record = model.model_validate_json(json.dumps(claims.get("record")))
        except (NotBelieved, ValidationError):
            continue
        name = record.system_id if isinstance(record, SystemRecord) else record.office
        if claims.get("sub") == key == name:  # a good record under a foreign key would stand for somebody else
            found[key] = record
    return found


def _newest_release(values: Mapping[str, str], root: PublicKey) -> Catalogue:
    numbers = [int(key[len(_RELEASE) :]) for key in values if key.startswith(_RELEASE)]
    for number in sorted(numbers, reverse=True):
        try:
            return _release(number, values, root)
        except (NotBelieved, ValidationError, KeyError):
            continue
    return Catalogue(0, ())


def _release(number: int, values: Mapping[str, str], root: PublicKey) -> Catalogue:
    claims = jose.verify_jws(values[f"{_RELEASE}{number}"], root, signing.RELEASE)
    manifest = Manifest.model_validate_json(json.dumps(claims))
    if manifest.release != number or any(jose.digest(values[key]) != want for key, want in manifest.entries.items()):
        raise NotBelieved("RELEASE_INCOMPLETE")
    return Catalogue(number, [parse_entry(json.loads(values[key])) for key in manifest.entries])
