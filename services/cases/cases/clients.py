# SPDX-License-Identifier: EUPL-1.2
"""The services that cases calls: identity for aliases, exchange-bus for evidence and the proof gate.

Others are only asked whether they are there: nobody is silent whom an outage of ours keeps from answering.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from cases.errors import PersonUnknown, Refused
from contracts import http as headers_of
from contracts.exchange_bus import DemandAccepted, DemandProof, EvidenceRequest
from contracts.http import Exchange
from contracts.identity import Aliases, AliasUse, MintAliases, SystemRecord
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
    """Whether offices get their tasks, and what they decide comes back: by Kafka, and through the door to the inbox."""

    def __init__(self, bootstrap: str, doors: Sequence[ServiceClient], operator: str) -> None:
        """doors: exchange-bus itself, and the gateway, which leads to it."""
        self._bootstrap = bootstrap
        self._doors = doors
        # A public figure that exchange-bus reads from its database: the answer doesn't matter, that there is one does.
        self._path = f"/v1/public/refusals?office={operator}"

    async def is_open(self) -> bool:
        """Ask all. A refusal is an answer too."""
        if not await cluster_ready(self._bootstrap):
            return False
        return all(await asyncio.gather(*(_answers(door, self._path) for door in self._doors)))


class Offices(Protocol):
    """What is known of systems: `kit.registry.Registry`."""

    def system(self, system_id: str) -> SystemRecord | None:
        """Give the record of a system in force."""
        ...


class WaysToIssue:
    """Whether offices can issue what a task calls for: each has a certificates deployment that answers for it."""

    def __init__(self, deployments: Mapping[str, ServiceClient], registry: Offices) -> None:
        """deployments: by system id."""
        self._deployments = deployments
        self._registry = registry

    def system_of(self, office: str) -> str | None:
        """Name the deployment that answers for an office; None for one that isn't ours to watch."""
        return next((system for system in self._deployments if office in self._offices(system)), None)

    async def answering(self) -> Mapping[str, Sequence[str]]:
        """Give the deployments that answer now, each with its offices."""
        systems = list(self._deployments)
        # Any path will do: what it says to one that it doesn't know is an answer.
        said = await asyncio.gather(*(_answers(self._deployments[system], "/") for system in systems))
        return {system: self._offices(system) for system, answers in zip(systems, said, strict=True) if answers}

    def _offices(self, system: str) -> Sequence[str]:
        record = self._registry.system(system)
        return record.offices if record is not None else ()


async def _answers(door: ServiceClient, path: str) -> bool:
    """Tell whether anybody is there: a refusal is an answer too."""
    try:
        await door.call("GET", path)
    except ServiceError as why:
        kind = why.upstream_kind if isinstance(why, UpstreamError) else why.kind
        return kind not in (Kind.UNAVAILABLE, Kind.TIMEOUT)
    return True
