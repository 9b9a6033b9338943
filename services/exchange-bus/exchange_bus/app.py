# SPDX-License-Identifier: EUPL-1.2
"""The only place where the parts of exchange-bus meet. Nothing is built at import."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from contracts import topics
from contracts.roles import Role
from exchange_bus.api import router
from exchange_bus.consumers import ClosedCases, Envelopes, Holdings
from exchange_bus.jobs import ExpirySweep
from exchange_bus.service import Asking, Closing, Counting, Delivering, Demanding, Directing, Keys, Releasing, Waiting
from exchange_bus.settings import Settings
from kit import parked
from kit.api import create_api
from kit.auth import Authenticator
from kit.catalogue import CatalogueReplica
from kit.clock import Clock, system_clock
from kit.consumer import Consumer
from kit.db import Database, open_db
from kit.edge import EdgeMiddleware, EdgeRules
from kit.health import Health
from kit.jose import PrivateKey
from kit.kafka import ensure_topics
from kit.outbox import Relay, Upkeep
from kit.process import Part, Running
from kit.readiness import watch
from kit.receipts import ReceiptSigner
from kit.registry import Registry
from kit.trust import Trust

PACKAGE = "exchange_bus"
RELEASE_BYTES = 8 * 1024 * 1024
"""Largest release that the API takes."""


class App:
    """Builds what a process of exchange-bus runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def open(self, stack: AsyncExitStack, *, serve: bool, work: bool) -> Running:
        """Open database and replicas; give the API and the worker's parts."""
        s, health = self._settings, Health()
        trust = Trust.load(s.trust_file)
        registry = Registry.from_bus(s.kafka_bootstrap_servers, trust, system_clock, keep_in=s.replica_dir)
        catalogue = CatalogueReplica.from_bus(
            s.kafka_bootstrap_servers, trust, system_clock, allow_empty=True, keep_in=s.replica_dir
        )
        sig = PrivateKey.from_jwk(s.jwk("sig.jwk"))
        signer = ReceiptSigner(s.system, s.operator, s.instance, sig, registry.ledger_key, system_clock)
        db = await stack.enter_async_context(open_db(s, signer=signer, clock=system_clock))
        uses = UseCases(s, db, registry, catalogue, sig, health, system_clock)
        watch(health, db, PACKAGE, registry=registry, catalogue=catalogue)
        parts: dict[str, Part] = {"registry": registry.run, "catalogue": catalogue.run}
        app = None
        if serve:
            app = build_api(s, uses, registry, trust, system_clock)
            parts["waiting"] = uses.waiting.run
        if work:
            parts |= uses.parts()
        return Running(app=app, parts=parts, health=health)


class UseCases:
    """All use cases, each with its collaborators."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        registry: Registry,
        catalogue: CatalogueReplica,
        sig: PrivateKey,
        health: Health,
        clock: Clock,
    ) -> None:
        platform = PrivateKey.from_jwk(settings.jwk("platform.jwk"))
        self._settings, self._db, self._registry, self._catalogue = settings, db, registry, catalogue
        self._clock = clock
        self._platform_keys = {platform.kid: platform}
        keys = Keys(
            system=settings.system,
            sig=sig,
            platform=self._platform_keys,
            answering=lambda office: registry.office_key(office, "answering"),
            cases=registry.key_of(Role.CASES),
        )
        self.waiting = Waiting(db, health.stopping)
        self.asking = Asking(db, catalogue.current, keys, self.waiting, clock)
        self.delivering = Delivering(db, catalogue.current, clock, health.stopping)
        self.closing = Closing(db, clock)
        self.demanding = Demanding(db, catalogue.current, self._platform_keys, clock)
        self.counting = Counting(db, catalogue.current)
        self.releasing = Releasing(
            db,
            PrivateKey.from_jwk(settings.jwk("catalogue.jwk")),
            settings.system,
            self._make_topics,
            clock,
            test_area=settings.sandbox,
        )

    def state(self) -> dict[str, object]:
        """Give what routes find."""
        return {
            "db": self._db,
            "asking": self.asking,
            "delivering": self.delivering,
            "demanding": self.demanding,
            "counting": self.counting,
            "releasing": self.releasing,
        }

    def handlers(self) -> tuple[Envelopes, Holdings, ClosedCases]:
        """Give what takes effect of each topic that we hear."""
        return (
            Envelopes(self.delivering, self._registry),
            Holdings(Directing(), self._registry, self._platform_keys),
            ClosedCases(self.closing, self._registry),
        )

    def parts(self) -> dict[str, Part]:
        """Give the workers."""
        db, bootstrap = self._db, self._settings.kafka_bootstrap_servers
        holdings, cases = [topics.HOLDING], [topics.CASE]
        envelopes, directory, closed = self.handlers()
        hears = {
            "envelopes": Consumer(db, bootstrap, "exchange-bus.envelopes", self._inboxes, envelopes, gaps="strict"),
            "holdings": Consumer(db, bootstrap, "exchange-bus.holdings", lambda: holdings, directory, gaps="compacted"),
            "cases": Consumer(db, bootstrap, "exchange-bus.cases", lambda: cases, closed, gaps="strict"),
        }
        return {
            "relay": Relay(db, bootstrap).run,
            "upkeep": Upkeep(db).run,
            "expiry": ExpirySweep(self.closing).run,
            **{name: consumer.run for name, consumer in hears.items()},
        }

    def _inboxes(self) -> list[str]:
        """Name the inbox topics of all offices that the release holds; none while it is being loaded."""
        if not self._catalogue.ready:
            return []
        on = self._clock().date()
        return sorted(topics.envelope_topic(office.id) for office in self._catalogue.current().offices(on))

    async def _make_topics(self, offices: Sequence[str]) -> None:
        await ensure_topics(self._settings.kafka_bootstrap_servers, topics.office_topics(offices))


def build_api(settings: Settings, uses: UseCases, registry: Registry, trust: Trust, clock: Clock) -> EdgeMiddleware:
    """Give the API over *uses*."""
    return create_api(
        settings,
        routers=[router, parked.router],
        service="exchange-bus",
        state={**uses.state(), "authenticator": Authenticator(settings, registry, trust, clock)},
        rules=EdgeRules(hosts=settings.allowed_hosts, body_caps={"/v1/catalogue/releases": RELEASE_BYTES}),
    )


def build(settings: Settings) -> App:
    """Give the application; `kit.process` opens it."""
    return App(settings)
