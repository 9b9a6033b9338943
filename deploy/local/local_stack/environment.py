# SPDX-License-Identifier: EUPL-1.2
"""The settings of each process, as environment variables with the prefix of its service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from local_stack import guests
from local_stack.layout import Layout
from local_stack.ports import LOOPBACK
from local_stack.table import DEPLOYMENTS, INSTANCE, PLATFORM_AUDIENCE, Deployment, Process, Profile, processes

Ports = Mapping[str, dict[str, int]]


@dataclass(frozen=True)
class Surroundings:
    """What the processes of one stack share. database_server: host:port. ports: process -> {public, internal}."""

    layout: Layout
    profile: Profile
    ports: Ports
    database_server: str
    kafka: str
    spans: bool = False
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    """Process -> variables without prefix that a test sets, such as CRASH_POINT."""

    @property
    def public_url(self) -> str:
        """The gateway's address as callers see it."""
        return self.urls("gateway")[0]

    def urls(self, system: str) -> list[str]:
        """Addresses of all processes of *system* that serve."""
        return [
            f"http://{LOOPBACK}:{self.ports[process.name]['public']}"
            for process in processes(self.profile)
            if process.deployment == system and process.serves
        ]

    def dsn(self, system: str) -> str:
        """Address of that deployment's database, without a password."""
        name = DEPLOYMENTS[system].database
        return f"postgresql://{name}@{self.database_server}/{name}"

    def of(self, process: Process) -> dict[str, str]:
        """All variables of one process."""
        deployment = DEPLOYMENTS[process.deployment]
        plain = self._common(process, deployment) | _special(self, deployment) | self.extra.get(process.name, {})
        return {deployment.prefix + name: value for name, value in plain.items()}

    def _common(self, process: Process, deployment: Deployment) -> dict[str, str]:
        ports = self.ports[process.name]
        plain = {
            "DATABASE_URL": self.dsn(deployment.system),
            "DATABASE_PASSWORD_FILE": str(self.layout.password(deployment.database)),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "HOST": LOOPBACK,
            "PORT": str(ports["public"]),
            "INTERNAL_PORT": str(ports["internal"]),
            "SYSTEM": deployment.system,
            "OPERATOR": deployment.operator,
            "INSTANCE": INSTANCE,
            "PLATFORM_AUDIENCE": PLATFORM_AUDIENCE,
            "PUBLIC_URL": self.public_url,
            "SECRETS_DIR": str(self.layout.secrets(deployment.system)),
            "TRUST_FILE": str(self.layout.trust_file),
            "REPLICA_DIR": str(self.layout.replica(process.name)),
            "SANDBOX": "true",
        }
        if self.spans:
            plain["SPAN_FILE"] = str(self.layout.run / "spans" / f"{process.name}.jsonl")
        return plain


def _special(around: Surroundings, deployment: Deployment) -> dict[str, str]:
    plain: dict[str, str] = {}
    if deployment.offices:
        plain["OFFICES"] = ",".join(guests.offices_of(around.layout, deployment))
    for called in deployment.calls:
        plain[f"{called.upper().replace('-', '_')}_URLS"] = ",".join(around.urls(called))
    if deployment.system == "cases":
        # Not called, only asked whether they are there: cases is ready without them.
        plain["GATEWAY_URLS"] = ",".join(around.urls("gateway"))
        issuing = [system for system, other in DEPLOYMENTS.items() if other.role == "certificates"]
        plain["CERTIFICATES_URLS"] = json.dumps({system: around.urls(system) for system in issuing})
    if deployment.system == "gateway":
        others = [system for system in DEPLOYMENTS if system != "gateway"]
        plain["UPSTREAMS"] = json.dumps({system: around.urls(system) for system in others})
    return plain


def server_of(dsn: str) -> str:
    """``host:port`` of a database address."""
    return urlsplit(dsn).netloc.rpartition("@")[2]
