# SPDX-License-Identifier: EUPL-1.2
"""Each figure of a case's report is found again over facts and receipts."""

from contracts.cases import CaseView
from local_stack.demo.figures import queries
from local_stack.town import Town, until


async def found_again(town: Town, view: CaseView) -> None:
    """Wait until both reckonings agree on every figure."""
    report = view.report.wire()
    for figure, (system, query) in queries().items():

        async def agrees(figure: str = figure, system: str = system, query: str = query) -> bool:
            return bool((await town.rows(system, query, view.case_id))[0][0] == report[figure])

        await until(agrees, f"{figure}: {report[figure]} found again")
