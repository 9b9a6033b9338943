# SPDX-License-Identifier: EUPL-1.2
"""The check of a whole release, before anybody signs it: every fault at once, each with its path. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from contracts.catalogue import list_rules as lists
from contracts.catalogue import supply_rules as supply
from contracts.catalogue.entries import (
    ENTRY_MODELS,
    Calendar,
    CertificateType,
    Demand,
    Entry,
    Grant,
    LifeEvent,
    Office,
    Power,
    Proof,
    Responsibility,
    parse_entry,
    record_key,
)
from contracts.catalogue.event_rules import check_event
from contracts.catalogue.faults import Fault, Index

__all__ = ["Fault", "check"]


def check(raw: Sequence[Mapping[str, Any]], *, test_area: bool) -> tuple[list[Entry], list[Fault]]:
    """Read and check all entries of a release, as they are written in the files.

    test_area: True lets offices of area 999900 in (sandbox); a production catalogue refuses them.
    Gives the entries that could be read and all faults, sorted by pointer; the release is good when there are none.
    References into entries that could not be read are reported too, as unknown: mend the former first.
    """
    entries: list[Entry] = []
    faults: list[Fault] = []
    for at, source in enumerate(raw):
        try:
            entries.append(parse_entry(dict(source)))
        except ValidationError as why:
            faults.extend(_unreadable(at, source, why))
    index = Index(entries)
    faults.extend(_duplicates(index))
    for entry in index.entries:
        faults.extend(_periods(index, entry))
        faults.extend(_law(index, entry))
        faults.extend(_rules(index, entry, test_area=test_area))
    faults.extend(lists.check_circles(index))
    return entries, sorted(set(faults))


def _rules(index: Index, entry: Entry, *, test_area: bool) -> Iterator[Fault]:
    """Apply the rules of the entry's kind."""
    match entry:
        case Office():
            yield from lists.check_office(index, entry, test_area=test_area)
        case CertificateType():
            yield from lists.check_type(index, entry)
        case Power():
            yield from lists.check_power(index, entry)
        case Responsibility():
            yield from lists.check_responsibility(index, entry)
        case Calendar():
            yield from lists.check_calendar(index, entry)
        case Proof():
            yield from lists.check_proof(index, entry)
        case Demand():
            yield from supply.check_demand(index, entry)
        case Grant():
            yield from supply.check_grant(index, entry)
        case LifeEvent():
            yield from check_event(index, entry)


def _unreadable(at: int, source: Mapping[str, Any], why: ValidationError) -> Iterator[Fault]:
    """Translate what the model says: its words for the rule, our pointer, and no value."""
    kind, name = source.get("kind"), source.get("id")
    named = isinstance(kind, str) and kind in ENTRY_MODELS and isinstance(name, str)
    prefix = f"/{kind}/{name}" if named else f"/entries/{at}"
    for error in why.errors(include_url=False, include_input=False):
        # The union's discriminator leads the location: it is in the pointer already.
        path = [part for nth, part in enumerate(error["loc"]) if not (nth == 0 and part == kind)]
        pointer = "/".join([prefix, *map(str, path)])
        # pydantic's words for an unknown kind would repeat it.
        unknown_kind = error["type"] == "union_tag_invalid"
        said = "no entry has this kind" if unknown_kind else error["msg"].removeprefix("Value error, ")
        yield Fault(pointer, error["type"].upper(), said)


def _duplicates(index: Index) -> Iterator[Fault]:
    seen: set[str] = set()
    for entry in index.entries:
        key = record_key(entry)
        if key in seen:
            yield index.fault(entry, [], "DUPLICATE", f"{key} stands here twice")
        seen.add(key)


def _periods(index: Index, entry: Entry) -> Iterator[Fault]:
    if entry.to is not None and entry.to <= entry.from_:
        yield index.fault(entry, ["to"], "PERIOD_EMPTY", "the entry ends before it begins")


def _law(index: Index, entry: Entry) -> Iterator[Fault]:
    """Whatever an office may do, it may by law, and the list says which."""
    law = entry.sharing.get("law", "-") if isinstance(entry, CertificateType) else getattr(entry, "law", "-")
    if not law.strip():
        path = ["sharing", "law"] if isinstance(entry, CertificateType) else ["law"]
        yield index.fault(entry, path, "LAW_MISSING", "no law is named")
