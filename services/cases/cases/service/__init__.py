# SPDX-License-Identifier: EUPL-1.2
"""Use cases of cases: a citizen opens one, its steps gather evidence, offices decide, clocks run."""

from cases.service.applying import Applying
from cases.service.clocks import Clocks
from cases.service.deciding import Deciding
from cases.service.facts import Facts, Heard
from cases.service.gathering import Gathering
from cases.service.moves import write_moves
from cases.service.offers import Offers
from cases.service.opening import Opening
from cases.service.parts import WORK_CHANNEL, Parts
from cases.service.plans import Planning
from cases.service.sealing import Sealing
from cases.service.viewing import Viewing
from cases.service.windows import Windows

__all__ = [
    "WORK_CHANNEL",
    "Applying",
    "Clocks",
    "Deciding",
    "Facts",
    "Gathering",
    "Heard",
    "Offers",
    "Opening",
    "Parts",
    "Planning",
    "Sealing",
    "Viewing",
    "Windows",
    "write_moves",
]
