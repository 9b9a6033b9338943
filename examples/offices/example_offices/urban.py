# SPDX-License-Identifier: EUPL-1.2
"""Urban management: shop signs, after a clerk's review. With --silent it decides nothing until silence has.

python -m example_offices.urban --gateway URL --secrets DIR --trust FILE --state DIR [--once] [--silent] [--by-rule]
"""

from datetime import date

from contracts.envelopes import Task
from example_offices.rules import SELF, Evidence, Paper, Refused, all_answered, numbered, premises, text_input
from example_offices.serving import serve


def shop_sign(task: Task, evidence: Evidence, day: date) -> list[Paper]:
    """Open-restaurant/r6: whoever may use the premises may name them."""
    all_answered(task)
    if not text_input(task, "signText"):
        raise Refused("INPUT_MISSING", "what the sign shall say is missing")
    claims = {
        "holder": SELF,
        "number": numbered("ZP", task),
        "place": str(premises(evidence)["place"]),
        "signText": text_input(task, "signText"),
    }
    return [Paper(claims)]


RULES = {"open-restaurant/r6": shop_sign}


def main() -> None:
    """Run the program."""
    serve("urban-management", "Decide about shop signs.", rules=RULES)


if __name__ == "__main__":
    main()
