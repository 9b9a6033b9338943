# SPDX-License-Identifier: EUPL-1.2
"""Health: attests the yearly examination of people who work with food.

python -m example_offices.health --gateway URL --secrets DIR --trust FILE --state DIR
"""

import argparse
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from example_offices import program
from example_offices.registering import Entry, register
from tongban import Office
from tongban.clock import system_clock


def entries(file: Path, today: date) -> Iterator[Entry]:
    """Give each person's newest examination: they are all examined on one day of the year."""
    for row in program.read_register(file):
        month, day = (int(part) for part in row["examined"].split("-"))
        this_year = date(today.year, month, day)
        examined = this_year if this_year <= today else date(today.year - 1, month, day)
        yield Entry(
            number=row["number"],
            key=examined.isoformat(),
            claims={"holder": program.SELF, "result": row["result"], "examinedOn": examined.isoformat()},
            valid_from=examined,
            # The day before the next one, so that nobody ever holds two.
            valid_to=date(examined.year + 1, month, day) - timedelta(days=1),
        )


async def work(office: Office, given: argparse.Namespace) -> None:
    """Register everybody's newest examination."""
    today = system_clock().date()
    stand = await register(office, "staff-health", entries(given.register, today), program.say)
    program.say(f"staff-health: {stand} entries stand on the platform")


def main() -> None:
    """Run the program."""
    parser = program.options("Attest examinations of food staff.")
    parser.add_argument("--register", type=Path, default=program.REGISTERS / "health.yaml", help="who was examined")
    program.run("health-registry", parser, work)


if __name__ == "__main__":
    main()
