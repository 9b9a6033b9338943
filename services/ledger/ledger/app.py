# SPDX-License-Identifier: EUPL-1.2
"""The only place where the parts of the ledger meet. Nothing is built at import."""

from contextlib import AsyncExitStack
from datetime import datetime

from contracts import topics
from kit.api import create_api
from kit.auth import Authenticator
from kit.clock import system_clock
from kit.consumer import Consumer
from kit.db import Database, open_db
from kit.health import Health
from kit.jose import PrivateKey, PublicKey
from kit.outbox import Upkeep
from kit.parked import router as parked_router
from kit.process import Part, Running
from kit.readiness import watch
from kit.registry import Registry
from kit.trust import Trust
from ledger.api import router
from ledger.consumers import WRITERS, ReceiptsHandler
from ledger.service import Ledger
from ledger.settings import Settings

PACE_S = 0.1
"""Between two small batches. The receipts of an exchange come within moments; each batch costs a commit, and nobody
waits for the ledger."""


class App:
    """Builds what a process of the ledger runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def open(self, stack: AsyncExitStack, *, serve: bool, work: bool) -> Running:
        """Open database and registry; give the API and the worker's parts."""
        s = self._settings
        trust = Trust.load(s.trust_file)
        registry = Registry.from_bus(s.kafka_bootstrap_servers, trust, system_clock)
        db = await stack.enter_async_context(open_db(s, signer=None, clock=system_clock))
        ledger = Ledger(db, system_clock)
        state = {"authenticator": Authenticator(s, registry, trust, system_clock), "ledger": ledger, "db": db}
        app = create_api(s, routers=[router, parked_router], service="ledger", state=state) if serve else None
        parts: dict[str, Part] = {"registry": registry.run}
        if work:
            parts |= self._work(db, ledger, registry)
        return Running(app=app, parts=parts, health=watch(Health(), db, "ledger", registry=registry))

    def _work(self, db: Database, ledger: Ledger, registry: Registry) -> dict[str, Part]:
        s = self._settings
        enc, platform = PrivateKey.from_jwk(s.jwk("enc.jwk")), PrivateKey.from_jwk(s.jwk("platform.jwk"))
        handler = ReceiptsHandler(ledger, WriterKeys(registry), {enc.kid: enc}, {platform.kid: platform})
        consumer = Consumer(
            *(db, s.kafka_bootstrap_servers, "ledger.receipts", lambda: [topics.RECEIPT], handler),
            gaps="receipts",
            pace_s=PACE_S,
        )
        return {"receipts": consumer.run, "upkeep": Upkeep(db).run}


class WriterKeys:
    """Keys of systems that may write receipts."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __call__(self, system: str, kid: str, at: datetime) -> tuple[PublicKey, bool] | None:
        """Give the system's `sig` key *kid* and whether it counted then; None where its role writes no receipts."""
        role = self._registry.role_of(system)
        return self._registry.key_then(system, kid, "sig", at) if role is not None and role in WRITERS else None


def build(settings: Settings) -> App:
    """Give the application; `kit.process` opens it."""
    return App(settings)
