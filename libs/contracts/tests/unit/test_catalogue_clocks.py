# SPDX-License-Identifier: EUPL-1.2
"""Clocks of evidence requests are list data: the asker waits longer than the holder needs, or nothing is published."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.catalogue import CertificateType, Proof, parse_entry
from contracts.catalogue.check import check
from contracts.catalogue.clocks import asker_waits, holder_needs

COURT, CIVIL = "11999900000000211T", "119999000000000198"
SINCE = {"from": "2025-09-01"}


def _release(*, holder: str | None, asker: str | None) -> list[dict[str, Any]]:
    """Give a release of two offices, one of which asks the other; the clocks as told."""
    needs = {} if holder is None else {"clocks": {"first": holder}}
    waits = {} if asker is None else {"clocks": {"first": asker}}
    fields = [{"name": "number", "type": "text", "sensitivity": "internal"}]
    names = {COURT: "Court", CIVIL: "Civil affairs"}
    offices = [
        {"kind": "office", "id": code, "name": {"en": name, "zh-CN": "x"}, "level": "city", **SINCE}
        for code, name in names.items()
    ]
    return [
        *offices,
        {"kind": "power", "id": "PW-1", "office": COURT, "service": "court-register", "action": "attest",
         "type": "judgment", "law": "A law", **SINCE},
        {"kind": "power", "id": "PW-2", "office": CIVIL, "service": "status-check", "action": "decide",
         "law": "A law", **SINCE},
        {"kind": "certificateType", "id": "judgment", "typeCode": f"{COURT}001", "source": COURT, "holder": "person",
         "category": "certificate", "key": "number", "via": ["api"], "fields": fields,
         "sharing": {"class": "conditional", "law": "A law"}, **needs, **SINCE},
        {"kind": "proof", "id": "P-1", "service": "status-check", "askedBy": CIVIL, "proves": "marital-status",
         "route": "register", "sources": [{"office": COURT, "type": "judgment"}], "law": "A law", **waits, **SINCE},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("holder", "asker"),
    [(None, None), (None, "PT6M"), ("PT30M", "PT31M"), ("PT59M", None), ("PT240S", "PT5M"), ("PT1H", "PT61M")],
)
def test_an_asker_who_waits_a_minute_longer_than_the_holder_needs_may_be_published(
    holder: str | None, asker: str | None
) -> None:
    assert check(_release(holder=holder, asker=asker), test_area=True)[1] == []


@pytest.mark.parametrize(
    ("holder", "asker"),
    [(None, "PT5M"), ("PT30M", "PT30M"), ("PT30M", "PT1859S"), ("PT1H", None), ("PT2H", "PT1H"), (None, "PT721H")],
)
def test_an_asker_who_waits_no_longer_is_refused(holder: str | None, asker: str | None) -> None:
    _entries, faults = check(_release(holder=holder, asker=asker), test_area=True)
    assert [(fault.pointer, fault.code) for fault in faults] == [("/proof/P-1/clocks/first", "CLOCKS_DONT_FIT")]


@pytest.mark.parametrize("text", ["", "5M", "PT", "PT0M", "PT-5M", "P5D", "PT5M30S", "PT5.5M", 300])
def test_a_time_that_is_none_is_refused(text: object) -> None:
    release = _release(holder=None, asker="PT6M")
    release[-1]["clocks"] = {"first": text}
    _entries, faults = check(release, test_area=True)
    assert [fault.pointer for fault in faults] == ["/proof/P-1/clocks/first"]


def test_times_are_read_in_their_unit_and_the_setting_counts_where_none_is_said() -> None:
    kind, entry = (parse_entry(_release(holder="PT90S", asker="PT2H")[nth]) for nth in (-2, -1))
    assert isinstance(kind, CertificateType)
    assert isinstance(entry, Proof)
    assert holder_needs(kind) == timedelta(seconds=90)
    assert asker_waits(entry, timedelta(minutes=10)) == timedelta(hours=2)
    assert asker_waits(entry.model_copy(update={"clocks": None}), timedelta(days=1)) == timedelta(days=1)
