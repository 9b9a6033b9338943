# SPDX-License-Identifier: EUPL-1.2
"""Names of persons by party, who may name a person to whom, and which keys count. Pure rules."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

PLATFORM: Final = "platform"
_OFFICE_SCOPE: Final = re.compile(r"office:([0-9A-HJ-NPQRTUWXY]{18})", re.ASCII)
_MASTER_BYTES: Final = 32
CODE_DIGITS: Final = 8
CODE_TRIES: Final = 5
"""So often may an office say a wrong code for one person; then the right one counts no more."""


class RecordKind(StrEnum):
    """What is registered."""

    OFFICE = "office"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Registration:
    """The newest record of an office or system. version: 0 before the first. record: canonical JSON."""

    kind: RecordKind
    id: str
    version: int
    record: bytes


@dataclass(frozen=True, slots=True)
class PartyName:
    """What *party* (USCC or `platform`) calls a person."""

    party: str
    pseudonym: str
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Person:
    """A person as stored. number_hash: how she is found. number_sealed: the number itself, encrypted."""

    id: UUID
    number_hash: bytes
    number_sealed: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """A citizen's session. jkt: thumbprint of the key that its tokens are bound to."""

    id: UUID
    person_id: UUID
    jkt: str
    opened_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HeldCode:
    """What a try at a window found. code_hash: None where no code was made. tries: this one among them."""

    code_hash: bytes | None
    expires_at: datetime
    tries: int


@dataclass(frozen=True, slots=True)
class UsedProof:
    """A client assertion or DPoP proof that counts once. expires_at: when it would be refused for its age anyway."""

    issuer: str
    jti: str
    expires_at: datetime


class Master:
    """The master key and all that is derived from it (HKDF with SHA-256, RFC 5869). It never leaves the process."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _MASTER_BYTES:
            raise ValueError("the master key has 32 bytes")
        self._root = hmac.digest(b"tongban identity 1", key, "sha256")
        self._parties: dict[str, bytes] = {}
        self._numbers = self._derive("number-hash")
        self._decoys = self._derive("decoy")
        self._codes = self._derive("confirm-code")
        self.sealing_key = self._derive("number-seal")

    def _derive(self, label: str) -> bytes:
        return hmac.digest(self._root, label.encode() + b"\x01", "sha256")

    def name(self, party: str, person_id: UUID) -> PartyName:
        """Give what *party* calls the person: HMAC-SHA-256(secret of the party, person id), base64url."""
        secret = self._parties.get(party)
        if secret is None:
            secret = self._parties[party] = self._derive(f"party:{party}")
        digest = hmac.digest(secret, person_id.bytes, "sha256")
        return PartyName(party, urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"), person_id)

    def number_hash(self, number: str) -> bytes:
        """Give what a citizen number is looked up by. A bare hash could be enumerated; this one needs our key."""
        return hmac.digest(self._numbers, number.encode(), "sha256")

    def code_hash(self, person_id: UUID, office: str, code: str) -> bytes:
        """Give what a code is kept as; the same digits are another code for another person or office."""
        return hmac.digest(self._codes, person_id.bytes + f"{office}:{code}".encode(), "sha256")

    def decoy(self, number: str) -> UUID:
        """Give the id of nobody: what stands for a number that isn't registered where nobody may notice."""
        return UUID(bytes=hmac.digest(self._decoys, number.encode(), "sha256")[:16], version=4)


@dataclass(frozen=True, slots=True)
class Connections:
    """Which parties the catalogue connects.

    served: offices that take part in a life event, by a proof entry or a task. pairs: offices that a grant or a proof
    entry joins, in either direction.
    """

    served: frozenset[str] = frozenset()
    pairs: frozenset[frozenset[str]] = field(default_factory=frozenset)

    @classmethod
    def between(cls, served: Iterable[str], pairs: Iterable[tuple[str, str]]) -> "Connections":
        """Collect them."""
        return cls(frozenset(served), frozenset(frozenset(pair) for pair in pairs))

    def connected(self, from_: str, to: str) -> bool:
        """Say whether the party *from_* may name a person to the party *to* (contracts, persons)."""
        if to in (PLATFORM, from_):
            return True  # any office to the platform; and everybody knows their own name
        if from_ == PLATFORM:
            return to in self.served
        return frozenset((from_, to)) in self.pairs


def office_of_scope(scope: str) -> str | None:
    """Read the one scope that an exchanged token may have, `office:<USCC>`; None for anything else or more."""
    found = _OFFICE_SCOPE.fullmatch(scope)
    return found[1] if found else None


def session_end(opened_at: datetime, life_s: int, outer: datetime | None = None) -> int:
    """Give when a token made now ends (seconds since the epoch): after its life, but not after *outer*."""
    end = int(opened_at.timestamp()) + life_s
    return end if outer is None else min(end, int(outer.timestamp()))
