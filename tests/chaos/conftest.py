# SPDX-License-Identifier: EUPL-1.2
"""Stacks to hurt. CHAOS_SEED draws another run; a red one prints its seed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from field import Field
from local_stack.harness import Stack
from local_stack.table import Profile

SEED = int(os.environ.get("CHAOS_SEED", "20261124"))


def fields(profile: Profile, folder: Path) -> Iterator[Field]:
    """Start a stack, give it, stop it."""
    with Stack(profile=profile) as stack:
        yield Field(stack, folder, SEED)


@pytest.fixture(scope="session")
def seed() -> int:
    """Give what everything that is drawn is drawn from."""
    return SEED


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """One process of each service, for all tests of a module: what one test leaves behind, the next one checks too."""
    yield from fields("laptop", tmp_path_factory.mktemp("laptop"))


@pytest.fixture
def fresh_laptop(tmp_path: Path) -> Iterator[Field]:
    """One process of each service, for one test."""
    yield from fields("laptop", tmp_path)


@pytest.fixture
def fresh_pairs(tmp_path: Path) -> Iterator[Field]:
    """Two processes of the services that matter, for one test."""
    yield from fields("pairs", tmp_path)
