# SPDX-License-Identifier: EUPL-1.2
"""Routes: parse, call one use case, return what it gives."""

from certificates.api import changing, previewing, reading

routers = [changing.router, previewing.router, reading.router]

__all__ = ["routers"]
