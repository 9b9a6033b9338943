# SPDX-License-Identifier: EUPL-1.2
"""What the lists say on a day, and what signed copies say and leave out."""

import base64
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from certificates.domain import Certificate, Holder
from certificates.service import Credentials
from certificates.service.rulebook import compile_book
from contracts.certificates import formats


def test_the_book_holds_what_is_in_force(world: Any, names: Any) -> None:
    book = world.rulebook.book()
    assert (book.release, book.day) == (12, date(2026, 11, 24))
    assert (names.land, "title") in book.powers
    assert (names.tax, "title") not in book.powers
    assert "old-title" in book.known
    assert "old-title" not in book.types
    assert [grant.id for grant in book.event_grants[names.market, "food-licence"]] == ["G-0902", "G-0903"]
    assert (names.land, "title") not in book.event_grants  # its grant answers requests only
    assert book.offices >= {names.land, names.tax}


def test_a_grant_of_a_type_that_does_not_flow_by_event_shares_nothing(world: Any, names: Any) -> None:
    world.publish(lambda entry: entry | {"via": ["api"]} if entry["id"] == "food-licence" else entry)
    assert world.rulebook.book().event_grants == {}


def test_a_power_to_decide_is_no_power_to_issue(world: Any, names: Any) -> None:
    world.publish(lambda entry: entry | {"action": "decide"} if entry["id"] == "PW-1" else entry)
    assert (names.land, "title") not in world.rulebook.book().powers


def test_the_book_changes_with_release_and_day(world: Any) -> None:
    first = world.rulebook.book()
    assert world.rulebook.book() is first
    world.publish(lambda entry: entry)
    second = world.rulebook.book()
    assert (second is first, second.release) == (False, 13)
    world.now += timedelta(days=1)
    assert world.rulebook.book().day == date(2026, 11, 25)
    assert compile_book(world.catalogue, date(2025, 1, 1)).types == {}


def test_share_ids_differ_by_grant_and_certificate_and_deployment(world: Any, make_world: Any) -> None:
    keys = world.keys
    ids = {keys.share_id("G-1", "c"), keys.share_id("G-2", "c"), keys.share_id("G-1", "d")}
    other = replace(keys, share_key=bytes(32)).share_id("G-1", "c")
    assert len(ids | {other}) == 4
    assert all(len(one) == 43 for one in ids)


@pytest.fixture
def certificate(names: Any) -> Certificate:
    """Ann's land title, not signed yet."""
    return Certificate(
        "0197a0b0-0000-7000-8000-00000000ce47", names.land, "title", 1, f"{names.land}001", Holder("p" * 43), "T-1",
        {"place": "3 Hill Road", "use": "shop"}, 1, 1, "01", "1.2.156.3005.2.licence", date(2026, 1, 1), None,
        names.now, "",
    )  # fmt: skip


def payload(credential: str) -> dict[str, Any]:
    part = credential.split("~", maxsplit=1)[0].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@pytest.fixture
def credentials(world: Any) -> Credentials:
    """The signer of this deployment."""
    return Credentials(world.keys, world.clock, timedelta(hours=24))


def test_the_offices_own_copy_is_short_lived_and_never_outlives_the_licence(
    credentials: Credentials, certificate: Certificate, names: Any
) -> None:
    signed = credentials.signed(certificate)
    assert signed.format == formats.CURRENT
    assert payload(signed.credential)["exp"] == int((names.now + timedelta(days=365)).timestamp())
    short = credentials.signed(replace(certificate, valid_to=date(2026, 11, 30)))
    assert payload(short.credential)["exp"] == int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    future = credentials.signed(replace(certificate, valid_from=date(2027, 1, 1)))
    assert payload(future.credential)["nbf"] == int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())


def test_a_presentation_holds_nothing_to_match_copies_by(
    credentials: Credentials, certificate: Certificate, world: Any, names: Any
) -> None:
    first = credentials.presented(certificate, ["place"], audience=names.market, purpose="premises-check")
    world.now += timedelta(minutes=20)  # another moment of the same hour
    second = credentials.presented(certificate, ["place"], audience=names.tax, purpose="other")
    a, b = payload(first.credential), payload(second.credential)
    same = {name for name in a if a[name] == b.get(name)}
    assert same == {"iss", "vct", "iat", "nbf", "exp", "_sd_alg"}
    assert set(a) - same == {"aud", "purpose", "_sd"}
    assert a["exp"] - a["iat"] == 24 * 3600
    assert certificate.id not in first.credential
    assert formats.disclosed(first.credential) == {"place"}
