# SPDX-License-Identifier: EUPL-1.2
"""A release comes into force whole and signed, or not at all."""

import json
from datetime import UTC, date, datetime

import pytest

from contracts.catalogue import Catalogue, Manifest, Office
from kit.catalogue import CatalogueNotLoaded, CatalogueReplica, read_manifest, sign_manifest
from kit.jose import PrivateKey, digest
from kit.tokens import TokenRefused

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ROOT = PrivateKey.generate()
TAX = "119999000000000941"
DAY = date(2026, 3, 2)


def clock() -> datetime:
    return NOW


def office(version: int, name: str = "Tax") -> tuple[str, bytes]:
    entry = {"kind": "office", "id": TAX, "version": version, "from": "2026-01-01", "level": "county"}
    return f"office/{TAX}/{version}", json.dumps({**entry, "name": {"zh-CN": "税务", "en": name}}).encode()


def manifest(release: int, *entries: tuple[str, bytes], key: PrivateKey = ROOT) -> tuple[str, bytes]:
    digests = {name: digest(data) for name, data in entries}
    claims = Manifest(iss="exchange-bus", iat=int(NOW.timestamp()), release=release, at=NOW, entries=digests)
    return f"release/{release}", sign_manifest(claims, key)


class Bus(dict[str, bytes]):
    """What the replica of the topic holds."""

    ready = True

    def __init__(self, allow_empty: bool = False) -> None:
        self.catalogue = CatalogueReplica(self, ROOT.public, clock, allow_empty=allow_empty)

    def put(self, *records: tuple[str, bytes]) -> CatalogueReplica:
        for name, data in records:
            self[name] = data
            self.catalogue.changed(name)
        return self.catalogue


def test_a_complete_release_comes_into_force() -> None:
    catalogue = Bus().put(office(1), manifest(1, office(1)))
    assert (catalogue.release, catalogue.ready) == (1, True)
    found = catalogue.current().get(Office, TAX, DAY)
    assert found is not None
    assert found.name["en"] == "Tax"


def test_before_the_first_release_nothing_is_allowed() -> None:
    for allow_empty in (False, True):
        catalogue = Bus(allow_empty).catalogue
        assert (catalogue.release, catalogue.ready) == (0, allow_empty)
        assert list(catalogue.current().all(Office, DAY)) == []


def test_an_unread_topic_is_not_an_empty_one() -> None:
    bus = Bus(allow_empty=True)
    bus.ready = False
    assert not bus.catalogue.ready
    with pytest.raises(CatalogueNotLoaded):
        bus.catalogue.current()


def test_a_published_release_that_is_not_complete_is_waited_for() -> None:
    bus = Bus(allow_empty=True)
    catalogue = bus.put(manifest(1, office(1)))
    assert (catalogue.release, catalogue.ready) == (0, False)
    assert bus.put(office(1)).release == 1


def test_the_old_release_stays_until_the_new_one_is_complete() -> None:
    bus = Bus()
    catalogue = bus.put(office(1), manifest(1, office(1)))
    seen: list[int] = []
    catalogue.on_change(lambda new: seen.append(new.release))
    bus.put(manifest(2, office(1), office(2, "Revenue")))
    assert (catalogue.release, seen) == (1, [])
    bus.put(office(2, "Revenue"))
    assert (catalogue.release, seen) == (2, [2])
    bus.put(office(2, "Revenue"))
    assert seen == [2]


def test_a_release_never_goes_back() -> None:
    bus = Bus()
    bus.put(office(1), manifest(2, office(1)))
    assert bus.put(manifest(1, office(1))).release == 2


def test_an_entry_that_is_not_the_one_signed_keeps_its_release_away() -> None:
    assert Bus().put(office(1, "Other"), manifest(1, office(1))).release == 0


@pytest.mark.parametrize(
    ("name", "data"),
    [
        manifest(1, office(1), key=PrivateKey.generate()),
        ("release/1", manifest(2, office(1))[1]),  # another release's manifest under this number
        ("release/1", b"{}"),
        ("release/x", manifest(1, office(1))[1]),
        ("release/١", manifest(1, office(1))[1]),
    ],
    ids=["forged", "moved", "unsigned", "no number", "foreign digit"],
)
def test_a_manifest_that_is_not_ours_changes_nothing(name: str, data: bytes) -> None:
    bus = Bus(allow_empty=True)
    catalogue = bus.put(office(1), (name, data))
    assert (catalogue.release, catalogue.ready) == (0, True)
    assert bus.put(manifest(2, office(1))).release == 2


def test_an_entry_that_no_model_reads_keeps_its_release_away() -> None:
    odd = ("office/x/1", b'{"kind":"office"}')
    assert Bus().put(odd, manifest(1, odd)).release == 0


def test_a_manifest_is_read_by_its_key_alone() -> None:
    assert read_manifest(manifest(3)[1], ROOT.public, clock).release == 3
    with pytest.raises(TokenRefused):
        read_manifest(manifest(3)[1], PrivateKey.generate().public, clock)


def test_the_current_release_is_swapped_by_reference() -> None:
    bus = Bus()
    before = bus.put(office(1), manifest(1, office(1))).current()
    after = bus.put(manifest(2, office(1))).current()
    assert isinstance(before, Catalogue)
    assert (before.release, after.release) == (1, 2)
