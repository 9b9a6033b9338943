# SPDX-License-Identifier: EUPL-1.2
"""Education: gives places at school, after a clerk's review.

python -m example_offices.education --gateway URL --secrets DIR --trust FILE --state DIR [--once] [--by-rule]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.listening import listener
from example_offices.rules import SELF, Evidence, Paper, Refused, new_address, numbered, text_input
from example_offices.serving import serve


def school_place(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h7: whoever lives here now gets a place at the school that was chosen."""
    new_address(task, evidence)
    if not text_input(task, "school"):
        raise Refused("INPUT_MISSING", "the choice of a school is missing")
    return [Paper({"holder": SELF, "number": numbered("XW", task), "school": text_input(task, "school")})]


RULES = {"move-home/h7": school_place}


def main() -> None:
    """Run the program."""
    serve("education", "Give places at school.", rules=RULES, listener=listener)


if __name__ == "__main__":
    main()
