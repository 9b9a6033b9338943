# SPDX-License-Identifier: EUPL-1.2
"""The only place where the parts of cases meet. Nothing is built at import."""

from contextlib import AsyncExitStack
from datetime import timedelta

from cases.api import routers
from cases.clients import HttpExchangeBus, HttpIdentity, WaysToIssue, WayToOffices
from cases.consumers import CertificateFacts, RequestStates
from cases.domain.clocks import Pulse
from cases.jobs import CaseWork, Heart
from cases.service import (
    Applying,
    Clocks,
    Deciding,
    Facts,
    Gathering,
    Offers,
    Opening,
    Parts,
    Planning,
    Sealing,
    Viewing,
    Windows,
)
from cases.settings import Settings
from contracts import topics
from kit.api import create_api
from kit.auth import Authenticator
from kit.catalogue import CatalogueReplica
from kit.clock import system_clock
from kit.consumer import Consumer
from kit.db import open_db
from kit.health import Health
from kit.http import ServiceClient
from kit.jose import PrivateKey
from kit.outbox import Relay, Upkeep
from kit.parked import router as parked_router
from kit.process import Part, Running
from kit.readiness import watch
from kit.receipts import ReceiptSigner
from kit.registry import Registry
from kit.tokens import AssertionSigner
from kit.trust import Trust


class App:
    """Builds what a process of cases runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def open(self, stack: AsyncExitStack, *, serve: bool, work: bool) -> Running:
        """Open database, replicas and clients; give the API and the worker's parts."""
        s = self._settings
        trust = Trust.load(s.trust_file)
        registry = Registry.from_bus(s.kafka_bootstrap_servers, trust, system_clock)
        catalogue = CatalogueReplica.from_bus(s.kafka_bootstrap_servers, trust, system_clock)
        key = PrivateKey.from_jwk(s.jwk("sig.jwk"))
        signer = ReceiptSigner(s.system, s.operator, s.instance, key, registry.ledger_key, system_clock)
        db = await stack.enter_async_context(open_db(s, signer=signer, clock=system_clock))
        assertions = AssertionSigner(s.system, key, system_clock)
        identity = await stack.enter_async_context(
            ServiceClient("identity", s.identity_urls, signer=assertions, audience="identity")
        )
        bus = await stack.enter_async_context(
            ServiceClient("exchange-bus", s.exchange_bus_urls, signer=assertions, audience="exchange-bus")
        )
        platform = PrivateKey.from_jwk(s.jwk("platform.jwk"))
        parts = Parts(
            db=db,
            catalogue=catalogue.current,
            office_key=registry.office_key,
            platform_keys={platform.kid: platform},
            system=s.system,
            key=key,
            identity=HttpIdentity(identity),
            exchange_bus=HttpExchangeBus(bus),
            clock=system_clock,
            ask_deadline_s=s.ask_deadline_s,
            sandbox=s.sandbox,
        )
        clocks = await self._clocks(stack, parts, registry, assertions, bus)
        state = {
            "authenticator": Authenticator(s, registry, trust, system_clock),
            "planning": Planning(catalogue.current, system_clock),
            "opening": Opening(parts),
            "viewing": Viewing(parts),
            "windows": Windows(db, catalogue.current, system_clock),
            "applying": Applying(parts),
            "deciding": Deciding(parts),
            "clocks": clocks,
            "operator": s.operator,
            "db": db,
        }
        app = (
            create_api(s, routers=[*routers(sandbox=s.sandbox), parked_router], service="cases", state=state)
            if serve
            else None
        )
        running: dict[str, Part] = {"registry": registry.run, "catalogue": catalogue.run}
        if work:
            running |= self._work(parts, registry, clocks)
        return Running(
            app=app, parts=running, health=watch(Health(), db, "cases", registry=registry, catalogue=catalogue)
        )

    async def _clocks(
        self, stack: AsyncExitStack, parts: Parts, registry: Registry, assertions: AssertionSigner, bus: ServiceClient
    ) -> Clocks:
        """Build what judges silence, with clients of all that an office's answer passes."""
        s, doors, deployments = self._settings, [bus], {}
        if s.gateway_urls:
            door = ServiceClient("gateway", s.gateway_urls, signer=assertions, audience="gateway")
            doors.append(await stack.enter_async_context(door))
        for system, urls in s.certificates_urls.items():
            client = ServiceClient(system, urls, signer=assertions, audience=system)
            deployments[system] = await stack.enter_async_context(client)
        way = WayToOffices(s.kafka_bootstrap_servers, doors, s.operator)
        return Clocks(parts, way.is_open, _pulse(s), WaysToIssue(deployments, registry))

    def _work(self, parts: Parts, registry: Registry, clocks: Clocks) -> dict[str, Part]:
        db, bootstrap = parts.db, self._settings.kafka_bootstrap_servers
        gathering = Gathering(parts)
        # Each at its own pace: a task that is ready never waits until all that others apply for was started and asked.
        jobs = {
            "starts": [gathering.prepare_steps, gathering.ask_next],
            "asks": [gathering.send_asks],
            "tasks": [Sealing(parts).seal_tasks, clocks.judge_silence, Offers(parts, _pulse(self._settings)).lapse],
        }
        states, facts = RequestStates(gathering, registry), CertificateFacts(Facts(parts), registry)
        hears = {
            "requests": Consumer(
                db, bootstrap, "cases.requests", lambda: [topics.EVIDENCE_REQUEST], states, gaps="strict"
            ),
            "facts": Consumer(db, bootstrap, "cases.facts", lambda: [topics.CERTIFICATE], facts, gaps="strict"),
        }
        return {
            "relay": Relay(db, bootstrap).run,
            "upkeep": Upkeep(db).run,
            **{name: CaseWork(db, kind).run for name, kind in jobs.items()},
            "heart": Heart(clocks.beat, self._settings.beat_s).run,
            **{name: consumer.run for name, consumer in hears.items()},
        }


def _pulse(s: Settings) -> Pulse:
    return Pulse(gap=timedelta(seconds=s.outage_gap_s), settle=timedelta(seconds=s.outage_settle_s))


def build(settings: Settings) -> App:
    """Give the application; `kit.process` opens it."""
    return App(settings)
