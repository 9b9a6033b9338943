# SPDX-License-Identifier: EUPL-1.2
"""How much time the caller still gives us. Set once at the edge, read wherever we wait for somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from kit.clock import monotonic

DEFAULT_S: Final = 10.0
"""What a call without `Tongban-Deadline` gets."""
MAX_S: Final = 60.0
"""What no call may exceed."""
MARGIN_S: Final = 0.02
"""What each hop keeps for itself, so that it answers before its caller gives up."""

_until: ContextVar[float | None] = ContextVar("deadline", default=None)


def remaining_s() -> float | None:
    """Give the seconds left for the work at hand (may be negative), None where nobody set a deadline."""
    until = _until.get()
    return None if until is None else until - monotonic()


def within(limit_s: float) -> float:
    """Give the time that a single wait may take: *limit_s*, or less where less is left. Never negative."""
    left = remaining_s()
    return limit_s if left is None else max(0.0, min(limit_s, left))


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let the work inside end within *seconds*, or sooner where an outer deadline says so."""
    token = _until.set(monotonic() + within(seconds))
    try:
        yield
    finally:
        _until.reset(token)
