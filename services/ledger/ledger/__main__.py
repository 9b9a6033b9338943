# SPDX-License-Identifier: EUPL-1.2
"""`python -m ledger serve | work | run | migrate | check-config`."""

from kit.process import main
from ledger.app import build
from ledger.settings import Settings

if __name__ == "__main__":
    main("ledger", Settings, build, "ledger")
