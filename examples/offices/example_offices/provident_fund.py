# SPDX-License-Identifier: EUPL-1.2
"""The provident-fund centre: attests accounts, and follows whoever moves.

python -m example_offices.provident_fund --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.listening import listener
from example_offices.registering import Book, lines
from example_offices.rules import Evidence, Paper, consented, new_address
from example_offices.serving import serve


def moved(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h6: the account goes along to the new place."""
    return [Paper({"place": new_address(task, evidence)})]


RULES = {"move-home/h6": moved, "marriage/m5-fund": consented}
BOOKS = [Book("fund-account", "funds.yaml", lines("record"))]


def main() -> None:
    """Run the program."""
    serve("provident-fund", "Attest, and follow whoever moves.", books=BOOKS, rules=RULES, listener=listener)


if __name__ == "__main__":
    main()
