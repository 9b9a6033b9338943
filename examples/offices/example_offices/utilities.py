# SPDX-License-Identifier: EUPL-1.2
"""Water, power and gas: what their three programs share. Each attests its own accounts and takes the new address."""

from datetime import date

from contracts.envelopes import Task
from example_offices.listening import listener
from example_offices.registering import Book, lines
from example_offices.rules import Evidence, Paper, new_address
from example_offices.serving import serve

OFFICES = ("water", "power", "gas")


def moved(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Move-home/h9: the account goes along to the new place."""
    return [Paper({"place": new_address(task, evidence)})]


def book(which: str) -> Book:
    """Give the register of one of the three."""
    return Book(f"utility-account-{which}", f"{which}.yaml", lines("number"))


RULES = {"move-home/h9": moved}


def run(which: str) -> None:
    """Run the program of one of the three."""
    purpose = f"Attest {which} accounts, and follow whoever moves."
    serve(which, purpose, books=[book(which)], rules=RULES, listener=listener)
