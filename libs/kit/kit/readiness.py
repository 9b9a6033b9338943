# SPDX-License-Identifier: EUPL-1.2
"""When a service is ready: the same checks everywhere, each under the name of what is waited for."""

from typing import Protocol

from kit.db import Database
from kit.health import Check, Health
from kit.migrations import schema_is_current


class Loaded(Protocol):
    """A replica, or something that is built on replicas."""

    @property
    def ready(self) -> bool:
        """Whether it is loaded."""
        ...


def watch(health: Health, db: Database, package: str, **loaded: Loaded) -> Health:
    """Let readiness depend on the database having *package*'s schema, and on each of *loaded*, by its name."""

    async def schema() -> bool | str:
        return await schema_is_current(db, package) or "MIGRATION_MISSING"

    health.add("database", schema)
    for name, one in loaded.items():
        health.add(name, _loaded(one))
    return health


def _loaded(one: Loaded) -> Check:
    async def check() -> bool:
        return one.ready

    return check
