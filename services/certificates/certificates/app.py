# SPDX-License-Identifier: EUPL-1.2
"""Where the parts of certificates meet."""

from contextlib import AsyncExitStack
from datetime import timedelta

from certificates.api import routers
from certificates.clients import AliasMinter, Identity
from certificates.consumers import Asks
from certificates.jobs import ExpiryJob, PreviewJob, ShareJob
from certificates.service import (
    AliasBook,
    Amending,
    Answering,
    Changing,
    Credentials,
    Issuing,
    Judging,
    Keys,
    Previewing,
    Proving,
    Reading,
    Rulebook,
    Serials,
    Sharing,
    Snapshots,
    Verifying,
    Writer,
    write_issues,
)
from certificates.settings import Settings
from contracts import topics
from contracts.receipts import Asker
from contracts.roles import Role
from kit import parked
from kit.api import create_api
from kit.auth import Authenticator
from kit.catalogue import CatalogueReplica
from kit.clock import Clock, system_clock
from kit.consumer import Consumer
from kit.db import Database, coalescing, open_db
from kit.edge import EdgeMiddleware
from kit.health import Health
from kit.http import ServiceClient
from kit.jose import PublicKey
from kit.outbox import Relay, Upkeep
from kit.process import Part, Running
from kit.readiness import watch
from kit.receipts import ReceiptSigner
from kit.registry import Registry
from kit.tokens import AssertionSigner
from kit.trust import Trust

PACKAGE = "certificates"


class Parties:
    """The other parties that sharing needs, as the registry knows them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def office_key(self, office: str, use: str) -> PublicKey | None:
        """Give the newest key in force of an office or the platform, or None."""
        return self._registry.office_key(office, use)

    def directory(self) -> Asker | None:
        """Give the system that keeps the directory, and its operator."""
        record = self._registry.system(Role.EXCHANGE_BUS.value)
        return None if record is None else Asker(office=record.operator, system=record.system_id)


class App:
    """One deployment. Everything is built in `open`, nothing before."""

    def __init__(self, settings: Settings, clock: Clock = system_clock) -> None:
        self.settings = settings
        self._clock = clock

    async def open(self, stack: AsyncExitStack, *, serve: bool, work: bool) -> Running:
        """Connect everything; what must be closed goes on *stack*."""
        settings, clock, health = self.settings, self._clock, Health()
        trust, keys = Trust.load(settings.trust_file), Keys.load(settings)
        registry = Registry.from_bus(settings.kafka_bootstrap_servers, trust, clock, keep_in=settings.replica_dir)
        catalogue = CatalogueReplica.from_bus(
            settings.kafka_bootstrap_servers, trust, clock, keep_in=settings.replica_dir
        )
        signer = ReceiptSigner(
            settings.system, settings.operator, settings.instance, keys.sig, registry.ledger_key, clock
        )
        db = await stack.enter_async_context(open_db(settings, signer=signer, clock=clock))
        identity = await stack.enter_async_context(
            ServiceClient(
                "identity",
                settings.identity_urls,
                signer=AssertionSigner(settings.system, keys.sig, clock),
                audience="identity",
            )
        )
        writer = await stack.enter_async_context(coalescing(db, write_issues))
        rulebook = Rulebook(catalogue.current, clock)
        uses = UseCases(settings, clock, db, writer, keys, registry, rulebook, Identity(identity))
        watch(health, db, PACKAGE, registry=registry, catalogue=catalogue)
        parts: dict[str, Part] = {"registry": registry.run, "catalogue": catalogue.run}
        if work:
            parts |= uses.parts()
            health.note("shares_waiting", lambda: uses.sharing.waiting)
        app = build_api(settings, uses, registry, trust, clock) if serve else None
        return Running(app=app, parts=parts, health=health)


class UseCases:
    """All use cases, each with its collaborators."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        db: Database,
        writer: Writer,
        keys: Keys,
        registry: Registry,
        rulebook: Rulebook,
        identity: AliasMinter,
    ) -> None:
        credentials = Credentials(keys, clock, timedelta(hours=settings.presentation_hours))
        alias_book = AliasBook(db, identity, registry, clock)
        case_keys = registry.key_of(Role.CASES)
        self._settings, self._clock, self._db, self._keys = settings, clock, db, keys
        self._registry, self._rulebook = registry, rulebook
        proving = Proving(rulebook=rulebook, keys=keys, case_keys=case_keys)
        self.changing = Changing(db=db, rulebook=rulebook, keys=keys)
        self.amending = Amending(db=db, rulebook=rulebook, credentials=credentials, keys=keys, proving=proving)
        self.issuing = Issuing(
            db=db,
            writer=writer,
            rulebook=rulebook,
            credentials=credentials,
            keys=keys,
            serials=Serials(db),
            proving=proving,
        )
        self.reading = Reading(db=db, rulebook=rulebook, alias_book=alias_book)
        self.verifying = Verifying(db=db, rulebook=rulebook, registry=registry, offices=settings.offices)
        self.sharing = Sharing(
            db=db,
            rulebook=rulebook,
            credentials=credentials,
            keys=keys,
            alias_book=alias_book,
            parties=Parties(registry),
            system=settings.system,
            batch=settings.share_batch,
        )
        self.snapshots = Snapshots(db=db, rulebook=rulebook, keys=keys)
        judging = Judging(db=db, rulebook=rulebook, keys=keys, case_keys=case_keys)
        self.answering = Answering(
            judging=judging,
            rulebook=rulebook,
            credentials=credentials,
            keys=keys,
            registry=registry,
            system=settings.system,
        )
        self.previewing = Previewing(db=db, rulebook=rulebook, judging=judging, answering=self.answering, keys=keys)

    def state(self) -> dict[str, object]:
        """Give what routes find."""
        return {
            "db": self._db,
            "offices": frozenset(self._settings.offices),
            "issuing": self.issuing,
            "changing": self.changing,
            "amending": self.amending,
            "now": self._clock,
            "previewing": self.previewing,
            "reading": self.reading,
            "verifying": self.verifying,
        }

    def parts(self) -> dict[str, Part]:
        """Give the workers."""
        settings, bootstrap = self._settings, self._settings.kafka_bootstrap_servers
        handler = Asks(self.answering, self.previewing, self._keys, self._registry, settings.offices, self._clock)
        asks = Consumer(self._db, bootstrap, f"{settings.system}.asks", self._ask_topics, handler, gaps="strict")
        return {
            "relay": Relay(self._db, bootstrap).run,
            "upkeep": Upkeep(self._db).run,
            "asks": asks.run,
            "shares": ShareJob(self._db, self.sharing, self.snapshots).run,
            "expiry": ExpiryJob(self.changing).run,
            "previews": PreviewJob(self.previewing).run,
        }

    def _ask_topics(self) -> list[str]:
        """Name the topics of our offices that a release holds: before that they don't exist."""
        listed = self._rulebook.book().offices
        return [topics.ask_topic(office) for office in self._settings.offices if office in listed]


def build_api(settings: Settings, uses: UseCases, registry: Registry, trust: Trust, clock: Clock) -> EdgeMiddleware:
    """Make the API. Tokens must be meant for this very deployment: their `aud` is its system id."""
    authenticator = Authenticator(settings, registry, trust, clock, audience=settings.system)
    state = {**uses.state(), "authenticator": authenticator}
    return create_api(settings, routers=[*routers, parked.router], service=PACKAGE, state=state)


def build(settings: Settings) -> App:
    """Make the service."""
    return App(settings)
