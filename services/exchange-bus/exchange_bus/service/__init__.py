# SPDX-License-Identifier: EUPL-1.2
"""Use cases of exchange-bus: releases, questions, deliveries, ends, demands, figures."""

from exchange_bus.service.asking import Asking, Keys
from exchange_bus.service.closing import Closing
from exchange_bus.service.counting import Counting
from exchange_bus.service.delivering import INBOX_CHANNEL, Delivering, Signed
from exchange_bus.service.demanding import Demanding
from exchange_bus.service.directing import Directing
from exchange_bus.service.releasing import Releasing
from exchange_bus.service.waiting import STATE_CHANNEL, Waiting

__all__ = [
    "INBOX_CHANNEL",
    "STATE_CHANNEL",
    "Asking",
    "Closing",
    "Counting",
    "Delivering",
    "Demanding",
    "Directing",
    "Keys",
    "Releasing",
    "Signed",
    "Waiting",
]
