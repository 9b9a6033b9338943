# SPDX-License-Identifier: EUPL-1.2
"""One scene for all tests of bad input: they change nothing, so they can share it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from local_stack.harness import Stack

from ..conftest import World  # noqa: TID252 - what the folder above gives to all its tests
from .scene import Scene


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def scene(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """The house in the middle of its work."""
    async with AsyncExitStack() as exits:
        world = World(stack, tmp_path_factory.mktemp("bad-input"), exits)
        async with Scene(stack, world) as ready:
            yield ready
