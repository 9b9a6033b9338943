# SPDX-License-Identifier: EUPL-1.2
"""The two services that cases calls: identity for aliases, exchange-bus for evidence and the proof gate."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from cases.errors import PersonUnknown, Refused
from contracts import http as headers_of
from contracts.exchange_bus import DemandAccepted, DemandProof, EvidenceRequest
from contracts.http import Exchange
from contracts.identity import Aliases, AliasUse, MintAliases
from contracts.roles import PLATFORM
from kit.errors import Kind, ServiceError, UpstreamError
from kit.http import HttpAnswer, ServiceClient
from kit.kafka import cluster_ready

AliasKey = tuple[str, str]
"""(party, use)."""


class Identity(Protocol):
    """Mints aliases of a person for other parties."""

    async def aliases(self, subject: str, to: Sequence[AliasKey]) -> Mapping[AliasKey, str]:
        """Give an alias for each of *to*. subject: the platform's pseudonym. Raises PersonUnknown, Unavailable."""
        ...


class ExchangeBus(Protocol):
    """Takes evidence requests and judges demands on the applicant."""

    async def ask(self, body: bytes, ask_id: str, exchange: Exchange) -> EvidenceRequest:
        """Hand an ask over; repeats with the same id are one request. Raises the gate's refusal, Unavailable."""
        ...

    async def demand(self, demand: DemandProof, key: str, exchange: Exchange) -> DemandAccepted:
        """Ask whether an office may demand a proof. Raises the proof gate's refusal."""
        ...


class HttpIdentity:
    """Identity over HTTP."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def aliases(self, subject: str, to: Sequence[AliasKey]) -> Mapping[AliasKey, str]:
        """See `Identity.aliases`."""
        uses = [AliasUse.model_validate({"party": party, "use": use}) for party, use in to]
        body = MintAliases.model_validate({"from": PLATFORM, "subject": subject, "to": uses})
        answer = await self._client.call("POST", "/v1/aliases", json=body, known={"NOT_FOUND": PersonUnknown})
        return {(one.party, one.use): one.alias for one in answer.model(Aliases).aliases}


class HttpExchangeBus:
    """exchange-bus over HTTP."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def ask(self, body: bytes, ask_id: str, exchange: Exchange) -> EvidenceRequest:
        """See `ExchangeBus.ask`."""
        headers = {headers_of.IDEMPOTENCY_KEY: ask_id, headers_of.EXCHANGE: exchange.header()}
        return (await self._call("/v1/evidence-requests", body, headers)).model(EvidenceRequest)

    async def demand(self, demand: DemandProof, key: str, exchange: Exchange) -> DemandAccepted:
        """See `ExchangeBus.demand`."""
        headers = {headers_of.IDEMPOTENCY_KEY: key, headers_of.EXCHANGE: exchange.header()}
        return (await self._call("/v1/proof-demands", demand.wire_bytes(), headers)).model(DemandAccepted)

    async def _call(self, path: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """Call; a refusal keeps its own code and members, everything passing stays what it was."""
        try:
            return await self._client.call("POST", path, content=body, headers=headers)
        except UpstreamError as why:
            if why.kind is Kind.UNAVAILABLE:
                raise
            raise Refused(why) from why


class WayToOffices:
    """Whether offices get their tasks, and what they decide comes back: by Kafka, and by exchange-bus's inbox."""

    def __init__(self, bootstrap: str, exchange_bus: ServiceClient, operator: str) -> None:
        self._bootstrap = bootstrap
        self._exchange_bus = exchange_bus
        # A public figure that exchange-bus reads from its database: the answer doesn't matter, that there is one does.
        self._path = f"/v1/public/refusals?office={operator}"

    async def is_open(self) -> bool:
        """Ask both. A refusal is an answer too."""
        if not await cluster_ready(self._bootstrap):
            return False
        try:
            await self._exchange_bus.call("GET", self._path)
        except ServiceError as why:
            kind = why.upstream_kind if isinstance(why, UpstreamError) else why.kind
            return kind not in (Kind.UNAVAILABLE, Kind.TIMEOUT)
        return True
