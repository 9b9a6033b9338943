# SPDX-License-Identifier: EUPL-1.2
"""Publishing a release of the catalogue: whole or not at all, signed, numbered without gaps."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from contracts.catalogue import Entry, Manifest
from contracts.catalogue.check import check
from contracts.catalogue.entries import record_key
from contracts.exchange_bus import PublishRelease, Released
from exchange_bus import events
from exchange_bus.errors import CatalogueInvalid
from exchange_bus.store import catalogue as store
from kit import jose, strictjson
from kit.catalogue import sign_manifest
from kit.clock import Clock
from kit.db import Answer, Database, Idem, Transaction
from kit.errors import FieldError
from kit.jose import PrivateKey

MakeTopics = Callable[[Sequence[str]], Awaitable[None]]
"""Creates the topics of offices (USCCs) that don't have them yet."""


class Releasing:
    """Use case of the data office. test_area: whether offices of the fictional area 999900 are let in."""

    def __init__(
        self, db: Database, key: PrivateKey, system: str, make_topics: MakeTopics, clock: Clock, *, test_area: bool
    ) -> None:
        self._db, self._key, self._system, self._clock = db, key, system, clock
        self._make_topics = make_topics
        self._test_area = test_area

    async def publish(self, wish: PublishRelease, idem: Idem) -> Answer:
        """Check and publish a release. The same entries as the newest one are that release again.

        Raises CatalogueInvalid (`CATALOGUE_INVALID`) with every fault; the running release stays.
        """
        entries = self._checked(wish)
        contents = {record_key(e): strictjson.canonical(raw) for e, raw in zip(entries, wish.entries, strict=True)}
        digests = {key: jose.digest(content) for key, content in contents.items()}
        # Of an office several versions may stand side by side; it has one set of topics.
        await self._make_topics(sorted({entry.id for entry in entries if entry.kind == "office"}))

        async def work(tx: Transaction) -> tuple[int, Released]:
            return 201, await self._write(tx, contents, digests)

        return await self._db.once(idem, work)

    def _checked(self, wish: PublishRelease) -> list[Entry]:
        entries, faults = check(wish.entries, test_area=self._test_area)
        if faults:
            raise CatalogueInvalid([FieldError(f.pointer, f.code, f.detail) for f in faults])
        return entries

    async def _write(self, tx: Transaction, contents: Mapping[str, bytes], digests: Mapping[str, str]) -> Released:
        await store.hold_releases(tx)
        newest, digest, count = await store.newest(tx)
        whole = jose.digest(strictjson.canonical(dict(digests))).encode()
        if whole == digest:
            return Released(release=newest, entries=count)
        published = await store.digests(tx, list(contents))
        changed = [key for key, known in published.items() if known != digests[key]]
        if changed:
            raise CatalogueInvalid([FieldError(f"/{key}", "VERSION_PUBLISHED_OTHERWISE") for key in sorted(changed)])
        release, now = newest + 1, self._clock()
        manifest = self._manifest(release, digests)
        new = {key: contents[key] for key in sorted(contents.keys() - published.keys())}
        await store.insert_release(tx, release, whole, len(contents), manifest, now)
        await store.insert_entries(tx, release, new, digests)
        for key, content in new.items():
            tx.emit(events.entry_event(key, content, release))
        tx.emit(events.release_event(release, manifest))
        return Released(release=release, entries=len(contents))

    def _manifest(self, release: int, digests: Mapping[str, str]) -> bytes:
        now = self._clock()
        said: dict[str, Any] = {
            "iss": self._system,
            "iat": int(now.timestamp()),
            "release": release,
            "at": now,
            "entries": dict(digests),
        }
        return sign_manifest(Manifest.model_validate(said), self._key)
