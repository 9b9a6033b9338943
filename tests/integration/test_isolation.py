# SPDX-License-Identifier: EUPL-1.2
"""The two deployments of certificates share nothing."""

import re

import asyncpg
import pytest

from .conftest import World

PSEUDONYM = re.compile(r"^[A-Za-z0-9_-]{43}$")


async def test_no_identifier_of_a_person_stands_in_both_databases(world: World) -> None:
    await world.registers()
    await world.decide((await world.apply()).case_id)
    found = []
    for system in ("certificates-1", "certificates-2"):
        rows = await world.query(system, "SELECT DISTINCT holder FROM certificate")
        found.append({row["holder"] for row in rows})
    assert all(found)
    assert not found[0] & found[1]


async def test_the_role_of_one_deployment_cannot_open_the_others_database(world: World) -> None:
    own, other = world.stack.dsn("certificates-1"), world.stack.dsn("certificates-2")
    foreign = own.rpartition("/")[0] + "/" + other.rpartition("/")[2]
    with pytest.raises(asyncpg.PostgresError):
        await asyncpg.connect(foreign)


async def test_no_key_file_is_in_both(world: World) -> None:
    folders = [world.stack.secrets_dir(system) for system in ("certificates-1", "certificates-2")]
    texts = [{file.read_text() for file in folder.iterdir() if file.suffix in (".jwk", ".key")} for folder in folders]
    assert all(texts)
    assert not texts[0] & texts[1]
