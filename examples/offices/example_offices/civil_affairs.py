# SPDX-License-Identifier: EUPL-1.2
"""Civil affairs: marries two people who are free to, after a clerk has seen both sign.

It hears of judgments. One about either of the two that comes before they have signed has their status checked again.

python -m example_offices.civil_affairs --gateway URL --secrets DIR --trust FILE --state DIR [--once] [--by-rule]
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from contracts.envelopes import Task
from example_offices.listening import listener
from example_offices.rechecking import Again
from example_offices.rules import SELF, Evidence, Paper, Refused, numbered, promised
from example_offices.serving import serve

BOND = "marriage"
"""The one bond of this kind that a person can be in: so of two registrations at once, exactly one succeeds."""
AGE = 20
SILENT = frozenset({"NOT_MATCHED", "NO_HOLDER"})
"""Codes by which a register says that it knows of nothing: here that is the good answer."""


def free_to_marry(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Marriage/m2: both live, are of age and in no marriage; what ended by a judgment has ended."""
    promised(task, "declarationOfBoth", code="NOT_DECLARED", reason="both must declare that they are free to marry")
    unknown = [n for n in task.needs if n.outcome != "answered" and (n.type == "citizen" or n.code not in SILENT)]
    if unknown:
        raise Refused("STATUS_UNKNOWN", "a register could not say whether both are free to marry")
    for person in dict.fromkeys(need.of for need in task.needs):
        if not all(of_age(one.claims, day) for one in evidence.about(person, "citizen")):
            raise Refused("NOT_FREE_TO_MARRY", "one of the two may not marry yet, or is not alive")
        divorced = any(one.claims.get("kind") == "divorce" for one in evidence.about(person, "judgment"))
        if evidence.about(person, "marriage") and not divorced:
            raise Refused("NOT_FREE_TO_MARRY", "one of the two is married")
    return []


def of_age(claims: Mapping[str, Any], day: date) -> bool:
    """Say whether somebody lives and is old enough."""
    born = date.fromisoformat(str(claims.get("bornOn")))
    return claims.get("alive") == "yes" and day >= date(born.year + AGE, born.month, min(born.day, 28))


def marriage(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Marriage/m3: both sign; one certificate for each, under one number."""
    promised(task, "signaturesOfBoth", code="NOT_SIGNED", reason="both must sign")
    claims = {"holder": SELF, "bond": BOND, "number": numbered("JH", task), "registeredOn": day.isoformat()}
    return [Paper(claims) for _order in task.issues]


AGAIN = {"marriage/m3": Again("judgment", "m2", "a judgment about one of the two came after their status was checked")}
RULES = {"marriage/m2": free_to_marry, "marriage/m3": marriage}


def main() -> None:
    """Run the program."""
    serve("civil-affairs", "Register marriages.", rules=RULES, listener=listener, again=AGAIN)


if __name__ == "__main__":
    main()
