# SPDX-License-Identifier: EUPL-1.2
"""UUIDv7 (RFC 9562, section 5.7), which Python 3.11 lacks."""

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """Make a UUID that sorts by its millisecond of birth; 74 random bits follow."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (2**48 - 1)) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
