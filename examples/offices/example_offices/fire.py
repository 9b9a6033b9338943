# SPDX-License-Identifier: EUPL-1.2
"""Fire: issues the fire check at once on a promise, and checks the promise later, on the spot.

python -m example_offices.fire --gateway URL --secrets DIR --trust FILE --state DIR [--once]

What the inspection found says the clerk: `python -m example_offices.clerk --state DIR inspect TASK passed|false`.
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.rules import (
    SELF,
    Evidence,
    Paper,
    all_answered,
    business,
    file_input,
    numbered,
    premises,
    promised,
)
from example_offices.serving import serve

CONDITIONS = (
    "Escape routes are kept free.",
    "There is an extinguisher in the kitchen and one in the dining room.",
    "Gas is shut off outside business hours.",
)


def fire_check(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r5: a building that was accepted, and the owner's promise."""
    all_answered(task)
    promised(task, "fireCommitment", code="NO_COMMITMENT", reason="the owner hasn't promised to keep the rules")
    business(evidence)
    file_input(task, "floorPlan")
    evidence.first("building-fire-acceptance", code="BUILDING_NOT_ACCEPTED", reason="the building was never accepted")
    claims = {
        "holder": SELF,
        "number": numbered("XF", task),
        "place": str(premises(evidence)["place"]),
        "result": "promised",
    }
    return [Paper(claims, conditions=CONDITIONS)]


RULES = {"open-restaurant/r5": fire_check}


def main() -> None:
    """Run the program."""
    serve("fire-brigade", "Check fire safety: on a promise first.", rules=RULES, confirmed={"result": "passed"})


if __name__ == "__main__":
    main()
