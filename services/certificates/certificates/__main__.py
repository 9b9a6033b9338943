# SPDX-License-Identifier: EUPL-1.2
"""`python -m certificates serve | work | run | migrate | check-config`."""

from certificates.app import PACKAGE, build
from certificates.settings import Settings
from kit.process import main

if __name__ == "__main__":
    main("certificates", Settings, build, PACKAGE)
