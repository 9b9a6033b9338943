# SPDX-License-Identifier: EUPL-1.2
"""How long an evidence request may take, by the lists: the asker waits longer than the holder needs. Pure."""

from datetime import timedelta
from typing import Final

from contracts.catalogue.entries import CertificateType, Clocks, Proof

HOLDER: Final = timedelta(minutes=5)
"""Until the first answer, where the type says nothing."""
ASKER: Final = timedelta(hours=1)
"""How long is waited where the proof entry says nothing."""
MARGIN: Final = timedelta(minutes=1)
"""The asker waits at least this much longer, so that a late answer is late at the holder first."""
LONGEST: Final = timedelta(days=30)
"""No request waits longer."""
_UNITS: Final = {"H": "hours", "M": "minutes", "S": "seconds"}


def holder_needs(kind: CertificateType) -> timedelta:
    """Give the time that a holder of *kind* has for its first answer."""
    return _first(kind.clocks, HOLDER)


def asker_waits(entry: Proof, otherwise: timedelta = ASKER) -> timedelta:
    """Give how long whoever asks by *entry* waits for the first answer. otherwise: where the entry says nothing."""
    return _first(entry.clocks, otherwise)


def _first(clocks: Clocks | None, otherwise: timedelta) -> timedelta:
    if clocks is None:
        return otherwise
    return timedelta(**{_UNITS[clocks.first[-1]]: int(clocks.first[2:-1])})
