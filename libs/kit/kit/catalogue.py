# SPDX-License-Identifier: EUPL-1.2
"""The catalogue in memory: one signed release at a time, swapped whole.

On `catalogue.entry.v1` a record is an entry (key `{kind}/{id}/{version}`, JSON) or the manifest of a release (key
`release/{n}`, a JWS that names each entry's digest). A release counts once its manifest's signature is good and every
entry that it names is here, byte for byte. Until then the release before it stays.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol, Self

import orjson
from pydantic import ValidationError

from contracts import signing, topics
from contracts.catalogue import Catalogue, Entry, Manifest, parse_entry
from kit import strictjson, tokens
from kit.clock import Clock
from kit.errors import ServiceError, Unavailable
from kit.events import Record
from kit.jose import PrivateKey, PublicKey, digest
from kit.replica import Replica
from kit.tokens import TokenRefused
from kit.trust import Trust

_RELEASE: Final = "release/"


class CatalogueNotLoaded(Unavailable):
    """503: a moment after its start a process doesn't know the lists yet; nobody is refused for that."""

    code, title = "CATALOGUE_NOT_LOADED", "The catalogue is being loaded"


class Table(Protocol):
    """What the catalogue needs of a replica of raw records."""

    @property
    def ready(self) -> bool:
        """Whether everything that stood on the topic at the start is in."""
        ...

    def get(self, key: str) -> bytes | None:
        """Give the bytes that stand under *key*."""
        ...


class CatalogueReplica:
    """The newest release that is complete and well signed.

    allow_empty: ready also while nothing was ever published, for the services that start before the first release.
    """

    def __init__(self, table: Table, root: PublicKey, clock: Clock, *, allow_empty: bool = False) -> None:
        self._table = table
        self._root = root
        self._clock = clock
        self._allow_empty = allow_empty
        self._current = Catalogue(0, ())
        self._waiting: set[int] = set()
        """Releases that were announced under our signature and aren't complete."""
        self._listeners: list[Callable[[Catalogue], None]] = []
        self._follow: Callable[[asyncio.Event], Awaitable[None]] | None = None

    @classmethod
    def from_bus(
        cls,
        bootstrap_servers: str,
        trust: Trust,
        clock: Clock,
        *,
        allow_empty: bool = False,
        keep_in: Path | None = None,
    ) -> Self:
        """Make a catalogue over a replica of its topic; `run` keeps it up to date.

        keep_in: folder for a copy on disk, so that a restart needs nobody; None for none.
        """
        parse = catalogue_parser(trust.catalogue, clock)
        replica: Replica[bytes] = Replica(bootstrap_servers, topics.CATALOGUE_ENTRY, parse, keep_in=keep_in)
        catalogue = cls(replica, trust.catalogue, clock, allow_empty=allow_empty)
        replica.on_change(catalogue.changed)
        catalogue._follow = replica.run
        return catalogue

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topic until *stop*: a part of the process."""
        if self._follow is not None:
            await self._follow(stop)

    def current(self) -> Catalogue:
        """Give the release in force; an empty one, which allows nothing, while none was ever published.

        Raises CatalogueNotLoaded a moment after the start: lists that aren't here yet refuse nobody.
        """
        if self.release == 0 and not self._table.ready:
            raise CatalogueNotLoaded
        return self._current

    @property
    def release(self) -> int:
        """The number of the release in force; 0 while there is none."""
        return self._current.release

    @property
    def ready(self) -> bool:
        """Whether decisions can be made: the topic is read, and a release is in force or none was ever published."""
        if not self._table.ready:
            return False
        return self.release > 0 or (self._allow_empty and not self._waiting)

    def on_change(self, listener: Callable[[Catalogue], None]) -> None:
        """Have *listener* called with each release that comes into force from now on."""
        self._listeners.append(listener)

    def changed(self, key: str) -> None:
        """Take note that the record under *key* is new, and swap to the newest release that is complete."""
        number = _number(key)
        if number is not None and self._manifest(number) is not None:  # what nobody signed is not waited for
            self._waiting.add(number)
        for release in sorted(self._waiting, reverse=True):
            if release > self.release and (catalogue := self._complete(release)) is not None:
                self._current = catalogue
                self._waiting = {other for other in self._waiting if other > release}
                for listener in self._listeners:
                    listener(catalogue)
                return

    def _complete(self, release: int) -> Catalogue | None:
        """Give *release* if its signature is good and all its entries are here."""
        manifest = self._manifest(release)
        if manifest is None:
            return None
        entries: list[Entry] = []
        for key, expected in manifest.entries.items():
            data = self._table.get(key)
            if data is None or digest(data) != expected:
                return None
            entry = _entry(data)
            if entry is None:
                return None
            entries.append(entry)
        return Catalogue(release, entries)

    def _manifest(self, release: int) -> Manifest | None:
        data = self._table.get(f"{_RELEASE}{release}")
        if data is None:
            return None
        try:
            manifest = read_manifest(data, self._root, self._clock)
        except TokenRefused:
            return None
        return manifest if manifest.release == release else None


def sign_manifest(manifest: Manifest, key: PrivateKey) -> bytes:
    """Sign a release with the catalogue key; gives the data of the record `release/{n}`."""
    return tokens.sign(signing.RELEASE, manifest.wire(), key).encode("ascii")


def read_manifest(data: bytes, root: PublicKey, clock: Clock) -> Manifest:
    """Verify and read the manifest of a release. Raises TokenRefused."""
    claims = tokens.verify(
        data.decode("ascii", "replace"),
        signing.RELEASE,
        key_of=lambda _iss, kid: root if kid == root.kid else None,
        audience=None,
        now=clock(),
    )
    try:
        return Manifest.model_validate_json(orjson.dumps(claims.data))
    except ValidationError as why:
        raise TokenRefused("claims") from why


def _entry(data: bytes) -> Entry | None:
    try:
        raw: Any = strictjson.loads(data)
        return parse_entry(raw)
    except (ServiceError, ValidationError):
        return None


def _number(key: str) -> int | None:
    """Give the number in the key of a manifest, None for the key of an entry."""
    number = key.removeprefix(_RELEASE)
    return int(number) if number != key and number.isascii() and number.isdecimal() else None


def catalogue_parser(root: PublicKey, clock: Clock) -> Callable[[Record], bytes | None]:
    """Give the reader of the topic: it refuses a manifest that *root* did not sign, so that the one before it stays."""

    def read(record: Record) -> bytes | None:
        if record.data is not None and record.key.startswith(_RELEASE):
            read_manifest(record.data, root, clock)
        return record.data  # an entry has no signature: it is judged when a manifest names it

    return read
