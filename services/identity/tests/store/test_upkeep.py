# SPDX-License-Identifier: EUPL-1.2
from typing import Any

from identity.service import Upkeep

PERSONA = {"persona": "cook", "number": "999900198908220138"}


async def count(house: Any, table: str) -> int:
    async with house.db.read() as reader:
        return int(await reader.fetchval(f'SELECT count(*) FROM "{table}"'))  # noqa: S608


async def test_what_is_over_is_removed_and_nothing_else(furnished: Any) -> None:
    await furnished.register("/v1/sandbox/personas", PERSONA)
    way = furnished.through_gateway(await furnished.log_in("cook"))
    await furnished.post("/v1/persons/handles", {"number": "999900199103140020"}, **way)
    upkeep = Upkeep(furnished.db, furnished.clock)
    assert await upkeep.sweep() == 0
    furnished.later(3600)
    await furnished.log_in("cook")
    assert await upkeep.sweep() == 3
    assert [await count(furnished, table) for table in ("used_proof", "session", "handle_use")] == [1, 1, 0]
    assert [await count(furnished, table) for table in ("person", "persona")] == [1, 1]


async def test_upkeep_of_the_archive_can_be_repeated(house: Any) -> None:
    upkeep = Upkeep(house.db, house.clock)
    await upkeep.archive()
    await upkeep.archive()
