# SPDX-License-Identifier: EUPL-1.2
"""The whole system as a table: which deployments there are, which processes run them, and who needs whom.

``needs`` means: to become ready the first time. Chaos tests take needed processes away again afterwards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from local_stack.errors import StackError
from local_stack.offices import (
    DATA_OFFICE,
    HEALTH,
    MARKET_REGULATION,
    PUBLIC_SECURITY,
    REGISTRIES,
    SHARED,
    SYSTEMS,
)

Profile = Literal["laptop", "pairs"]
Verb = Literal["serve", "work", "run"]

INSTANCE = "zz"
PLATFORM_AUDIENCE = f"urn:tongban:{INSTANCE}:platform"
GATEWAY_PORT = 8080


@dataclass(frozen=True)
class Deployment:
    """One service deployed once: own system id, keys, database and role. offices: whom it answers for."""

    system: str
    package: str
    role: str
    operator: str
    offices: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()

    @property
    def database(self) -> str:
        """Name of its database and of the role that owns it."""
        return self.system.replace("-", "_")

    @property
    def prefix(self) -> str:
        """The prefix of its settings in the environment."""
        return f"{self.package.upper()}_"


DEPLOYMENTS: Mapping[str, Deployment] = {
    deployment.system: deployment
    for deployment in (
        Deployment("identity", "identity", "identity", DATA_OFFICE),
        Deployment("exchange-bus", "exchange_bus", "exchange-bus", DATA_OFFICE),
        Deployment(
            "certificates-1",
            "certificates",
            "certificates",
            HEALTH,
            offices=REGISTRIES,
            calls=("identity",),
        ),
        Deployment(
            "certificates-2",
            "certificates",
            "certificates",
            MARKET_REGULATION,
            offices=(MARKET_REGULATION,),
            calls=("identity",),
        ),
        Deployment(
            "certificates-3", "certificates", "certificates", PUBLIC_SECURITY, offices=SHARED, calls=("identity",)
        ),
        Deployment("cases", "cases", "cases", DATA_OFFICE, calls=("identity", "exchange-bus")),
        Deployment("ledger", "ledger", "ledger", DATA_OFFICE),
        Deployment("gateway", "gateway", "gateway", DATA_OFFICE),
    )
}


@dataclass(frozen=True)
class OfficeSystem:
    """A system that an office runs and that talks to the gateway with the SDK. inbox: it reads that office's inbox."""

    system: str
    operator: str
    role: str = "office"
    inbox: bool = True


OFFICE_SYSTEMS = (
    *(OfficeSystem(system, office) for system, office in SYSTEMS.items()),
    OfficeSystem("portal", DATA_OFFICE, role="portal", inbox=False),
)


@dataclass(frozen=True)
class Process:
    """One process of a deployment. needs: names of processes or steps that come first."""

    name: str
    deployment: str
    verb: Verb
    needs: tuple[str, ...]

    @property
    def serves(self) -> bool:
        """Whether it answers on its public port."""
        return self.verb != "work"


# Steps of the way up that are no processes; each runs once.
STEPS: Mapping[str, tuple[str, ...]] = {
    "postgres": (),
    "kafka": (),
    "databases": ("postgres",),
    "topics": ("kafka",),
    "migrations": ("databases",),
    # identity and exchange-bus are ready with an empty catalogue; the rest becomes ready once replicas are loaded.
    "seed": ("identity", "exchange-bus"),
    # Ready one by one isn't ready together: one request goes through the front door.
    "door": ("gateway",),
}
FIRST = ("identity", "exchange-bus")
BEFORE_FIRST = ("migrations", "topics")
# Two of each that matters: a test that leans on one process's memory fails here and not in production.
PAIRS: Mapping[str, tuple[Verb, ...]] = {
    "exchange-bus": ("serve", "serve", "work", "work"),
    "certificates-1": ("serve", "serve", "work", "work"),
    "certificates-2": ("run", "run"),
}


def processes(profile: Profile) -> list[Process]:
    """All service processes of *profile*, in the order of the table."""
    made: list[Process] = []
    for system in DEPLOYMENTS:
        verbs = PAIRS.get(system, ("run",)) if profile == "pairs" else ("run",)
        made += [Process(name, system, verb, _needs(system)) for name, verb in _named(system, verbs)]
    return made


def names_of(profile: Profile, system: str) -> list[str]:
    """The process names of one deployment."""
    return [process.name for process in processes(profile) if process.deployment == system]


def graph(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Everything that has to come up, with what it needs; a need for a deployment is one for all its processes."""
    nodes = {**STEPS, **{process.name: process.needs for process in processes(profile)}}
    return {name: tuple(_expand(profile, needs)) for name, needs in nodes.items()}


def in_order(nodes: Mapping[str, Iterable[str]]) -> list[str]:
    """Names so that each comes after its needs; stop in reverse. Raises StackError (`NEEDS_CYCLE`, `NEEDS_UNKNOWN`)."""
    unknown = {need for needs in nodes.values() for need in needs} - set(nodes)
    if unknown:
        raise StackError("NEEDS_UNKNOWN", f"the table needs what it doesn't have: {', '.join(sorted(unknown))}")
    try:
        return list(TopologicalSorter(nodes).static_order())
    except CycleError as cycle:
        raise StackError("NEEDS_CYCLE", " -> ".join(cycle.args[1])) from cycle


def _needs(system: str) -> tuple[str, ...]:
    return BEFORE_FIRST if system in FIRST else ("seed",)


def _named(system: str, verbs: tuple[Verb, ...]) -> list[tuple[str, Verb]]:
    """Names: the system id alone for one process, else with verb and number (``certificates-1-serve-2``)."""
    if len(verbs) == 1:
        return [(system, verbs[0])]
    counted: dict[str, int] = {}
    named = []
    for verb in verbs:
        counted[verb] = counted.get(verb, 0) + 1
        named.append((f"{system}-{verb}-{counted[verb]}", verb))
    return named


def _expand(profile: Profile, needs: Iterable[str]) -> list[str]:
    return [name for need in needs for name in (names_of(profile, need) if need in DEPLOYMENTS else [need])]
