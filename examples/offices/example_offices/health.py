# SPDX-License-Identifier: EUPL-1.2
"""Health: attests the yearly examination of people who work with food.

python -m example_offices.health --gateway URL --secrets DIR --trust FILE --state DIR
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from example_offices.program import read_register
from example_offices.registering import Book, Entry
from example_offices.rules import SELF, consented
from example_offices.serving import serve


def entries(file: Path, today: date) -> Iterator[Entry]:
    """Give each person's newest examination: they are all examined on one day of the year."""
    for row in read_register(file):
        month, day = (int(part) for part in row["examined"].split("-"))
        this_year = date(today.year, month, day)
        examined = this_year if this_year <= today else date(today.year - 1, month, day)
        yield Entry(
            number=row["citizen"],
            key=examined.isoformat(),
            claims={"holder": SELF, "result": row["result"], "examinedOn": examined.isoformat()},
            valid_from=examined,
            # The day before the next one, so that nobody ever holds two.
            valid_to=date(examined.year + 1, month, day) - timedelta(days=1),
        )


RULES = {"marriage/m5-health": consented}
BOOKS = [Book("staff-health", "health.yaml", entries)]


def main() -> None:
    """Run the program."""
    purpose = "Attest examinations of food staff."
    serve("health-registry", purpose, books=BOOKS, rules=RULES)


if __name__ == "__main__":
    main()
