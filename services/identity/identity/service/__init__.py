# SPDX-License-Identifier: EUPL-1.2
"""The use cases of identity: who takes part, who a person is to whom, and who gets a token."""

from identity.service.aliases import AliasMint, connections_of
from identity.service.names import Names
from identity.service.persons import Persons
from identity.service.proofs import Proofs
from identity.service.registrations import Registrations
from identity.service.sessions import Sessions
from identity.service.tokens import TokenIssuer
from identity.service.upkeep import Upkeep
from identity.service.vault import Vault
from identity.service.windows import Windows

__all__ = [
    "AliasMint",
    "Names",
    "Persons",
    "Proofs",
    "Registrations",
    "Sessions",
    "TokenIssuer",
    "Upkeep",
    "Vault",
    "Windows",
    "connections_of",
]
