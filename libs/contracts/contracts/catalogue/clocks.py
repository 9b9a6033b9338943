# SPDX-License-Identifier: EUPL-1.2
"""How long an evidence request may take, by the lists: the asker waits longer than the holder needs. Pure."""

from datetime import timedelta
from typing import Final

from contracts.catalogue.entries import CertificateType, Clocks, Proof

HOLDER: Final = timedelta(minutes=5)
"""Until the first answer, where the type says nothing."""
OPENING: Final = timedelta(minutes=15)
"""Until the citizen opens a preview, where the type says nothing."""
DECIDING: Final = timedelta(minutes=40)
"""Until she has decided, from the opening, where the type says nothing."""
ASKER: Final = timedelta(hours=1)
"""How long is waited for the first answer where the proof entry says nothing."""
MARGIN: Final = timedelta(minutes=1)
"""The asker waits at least this much longer, on each clock, so that a late answer is late at the holder first."""
LONGEST: Final = timedelta(days=30)
"""No request waits longer."""
_UNITS: Final = {"H": "hours", "M": "minutes", "S": "seconds"}
_SILENT: Final = Clocks()


def holder_needs(kind: CertificateType) -> timedelta:
    """Give the time that a holder of *kind* has for its first answer."""
    return _span((kind.clocks or _SILENT).first, HOLDER)


def opens_within(kind: CertificateType) -> timedelta:
    """Give the time that a person has to open a preview of *kind*, from the first answer."""
    return _span((kind.clocks or _SILENT).opening, OPENING)


def decides_within(kind: CertificateType) -> timedelta:
    """Give the time that a person has to decide on a preview of *kind*, from its opening."""
    return _span((kind.clocks or _SILENT).deciding, DECIDING)


def asker_waits(entry: Proof, otherwise: timedelta = ASKER, *, previewed: bool = False) -> timedelta:
    """Give how long whoever asks by *entry* waits. otherwise: for the first answer, where the entry says nothing.

    previewed: the person may look first, so that her two clocks are waited for too.
    """
    said = entry.clocks or _SILENT
    first = _span(said.first, otherwise)
    return first + asker_opening(entry) + asker_deciding(entry) if previewed else first


def asker_opening(entry: Proof) -> timedelta:
    """Give how long an asker waits for the opening of a preview."""
    return _span((entry.clocks or _SILENT).opening, OPENING + MARGIN)


def asker_deciding(entry: Proof) -> timedelta:
    """Give how long an asker waits for the decision on a preview."""
    return _span((entry.clocks or _SILENT).deciding, DECIDING + MARGIN)


def _span(said: str | None, otherwise: timedelta) -> timedelta:
    return otherwise if said is None else timedelta(**{_UNITS[said[-1]]: int(said[2:-1])})
