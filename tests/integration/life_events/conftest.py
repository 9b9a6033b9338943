# SPDX-License-Identifier: EUPL-1.2
"""A town for all life events: a stack of its own, and every office's program at work on it, each as a process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from local_stack.harness import Stack
from local_stack.town import Applicant, Town, at_work
from tongban import Citizen, Office


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Start everything once for all life events."""
    with Stack(profile="pairs") as stack, at_work(stack, tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture
async def owner(town: Town) -> AsyncIterator[Applicant]:
    """The one who opens restaurants."""
    async with Citizen(town.target.url, "shop-owner") as citizen:
        yield Applicant(town, citizen)


@pytest.fixture
async def desk(town: Town, tmp_path: Path) -> AsyncIterator[Callable[[str], Awaitable[Office]]]:
    """Gives a function that opens an office's system by its id, beside the office's program."""
    async with AsyncExitStack() as exits:

        async def opened(system: str) -> Office:
            folder = tmp_path / f"{system}-{uuid4().hex[:8]}"
            folder.mkdir()
            secrets = town.target.secrets(system)
            office = Office(town.target.url, system, secrets, folder, trust_file=town.target.trust_file)
            return await exits.enter_async_context(office)

        yield opened
