# SPDX-License-Identifier: EUPL-1.2
"""Identity over a real PostgreSQL, one database a test."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from contracts.catalogue import Catalogue
from kit.db import open_db
from local_stack.testing import DatabaseAt, FreshDatabase


@pytest.fixture
async def house(
    fresh_database: FreshDatabase, make_house: Callable[..., Any], catalogue: Catalogue
) -> AsyncIterator[Any]:
    """An empty identity."""
    made = make_house(catalogue=catalogue)
    settings = DatabaseAt(await fresh_database("identity"))
    async with open_db(settings, signer=made.signer, clock=made.clock) as db:
        yield made.open(db)


@pytest.fixture
async def furnished(house: Any) -> Any:
    """An identity where the demo country's systems and offices are registered."""
    return await house.furnish()
