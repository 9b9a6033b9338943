# SPDX-License-Identifier: EUPL-1.2
"""How an office's existing register becomes certificates that others can ask for. Repeatable."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from contracts.certificates.api import Holder
from example_offices.program import Say
from tongban import Office, Problem


@dataclass(frozen=True)
class Entry:
    """One line of the register. number: the citizen's; the office holds it by law. key: names the entry within it."""

    number: str
    key: str
    claims: dict[str, Any]
    valid_from: date
    valid_to: date | None = None


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
