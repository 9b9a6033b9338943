# SPDX-License-Identifier: EUPL-1.2
"""Reads a catalogue from YAML files and checks it: for `tongban catalogue check` and for whoever publishes one."""

from pathlib import Path
from typing import Any

import yaml

from contracts.catalogue.check import Fault, check


class CatalogueUnreadable(Exception):
    """A file that holds no list of entries. The text names file and line."""


class _Loader(yaml.SafeLoader):
    """YAML as JSON sees it: days stay text, and a name that stands twice in a mapping is an error, not a choice."""


# Without this rule 2025-09-01 would become a date object, which JSON, and so the API, doesn't have.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for name, _value in node.value:
        if name.value in seen:
            mark = name.start_mark
            raise yaml.constructor.ConstructorError(None, None, f"{name.value} stands here twice", mark)
        seen.add(name.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_entries(folder: Path) -> list[dict[str, Any]]:
    """Read all entries of the `*.yaml` files in *folder* and below, in order of path, then as they stand.

    Gives them as `POST /v1/catalogue/releases` takes them. Nothing is checked but the shape: lists of mappings.
    Raises CatalogueUnreadable.
    """
    return [item for item in _items(folder) if not _is_persona(item)]


def load_personas(folder: Path) -> list[dict[str, Any]]:
    """Read the sandbox's people of the same files: `{persona, number}`, no entries. Raises CatalogueUnreadable."""
    return [item for item in _items(folder) if _is_persona(item)]


def _is_persona(item: dict[str, Any]) -> bool:
    return "persona" in item and "kind" not in item


def _items(folder: Path) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*.yaml")):
        try:
            # A subclass of SafeLoader: it builds plain values only.
            content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
        except yaml.YAMLError as why:
            raise CatalogueUnreadable(f"{path}: {why}") from why
        if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
            raise CatalogueUnreadable(f"{path}: expected a list of entries")
        items.extend(content)
    return items


def check_folder(folder: Path, *, test_area: bool = True) -> list[Fault]:
    """Read and check a catalogue; an empty list means that it may be published.

    test_area: False as in production, where area 999900 is refused. Raises CatalogueUnreadable.
    """
    _entries, faults = check(load_entries(folder), test_area=test_area)
    return faults
