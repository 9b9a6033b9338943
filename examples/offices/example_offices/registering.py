# SPDX-License-Identifier: EUPL-1.2
"""How an office's existing register becomes certificates that others can ask for. Repeatable."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from contracts.certificates.api import Holder
from example_offices.program import Say, read_register
from example_offices.rules import SELF
from tongban import Office, Problem


@dataclass(frozen=True)
class Entry:
    """One line of the register. number: the citizen's; the office holds it by law. key: names the entry within it."""

    number: str
    key: str
    claims: dict[str, Any]
    valid_from: date
    valid_to: date | None = None


@dataclass(frozen=True)
class Book:
    """One register on paper: what it attests, its file's name, and how its lines become entries."""

    type: str
    file: str
    entries: Callable[[Path, date], Iterator[Entry]]


def lines(key: str) -> Callable[[Path, date], Iterator[Entry]]:
    """Give a reader for a plain register: lines of `citizen`, `validFrom`, perhaps `validTo`, and the type's fields.

    key: the field that names an entry.
    """

    def entries(file: Path, _today: date) -> Iterator[Entry]:
        for row in read_register(file):
            claims = {name: value for name, value in row.items() if name not in ("citizen", "validFrom", "validTo")}
            until = row.get("validTo")
            yield Entry(
                number=row["citizen"],
                key=str(claims[key]),
                claims={"holder": SELF, **claims},
                valid_from=date.fromisoformat(row["validFrom"]),
                valid_to=None if until is None else date.fromisoformat(until),
            )

    return entries


async def open_book(office: Office, book: Book, folder: Path, today: date, say: Say) -> None:
    """Put a register on the platform. One whose type the lists don't give to this office stays closed."""
    if office.directory.catalogue.may_issue(office.office, book.type, today) is None:
        say(f"{book.type}: the lists don't let this office attest it; its register stays closed")
        return
    stand = await register(office, book.type, book.entries(folder / book.file, today), say)
    say(f"{book.type}: {stand} entries stand on the platform")


async def register(office: Office, type_name: str, entries: Iterable[Entry], say: Say) -> int:
    """Issue a certificate for each entry that has none; gives how many have one now.

    1. The numbers become the office's own pseudonyms, in one call; numbers stay here.
    2. Each entry has one key for ever, so neither a repeat nor a second run issues twice.
    """
    wanted = list(entries)
    subjects = await office.resolve([entry.number for entry in wanted])
    stand = 0
    for entry, subject in zip(wanted, subjects, strict=True):
        if subject is None:
            say(f"{type_name}: nobody has the number of entry {entry.key}")
            continue
        stand += await _issue(office, type_name, entry, subject, say)
    return stand


async def _issue(office: Office, type_name: str, entry: Entry, subject: str, say: Say) -> int:
    key = hashlib.sha256(f"{type_name}/{subject}/{entry.key}".encode()).hexdigest()
    try:
        issued = await office.issue(
            type_name,
            Holder(subject=subject),
            entry.claims,
            valid_from=entry.valid_from,
            valid_to=entry.valid_to,
            key=f"register-{key}",
        )
    except Problem as problem:
        # The platform keeps one valid certificate per entry: this one was issued under a key long forgotten.
        if problem.code != "TRANSITION_NOT_ALLOWED":
            raise
        say(f"{type_name}: entry {entry.key} has its licence")
        return 1
    say(f"{type_name}: entry {entry.key} has licence {issued.licence_id}")
    return 1
