# SPDX-License-Identifier: EUPL-1.2
"""The difference between two catalogues in plain words: what each office may newly do, ask or obtain, and what ended.

Entries are compared by kind and id, by the newest version on each side. Pure but for `read`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from contracts.catalogue import Entry, Proof, Responsibility, parse_entry
from tongban.catalogue_files import CatalogueUnreadable, load_entries
from tongban.catalogue_words import EVERYBODY, Names, names_of, says, whose, yuan

_UNSAID: Final = frozenset({"kind", "id", "version"})
_HEADS: Final = {"new": "newly", "ended": "no longer", "changed": "changed"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry that differs. office: whom it concerns (USCC, or EVERYBODY). words: for people, one line or more."""

    office: str
    what: Literal["new", "ended", "changed"]
    entry: str
    words: tuple[str, ...]


def read(path: Path) -> list[Entry]:
    """Read a folder of YAML files, or a release as JSON: `{"entries": [...]}` as it is published, or the bare list.

    Raises CatalogueUnreadable.
    """
    raw = load_entries(path) if path.is_dir() else _release(path)
    try:
        return [parse_entry(one) for one in raw]
    except ValidationError as why:
        raise CatalogueUnreadable(f"{path}: an entry can't be read; `tongban catalogue check` says which") from why


def _release(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        raise CatalogueUnreadable(f"{path}: no folder, and no JSON") from why
    entries = found.get("entries") if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise CatalogueUnreadable(f"{path}: expected a release, an object with entries")
    return entries


def differences(before: Iterable[Entry], after: Iterable[Entry]) -> list[Difference]:
    """Give what differs, sorted by office and entry; offices by what *after* calls them."""
    old, new = _newest(before), _newest(after)
    names = names_of([*old.values(), *new.values()])
    found = [one for key in sorted(old.keys() | new.keys()) for one in _one(old.get(key), new.get(key), names)]
    return sorted(found, key=lambda d: (d.office != EVERYBODY, names.get(d.office, d.office), d.entry))


def in_words(before: Iterable[Entry], after: Iterable[Entry]) -> list[str]:
    """Give the difference as lines for people, office by office."""
    before, after = list(before), list(after)
    names = names_of([*before, *after])
    lines: list[str] = []
    office: str | None = None
    for one in differences(before, after):
        if one.office != office:
            office = one.office
            lines.append(f"{names.get(office, office)} ({office})" if office != EVERYBODY else "Everybody")
        first, *more = one.words
        lines.append(f"  {_HEADS[one.what]}: {first} [{one.entry}]")
        lines += [f"    {line}" for line in more]
    return lines or ["no difference"]


def _newest(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
    return {(e.kind, e.id): e for e in sorted(entries, key=lambda e: e.version)}


def _one(old: Entry | None, new: Entry | None, names: Names) -> Iterator[Difference]:
    """Compare one entry's newest versions."""
    if old is None and new is not None:
        yield Difference(whose(new), "new", new.id, (_since(new, names),))
    elif old is not None and new is None:
        yield Difference(whose(old), "ended", old.id, (says(old, names),))
    elif old is not None and new is not None and old != new:
        if whose(old) != whose(new):  # two offices are concerned, and each reads its own half
            yield Difference(whose(old), "ended", old.id, (says(old, names),))
            yield Difference(whose(new), "new", new.id, (_since(new, names),))
        elif new.to is not None and old.to is None:
            yield Difference(whose(new), "ended", new.id, (f"{says(new, names)}, from {new.to} on", *_change(old, new)))
        else:
            yield Difference(whose(new), "changed", new.id, (says(new, names), *_change(old, new)))


def _change(old: Entry, new: Entry) -> tuple[str, ...]:
    """Say from what to what each member changed; in which version, since when."""
    same = old.version == new.version
    head = "in the same version, which no running release takes" if same else f"version {old.version} -> {new.version}"
    return (head, *sorted(_members(_in_effect(old), _in_effect(new), "")))


def _in_effect(entry: Entry) -> dict[str, Any]:
    """Give an entry's members as they take effect: a rule that is left out is still a rule, and money is yuan."""
    said = entry.wire()
    if isinstance(entry, Proof) and entry.sources:
        said["preview"] = entry.previewed
    if isinstance(entry, Responsibility):
        said["fee"] = yuan(entry.fee)
    return said


def _members(before: Mapping[str, Any], after: Mapping[str, Any], place: str) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if place or name not in _UNSAID:
            yield from _values(before.get(name), after.get(name), f"{place}{name}")


def _values(before: Any, after: Any, place: str) -> Iterator[str]:
    """Say how one value changed: lists by what came and went, named things by their names."""
    if before == after:
        return
    if isinstance(before, dict | None) and isinstance(after, dict | None):
        yield from _members(before or {}, after or {}, f"{place}.")
    elif _are_named(before) and _are_named(after):
        old, new = ({_name(one): one for one in side} for side in (before, after))
        yield from (f"{place}: {name} is new" for name in new if name not in old)
        yield from (f"{place}: {name} is gone" for name in old if name not in new)
        for name in (name for name in old if name in new):
            yield from _members(old[name], new[name], f"{place} {name}.")
    elif isinstance(before, list) and isinstance(after, list):
        came, went = ([_text(one) for one in a if one not in b] for a, b in ((after, before), (before, after)))
        yield f"{place}: " + "; ".join(
            [f"{', '.join(came)} came"] * bool(came) + [f"{', '.join(went)} went"] * bool(went) or ["another order"]
        )
    else:
        yield f"{place}: {_text(before)} -> {_text(after)}"


def _are_named(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(v, dict) and _name(v) for v in values)


def _name(value: Mapping[str, Any]) -> str:
    return str(value.get("id") or value.get("name") or "")


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _since(entry: Entry, names: Names) -> str:
    return f"{says(entry, names)}, from {entry.from_} on"
