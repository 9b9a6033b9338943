# SPDX-License-Identifier: EUPL-1.2
"""What callers of the gateway may see beside the common errors of kit."""

from kit.errors import Kind, ServiceError, TokenInvalid


class PurposeMissing(ServiceError):
    """403: personal data is asked for without a purpose and a legal basis."""

    kind, code, title = Kind.FORBIDDEN, "PURPOSE_MISSING", "Personal data needs a purpose and a legal basis"


class SystemNotActive(TokenInvalid):
    """401: the token is good, its system is revoked, unknown, or none of that office's."""


class WrongCaller(ServiceError):
    """403: this route isn't for callers of this kind."""

    kind, code, title = Kind.FORBIDDEN, "FORBIDDEN", "Not allowed for this caller"
