# SPDX-License-Identifier: EUPL-1.2
"""The one service that certificates calls: identity, for sealed aliases."""

from collections.abc import Sequence
from typing import Literal, Protocol

from certificates.errors import SubjectUnknown
from contracts.http import IDEMPOTENCY_KEY
from contracts.identity import Aliases, AliasUse, MintAliases
from contracts.ids import uuid7
from kit.errors import Kind, ServiceError
from kit.http import ServiceClient

KeyUse = Literal["answering", "inbox"]


class PartiesNotConnected(ServiceError):
    """403: no list entry or grant connects the office with the party, as identity sees the catalogue."""

    kind, code, title = Kind.FORBIDDEN, "PARTIES_NOT_CONNECTED", "No list entry or grant connects these parties"


class NoOfficeKey(ServiceError):
    """409: the party has no key in force."""

    kind, code, title = Kind.CONFLICT, "NO_OFFICE_KEY", "The party has no usable key"


KNOWN: dict[str, type[ServiceError]] = {
    "PARTIES_NOT_CONNECTED": PartiesNotConnected,
    "NO_OFFICE_KEY": NoOfficeKey,
    "NOT_FOUND": SubjectUnknown,
}


class AliasMinter(Protocol):
    """Makes sealed aliases of one person for several parties."""

    async def mint(self, office: str, subject: str, uses: Sequence[tuple[str, KeyUse]]) -> list[str]:
        """Give one alias for each (party, key use), in their order. subject: the office's own pseudonym.

        Raises SubjectUnknown, PartiesNotConnected, NoOfficeKey, UpstreamUnavailable.
        """
        ...


class Identity:
    """Identity over HTTP."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def mint(self, office: str, subject: str, uses: Sequence[tuple[str, KeyUse]]) -> list[str]:
        """See AliasMinter."""
        wanted = MintAliases(from_=office, subject=subject, to=[AliasUse(party=party, use=use) for party, use in uses])
        headers = {IDEMPOTENCY_KEY: str(uuid7())}  # one more alias does no harm, so another address may be tried
        answer = await self._client.call("POST", "/v1/aliases", json=wanted, headers=headers, known=KNOWN)
        made = answer.model(Aliases).aliases
        by_use = {(one.party, one.use): one.alias for one in made}
        return [by_use[use] for use in uses]
