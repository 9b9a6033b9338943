# SPDX-License-Identifier: EUPL-1.2
"""Medical insurance: attests who is insured, and follows whoever moves.

python -m example_offices.medical_insurance --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.listening import listener
from example_offices.registering import Book, lines
from example_offices.rules import Evidence, Paper, new_address
from example_offices.serving import serve


def moved(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h4: the insurance goes along to the new place."""
    return [Paper({"place": new_address(task, evidence)})]


RULES = {"move-home/h4": moved}
BOOKS = [Book("medical-insured", "insured.yaml", lines("record"))]


def main() -> None:
    """Run the program."""
    serve("medical-insurance", "Attest, and follow whoever moves.", books=BOOKS, rules=RULES, listener=listener)


if __name__ == "__main__":
    main()
