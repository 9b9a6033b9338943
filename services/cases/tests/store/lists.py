# SPDX-License-Identifier: EUPL-1.2
"""A small country for one life event: all the lists that let its steps ask, decide and issue."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.catalogue import Catalogue
from contracts.catalogue.check import check

DATED = {"from": "2025-09-01"}
LAW = {"law": "Demo Law"}
NAMES = {
    "119999000000000273": "public security",
    "11999900000000035X": "health",
    "11999900000000051K": "HRSS",
    "1199990000000006XB": "market regulation",
    "11999900000000078B": "fire",
    "119999000000000866": "urban management",
    "119999000000000941": "tax",
    "11999900000000107N": "natural resources",
    "11999900000000115H": "housing",
    "119999000000001317": "tobacco",
    "119999000000002030": "data office",
}


def lists_for(
    event: Mapping[str, Any], attests: Mapping[str, Sequence[str]], silence: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Give the life event with its lists.

    attests: type -> offices that hold it. silence: step -> what its responsibility entry says besides the usual.
    """
    entries: list[dict[str, Any]] = [dict(event), *_offices(), *_types(attests)]
    services = {t: s["service"] for s in event["steps"] for t in (i["type"] for i in s.get("issues", []))}
    for number, (kind, office) in enumerate((kind, office) for kind, held in attests.items() for office in held):
        service = services.get(kind, "register")
        power = {"office": office, "service": service, "action": "issue", "type": kind}
        entries.append({"kind": "power", "id": f"PI-{number}", **power, **DATED, **LAW})
    for step in event["steps"]:
        for office in step["tasks"]:
            entries += _of_step(f"{event['id']}/{step['id']}", step, office, attests, silence.get(step["id"], {}))
    return entries


def catalogue_of(release: int, entries: list[dict[str, Any]]) -> Catalogue:
    """Read a release; the test fails where it has faults."""
    read, faults = check(entries, test_area=True)
    assert not faults, faults
    return Catalogue(release, read)


def _offices() -> Iterator[dict[str, Any]]:
    for code, name in NAMES.items():
        words = {"en": name, "zh-CN": name}
        yield {"kind": "office", "id": code, "name": words, "level": "city", "deployment": "certificates-1", **DATED}


def _types(attests: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
    for number, (kind, (office, *_)) in enumerate(attests.items(), 1):
        fields = [
            {"name": "holder", "type": "holderRef", "sensitivity": "personal"},
            {"name": "number", "type": "text", "sensitivity": "internal"},
        ]
        yield {
            "kind": "certificateType", "id": kind, "typeCode": f"{office}{number:03}", "source": office,
            "holder": "either", "category": "licence", "key": "number", "via": ["api"], "fields": fields,
            "sharing": {"class": "conditional", **LAW}, **DATED,
        }  # fmt: skip


def _of_step(
    name: str, step: Mapping[str, Any], office: str, attests: Mapping[str, Sequence[str]], silence: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    tag = f"{name.replace('/', '-')}-{office[-4:]}"
    yield {
        "kind": "responsibility", "id": f"R-{tag}", "step": name, "accountable": office, "within": {"workingDays": 5},
        "onSilence": "escalate", "risk": "low", "inspectWithin": {"workingDays": 20}, **DATED, **LAW, **silence,
    }  # fmt: skip
    power = {"office": office, "service": step["service"], "action": "decide"}
    yield {"kind": "power", "id": f"PD-{tag}", **power, **DATED, **LAW}
    ways = {way["type"] for need in step.get("needs", []) for way in need.get("anyOf", [need])}
    for kind in sorted(ways):
        yield from _exchange(f"{tag}-{kind}", name, step, office, kind, attests[kind])


def _exchange(
    tag: str, name: str, step: Mapping[str, Any], office: str, kind: str, holders: Sequence[str]
) -> Iterator[dict[str, Any]]:
    sources = [{"office": holder, "type": kind} for holder in holders]
    asked = {"service": step["service"], "askedBy": office, "step": name}
    yield {
        "kind": "proof", "id": f"P-{tag}", **asked, "proves": kind, "route": "register", "sources": sources,
        "legalBasis": "law", **DATED, **LAW,
    }  # fmt: skip
    for holder in holders:
        flow = {"consumer": office, "provider": holder, "type": kind, "fields": ["holder", "number"]}
        demand, way = f"D-{tag}-{holder[-4:]}", {"purpose": "check", "steps": [name]}
        yield {"kind": "demand", "id": demand, **flow, **way, "service": step["service"], **DATED, **LAW}
        grant = {"demand": demand, "mode": "onRequest", "basis": "law"}
        yield {"kind": "grant", "id": f"G-{tag}-{holder[-4:]}", **flow, **way, **grant, **DATED, **LAW}
