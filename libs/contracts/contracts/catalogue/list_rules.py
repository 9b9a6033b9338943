# SPDX-License-Identifier: EUPL-1.2
"""What must hold of offices, types, calendars and the lists of powers, responsibilities and proofs."""

import re
from collections.abc import Container, Iterator, Sequence

from contracts.catalogue import clocks
from contracts.catalogue.entries import (
    Calendar,
    CertificateType,
    Entry,
    Office,
    Power,
    Proof,
    Responsibility,
    Source,
    Words,
)
from contracts.catalogue.faults import Fault, Index, find_cycle, overlap
from contracts.certificates import formats
from contracts.certificates.api import BESIDE
from contracts.identifiers import TEST_AREA, is_uscc

Path = Sequence[str | int]
_TYPE_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}[0-9]{3}", re.ASCII)
_SHARING = frozenset({"unconditional", "conditional", "notShared"})
_NEEDS_SOURCES = frozenset({"register", "licence"})
OF_THE_APPLICANT = frozenset({"applicant", "commitment", "contract"})
"""Routes by which only the applicant, or the parties, can prove the fact."""


def check_office(index: Index, office: Office, *, test_area: bool) -> Iterator[Fault]:
    """An office has a code that passes its checks, of a real area outside a sandbox, and its name in both languages."""
    if not is_uscc(office.id):
        yield index.fault(office, ["id"], "CODE_INVALID", "a check character of the code is wrong (GB 32100)")
    if not test_area and office.id[2:8] == TEST_AREA:
        yield index.fault(office, ["id"], "TEST_AREA", f"area {TEST_AREA} is for tests only")
    yield from check_words(index, office, ["name"], office.name)


def check_words(index: Index, entry: Entry, path: Path, words: Words) -> Iterator[Fault]:
    """A text is there in both languages."""
    missing = {"zh-CN", "en"} - words.keys()
    for language in sorted(missing):
        yield index.fault(entry, [*path, language], "WORDS_MISSING", "the text is missing in this language")


def check_type(index: Index, entry: CertificateType) -> Iterator[Fault]:
    """A type has a source that may attest it, a code of its own, a key among its fields, a sharing class with law."""
    yield from unknown(index, entry, ["source"], entry.source, index.offices, "office")
    if entry.source in index.offices and not index.attests(entry.source, entry.id):
        yield index.fault(entry, ["source"], "POWER_MISSING", f"no power entry lets the source issue {entry.id}")
    if not _TYPE_CODE.fullmatch(entry.type_code):
        yield index.fault(entry, ["typeCode"], "TYPE_CODE_INVALID", "18 characters of the definer's code and 3 digits")
    if any(other.type_code == entry.type_code and other.id != entry.id for other in index.types.values()):
        yield index.fault(entry, ["typeCode"], "DUPLICATE", "another type has this code")
    yield from _check_names(index, entry)
    if entry.sharing.get("class") not in _SHARING:
        yield index.fault(entry, ["sharing", "class"], "SHARING_CLASS", "unconditional, conditional or notShared")
    if "law" not in entry.sharing:
        yield index.fault(entry, ["sharing", "law"], "LAW_MISSING", "the class needs its law")


def _check_names(index: Index, entry: CertificateType) -> Iterator[Fault]:
    """Fields have names of their own, none that signed copies need for themselves, and the key is one of them."""
    names = [field.name for field in entry.fields]
    if entry.key not in names:
        yield index.fault(entry, ["key"], "UNKNOWN_FIELD", f"{entry.key} is no field of the type")
    yield from repeated(index, entry, ["fields"], names)
    for at, name in enumerate(names):
        if name in formats.RESERVED or name in BESIDE:
            yield index.fault(entry, ["fields", at], "NAME_RESERVED", f"signed copies have {name} for themselves")


def check_power(index: Index, entry: Power) -> Iterator[Fault]:
    """A power belongs to a known office, and one that issues says what."""
    yield from unknown(index, entry, ["office"], entry.office, index.offices, "office")
    if entry.type is not None:
        yield from unknown(index, entry, ["type"], entry.type, index.types, "type")
    elif entry.action != "decide":
        yield index.fault(entry, ["type"], "TYPE_MISSING", f"the power to {entry.action} names a type")


def check_responsibility(index: Index, entry: Responsibility) -> Iterator[Fault]:
    """An office with a task in the step answers for it within a time; silence never approves what could do harm."""
    yield from unknown(index, entry, ["accountable"], entry.accountable, index.offices, "office")
    yield from unknown(index, entry, ["step"], entry.step, index.steps, "step")
    step = index.steps.get(entry.step)
    if step is not None and entry.accountable not in step.tasks:
        yield index.fault(entry, ["accountable"], "NO_TASK", "the office has no task in this step")
    if entry.on_silence == "deemed" and entry.risk == "high":
        yield index.fault(entry, ["onSilence"], "DEEMED_HIGH_RISK", "a high risk is never approved by silence")
    for name, time in (("within", entry.within), ("inspectWithin", entry.inspect_within)):
        if time is not None and time.get("workingDays", 0) < 1:
            yield index.fault(entry, [name, "workingDays"], "TIME_MISSING", "at least one working day")
    for other in index.responsible(entry.step, entry.accountable):
        if other.id < entry.id and overlap(index.holds(other), index.holds(entry)):
            yield index.fault(
                entry, ["accountable"], "ACCOUNTABLE_TWICE", f"{other.id} says already who answers, and how"
            )


def check_calendar(index: Index, entry: Calendar) -> Iterator[Fault]:
    """One calendar is in force at a time, and it says of a day one thing, once."""
    for other in index.calendars:
        if other.id < entry.id and overlap(index.holds(other), index.holds(entry)):
            yield index.fault(entry, ["from"], "CALENDAR_TWICE", f"calendar {other.id} is in force then")
    for name, days in (("holidays", entry.holidays), ("workdays", entry.workdays)):
        yield from repeated(index, entry, [name], [day.isoformat() for day in days])
    for at, day in enumerate(entry.workdays):
        if day in entry.holidays:
            yield index.fault(entry, ["workdays", at], "DAY_DIFFERS", f"{day} is a holiday too")


def check_proof(index: Index, entry: Proof) -> Iterator[Fault]:
    """Who asks has the power, the step is the service's, and each source is in a position to know."""
    yield from unknown(index, entry, ["askedBy"], entry.asked_by, index.offices, "office")
    if entry.asked_by in index.offices and not index.has_power(entry.asked_by, entry.service):
        yield index.fault(entry, ["service"], "POWER_MISSING", "the asking office has no power over this service")
    if entry.step is not None:
        yield from unknown(index, entry, ["step"], entry.step, index.steps, "step")
        step = index.steps.get(entry.step)
        if step is not None and step.service != entry.service:
            yield index.fault(entry, ["step"], "SERVICE_DIFFERS", f"the step is of service {step.service}")
    if entry.route in _NEEDS_SOURCES and not entry.sources:
        yield index.fault(entry, ["sources"], "SOURCES_MISSING", f"route {entry.route} says who holds the fact")
    if entry.route == "applicant":
        if entry.sources:
            detail = "an office holds it: the applicant isn't asked"
            yield index.fault(entry, ["route"], "HELD_BY_OFFICE", detail)
        yield from _check_held(index, entry)
        yield from _check_repeated(index, entry)
    yield from _check_preview(index, entry)
    if clocks.asker_waits(entry, previewed=entry.previewed != "none") > clocks.LONGEST:
        yield index.fault(entry, ["clocks", "first"], "CLOCKS_DONT_FIT", "no request waits for more than 30 days")
    for at, source in enumerate(entry.sources):
        yield from _check_source(index, entry, at, source)


def _check_held(index: Index, entry: Proof) -> Iterator[Fault]:
    """Where another entry says who else knows the fact, an office that cites this one would ask the applicant."""
    for other in index.proofs:
        same = (other.asked_by, other.service, other.proves) == (entry.asked_by, entry.service, entry.proves)
        meet = None in (other.step, entry.step) or other.step == entry.step
        elsewhere = other.route not in OF_THE_APPLICANT
        if same and meet and elsewhere and overlap(index.holds(other), index.holds(entry)):
            detail = f"{other.id} says who else knows it (route {other.route})"
            yield index.fault(entry, ["route"], "HELD_BY_OFFICE", detail)


def _check_repeated(index: Index, entry: Proof) -> Iterator[Fault]:
    """An office asks the applicant for a fact once in a life event; entries without a step: once in a service."""
    for other in index.proofs:
        same = (other.route, other.asked_by, other.proves) == ("applicant", entry.asked_by, entry.proves)
        first = other.id < entry.id and overlap(index.holds(other), index.holds(entry))
        if same and first and _place(other) == _place(entry):
            detail = f"{other.id} lets the same office ask the applicant for it already"
            yield index.fault(entry, ["proves"], "REPEATED", detail)


def _place(entry: Proof) -> str:
    return entry.service if entry.step is None else entry.step.partition("/")[0] + "/"


def _check_source(index: Index, entry: Proof, at: int, source: Source) -> Iterator[Fault]:
    yield from unknown(index, entry, ["sources", at, "office"], source.office, index.offices, "office")
    yield from unknown(index, entry, ["sources", at, "type"], source.type, index.types, "type")
    known = source.office in index.offices and source.type in index.types
    if known and not index.attests(source.office, source.type):
        detail = f"no power entry lets this office attest {source.type}"
        yield index.fault(entry, ["sources", at], "SOURCE_CANNOT_KNOW", detail)
    wanted = index.types.get(source.type)
    if wanted is None:
        return
    pairs = {"first": (clocks.asker_waits(entry), clocks.holder_needs(wanted))}
    if entry.previewed != "none":
        pairs["opening"] = clocks.asker_opening(entry), clocks.opens_within(wanted)
        pairs["deciding"] = clocks.asker_deciding(entry), clocks.decides_within(wanted)
    for name, (waits, needs) in pairs.items():
        if waits < needs + clocks.MARGIN:
            detail = f"whoever asks for {source.type} waits at least a minute longer than its holder needs"
            yield index.fault(entry, ["clocks", name], "CLOCKS_DONT_FIT", detail)
    if entry.preview == "required" and wanted.holder == "organisation":
        yield index.fault(entry, ["preview"], "PREVIEW_OF_ORGANISATION", f"nobody could look: {source.type}")


def _check_preview(index: Index, entry: Proof) -> Iterator[Fault]:
    """Only where law alone asks may a person's data go unseen; where nobody is asked there is nothing to see."""
    if entry.preview == "none" and entry.legal_basis != "law":
        yield index.fault(entry, ["preview"], "PREVIEW_DUE", f"what goes by {entry.legal_basis} may be seen first")
    if entry.preview not in (None, "none") and not entry.sources:
        yield index.fault(entry, ["preview"], "SOURCES_MISSING", "there is nothing to look at")


def check_circles(index: Index) -> Iterator[Fault]:
    """No paper may need itself by way of others: a cycle of the proof list is printed.

    A type is sound when every list entry of every service that makes it can be met: an entry without sources, or with
    one source, of the alternatives that it names, whose type is sound. What is left over waits for itself. A type that
    needs only itself is no circle: the next version of a record needs the one before.
    """
    entries = {name: _entries_before(index, name) for name in index.types}
    sound: set[str] = set()
    while True:
        more = {name for name, asked in entries.items() if name not in sound and all(a & sound for a in asked)}
        if not more:
            break
        sound |= more
    left = {name: sorted(set().union(*asked) - sound) for name, asked in entries.items() if name not in sound}
    cycle = find_cycle(left)
    if cycle is not None:
        yield Fault("/proof", "CIRCULAR", " needs ".join(cycle))


def _entries_before(index: Index, name: str) -> list[set[str]]:
    """Give, for each list entry that stands before type *name*, the types of its sources: any of them will do."""
    services = {p.service for p in index.powers if p.type == name and p.action != "decide"}
    asked = [{s.type for s in p.sources} & index.types.keys() for p in index.proofs if p.service in services]
    return [types for types in asked if types and name not in types]


def unknown(index: Index, entry: Entry, path: Path, name: str, known: Container[str], what: str) -> Iterator[Fault]:
    """A reference to something that the release doesn't hold."""
    if name not in known:
        yield index.fault(entry, path, f"UNKNOWN_{what.upper()}", f"there is no {what} {name}")


def repeated(index: Index, entry: Entry, path: Path, names: Sequence[str]) -> Iterator[Fault]:
    """A name that stands twice in one list."""
    for at, name in enumerate(names):
        if name in names[:at]:
            yield index.fault(entry, [*path, at], "DUPLICATE", f"{name} stands here twice")
