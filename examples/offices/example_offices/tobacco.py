# SPDX-License-Identifier: EUPL-1.2
"""Tobacco: licences to sell it, after a clerk's look at the place. With --silent, silence decides.

python -m example_offices.tobacco --gateway URL --secrets DIR --trust FILE --state DIR [--once] [--silent] [--by-rule]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.rules import SELF, Evidence, Paper, all_answered, business, file_input, numbered, years_on
from example_offices.serving import serve

YEARS = 5


def tobacco_licence(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r7: a business, and a plan of the place that the clerk looks at."""
    all_answered(task)
    held = business(evidence)
    file_input(task, "floorPlan")
    claims = {
        "holder": SELF,
        "number": numbered("YC", task),
        "tradeName": str(held["tradeName"]),
        "place": str(held["place"]),
    }
    return [Paper(claims, valid_to=years_on(day, YEARS))]


RULES = {"open-restaurant/r7": tobacco_licence}


def main() -> None:
    """Run the program."""
    serve("tobacco-office", "Decide about licences to sell tobacco.", rules=RULES)


if __name__ == "__main__":
    main()
