# SPDX-License-Identifier: EUPL-1.2
"""Market regulation: business licences by rule, food licences by rule or, in a new business, after a clerk's visit.

python -m example_offices.licensing --gateway URL --secrets DIR --trust FILE --state DIR [--once] [--by-rule]
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from contracts.envelopes import Share, Task
from example_offices import desk
from example_offices.clerk import Clerk
from example_offices.desk import Hear, Ways
from example_offices.drawer import Drawer
from example_offices.program import Say
from example_offices.registering import Book, lines
from example_offices.rules import (
    SELF,
    Evidence,
    Paper,
    Proven,
    Refused,
    all_answered,
    business,
    file_input,
    mint_uscc,
    numbered,
    premises,
    text_input,
    years_on,
)
from example_offices.serving import serve
from tongban import Office

BUSINESS_USES = {"shop", "restaurant"}
FIT_FOR = timedelta(days=366)
ADULT = 18
YEARS = 5


def business_licence(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r1: a living adult, premises for business. It founds the business, with a code of its own."""
    all_answered(task)
    owner = evidence.first("citizen", code="OWNER_UNKNOWN", reason="nobody attests who the owner is")
    born = date.fromisoformat(str(owner.get("bornOn")))
    if owner.get("alive") != "yes" or day < date(born.year + ADULT, born.month, min(born.day, 28)):
        raise Refused("OWNER_UNFIT", "the owner can't found a business")
    place = for_business(evidence)
    if not text_input(task, "tradeName") or not text_input(task, "scope"):
        raise Refused("INPUT_MISSING", "a business needs a name and a scope")
    code = mint_uscc(task.task_id)
    claims = {
        "holder": SELF,
        "number": code,
        "tradeName": text_input(task, "tradeName"),
        "scope": text_input(task, "scope"),
        "place": place,
    }
    return [Paper(claims, organisation=code)]


def food_licence(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Food-licence/f1: premises for business, and staff that are fit for food."""
    all_answered(task)
    place = for_business(evidence)
    fit_for_food(evidence.of_type("staff-health"), day)
    return [Paper(licence(task, text_input(task, "tradeName"), place), valid_to=years_on(day, YEARS))]


def restaurant_licence(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r4: besides, a trained officer and a plan of the kitchen. Whether it is true, a clerk sees."""
    all_answered(task)
    place = for_business(evidence)
    evidence.first("food-safety-officer", code="NO_OFFICER", reason="nobody is trained in food safety")
    fit_for_food(evidence.of_type("staff-health"), day)
    file_input(task, "floorPlan")
    name = str(business(evidence)["tradeName"])
    return [Paper(licence(task, name, place), valid_to=years_on(day, YEARS))]


def for_business(evidence: Evidence) -> str:
    """Give the place, if it may be used for business. Raises Refused."""
    held = premises(evidence)
    if held.get("use") not in BUSINESS_USES:
        raise Refused("PREMISES_UNFIT", "the premises have no title for business use")
    return str(held["place"])


def fit_for_food(examined: Sequence[Proven], day: date) -> None:
    """Check everybody's examination: fit, and not older than a year. Raises Refused."""
    for one in (proven.claims for proven in examined):
        if one.get("result") != "fit" or date.fromisoformat(str(one.get("examinedOn"))) + FIT_FOR < day:
            raise Refused("STAFF_NOT_FIT", "an employee has no valid health attestation")


def licence(task: Task, trade_name: str, place: str) -> dict[str, Any]:
    """Give the claims of a food licence."""
    return {"holder": SELF, "tradeName": trade_name, "place": place, "number": numbered("JY", task)}


def watch(office: Office, say: Say) -> Hear:
    """Hear of fire checks: one that is rescinded leads to a second look at what rests on it."""

    def hear(share: Share) -> None:
        claims = {} if share.presentation is None else office.verify_offline(share.presentation).claims
        named = f" at {claims['place']}" if "place" in claims else ""
        say(f"{share.type} {share.fact}, status {share.status}{named}, under grant {share.grant_id}")
        if share.status == "03":
            say(f"{share.type} was false: a look at the premises is due")

    return hear


RULES = {
    "food-licence/f1": food_licence,
    "open-restaurant/r1": business_licence,
    "open-restaurant/r4": restaurant_licence,
}
BOOKS = [Book("food-safety-officer", "food-safety-officers.yaml", lines("number"))]


class Desk(desk.Desk):
    """Market regulation's desk. habit: a fact that a clerk of the old school would still want on paper."""

    def __init__(
        self, office: Office, drawer: Drawer, say: Say, habit: str | None = None, clerk: Clerk | None = None
    ) -> None:
        super().__init__(office, drawer, say, Ways(RULES, watch(office, say), habit), clerk)


def main() -> None:
    """Run the program."""
    purpose = "Decide about business licences and food licences."
    serve("licensing", purpose, books=BOOKS, rules=RULES, listener=lambda office, _state, say: watch(office, say))


if __name__ == "__main__":
    main()
