# SPDX-License-Identifier: EUPL-1.2
"""The SDK's only clock. Everything else takes one as an argument."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives now: aware, UTC."""


def system_clock() -> datetime:
    """Give the machine's time in UTC."""
    return datetime.now(UTC)
