# SPDX-License-Identifier: EUPL-1.2
"""`python -m exchange_bus serve | work | run | migrate | check-config`."""

from exchange_bus.app import build
from exchange_bus.settings import Settings
from kit.process import main

if __name__ == "__main__":
    main("exchange-bus", Settings, build, "exchange_bus")
