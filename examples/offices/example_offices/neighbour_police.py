# SPDX-License-Identifier: EUPL-1.2
"""Public security of the neighbour city: attests its households, and lets go whoever another city takes.

python -m example_offices.neighbour_police --gateway URL --secrets DIR --trust FILE --state DIR [--once] [--silent]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.registering import Book, lines
from example_offices.rules import SELF, Evidence, Paper, all_answered, numbered
from example_offices.serving import serve


def release(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h2: another city has decided to take the mover. No paper is asked."""
    all_answered(task)
    return [Paper({"holder": SELF, "number": numbered("QC", task), "releasedOn": day.isoformat()}, or_new=True)]


RULES = {"move-home/h2": release}
BOOKS = [Book("household", "neighbour-households.yaml", lines("record"))]


def main() -> None:
    """Run the program."""
    serve("neighbour-police", "Let go whoever moves away.", books=BOOKS, rules=RULES)


if __name__ == "__main__":
    main()
