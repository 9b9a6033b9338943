# SPDX-License-Identifier: EUPL-1.2
"""Who sees first what would go is list data: what no release says about it, and how long both sides wait for it."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.catalogue import CertificateType, Proof, parse_entry
from contracts.catalogue.check import check
from contracts.catalogue.clocks import asker_waits, decides_within, opens_within

COURT, CIVIL = "11999900000000211T", "119999000000000198"
SINCE = {"from": "2025-09-01"}
LAW = {"law": "A law"}


def _release(
    *, basis: str = "request", preview: str | None = None, holder: str = "person", needs: dict[str, str] | None = None,
    waits: dict[str, str] | None = None, **entry: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    """Give a release of two offices, one of which asks the other; the last two are the type and the proof entry."""
    offices = [
        {"kind": "office", "id": code, "name": {"en": name, "zh-CN": "x"}, "level": "city", **SINCE}
        for code, name in {COURT: "Court", CIVIL: "Civil affairs"}.items()
    ]
    said = {"preview": preview, "clocks": waits, **entry}
    return [
        *offices,
        {"kind": "power", "id": "PW-1", "office": COURT, "service": "court-register", "action": "attest",
         "type": "judgment", **LAW, **SINCE},
        {"kind": "power", "id": "PW-2", "office": CIVIL, "service": "status-check", "action": "decide", **LAW, **SINCE},
        {"kind": "certificateType", "id": "judgment", "typeCode": f"{COURT}001", "source": COURT, "holder": holder,
         "category": "certificate", "key": "number", "via": ["api"],
         "fields": [{"name": "number", "type": "text", "sensitivity": "internal"}],
         "sharing": {"class": "conditional", **LAW}, **({"clocks": needs} if needs else {}), **SINCE},
        {"kind": "proof", "id": "P-1", "service": "status-check", "askedBy": CIVIL, "proves": "marital-status",
         "route": "register", "sources": [{"office": COURT, "type": "judgment"}], "legalBasis": basis, **LAW, **SINCE,
         **{name: value for name, value in said.items() if value is not None}},
    ]  # fmt: skip


def _faults(**said: Any) -> list[tuple[str, str]]:
    _entries, faults = check(_release(**said), test_area=True)
    return [(fault.pointer.removeprefix("/proof/P-1"), fault.code) for fault in faults]


@pytest.mark.parametrize("basis", ["request", "consent"])
def test_what_goes_by_her_own_wish_may_be_seen_first(basis: str) -> None:
    assert _faults(basis=basis, preview="none") == [("/preview", "PREVIEW_DUE")]
    assert all(_faults(basis=basis, preview=rule) == [] for rule in (None, "offered", "required"))


@pytest.mark.parametrize("preview", [None, "none", "offered", "required"])
def test_where_law_alone_asks_every_rule_is_allowed(preview: str | None) -> None:
    assert _faults(basis="law", preview=preview) == []


@pytest.mark.parametrize(("holder", "allowed"), [("person", True), ("either", True), ("organisation", False)])
def test_a_look_is_required_only_of_what_is_about_persons(holder: str, allowed: bool) -> None:
    assert _faults(preview="required", holder=holder) == ([] if allowed else [("/preview", "PREVIEW_OF_ORGANISATION")])
    assert _faults(preview="offered", holder=holder) == []


@pytest.mark.parametrize("preview", ["offered", "required"])
def test_where_nobody_is_asked_there_is_nothing_to_look_at(preview: str) -> None:
    assert ("/preview", "SOURCES_MISSING") in _faults(basis="law", preview=preview, sources=[], route="applicant")
    assert ("/preview", "SOURCES_MISSING") not in _faults(basis="law", sources=[], route="applicant")


@pytest.mark.parametrize(
    ("clock", "needs", "waits", "fits"),
    [
        ("opening", None, None, True),
        ("opening", "PT15M", "PT16M", True),
        ("opening", "PT15M", "PT15M", False),
        ("opening", "PT30M", None, False),
        ("opening", None, "PT15M", False),
        ("deciding", "PT40M", "PT41M", True),
        ("deciding", "PT40M", "PT2459S", False),
        ("deciding", "PT1H", None, False),
        ("deciding", None, "PT40M", False),
    ],
)
def test_an_asker_waits_a_minute_longer_on_each_clock_of_hers(
    clock: str, needs: str | None, waits: str | None, fits: bool
) -> None:
    said = {"needs": {clock: needs} if needs else None, "waits": {clock: waits} if waits else None}
    assert _faults(**said) == ([] if fits else [(f"/clocks/{clock}", "CLOCKS_DONT_FIT")])
    assert _faults(basis="law", **said) == []  # nobody looks, so nobody waits for it


def test_all_clocks_together_end_within_thirty_days() -> None:
    waits = {"first": "PT700H", "opening": "PT10H", "deciding": "PT11H"}
    assert _faults(waits=waits) == [("/clocks/first", "CLOCKS_DONT_FIT")]
    assert _faults(basis="law", waits=waits) == []


def test_her_clocks_are_added_only_where_she_may_look() -> None:
    kind, entry = (
        parse_entry(_release(needs={"opening": "PT10M"}, waits={"deciding": "PT2H"})[nth]) for nth in (-2, -1)
    )
    assert isinstance(kind, CertificateType)
    assert isinstance(entry, Proof)
    minutes = timedelta(minutes=1)
    assert (opens_within(kind), decides_within(kind)) == (10 * minutes, 40 * minutes)
    assert asker_waits(entry) == 60 * minutes
    assert asker_waits(entry, previewed=True) == (60 + 16 + 120) * minutes


@pytest.mark.parametrize(
    ("basis", "preview", "person", "wished", "due"),
    [
        ("request", None, True, True, True),
        ("request", None, True, False, False),
        ("request", None, False, True, False),
        ("law", None, True, True, False),
        ("law", "offered", True, True, True),
        ("law", "required", True, False, True),
        ("law", "required", False, True, False),
    ],
)
def test_a_look_comes_first_where_it_is_required_or_offered_and_wished(
    basis: str, preview: str | None, person: bool, wished: bool, due: bool
) -> None:
    entry = parse_entry(_release(basis=basis, preview=preview)[-1])
    assert isinstance(entry, Proof)
    assert entry.preview_due(person=person, wished=wished) is due
