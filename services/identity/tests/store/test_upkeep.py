# SPDX-License-Identifier: EUPL-1.2
from typing import Any

from identity.service import Upkeep

PERSONA = {"persona": "cook", "number": "999900198908220138"}


async def counts(house: Any) -> dict[str, int]:
    async with house.db.read() as reader:
        row = await reader.fetchrow(
            """SELECT (SELECT count(*) FROM used_proof) AS used_proof, (SELECT count(*) FROM session) AS session,
                      (SELECT count(*) FROM handle_use) AS handle_use, (SELECT count(*) FROM person) AS person,
                      (SELECT count(*) FROM persona) AS persona"""
        )
    return dict(row)


async def test_what_is_over_is_removed_and_nothing_else(furnished: Any) -> None:
    await furnished.register("/v1/sandbox/personas", PERSONA)
    way = furnished.through_gateway(await furnished.log_in("cook"))
    await furnished.post("/v1/persons/handles", {"number": "999900199103140020"}, **way)
    upkeep = Upkeep(furnished.db, furnished.clock)
    assert await upkeep.sweep() == 0
    furnished.later(3600)
    await furnished.log_in("cook")
    assert await upkeep.sweep() == 3
    left = {"used_proof": 1, "session": 1, "handle_use": 0, "person": 1, "persona": 1}
    assert await counts(furnished) == left
