# SPDX-License-Identifier: EUPL-1.2
"""Offices that joined a stack beside those of its table: their cards and catalogue entries, kept in the run folder.

A guest brings its own keys; the stack never sees their private halves. One of its certificates deployments answers
for the guest, with keys that are made there.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.errors import StackError
from local_stack.layout import Layout
from local_stack.table import DEPLOYMENTS, OFFICE_SYSTEMS, Deployment

HOST = "certificates-3"
"""The deployment that answers for offices without one of their own."""
_CARD, _ENTRIES = "office.json", "catalogue"


@dataclass(frozen=True)
class Guest:
    """An office that joined. keys: use (`sig`, `inbox`) -> public JWK of its system. entries: a folder."""

    office: str
    system: str
    keys: dict[str, dict[str, str]]
    entries: Path


def read(folder: Path) -> Guest:
    """Read what an office hands over: its card, and its catalogue entries beside it. Raises StackError."""
    try:
        card: dict[str, Any] = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        guest = Guest(
            card["office"], card["system"], {use: card["keys"][use] for use in ("sig", "inbox")}, folder / _ENTRIES
        )
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise StackError("CARD_UNREADABLE", f"{folder / _CARD}: {type(why).__name__} {why}") from why
    known = {office for deployment in DEPLOYMENTS.values() for office in deployment.offices}
    if guest.office in known or guest.system in {*DEPLOYMENTS, *(one.system for one in OFFICE_SYSTEMS)}:
        raise StackError("OFFICE_KNOWN", f"{guest.office} or {guest.system} takes part already")
    return guest


def keep(layout: Layout, guest: Guest) -> None:
    """Keep a guest's card and entries; what it handed over before is replaced."""
    folder = layout.run / "guests" / guest.system
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(guest.entries, folder / _ENTRIES)
    card = {"office": guest.office, "system": guest.system, "keys": guest.keys}
    (folder / _CARD).write_text(json.dumps(card), encoding="utf-8")


def of(layout: Layout) -> Iterator[Guest]:
    """Give the stack's guests, in order of their systems' names."""
    for card in sorted((layout.run / "guests").glob(f"*/{_CARD}")):
        yield read(card.parent)


def offices_of(layout: Layout, deployment: Deployment) -> list[str]:
    """Give the offices that a deployment answers for, guests included."""
    guests = [guest.office for guest in of(layout)] if deployment.system == HOST else []
    return [*deployment.offices, *guests]
