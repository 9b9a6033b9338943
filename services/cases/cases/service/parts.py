# SPDX-License-Identifier: EUPL-1.2
"""What every use case of cases works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cases.clients import ExchangeBus, Identity
from contracts.catalogue import Catalogue
from kit.clock import Clock
from kit.db import Database
from kit.jose import PrivateKey, PublicKey

WORK_CHANNEL = "case-work"
"""Hint that a step waits, an ask is unsent or a task is unsealed."""


@dataclass(frozen=True)
class Parts:
    """Collaborators. office_key: (party, use) -> its public key or None. platform_keys: private, by kid."""

    db: Database
    catalogue: Callable[[], Catalogue]
    office_key: Callable[[str, str], PublicKey | None]
    platform_keys: Mapping[str, PrivateKey]
    system: str
    key: PrivateKey
    identity: Identity
    exchange_bus: ExchangeBus
    clock: Clock
    ask_deadline_s: int
