# SPDX-License-Identifier: EUPL-1.2
"""Use cases of cases: a citizen opens one, its steps gather evidence, offices decide."""

from cases.service.deciding import Deciding
from cases.service.gathering import Gathering
from cases.service.opening import Opening
from cases.service.parts import WORK_CHANNEL, Parts

__all__ = ["WORK_CHANNEL", "Deciding", "Gathering", "Opening", "Parts"]
