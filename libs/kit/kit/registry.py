# SPDX-License-Identifier: EUPL-1.2
"""Offices, systems and their public keys, as each service knows them: a replica, so identity may be away.

Records of `identity.system.v1` and `identity.office.v1` are JWS (`record+jwt`) under the trust file's `registry` key:
{iss, sub = the record's key, iat, record}. Whoever may write to the bus can therefore drop a record, never forge one.
Each question looks at status and time anew, so a revoked key ends with the next call.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from pydantic import ValidationError

from contracts import signing, topics
from contracts.identity import OfficeKey, OfficeRecord, SystemKey, SystemRecord
from contracts.roles import PLATFORM, Role
from kit import strictjson, tokens
from kit.clock import Clock
from kit.errors import Unavailable
from kit.events import Record
from kit.jose import JoseError, PrivateKey, PublicKey
from kit.replica import Replica
from kit.tokens import KeyOf, TokenRefused
from kit.trust import Trust

R = TypeVar("R", SystemRecord, OfficeRecord)
T_co = TypeVar("T_co", covariant=True)


class RegistryNotLoaded(Unavailable):
    """503: a moment after its start a process doesn't know yet who is who; nobody is refused for that."""

    code, title = "REGISTRY_NOT_LOADED", "The register of systems and offices is being loaded"


class RecordRefused(ValueError):
    """A record that isn't what it claims to be: it must not replace what stands under its key."""


@dataclass(frozen=True, slots=True)
class Registered(Generic[R]):
    """A verified record with its keys imported: (what the record says of the key, the key)."""

    record: R
    keys: tuple[tuple[SystemKey | OfficeKey, PublicKey], ...]

    def in_force(self, use: str, now: datetime) -> list[PublicKey]:
        """Give the keys for *use* that count now, the newest first; none when the record itself is revoked."""
        if self.record.status != "active":
            return []
        held = [(entry.from_, key) for entry, key in self.keys if entry.use == use and _counts(entry, now)]
        return [key for _since, key in sorted(held, key=lambda pair: pair[0], reverse=True)]


class Table(Protocol[T_co]):
    """What the registry needs of a replica."""

    @property
    def ready(self) -> bool:
        """Whether everything that stood on the topic at the start is in."""
        ...

    def get(self, key: str) -> T_co | None:
        """Give what stands under *key*."""
        ...

    def items(self) -> Mapping[str, T_co]:
        """Give everything."""
        ...


class Registry:
    """Answers who a system or office is and which keys are theirs, from memory. Never fetches, never waits.

    Until it is loaded, whoever it doesn't know may still be on the way: it raises RegistryNotLoaded then, which no
    caller takes for a no.
    """

    def __init__(
        self, systems: Table[Registered[SystemRecord]], offices: Table[Registered[OfficeRecord]], clock: Clock
    ) -> None:
        self._systems = systems
        self._offices = offices
        self._clock = clock
        self._parts: tuple[Callable[[asyncio.Event], Any], ...] = ()

    @classmethod
    def from_bus(cls, bootstrap_servers: str, trust: Trust, clock: Clock, *, keep_in: Path | None = None) -> Self:
        """Make a registry over replicas of the two topics; `run` keeps them up to date.

        keep_in: folder for copies on disk, so that a restart needs nobody; None for none.
        """
        of_system, of_office = system_parser(trust.registry, clock), office_parser(trust.registry, clock)
        systems = Replica(bootstrap_servers, topics.SYSTEM, of_system, keep_in=keep_in, forgets=False)
        offices = Replica(bootstrap_servers, topics.OFFICE, of_office, keep_in=keep_in, forgets=False)
        registry = cls(systems, offices, clock)
        registry._parts = (systems.run, offices.run)
        return registry

    async def run(self, stop: asyncio.Event) -> None:
        """Follow both topics until *stop*: a part of the process."""
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(part(stop)) for part in self._parts]
            await asyncio.wait(running)

    @property
    def ready(self) -> bool:
        """Whether both replicas are loaded."""
        return self._systems.ready and self._offices.ready

    def system(self, system_id: str) -> SystemRecord | None:
        """Give the record of a system in force; None for an unknown or revoked one."""
        held = self._found(self._systems, system_id)
        return held.record if held is not None and held.record.status == "active" else None

    def key(self, system_id: str, kid: str, use: str) -> PublicKey | None:
        """Give the key *kid* of a system for *use* (sig, token or enc), if system and key are in force now."""
        held = self._found(self._systems, system_id)
        if held is None:
            return None
        return next((key for key in held.in_force(use, self._clock()) if key.kid == kid), None)

    def key_then(self, system_id: str, kid: str, use: str, at: datetime) -> tuple[PublicKey, bool] | None:
        """Give a key that a system was ever registered with, and whether it counted at that moment.

        For what was signed in the past and must not be lost with the key: a revocation has no date, so what a revoked
        system or key signed never counts, but it can still be shown.
        """
        held = self._found(self._systems, system_id)
        if held is None:
            return None
        counted = {key.kid for key in held.in_force(use, at)}
        return next(((key, key.kid in counted) for entry, key in held.keys if (key.kid, entry.use) == (kid, use)), None)

    def role_of(self, system_id: str) -> Role | None:
        """Give the role that a system was registered with, in force or not."""
        held = self._found(self._systems, system_id)
        return None if held is None else Role(held.record.role)

    def key_of(self, *roles: Role, use: str = "sig") -> KeyOf:
        """Give a look-up for `tokens.verify` that knows the keys of systems in one of *roles* only (none: any)."""

        def look_up(iss: str, kid: str) -> PublicKey | None:
            record = self.system(iss)
            if record is None or (roles and Role(record.role) not in roles):
                return None
            return self.key(iss, kid, use)

        return look_up

    def ledger_key(self) -> PublicKey | None:
        """Give the ledger's newest `enc` key, which receipts are sealed to, or None."""
        now = self._clock()
        for held in self._systems.items().values():
            if Role(held.record.role) is Role.LEDGER and (keys := held.in_force("enc", now)):
                return keys[0]
        return None

    def office(self, office: str) -> OfficeRecord | None:
        """Give the record of an office (USCC) or of `platform`, in force."""
        held = self._found(self._offices, office)
        return held.record if held is not None and held.record.status == "active" else None

    def office_key(self, office: str, use: str) -> PublicKey | None:
        """Give the newest key in force of an office (USCC) or `platform` for *use* (answering or inbox).

        The platform has one encryption key and answers to either use.
        """
        held = self._found(self._offices, office)
        if held is None:
            return None
        keys = held.in_force(use, self._clock())
        if not keys and office == PLATFORM:
            keys = held.in_force("inbox" if use == "answering" else "answering", self._clock())
        return keys[0] if keys else None

    def issuing_keys(self, office: str) -> dict[str, PublicKey]:
        """Give all issuing keys of an office that were not revoked, by kid.

        Those past their end are among them: a credential outlives the key's last signature, not its revocation.
        """
        held = self._found(self._offices, office)
        if held is None:
            return {}
        return {key.kid: key for entry, key in held.keys if entry.use == "issuing" and entry.status == "active"}

    @staticmethod
    def _found(table: Table[T_co], name: str) -> T_co | None:
        held = table.get(name)
        if held is None and not table.ready:
            raise RegistryNotLoaded
        return held


def _counts(entry: SystemKey | OfficeKey, now: datetime) -> bool:
    return entry.status == "active" and entry.from_ <= now and (entry.to is None or now < entry.to)


# ------------------------------------------------------------------------------------------------ signed records
def sign_record(record: SystemRecord | OfficeRecord, key: PrivateKey, *, issuer: str, now: datetime) -> bytes:
    """Sign a record for the bus with the registry key; gives the event's data. Its event key is the record's id."""
    claims = {"iss": issuer, "sub": _id_of(record), "record": record.wire()}
    return tokens.sign(signing.RECORD, claims, key, now=now).encode("ascii")


def system_parser(root: PublicKey, clock: Clock) -> Callable[[Record], Registered[SystemRecord] | None]:
    """Give the reader of `identity.system.v1`. It raises RecordRefused for what *root* did not sign."""
    return _Parser(SystemRecord, root, clock).parse


def office_parser(root: PublicKey, clock: Clock) -> Callable[[Record], Registered[OfficeRecord] | None]:
    """Give the reader of `identity.office.v1`. It raises RecordRefused for what *root* did not sign."""
    return _Parser(OfficeRecord, root, clock).parse


class _Parser(Generic[R]):
    def __init__(self, model: type[R], root: PublicKey, clock: Clock) -> None:
        self._model: type[R] = model
        self._root = root
        self._clock = clock
        self._newest: dict[str, int] = {}

    def parse(self, record: Record) -> Registered[R] | None:
        """Verify and read one record of the topic."""
        if record.data is None:
            return None
        try:
            claims = tokens.verify(
                record.data.decode("ascii"),
                signing.RECORD,
                key_of=lambda _iss, kid: self._root if kid == self._root.kid else None,
                audience=None,
                now=self._clock(),
            )
            read = self._model.model_validate_json(strictjson.dumps(claims.data.get("record")))
            keys = _import(read)
        except (UnicodeDecodeError, TokenRefused, ValidationError, JoseError) as why:
            raise RecordRefused("the record's signature, form or keys are wrong") from why
        if claims.sub != record.key or claims.sub != _id_of(read):
            raise RecordRefused("the record stands under a foreign key")
        if claims.iat < self._newest.get(record.key, 0):  # a signed record of yesterday must not bring a key back
            raise RecordRefused("the record is older than the one that stands")
        self._newest[record.key] = claims.iat
        return Registered(read, keys)


def _id_of(record: SystemRecord | OfficeRecord) -> str:
    return record.system_id if isinstance(record, SystemRecord) else record.office


def _import(record: SystemRecord | OfficeRecord) -> tuple[tuple[SystemKey | OfficeKey, PublicKey], ...]:
    """Import the record's keys. Raises JoseError for a bad key, and for one kid that stands twice."""
    keys = []
    for entry in record.keys:
        key = PublicKey.from_jwk(entry.jwk)
        if key.kid != entry.kid:
            raise JoseError("kid")
        keys.append((entry, key))
    if len({key.kid for _entry, key in keys}) != len(keys):
        raise JoseError("kid twice")
    return tuple(keys)
