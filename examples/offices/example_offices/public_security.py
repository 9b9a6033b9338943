# SPDX-License-Identifier: EUPL-1.2
"""Public security: attests citizens and households; files seals; checks who marries; settles who moves here.

python -m example_offices.public_security --gateway URL --secrets DIR --trust FILE --state DIR [--once]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.registering import Book, lines
from example_offices.rules import (
    SELF,
    Evidence,
    Paper,
    Refused,
    all_answered,
    business,
    consented,
    new_address,
    numbered,
    premises,
    promised,
    text_input,
)
from example_offices.serving import serve

RECORD = "only"
"""The value of `record` in registers that keep one entry a person."""


def seal(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r2: whoever has a business licence has its seal filed."""
    all_answered(task)
    business(evidence)
    return [Paper({"holder": SELF, "number": numbered("YZ", task), "sealKind": "company"})]


def identities(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Marriage/m1: both are who they say, both are here."""
    all_answered(task)
    promised(task, "presence", code="NOT_PRESENT", reason="both must be present, or identified as strongly")
    if any(one.claims.get("alive") != "yes" for one in evidence.of_type("citizen")):
        raise Refused("IDENTITY_UNPROVEN", "the citizen register doesn't confirm who they are")
    return []


def households(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Marriage/m4: the register of marriages says so, and the household register follows."""
    all_answered(task)
    return [Paper({"maritalState": "married"}) for _order in task.issues]


def settle(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h1: a home here, and work or family here."""
    all_answered(task)
    premises(evidence)
    evidence.first("employment", "household", code="NO_TIE", reason="neither work nor family ties the mover here")
    address = text_input(task, "newAddress")
    if not address:
        raise Refused("INPUT_MISSING", "the new address is missing")
    return [Paper({"holder": SELF, "number": numbered("ZQ", task), "address": address}, or_new=True)]


def moved(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h3: released over there, so registered here."""
    all_answered(task)
    claims = {
        "holder": SELF,
        "record": RECORD,
        "number": numbered("HK", task),
        "address": text_input(task, "newAddress"),
        "maritalState": "unknown",
    }
    # Whoever moved in and withdrew may move in again: that she may settle was decided anew.
    return [Paper(claims, or_new=True, ruling=f"right to settle, case {task.case_id}")]


def vehicle(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h8: the driver's record takes the new address."""
    return [Paper({"address": new_address(task, evidence)})]


RULES = {
    "open-restaurant/r2": seal,
    "marriage/m1": identities,
    "marriage/m4": households,
    "marriage/m5-move": consented,
    "move-home/h1": settle,
    "move-home/h3": moved,
    "move-home/h8": vehicle,
}
BOOKS = [
    Book("citizen", "citizens.yaml", lines("record")),
    Book("household", "households.yaml", lines("record")),
    Book("driver-record", "drivers.yaml", lines("record")),
]


def main() -> None:
    """Run the program."""
    serve("public-security", "Attest citizens, file seals, follow marriages and moves.", books=BOOKS, rules=RULES)


if __name__ == "__main__":
    main()
