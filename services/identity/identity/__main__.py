# SPDX-License-Identifier: EUPL-1.2
"""python -m identity serve | work | run | migrate | check-config."""

from identity.app import build
from identity.settings import Settings
from kit.process import main

if __name__ == "__main__":
    main("identity", Settings, build, "identity")
