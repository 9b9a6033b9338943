# SPDX-License-Identifier: EUPL-1.2
"""Who a system is: the roles that decide what it may sign."""

from enum import StrEnum


class Role(StrEnum):
    """Role of a registered system. What each may sign: `contracts.signing`."""

    OFFICE = "office"
    GATEWAY = "gateway"
    IDENTITY = "identity"
    CASES = "cases"
    EXCHANGE_BUS = "exchange-bus"
    CERTIFICATES = "certificates"
    LEDGER = "ledger"
    PORTAL = "portal"


PLATFORM = "platform"
"""The party that cases, exchange-bus, ledger, gateway and portal share: one pseudonym of a person, one key."""
