# SPDX-License-Identifier: EUPL-1.2
"""What must hold of offices, types and the lists of powers, responsibilities, proofs, demands and grants."""

import re
from collections.abc import Container, Iterator, Sequence

from contracts.catalogue.entries import (
    CertificateType,
    Demand,
    Entry,
    Grant,
    Office,
    Power,
    Proof,
    Responsibility,
    Source,
    Words,
)
from contracts.catalogue.faults import Fault, Index, find_cycle
from contracts.certificates import formats
from contracts.certificates.api import BESIDE
from contracts.identifiers import TEST_AREA, is_uscc

Path = Sequence[str | int]
_TYPE_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}[0-9]{3}", re.ASCII)
_SHARING = frozenset({"unconditional", "conditional", "notShared"})
_NEEDS_SOURCES = frozenset({"register", "licence"})


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
    names = [field.name for field in entry.fields]
    yield from unknown(index, entry, ["source"], entry.source, index.offices, "office")
    if entry.source in index.offices and not index.attests(entry.source, entry.id):
        yield index.fault(entry, ["source"], "POWER_MISSING", f"no power entry lets the source issue {entry.id}")
    if not _TYPE_CODE.fullmatch(entry.type_code):
        yield index.fault(entry, ["typeCode"], "TYPE_CODE_INVALID", "18 characters of the definer's code and 3 digits")
    if any(other.type_code == entry.type_code and other.id != entry.id for other in index.types.values()):
        yield index.fault(entry, ["typeCode"], "DUPLICATE", "another type has this code")
    if entry.key not in names:
        yield index.fault(entry, ["key"], "UNKNOWN_FIELD", f"{entry.key} is no field of the type")
    for at, name in enumerate(names):
        if name in formats.RESERVED or name in BESIDE:
            yield index.fault(entry, ["fields", at], "NAME_RESERVED", f"signed copies have {name} for themselves")
    yield from repeated(index, entry, ["fields"], names)
    if entry.sharing.get("class") not in _SHARING:
        yield index.fault(entry, ["sharing", "class"], "SHARING_CLASS", "unconditional, conditional or notShared")
    if "law" not in entry.sharing:
        yield index.fault(entry, ["sharing", "law"], "LAW_MISSING", "the class needs its law")


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
    if entry.within.get("workingDays", 0) < 1:
        yield index.fault(entry, ["within", "workingDays"], "TIME_MISSING", "at least one working day")


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
    for at, source in enumerate(entry.sources):
        yield from _check_source(index, entry, at, source)


def _check_source(index: Index, entry: Proof, at: int, source: Source) -> Iterator[Fault]:
    yield from unknown(index, entry, ["sources", at, "office"], source.office, index.offices, "office")
    yield from unknown(index, entry, ["sources", at, "type"], source.type, index.types, "type")
    known = source.office in index.offices and source.type in index.types
    if known and not index.attests(source.office, source.type):
        detail = f"no power entry lets this office attest {source.type}"
        yield index.fault(entry, ["sources", at], "SOURCE_CANNOT_KNOW", detail)


def check_demand(index: Index, entry: Demand) -> Iterator[Fault]:
    """A demand is of a consumer with power, for fields that exist, of a provider that attests them, by offered ways."""
    yield from unknown(index, entry, ["consumer"], entry.consumer, index.offices, "office")
    yield from unknown(index, entry, ["provider"], entry.provider, index.offices, "office")
    yield from unknown(index, entry, ["type"], entry.type, index.types, "type")
    for at, step in enumerate(entry.steps):
        yield from unknown(index, entry, ["steps", at], step, index.steps, "step")
    if entry.consumer in index.offices and not index.has_power(entry.consumer, entry.service):
        yield index.fault(entry, ["service"], "POWER_MISSING", "the consumer has no power over this service")
    wanted = index.types.get(entry.type)
    if wanted is None:
        return
    yield from check_fields(index, entry, wanted, entry.fields)
    if entry.provider in index.offices and not index.attests(entry.provider, entry.type):
        yield index.fault(entry, ["provider"], "SOURCE_CANNOT_KNOW", f"the provider doesn't attest {entry.type}")
    if wanted.sharing.get("class") == "notShared":
        yield index.fault(entry, ["type"], "NOT_SHARED", "the type isn't shared, by its own law")
    for at, way in enumerate(entry.via):
        if way not in wanted.via:
            yield index.fault(entry, ["via", at], "WAY_NOT_OFFERED", f"the type isn't offered by {way}")


def check_grant(index: Index, entry: Grant) -> Iterator[Fault]:
    """A grant gives no more than its demand asks for, to nobody else, for nothing else and no longer."""
    yield from unknown(index, entry, ["demand"], entry.demand, index.demands, "demand")
    demand = index.demands.get(entry.demand)
    if demand is None:
        return
    for name in ("consumer", "provider", "type", "purpose"):
        if getattr(entry, name) != getattr(demand, name):
            yield index.fault(entry, [name], "GRANT_DIFFERS", f"the demand says {getattr(demand, name)}")
    for at, field in enumerate(entry.fields):
        if field not in demand.fields:
            yield index.fault(entry, ["fields", at], "GRANT_WIDER", f"the demand doesn't ask for {field}")
    for at, step in enumerate(entry.steps):
        if step not in demand.steps:
            yield index.fault(entry, ["steps", at], "GRANT_WIDER", f"the demand isn't for step {step}")
    wanted = index.types.get(entry.type)
    if wanted is not None:
        yield from check_fields(index, entry, wanted, entry.fields)
    yield from _check_mode(index, entry, demand)
    if entry.from_ < demand.from_ or (demand.to is not None and (entry.to is None or entry.to > demand.to)):
        yield index.fault(entry, ["from"], "GRANT_OUTLIVES_DEMAND", "the demand isn't in force for that long")


def _check_mode(index: Index, entry: Grant, demand: Demand) -> Iterator[Fault]:
    """The demand allows the way, and a grant on request is for steps in which the consumer may ask for the fact."""
    way = "event" if entry.mode == "onEvent" else "api"
    if way not in demand.via:
        yield index.fault(entry, ["mode"], "WAY_NOT_ALLOWED", f"{entry.mode} needs `via: {way}` in the demand")
    if entry.mode == "onEvent":
        return
    if not entry.steps:
        yield index.fault(entry, ["steps"], "STEPS_MISSING", "a grant on request names the steps it is for")
    for at, step in enumerate(entry.steps):
        if not any(_asks(proof, entry, step) for proof in index.proofs):
            detail = "no proof entry lets the consumer ask the provider for this type in this step on this basis"
            yield index.fault(entry, ["steps", at], "PROOF_MISSING", detail)


def _asks(proof: Proof, grant: Grant, step: str) -> bool:
    sources = [(source.office, source.type) for source in proof.sources]
    return (
        proof.asked_by == grant.consumer
        and proof.step in (None, step)
        and proof.legal_basis == grant.basis
        and (grant.provider, grant.type) in sources
    )


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


def check_fields(index: Index, entry: Demand | Grant, wanted: CertificateType, names: Sequence[str]) -> Iterator[Fault]:
    """Each field exists in the type and is named once."""
    existing = {field.name for field in wanted.fields}
    for at, name in enumerate(names):
        if name not in existing:
            yield index.fault(entry, ["fields", at], "UNKNOWN_FIELD", f"{wanted.id} has no field {name}")
    yield from repeated(index, entry, ["fields"], names)


def unknown(index: Index, entry: Entry, path: Path, name: str, known: Container[str], what: str) -> Iterator[Fault]:
    """A reference to something that the release doesn't hold."""
    if name not in known:
        yield index.fault(entry, path, f"UNKNOWN_{what.upper()}", f"there is no {what} {name}")


def repeated(index: Index, entry: Entry, path: Path, names: Sequence[str]) -> Iterator[Fault]:
    """A name that stands twice in one list."""
    for at, name in enumerate(names):
        if name in names[:at]:
            yield index.fault(entry, [*path, at], "DUPLICATE", f"{name} stands here twice")
