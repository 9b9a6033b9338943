# SPDX-License-Identifier: EUPL-1.2
"""What callers of the ledger may see beside the common errors of kit."""

from kit.errors import Kind, ServiceError


class CursorInvalid(ServiceError):
    """400: `after` isn't a cursor that an earlier page gave."""

    kind, code, title = Kind.INVALID, "CURSOR_INVALID", "The cursor is not one of ours"
