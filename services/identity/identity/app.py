# SPDX-License-Identifier: EUPL-1.2
"""The only place where the parts of identity meet. Nothing is built at import."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from contracts.catalogue import Catalogue
from contracts.roles import Role
from identity.api import FORM_RULES, routers
from identity.domain import Master
from identity.jobs import Every
from identity.service import (
    AliasMint,
    Names,
    Persons,
    Proofs,
    Registrations,
    Sessions,
    TokenIssuer,
    Upkeep,
    Vault,
    Windows,
)
from identity.service.signing import TokenSigner
from identity.settings import Settings
from kit import outbox
from kit.api import create_api
from kit.auth import Authenticator
from kit.catalogue import CatalogueReplica
from kit.clock import Clock, system_clock
from kit.db import Database, open_db
from kit.edge import EdgeMiddleware, EdgeRules
from kit.health import Health
from kit.jose import PrivateKey
from kit.process import Part, Running
from kit.readiness import watch
from kit.receipts import Asker, ReceiptSigner
from kit.registry import Registry
from kit.trust import Trust


class WrongKey(RuntimeError):
    """A private key in the secrets folder isn't the one that everybody trusts: nothing we sign would count."""


@dataclass(frozen=True)
class Secrets:
    """The private keys of this deployment. sig: receipts. registry: records. token: access tokens. master: persons."""

    sig: PrivateKey
    registry: PrivateKey
    token: PrivateKey
    master: Master

    @classmethod
    def load(cls, settings: Settings, trust: Trust) -> "Secrets":
        """Read them from the secrets folder. Raises OSError, JoseError, WrongKey."""
        registry = PrivateKey.from_jwk(settings.jwk("registry.jwk"))
        if registry.public != trust.registry:
            raise WrongKey("registry.jwk is not the key that the trust file pins")
        return cls(
            sig=PrivateKey.from_jwk(settings.jwk("sig.jwk")),
            registry=registry,
            token=PrivateKey.from_jwk(settings.jwk("token.jwk")),
            master=Master(settings.secret("master.key")),
        )


def build_state(
    settings: Settings,
    secrets: Secrets,
    *,
    db: Database,
    registry: Registry,
    catalogue: Callable[[], Catalogue],
    trust: Trust,
    clock: Clock = system_clock,
) -> dict[str, object]:
    """Build the use cases, by the names under which the API finds them."""
    identity, platform = settings.system, settings.platform_audience
    names = Names(secrets.master, registry)
    proofs = Proofs(db, public_url=settings.public_url, identity=identity, clock=clock)
    signer = TokenSigner(secrets.token, identity, platform, clock)
    sessions = Sessions(db, names, proofs, signer, clock)
    return {
        "authenticator": Authenticator(settings, registry, trust, clock),
        "registrations": Registrations(db, secrets.registry, identity, clock),
        "sessions": sessions,
        "windows": Windows(db, names, signer, clock),
        "tokens": TokenIssuer(
            db,
            proofs=proofs,
            sessions=sessions,
            names=names,
            signer=signer,
            older_key=registry.key_of(Role.IDENTITY, use="token"),
            own_key=secrets.token.public,
            identity=identity,
            platform=platform,
            clock=clock,
        ),
        "persons": Persons(
            db,
            names,
            Vault(secrets.master.sealing_key),
            itself=Asker(office=settings.operator, system=identity),
            handles_per_minute=settings.handles_per_minute,
            clock=clock,
        ),
        "aliases": AliasMint(db, names, catalogue, operator=settings.operator, clock=clock),
    }


def build_api(settings: Settings, state: Mapping[str, object]) -> EdgeMiddleware:
    """Build the doors over the use cases."""
    rules = EdgeRules(hosts=settings.allowed_hosts, media=FORM_RULES)
    return create_api(settings, routers=routers(sandbox=settings.sandbox), service="identity", state=state, rules=rules)


class App:
    """Builds what a process of identity runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def open(self, stack: AsyncExitStack, *, serve: bool, work: bool) -> Running:
        """Open database and replicas; give the API and the worker's parts."""
        s = self._settings
        trust = Trust.load(s.trust_file)
        secrets = Secrets.load(s, trust)
        registry = Registry.from_bus(s.kafka_bootstrap_servers, trust, system_clock, keep_in=s.replica_dir)
        catalogue = CatalogueReplica.from_bus(
            s.kafka_bootstrap_servers, trust, system_clock, allow_empty=True, keep_in=s.replica_dir
        )
        signer = ReceiptSigner(s.system, s.operator, s.instance, secrets.sig, registry.ledger_key, system_clock)
        db = await stack.enter_async_context(open_db(s, signer=signer, clock=system_clock))
        state = build_state(s, secrets, db=db, registry=registry, catalogue=catalogue.current, trust=trust)
        parts: dict[str, Part] = {"registry": registry.run, "catalogue": catalogue.run}
        if work:
            parts["relay"] = outbox.Relay(db, s.kafka_bootstrap_servers).run
            parts["sweep"] = Every(s.sweep_interval_s, Upkeep(db, system_clock).sweep).run
            parts["upkeep"] = outbox.Upkeep(db).run
        return Running(
            app=build_api(s, state) if serve else None,
            parts=parts,
            health=watch(Health(), db, "identity", registry=registry, catalogue=catalogue),
        )


def build(settings: Settings) -> App:
    """Give the application; `kit.process` opens it."""
    return App(settings)
