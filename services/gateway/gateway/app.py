# SPDX-License-Identifier: EUPL-1.2
"""The only place where the parts of the gateway meet. Nothing is built at import."""

from collections.abc import Callable
from contextlib import AsyncExitStack

from contracts import topics
from contracts.routes import ROUTES
from gateway.api import DataPlane
from gateway.pipeline import (
    TOPICS,
    Authenticate,
    Authorize,
    Door,
    Forward,
    Receipts,
    RecordsDoor,
    RouteTable,
    UsedProofs,
)
from gateway.settings import Settings
from kit.catalogue import CatalogueReplica, catalogue_parser
from kit.clock import system_clock
from kit.db import Database, open_db
from kit.edge import EdgeMiddleware, EdgeRules
from kit.events import Record
from kit.health import Health
from kit.http import Forwarder
from kit.jose import PrivateKey
from kit.outbox import Relay, Upkeep
from kit.process import Part, Running
from kit.readiness import watch
from kit.receipts import ReceiptSigner
from kit.registry import Registry, office_parser, system_parser
from kit.replica import Replica
from kit.tokens import HopSigner
from kit.trust import Trust

FORM = frozenset({b"application/x-www-form-urlencoded"})


class App:
    """Builds what a process of the gateway runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def open(self, stack: AsyncExitStack, *, serve: bool, work: bool) -> Running:
        """Open database, replicas and connections; give the data plane and the worker's parts."""
        s = self._settings
        trust = Trust.load(s.trust_file)
        registry = Registry.from_bus(s.kafka_bootstrap_servers, trust, system_clock)
        key = PrivateKey.from_jwk(s.jwk("sig.jwk"))
        signer = ReceiptSigner(s.system, s.operator, s.instance, key, registry.ledger_key, system_clock)
        db = await stack.enter_async_context(open_db(s, signer=signer, clock=system_clock))
        replicas = _replicas(s.kafka_bootstrap_servers, trust)
        catalogue = _catalogue(replicas[topics.CATALOGUE_ENTRY], trust)
        proofs = UsedProofs(db, system_clock)
        parts: dict[str, Part] = {"registry": registry.run}
        app = None
        if serve:
            forwarder = await stack.enter_async_context(Forwarder(s.upstreams))
            door = self._door(db, registry, catalogue, forwarder, key, proofs)
            rules = EdgeRules(hosts=s.allowed_hosts, media={"/v1/token": FORM}, outermost=True)
            app = EdgeMiddleware(DataPlane(door, RecordsDoor(replicas)), service="gateway", rules=rules)
            parts |= {f"records-{topic}": replica.run for topic, replica in replicas.items()}
        if work:
            parts |= {"relay": Relay(db, s.kafka_bootstrap_servers).run, "upkeep": Upkeep(db).run, "proofs": proofs.run}
        return Running(
            app=app,
            parts=parts,
            health=watch(Health(), db, "gateway", registry=registry, **(replicas if serve else {})),
        )

    def _door(
        self,
        db: Database,
        registry: Registry,
        catalogue: CatalogueReplica,
        forwarder: Forwarder,
        key: PrivateKey,
        proofs: UsedProofs,
    ) -> Door:
        s = self._settings
        return Door(
            routes=RouteTable(ROUTES),
            authenticate=Authenticate(registry, s.public_url, proofs, system_clock),
            authorize=Authorize(registry, s.platform_audience),
            receipts=Receipts(db, registry, catalogue.current, s.operator, system_clock),
            forward=Forward(forwarder, HopSigner(s.system, key, system_clock), s.exchange_time_s),
        )


def _replicas(bootstrap: str, trust: Trust) -> dict[str, Replica[Record]]:
    """Keep records as they came, to be handed out.

    Where each is signed by itself, a forged one never takes the place of a good one; entries of the catalogue are held
    against a signed release by whoever reads them.
    """
    readers: dict[str, Callable[[Record], object]] = {
        topics.CATALOGUE_ENTRY: catalogue_parser(trust.catalogue, system_clock),
        topics.SYSTEM: system_parser(trust.registry, system_clock),
        topics.OFFICE: office_parser(trust.registry, system_clock),
    }
    return {
        topic: Replica(bootstrap, topic, _whole(readers[topic]), forgets=topic == topics.CATALOGUE_ENTRY)
        for topic in TOPICS
    }


def _whole(read: Callable[[Record], object]) -> Callable[[Record], Record | None]:
    def parse(record: Record) -> Record | None:
        return record if read(record) is not None else None

    return parse


class _Contents:
    """What lies in a replica of whole records: the data alone."""

    def __init__(self, records: Replica[Record]) -> None:
        self._records = records

    @property
    def ready(self) -> bool:
        return self._records.ready

    def get(self, key: str) -> bytes | None:
        record = self._records.get(key)
        return None if record is None else record.data


def _catalogue(records: Replica[Record], trust: Trust) -> CatalogueReplica:
    """Read the lists out of the records that are handed out, so that the topic is followed once."""
    catalogue = CatalogueReplica(_Contents(records), trust.catalogue, system_clock, allow_empty=True)
    records.on_change(catalogue.changed)
    return catalogue


def build(settings: Settings) -> App:
    """Give the application; `kit.process` opens it."""
    return App(settings)
