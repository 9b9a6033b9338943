# SPDX-License-Identifier: EUPL-1.2
"""Finds each figure of a restaurant's case again, by the printed queries, and checks every promise of the bus."""

from local_stack.demo import figures
from local_stack.demo import food_check as common
from local_stack.demo.target import Target
from local_stack.demo.told import Figure, Told


async def check(where: Target, told: Told) -> list[str]:
    """Give every difference between what the case reports and what facts and receipts say; empty: they agree."""
    found: dict[str, Figure] = {}
    for name, (system, query) in figures.queries().items():
        rows = await common.rows(where, system, query, told.case_id)
        found[name] = rows[0][0]
    found |= await common.lists(where, told)
    return [*common.compared(told.figures, found), *await common.promises(where, told)]


def queries() -> list[str]:
    """Give the queries, each with the database that it asks, for everybody to repeat."""
    return [f"-- {name}, in {system}\n{query}" for name, (system, query) in figures.queries().items()]
