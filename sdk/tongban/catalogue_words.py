# SPDX-License-Identifier: EUPL-1.2
"""What an entry of the catalogue means for the office that it concerns, in plain words."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from contracts.catalogue import (
    CertificateType,
    Demand,
    Entry,
    Grant,
    LifeEvent,
    Office,
    Power,
    Proof,
    Responsibility,
)

Names = Mapping[str, str]
"""Code of an office -> its English name."""
EVERYBODY: Final = ""
"""Stands where an entry is no single office's."""
_LOOKS: Final = {
    "none": "",
    "offered": ", seen first by the person where she wishes",
    "required": ", seen first by the person",
}

_OWNER: Final = {
    "office": "id",
    "certificateType": "source",
    "power": "office",
    "responsibility": "accountable",
    "proof": "asked_by",
    "demand": "consumer",
    "grant": "consumer",
    "lifeEvent": "lead",
}


def names_of(entries: Iterable[Entry]) -> dict[str, str]:
    """Give the English names of the offices among *entries*."""
    return {e.id: e.name.get("en", e.id) for e in entries if isinstance(e, Office)}


def whose(entry: Entry) -> str:
    """Name the office (USCC) that an entry gives something to, or EVERYBODY."""
    member = _OWNER.get(entry.kind)
    return EVERYBODY if member is None else str(getattr(entry, member))


def says(entry: Entry, names: Names) -> str:
    """Say what an entry means, as the end of a sentence that begins with its office."""
    words = _WORDS.get(entry.kind)
    return f"{entry.kind} {entry.id}" if words is None else words(entry, names)


def _office(entry: Office, _names: Names) -> str:
    return f"takes part ({entry.level})"


def _type(entry: CertificateType, _names: Names) -> str:
    return f"attests {entry.id} ({', '.join(field.name for field in entry.fields)})"


def _power(entry: Power, _names: Names) -> str:
    return f"may {entry.action} {entry.type or 'cases'} in {entry.service}, by {entry.law}"


def _responsibility(entry: Responsibility, _names: Names) -> str:
    days = entry.within.get("workingDays", 0)
    time = f"{days} working day{'s' * (days != 1)}"
    silence = "passes it" if entry.on_silence == "deemed" else "goes to the lead office"
    fee = f"; charges {yuan(entry.fee)}" * (entry.fee > 0)
    return f"answers for {entry.step} within {time}; risk {entry.risk}; silence {silence}{fee}"


def yuan(fen: int) -> str:
    """Say an amount of money."""
    return f"{fen // 100}.{fen % 100:02} yuan"


def _proof(entry: Proof, names: Names) -> str:
    where = entry.step or entry.service
    if entry.route == "applicant":
        return f"may ask the applicant for {entry.proves} in {where}, by {entry.law}"
    held = " or ".join(f"{source.type} of {names.get(source.office, source.office)}" for source in entry.sources)
    way = f"by {entry.route}" + (f", {held}" if held else "")
    look = _LOOKS[entry.previewed] if entry.sources else ""
    return f"may have {entry.proves} proven in {where} ({way}){look}, by {entry.law}"


def _demand(entry: Demand, names: Names) -> str:
    return f"wishes for {_supply(entry, names)}, by {entry.law}"


def _grant(entry: Grant, names: Names) -> str:
    if entry.mode == "onEvent":
        return f"may hear of {_supply(entry, names)} whenever it changes, by {entry.law}"
    return f"may obtain {_supply(entry, names)} in {', '.join(entry.steps)}, by {entry.law}"


def _supply(entry: Demand | Grant, names: Names) -> str:
    fields = ", ".join(entry.fields)
    return f"{entry.type} ({fields}) of {names.get(entry.provider, entry.provider)} for {entry.purpose}"


def _event(entry: LifeEvent, _names: Names) -> str:
    return f"leads {entry.id}: {entry.title.get('en', entry.id)} ({', '.join(step.id for step in entry.steps)})"


_WORDS: Final[dict[str, Callable[[Any, Names], str]]] = {
    "office": _office,
    "certificateType": _type,
    "power": _power,
    "responsibility": _responsibility,
    "proof": _proof,
    "demand": _demand,
    "grant": _grant,
    "lifeEvent": _event,
}
