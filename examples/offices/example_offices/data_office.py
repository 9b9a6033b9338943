# SPDX-License-Identifier: EUPL-1.2
"""The data office's desk: puts what a life event led to into one packet of results.

python -m example_offices.data_office --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.rules import SELF, Evidence, Paper, all_answered, numbered
from example_offices.serving import serve


def opening_notice(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r8: food licence and fire check are there, so the restaurant may open."""
    all_answered(task)
    named = [f"{one.facts.type} {one.claims['number']}" for one in evidence]
    return [Paper({"holder": SELF, "number": numbered("JG", task), "contents": "; ".join(named)})]


RULES = {"open-restaurant/r8": opening_notice}


def main() -> None:
    """Run the program."""
    serve("data-office-desk", "Put results into one packet.", rules=RULES)


if __name__ == "__main__":
    main()
