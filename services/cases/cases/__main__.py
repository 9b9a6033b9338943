# SPDX-License-Identifier: EUPL-1.2
"""`python -m cases serve | work | run | migrate | check-config`."""

from cases.app import build
from cases.settings import Settings
from kit.process import main

if __name__ == "__main__":
    main("cases", Settings, build, "cases")
