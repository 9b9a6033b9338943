# SPDX-License-Identifier: EUPL-1.2
"""Human resources and social security (HRSS): registers employers; attests work and contributions.

python -m example_offices.hrss --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.listening import listener
from example_offices.registering import Book, lines
from example_offices.rules import SELF, Evidence, Paper, all_answered, business, new_address, numbered
from example_offices.serving import serve


def employer(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r3: whoever has a business licence may employ."""
    all_answered(task)
    business(evidence)
    return [Paper({"holder": SELF, "number": numbered("SB", task), "registeredOn": day.isoformat()})]


def contributions(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h5: the months go along to the new place."""
    return [Paper({"place": new_address(task, evidence)})]


RULES = {"open-restaurant/r3": employer, "move-home/h5": contributions}
BOOKS = [
    Book("employment", "employment.yaml", lines("record")),
    Book("contributions", "contributions.yaml", lines("record")),
]


def main() -> None:
    """Run the program."""
    serve("hrss", "Register employers; attest work and contributions.", books=BOOKS, rules=RULES, listener=listener)


if __name__ == "__main__":
    main()
