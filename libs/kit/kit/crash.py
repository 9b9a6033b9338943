# SPDX-License-Identifier: EUPL-1.2
"""Crash points: named places where a chaos test lets the process die, as by SIGKILL.

`kit.process` sets the point once, from the setting CRASH_POINT, which is refused outside a sandbox.
"""

import os

POINTS = frozenset(
    {
        "write.before_commit",
        "write.after_commit",
        "relay.after_send",
        "relay.after_ack",
        "consume.after_poll",
        "consume.after_inbox",
        "consume.after_effect",
        "consume.after_commit",
        "release.after_receipt",
        "release.after_seal",
    }
)
"""Every place in our code that calls `point`."""

EXIT_STATUS = 137
"""What a shell reports after SIGKILL."""

_armed: str | None = None


def arm(name: str | None) -> None:
    """Let the process die at the point *name*; None disarms. Raises ValueError for a name that no code calls."""
    global _armed  # noqa: PLW0603 - one process has one crash point; a parameter through every layer would be worse
    if name is not None and name not in POINTS:
        raise ValueError(f"no such crash point: {name}")
    _armed = name


def point(name: str) -> None:
    """Die here, without any cleaning up, if this point is armed."""
    if _armed == name:
        os._exit(EXIT_STATUS)
