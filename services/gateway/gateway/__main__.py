# SPDX-License-Identifier: EUPL-1.2
"""`python -m gateway serve | work | run | migrate | check-config`."""

from gateway.app import build
from gateway.settings import Settings
from kit.process import main

if __name__ == "__main__":
    main("gateway", Settings, build, "gateway")
