# SPDX-License-Identifier: EUPL-1.2
"""Identity over a real PostgreSQL, one database a test."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.catalogue import Catalogue
from kit.db import open_db
from local_stack.testing import FreshDatabase


@dataclass(frozen=True)
class DatabaseSettings:
    """What kit reads to open a database."""

    database_url: str
    database_password_file: Path | None = None
    database_pool_size: int = 10
    source: str = "/zz/119999000000002030/identity"


@pytest.fixture
async def house(
    fresh_database: FreshDatabase, make_house: Callable[..., Any], catalogue: Catalogue
) -> AsyncIterator[Any]:
    """An empty identity."""
    made = make_house(catalogue=catalogue)
    settings = DatabaseSettings(await fresh_database("identity"))
    async with open_db(settings, signer=made.signer, clock=made.clock) as db:
        yield made.open(db)


@pytest.fixture
async def furnished(house: Any) -> Any:
    """An identity where the demo country's systems and offices are registered."""
    return await house.furnish()
