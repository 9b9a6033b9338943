# SPDX-License-Identifier: EUPL-1.2
"""Time: the only place that reads the machine's clocks. Everybody else takes a `Clock` as an argument."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the time now, aware, in UTC. For moments that are stored, signed or compared with other machines."""


def system_clock() -> datetime:
    """Give the wall clock's time, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Give seconds on a clock that never jumps. For time-outs and durations; its zero means nothing."""
    return time.monotonic()
